"""The models that come with Layerscope, as their cards describe them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import msgspec

from layerscope.core.errors import BadInputError
from layerscope.library.locations import models_folder
from layerscope.library.parameters import count_parameters

THUMBNAIL = "thumbnail.png"
_FENCE = "---\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One model of the library.

    Attributes
    ----------
    id : str
        Name of its folder; what the command line takes.
    title : str
        For people.
    task : str
        Hugging Face's word for what it is for, ``"image-classification"`` say;
        empty where the card names none.
    path : Path
        Its folder.
    bytes : int
        Size of its ONNX files and their data.
    metric : str
        What was measured, ``"Accuracy"`` say, or empty.
    value : float
        The measured figure, NaN where there is none. Accuracy is 0 to 1.
    teaches : str
        One sentence on what there is to see in it.
    licence : str
        SPDX id in lower case, or empty.
    parameters : int
        Learnt values: as its card states them, else as its files hold them; 0 for
        a model of tables, whose numbers are of another kind.
    dataset : str
        Id of what it was measured on, ``"cifar10"`` say, or empty.
    dataset_name : str
        The same for people.
    """

    id: str
    title: str
    task: str
    path: Path
    bytes: int
    metric: str = ""
    value: float = float("nan")
    teaches: str = ""
    licence: str = ""
    parameters: int = 0
    dataset: str = ""
    dataset_name: str = ""

    @property
    def thumbnail(self) -> Path | None:
        """Its picture, a PNG file of at most 20 kB, where there is one."""
        picture = self.path / THUMBNAIL
        return picture if picture.is_file() else None


class _Metric(msgspec.Struct):
    type: str = ""
    name: str = ""
    value: float | str | None = None


class _Dataset(msgspec.Struct):
    type: str = ""
    name: str = ""


class _Result(msgspec.Struct):
    dataset: _Dataset = msgspec.field(default_factory=_Dataset)
    metrics: list[_Metric] = []


class _Measured(msgspec.Struct):
    name: str = ""
    results: list[_Result] = []


class _Own(msgspec.Struct):
    title: str = ""
    teaches: str = ""
    parameters: int = 0


class _Card(msgspec.Struct, rename={"model_index": "model-index"}):
    """What is read of the YAML head; all else in it is left alone."""

    license: str = ""
    pipeline_tag: str = ""
    model_index: list[_Measured] = []
    layerscope: _Own = msgspec.field(default_factory=_Own)


def bundled_models(folder: Path | None = None) -> tuple[LibraryEntry, ...]:
    """Return the bundled models, ordered by id.

    Parameters
    ----------
    folder : Path, optional
        Where to look instead of `models_folder`. A folder in it without a model
        is left out; a model with an unreadable card is listed by its id alone.
    """
    return _bundled_models(models_folder() if folder is None else folder)


@functools.cache
def _bundled_models(folder: Path) -> tuple[LibraryEntry, ...]:
    if not folder.is_dir():
        return ()
    found = (_entry(child) for child in sorted(folder.iterdir()) if child.is_dir())
    return tuple(entry for entry in found if entry is not None)


def find_model(text: str) -> Path:
    """Return what a user means by `text`: a file, a folder or a bundled id.

    Raises
    ------
    BadInputError
        If it is none of them; the sentence lists the ids there are.
    """
    path = Path(text).expanduser()
    if text and path.exists():
        return path.absolute()
    entries = bundled_models()
    for entry in entries:
        if entry.id == text:
            return entry.path
    ids = ", ".join(entry.id for entry in entries) or "none"
    raise BadInputError(
        f"“{text}” is no file, no folder and no bundled model; give the path of an "
        f".onnx file or of a model's folder, or one of the bundled ids: {ids}."
    )


def _entry(folder: Path) -> LibraryEntry | None:
    files = [
        file
        for file in folder.rglob("*")
        if ".onnx" in file.suffixes or file.suffix == ".onnx_data"
    ]
    if not files:
        return None
    card = _card(folder / "README.md")
    results = [r for measured in card.model_index for r in measured.results]
    result = next((result for result in results if result.metrics), _Result())
    metric = result.metrics[0] if result.metrics else _Metric()
    value = metric.value
    graphs = [file for file in files if file.suffix == ".onnx"]
    return LibraryEntry(
        id=folder.name,
        title=card.layerscope.title or folder.name,
        task=card.pipeline_tag,
        path=folder,
        bytes=sum(file.stat().st_size for file in files),
        metric=metric.name or metric.type,
        value=value if isinstance(value, float) else float("nan"),
        teaches=card.layerscope.teaches,
        licence=card.license,
        parameters=card.layerscope.parameters or _counted(card.pipeline_tag, graphs),
        dataset=result.dataset.type,
        dataset_name=result.dataset.name or result.dataset.type,
    )


def _counted(task: str, graphs: list[Path]) -> int:
    # What a forest or a support vector machine learns lies in attributes; the few
    # initializers around it would be no fair figure.
    return 0 if task.startswith("tabular") else count_parameters(graphs)


def _card(path: Path) -> _Card:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return _Card()
    before, _, rest = text.partition(_FENCE)
    head, fence, _ = rest.partition(f"\n{_FENCE}")
    if before or not fence:
        return _Card()
    try:
        return msgspec.yaml.decode(head, type=_Card, strict=False)
    except msgspec.MsgspecError:
        return _Card()
