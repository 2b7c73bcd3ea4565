"""Models in folders that the user added to the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MAX_MODELS = 200
_MODEL_SUFFIX = ".onnx"


def models_in(folder: Path) -> tuple[Path, ...]:
    """Return the models of a folder, ordered by name, at most 200.

    A model is an ``.onnx`` file in the folder itself, or a folder in it that holds
    one, directly or in ``onnx``. A folder that cannot be read has none.
    """
    found: list[Path] = []
    for child in _children(folder):
        is_model = child.suffix.lower() == _MODEL_SUFFIX and child.is_file()
        if is_model or (child.is_dir() and _holds_model(child)):
            found.append(child)
        if len(found) == MAX_MODELS:
            break
    return tuple(found)


def _holds_model(folder: Path) -> bool:
    return any(
        file.suffix.lower() == _MODEL_SUFFIX
        for place in (folder, folder / "onnx")
        for file in _children(place)
    )


def _children(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        return
