"""The picture a model is given: shown as prepared, or drawn by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.inputs import InputSource, PictureArray, PictureFile
from layerscope.protocol.messages import DecodePicture, Event, PictureDecoded
from layerscope.protocol.values import InputSlot
from layerscope.ui.panels.base import ElidedLabel, title_button
from layerscope.ui.panels.input_sources import neighbour
from layerscope.ui.widgets.canvas import SIDE_PX, DrawCanvas
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.table_window import TableModel, TableWindow

PREVIEW_PX = 512
_CANVAS_MIN, _CANVAS_MAX = 64, 320


class PicturePage(QWidget):
    """The picture with a line below it, or the canvas with its tools.

    Attributes
    ----------
    drawn : Signal(object)
        A picture that was drawn, (h, w, 3) uint8 RGB.
    """

    drawn = Signal(object)

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self._controller = controller
        self._source: InputSource | None = None
        self._slot: InputSlot | None = None
        self._since = 0
        self.view = ImageView("Input picture, as prepared for the model")
        self.view.table_wanted.connect(self.show_table)
        self.canvas = DrawCanvas()
        self.canvas.drawn.connect(self.drawn)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.canvas)
        self._tools = self._make_tools()
        # File names differ at their ends as often as at their beginnings.
        middle = Qt.TextElideMode.ElideMiddle
        self._caption = ElidedLabel(role="caption", mode=middle)
        self._back = title_button(
            "",
            "Previous picture of the folder (Alt+Left)",
            lambda: self.step(-1),
            icon="chevron-left",
        )
        self._forth = title_button(
            "",
            "Next picture of the folder (Alt+Right)",
            lambda: self.step(1),
            icon="chevron-right",
        )
        self._line = QWidget()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(self._caption, 1)
        line.addWidget(self._back)
        line.addWidget(self._forth)
        self._line.setFixedHeight(22)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._stack, 1)
        column.addWidget(self._tools)
        column.addWidget(self._line)

    @property
    def drawing(self) -> bool:
        """Whether the canvas is shown."""
        return self._stack.currentWidget() is self.canvas

    def set_drawing(self, on: bool, slot: InputSlot | None) -> None:
        """Show the canvas in the proportions of `slot`, or the picture."""
        if on and not self.drawing:
            self.canvas.set_size(*_canvas_size(slot))
        self._stack.setCurrentWidget(self.canvas if on else self.view)
        self._tools.setVisible(on)
        self._line.setVisible(not on)

    def show_source(self, slot: InputSlot, source: InputSource | None) -> None:
        """Show what `slot` gets, as prepared once there was a run."""
        if source != self._source or slot != self._slot:
            self._source, self._slot = source, slot
            self._since = self._controller.pictures.revision
            if slot.optional and not isinstance(source, PictureArray):
                self.view.set_picture(None)  # of another slot, or taken away
            self._preview(source)
        self._tools.setVisible(self.drawing)
        self._line.setVisible(not self.drawing)
        path = Path(source.path) if isinstance(source, PictureFile) else None
        steps = path is not None and neighbour(path, 1) != path
        self._back.setVisible(steps)
        self._forth.setVisible(steps)
        frame = self._controller.pictures.frame
        pixels = None if frame is None else frame.pictures.get(f"input:{slot.name}")
        fresh = self._controller.pictures.revision > self._since
        given = source is not None or not slot.optional
        if pixels is not None and given and (fresh or self.view.pixels is None):
            self.view.set_picture(pixels)
        self._caption.set_whole(_file_name(source))

    def size_words(self) -> str:
        """Return width and height of the picture shown, empty for none."""
        pixels = None if self.drawing else self.view.pixels
        return "" if pixels is None else f"{pixels.shape[1]} × {pixels.shape[0]}"

    def step(self, delta: int) -> None:
        """Take another picture of the same folder."""
        source = self._source
        if isinstance(source, PictureFile) and self._slot is not None:
            path = neighbour(Path(source.path), delta)
            self._controller.set_input(self._slot.name, PictureFile(path=str(path)))
            if not self._controller.session.live:
                self._controller.run()

    def show_table(self) -> None:
        """Show the numbers behind the picture."""
        pixels = self.view.pixels
        if pixels is None:
            return
        clause = f"{pixels.shape[0]} rows × {pixels.shape[1]} columns, RGB"
        TableWindow(self, "Input picture", clause, TableModel((), pixels)).show()

    def _preview(self, source: InputSource | None) -> None:
        engine = self._controller.session.engine
        if isinstance(source, PictureFile) and engine in ("ready", "busy"):
            job = self._controller.client.next_job()
            command = DecodePicture(job=job, path=source.path, size=PREVIEW_PX)
            self._controller.query(command, self._show_preview)

    def _show_preview(self, event: Event) -> None:
        fresh = self._controller.pictures.revision > self._since
        if (
            isinstance(event, PictureDecoded)
            and isinstance(self._source, PictureFile)
            and event.path == self._source.path
            and not fresh
        ):
            pixels = self._controller.get_array(event.array)
            self.view.set_picture(pixels.astype(np.uint8, copy=False))

    def _make_tools(self) -> QWidget:
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        size = QSlider(Qt.Orientation.Horizontal)
        size.setRange(2, 40)
        size.setValue(int(self.canvas.brush_px))
        size.setAccessibleName("Brush size")
        size.setToolTip("Brush size")
        size.valueChanged.connect(self._set_brush)
        eraser = title_button("", "Eraser", icon="eraser", checkable=True)
        eraser.toggled.connect(self._set_erasing)
        row.addWidget(size, 1)
        row.addWidget(eraser)
        for text, icon, run in (
            ("Light on dark, or dark on light", "blend", self._invert),
            ("Take the last stroke back", "undo-2", self._undo),
            ("Clear the canvas", "trash-2", self._clear),
        ):
            row.addWidget(title_button("", text, run, icon=icon))
        bar.hide()
        return bar

    def _set_brush(self, px: int) -> None:
        self.canvas.brush_px = float(px)

    def _set_erasing(self, on: bool) -> None:
        self.canvas.erasing = on

    def _invert(self) -> None:
        self.canvas.swap_ground()

    def _undo(self) -> None:
        self.canvas.undo()

    def _clear(self) -> None:
        self.canvas.clear()


def _file_name(source: InputSource | None) -> str:
    return Path(source.path).stem if isinstance(source, PictureFile) else ""


def _canvas_size(slot: InputSlot | None) -> tuple[int, int]:
    """Return width and height for drawing, in the slot's proportions."""
    dims = None if slot is None else slot.tensor.shape
    sizes = [d for d in dims or () if isinstance(d, int) and d > 4]
    if len(sizes) < 2:
        return SIDE_PX, SIDE_PX
    height, width = sizes[-2], sizes[-1]
    factor = max(1.0, SIDE_PX / max(height, width))
    return (
        min(_CANVAS_MAX, max(_CANVAS_MIN, round(width * factor))),
        min(_CANVAS_MAX, max(_CANVAS_MIN, round(height * factor))),
    )
