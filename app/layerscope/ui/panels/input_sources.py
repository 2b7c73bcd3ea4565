"""The ways an input can be chosen, and the words for what was chosen."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from layerscope.controller.opening import (
    ARRAY_SUFFIXES,
    PICTURE_SUFFIXES,
    TEXT_SUFFIXES,
    VIDEO_SUFFIXES,
)
from layerscope.library.samples import sample_title
from layerscope.protocol.inputs import (
    CameraFrame,
    ConstantTensor,
    InputSource,
    PictureArray,
    PictureFile,
    PreviousOutput,
    RandomTensor,
    TensorArray,
    TensorFile,
    TypedText,
    VideoFrame,
)
from layerscope.protocol.values import InputSlot
from layerscope.ui.widgets.pixels import from_image

_MAX_LISTED = 20_000


class SourceMenu(QMenu):
    """The menu behind the three dots of the input panel."""

    def __init__(self, parent: QWidget, controller: Any) -> None:
        super().__init__(parent)
        self._controller = controller
        self.aboutToShow.connect(self._fill)
        self._fill()

    def open_model(self) -> None:
        """Ask for a model file and open it."""
        choose_model(self.parentWidget() or self, self._controller)

    def _fill(self) -> None:
        self.clear()
        owner = self.parentWidget() or self
        entries = (
            ("Picture, video or arrays…\tCtrl+I", choose_input),
            ("Step through a folder…\tCtrl+Shift+I", choose_picture_folder),
            ("Paste picture\tCtrl+V", paste),
        )
        for text, run in entries:
            self.addAction(text).triggered.connect(
                partial(_run, run, owner, self._controller)
            )
        samples = self._controller.sample_pictures()
        if samples:
            self.addSeparator()
        for path in samples:
            self.addAction(sample_title(path)).triggered.connect(
                partial(self._open_sample, path)
            )

    def _open_sample(self, path: Path, _checked: bool = False) -> None:
        self._controller.open_path(str(path), as_input=True)


def choose_model(parent: QWidget, controller: Any) -> None:
    """Ask for a model file and open it."""
    path, _ = QFileDialog.getOpenFileName(
        parent, "Open a model", "", "Models (*.onnx *.ort);;All files (*)"
    )
    if path:
        controller.open_path(path)


def choose_model_folder(parent: QWidget, controller: Any) -> None:
    """Ask for a folder that holds a model and open it."""
    path = QFileDialog.getExistingDirectory(parent, "Open a model's folder")
    if path:
        controller.open_path(path)


def choose_input(parent: QWidget, controller: Any) -> None:
    """Ask for a picture, a video or arrays, and make it the input."""
    kinds = {
        "Pictures": PICTURE_SUFFIXES,
        "Videos": VIDEO_SUFFIXES,
        "Arrays": ARRAY_SUFFIXES,
        "Texts": TEXT_SUFFIXES,
    }
    every = _pattern("Inputs", frozenset().union(*kinds.values()))
    each = [_pattern(name, suffixes) for name, suffixes in kinds.items()]
    path, _ = QFileDialog.getOpenFileName(
        parent, "Open an input", "", ";;".join([every, *each])
    )
    if path:
        controller.open_path(path, as_input=True)


def choose_picture_folder(parent: QWidget, controller: Any) -> None:
    """Ask for a folder of pictures and show the first."""
    path = QFileDialog.getExistingDirectory(parent, "Step through a folder of pictures")
    if path:
        controller.open_path(path)


def paste(parent: QWidget, controller: Any) -> bool:
    """Take a picture or files from the clipboard; False where there are none."""
    data = QGuiApplication.clipboard().mimeData()
    if data.hasUrls():
        paths = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        for path in paths:
            controller.open_path(path)
        return bool(paths)
    image = data.imageData() if data.hasImage() else None
    slot = controller.first_picture_slot()
    if not isinstance(image, QImage) or image.isNull() or slot is None:
        return False
    array = controller.put_array(from_image(image))
    controller.set_input(slot, PictureArray(array=array))
    if not controller.session.live:
        controller.run()
    return True


def neighbour(path: Path, delta: int) -> Path:
    """Return the picture `delta` places on in the folder of `path`, around its ends."""
    try:
        pictures = _pictures_in(path.parent, path.parent.stat().st_mtime_ns)
        place = pictures.index(path)
    except (OSError, ValueError):
        return path
    return pictures[(place + delta) % len(pictures)]


@lru_cache(maxsize=4)
def _pictures_in(folder: Path, _mtime_ns: int) -> list[Path]:
    found = (f for f in folder.iterdir() if f.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(found)[:_MAX_LISTED]


def source_words(slot: InputSlot, source: InputSource | None) -> str:
    """Say in a few words where a slot gets its values."""
    usual = {"picture": "picture", "text": "text"}
    words = usual.get(slot.kind, "random values")
    if isinstance(source, PictureFile):
        words = "picture"
    elif isinstance(source, PictureArray):
        words = "drawn or pasted"
    elif isinstance(source, CameraFrame):
        words = f"camera {source.camera}"
    elif isinstance(source, VideoFrame):
        words = Path(source.path).name
    elif isinstance(source, RandomTensor):
        words = f"random, seed {source.seed}"
    elif isinstance(source, ConstantTensor):
        words = f"{source.value:g} everywhere"
    elif isinstance(source, TensorFile):
        words = Path(source.path).name
    elif isinstance(source, TensorArray):
        words = "your values"
    elif isinstance(source, PreviousOutput):
        words = f"fed back from {source.output}"
    return words


def slot_words(slot: InputSlot, source: InputSource | None) -> str:
    """Return what a slot is called where there are several: its name, and if empty."""
    if not slot.optional:
        return slot.name
    name = slot.name.replace("_", " ")
    empty = source is None or (isinstance(source, TypedText) and not source.text)
    return f"{name} (none)" if empty else name


def _pattern(name: str, suffixes: frozenset[str]) -> str:
    return f"{name} ({' '.join(f'*{suffix}' for suffix in sorted(suffixes))})"


def _run(run: Any, owner: QWidget, controller: Any, _checked: bool = False) -> None:
    run(owner, controller)
