"""The pictures that come with Layerscope, and the sample that a model brings itself."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from layerscope.library.locations import resources_folder

SAMPLES_FILE = "samples.json"
MAX_SAMPLES_BYTES = 1 << 20
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSamples:
    """What the folder of a model says to try it on.

    Attributes
    ----------
    text : tuple of str
        The first is the input that the model opens with.
    pictures : tuple of Path
        The same for a model of pictures; these files are there.
    inputs : Path or None
        An ``.npz`` file.
    arrays : tuple of str
        Names of its arrays: those of the inputs they are for.
    """

    text: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()
    inputs: Path | None = None
    arrays: tuple[str, ...] = ()


class _Stated(msgspec.Struct):
    """``samples.json`` as it is written; other keys are left alone."""

    text: list[str] = []
    pictures: list[str] = []
    inputs: str = ""


def own_samples(model: Path) -> OwnSamples:
    """Return what ``samples.json`` beside a model names; a damaged one names nothing.

    Parameters
    ----------
    model : Path
        A model's file or folder. Files are looked for in that folder, pictures also
        among `sample_pictures`; a name that leads out of the folder is ignored.
    """
    folder = model if model.is_dir() else model.parent
    path = folder / SAMPLES_FILE
    try:
        if not path.is_file() or path.stat().st_size > MAX_SAMPLES_BYTES:
            return OwnSamples()
        stated = msgspec.json.decode(path.read_bytes(), type=_Stated)
    except (OSError, msgspec.MsgspecError):
        return OwnSamples()
    bundled = {file.name: file for file in sample_pictures()}
    pictures = (_inside(folder, name) or bundled.get(name) for name in stated.pictures)
    inputs = _inside(folder, stated.inputs)
    arrays = _names(inputs) if inputs is not None else ()
    return OwnSamples(
        text=tuple(stated.text),
        pictures=tuple(picture for picture in pictures if picture is not None),
        inputs=inputs if arrays else None,
        arrays=arrays,
    )


def _names(archive: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return tuple(name.removesuffix(".npy") for name in opened.namelist())
    except (OSError, zipfile.BadZipFile):
        return ()


def _inside(folder: Path, name: str) -> Path | None:
    if not name:
        return None
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
    except OSError:
        return None
    return path if inside else None
