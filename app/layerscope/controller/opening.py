"""What to do with a path that was dropped, chosen or typed."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from layerscope.controller.restoring import Restorer
from layerscope.core.text import MOST_CHARACTERS
from layerscope.protocol.inputs import PictureFile, TensorFile, TypedText, VideoFrame

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller

MODEL_SUFFIXES = frozenset({".onnx", ".ort"})
PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
)
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})
TEXT_SUFFIXES = frozenset({".txt", ".md"})
MODEL_MARKS = ("config.json", "genai_config.json", "model_index.json", "onnx")


class PathOpener:
    """Opens paths for the controller."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._restorer = Restorer(controller)

    def open_path(self, path: Path, *, as_input: bool = False) -> None:
        """Open a model, or make the path the input.

        A picture that tells what it was made with brings that back, unless it is
        opened `as_input`.
        """
        suffix = path.suffix.lower()
        if path.is_dir():
            self._open_folder(path)
        elif suffix == ".png" and not as_input and self._restorer.restore(path):
            pass
        elif suffix in PICTURE_SUFFIXES:
            self._feed(path, PictureFile(path=str(path)))
        elif suffix in ARRAY_SUFFIXES:
            self._feed_arrays(path)
        elif suffix in VIDEO_SUFFIXES:
            self._feed(path, VideoFrame(path=str(path)), play=True)
        elif suffix in TEXT_SUFFIXES:
            self._feed_text(path)
        elif suffix in MODEL_SUFFIXES or not suffix:
            self._controller.open_model(str(path))
        elif path.is_file():
            self._controller.complain(
                f"{path.name} cannot be opened: Layerscope takes models (.onnx or a "
                "model's folder), pictures (JPEG, PNG, WebP, BMP, GIF, TIFF), texts "
                "(.txt, .md), arrays (.npy, .npz) and videos."
            )
        else:
            self._controller.complain(
                f"{path} was to be opened and is not there; check the path."
            )

    def _open_folder(self, folder: Path) -> None:
        try:
            files = sorted(folder.iterdir())
        except OSError as error:
            self._controller.complain(
                f"The folder {folder.name} cannot be read "
                f"({error.strerror or error}); choose another one."
            )
            return
        names = {file.name for file in files}
        is_model = any(mark in names for mark in MODEL_MARKS) or any(
            Path(name).suffix.lower() == ".onnx" for name in names
        )
        if is_model:
            self._controller.open_model(str(folder))
            return
        pictures = [f for f in files if f.suffix.lower() in PICTURE_SUFFIXES]
        if not pictures:
            self._controller.complain(
                f"The folder {folder.name} holds neither a model nor pictures; drop "
                "one that does."
            )
            return
        self._controller.log(f"{len(pictures)} pictures in {folder.name}")
        self._feed(pictures[0], PictureFile(path=str(pictures[0])))

    def _feed(
        self, path: Path, source: PictureFile | VideoFrame, *, play: bool = False
    ) -> None:
        slot = self._controller.first_picture_slot()
        if slot is None:
            self._controller.complain(
                f"{path.name} was to be the input, but the open model takes no "
                "picture; open one that does."
                if self._controller.session.model
                else f"{path.name} was to be the input, but no model is open; open "
                "one first."
            )
            return
        self._controller.set_input(slot, source)
        if play and not self._controller.session.live:
            self._controller.set_live(True)
        elif not self._controller.session.live:
            self._controller.run()

    def _feed_text(self, path: Path) -> None:
        slots = self._controller.session.slots
        slot = next((slot for slot in slots if slot.kind == "text"), None)
        if slot is None:
            self._controller.complain(
                f"{path.name} was to be the input, but no open model takes text; open "
                "one that does."
            )
            return
        try:
            with path.open("rb") as file:
                text = file.read(4 * MOST_CHARACTERS).decode("utf-8", "replace")
        except OSError as error:
            self._controller.complain(
                f"{path.name} cannot be read ({error.strerror or error}); choose "
                "another file."
            )
            return
        self._controller.set_input(slot.name, TypedText.of(text))
        if not self._controller.session.live:
            self._controller.run()

    def _feed_arrays(self, path: Path) -> None:
        slots = self._controller.session.slots
        if not slots:
            self._controller.complain(
                f"{path.name} was to be the input, but no model is open; open one "
                "first."
            )
            return
        try:
            names = _arrays_in(path)
        except (OSError, zipfile.BadZipFile):
            self._controller.complain(
                f"{path.name} cannot be read as an .npz file; write one with "
                "numpy.savez, one array for each input name."
            )
            return
        matching = [slot for slot in slots if slot.name in names]
        if path.suffix.lower() == ".npy" or (not matching and len(names) == 1):
            matching = [slots[0]]
        if not matching:
            self._controller.complain(
                f"{path.name} holds {', '.join(sorted(names)[:5])}; the model takes "
                f"{', '.join(slot.name for slot in slots[:5])}: name them alike."
            )
            return
        for slot in matching:
            key = slot.name if slot.name in names else ""
            self._controller.set_input(slot.name, TensorFile(path=str(path), key=key))
        if not self._controller.session.live:
            self._controller.run()


def _arrays_in(path: Path) -> set[str]:
    if path.suffix.lower() != ".npz":
        return {path.stem}
    with zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}
