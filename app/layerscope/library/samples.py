"""The pictures that come with Layerscope to try a model on."""

from __future__ import annotations

from pathlib import Path

from layerscope.library.locations import resources_folder

_SUFFIXES = (".png", ".jpg")


def sample_pictures(folder: Path | None = None) -> tuple[Path, ...]:
    """Return the sample pictures; the first is the one a new user sees.

    Parameters
    ----------
    folder : Path, optional
        Where to look instead of ``resources/samples``. The files are ordered by
        name, which is why their names begin with a number.
    """
    folder = resources_folder() / "samples" if folder is None else folder
    if not folder.is_dir():
        return ()
    return tuple(sorted(file for file in folder.iterdir() if file.suffix in _SUFFIXES))


def sample_title(path: Path) -> str:
    """Return what a sample is called: ``01-red-ship.png`` is *Red ship*."""
    number, _, name = path.stem.partition("-")
    words = (name if number.isdigit() and name else path.stem).replace("-", " ")
    return words[:1].upper() + words[1:]
