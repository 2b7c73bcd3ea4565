"""Output tensors one below the other: name, shape, numbers, a map."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.answers import TensorSummary
from layerscope.protocol.values import Statistics
from layerscope.ui.panels.base import ElidedLabel, title_button
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.readable import number, shape_of
from layerscope.ui.widgets.table_window import TableModel, TableWindow

MAP_PX = 84
MAX_TEXT = 2_000


class TensorList(QScrollArea):
    """Scrolls through output tensors."""

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self._controller = controller
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setAccessibleName("Output tensors")
        content = QWidget()
        content.setProperty("clear", True)
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(12)
        self._column.addStretch(1)
        self.setWidget(content)
        self._rows: dict[str, TensorRow] = {}

    def show_tensors(
        self,
        tensors: tuple[TensorSummary, ...],
        pictures: Mapping[str, npt.NDArray[np.uint8]],
    ) -> None:
        """Show other tensors, or new values of the same ones."""
        names = [tensor.info.name for tensor in tensors]
        if names != list(self._rows):
            for row in self._rows.values():
                self._column.removeWidget(row)
                row.hide()
                row.deleteLater()
            self._rows = {}
            for name in names:
                row = TensorRow(partial(self.show_table, name))
                self._rows[name] = row
                self._column.insertWidget(self._column.count() - 1, row)
        for tensor in tensors:
            pixels = pictures.get(f"answer:{tensor.key}") if tensor.key else None
            self._rows[tensor.info.name].show_tensor(tensor, pixels)

    def rows(self) -> list[TensorRow]:
        """Return the rows, in order."""
        return list(self._rows.values())

    def show_table(self, name: str) -> None:
        """Fetch a tensor and show all its values."""
        self._controller.fetch_tensor(name, partial(self._open_table, name))

    def _open_table(self, name: str, values: npt.NDArray[np.generic]) -> None:
        clause = f"{values.dtype.name} · {shape_of(values.shape)}"
        flat = as_rows(values)
        TableWindow(self, name, clause, TableModel((), flat)).show()


class TensorRow(QWidget):
    """One tensor."""

    def __init__(self, on_table: Any) -> None:
        super().__init__()
        self.name = ElidedLabel(role="value")
        self._shape = ElidedLabel()
        self.numbers = ElidedLabel(role="caption")
        self._preview = ElidedLabel(role="mono")
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.map = ImageView("Heat map of the tensor")
        self.map.setFixedSize(MAP_PX, MAP_PX)
        self.map.table_wanted.connect(on_table)
        table = title_button("", "Show all values as a table", on_table, icon="table-2")
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(table)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addLayout(head)
        for label in (self._shape, self.numbers, self._preview, self._text):
            words.addWidget(label)
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self.map)
        row.addLayout(words, 1)

    def show_tensor(
        self, tensor: TensorSummary, pixels: npt.NDArray[np.uint8] | None
    ) -> None:
        """Show the values of now."""
        info = tensor.info
        self.name.set_whole(info.name)
        shape = "" if info.shape is None else f" · {shape_of(info.shape)}"
        self._shape.set_whole(f"{info.dtype}{shape}")
        self.numbers.set_whole(_statistics(tensor.statistics))
        self.numbers.setVisible(tensor.statistics is not None)
        self._preview.set_whole("  ".join(tensor.preview))
        self._preview.setVisible(bool(tensor.preview))
        self._text.setText(_breakable(tensor.text[:MAX_TEXT]))
        self._text.setVisible(bool(tensor.text))
        if pixels is not None:
            self.map.set_picture(pixels)
        self.map.setVisible(bool(tensor.key))


def as_rows(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return `values` as a table: the last axis across, all others down.

    A vector stands in one column.
    """
    if values.ndim <= 1:
        return values.reshape(-1, 1)
    return values.reshape(-1, values.shape[-1])


def _breakable(text: str) -> str:
    """Return JSON with places at which a line may end."""
    return text.replace(",", ",\u200b").replace("{", "{\u200b")


def _statistics(statistics: Statistics | None) -> str:
    if statistics is None:
        return ""
    parts = [
        f"mean {number(statistics.mean)}",
        f"std {number(statistics.std)}",
        f"{number(statistics.minimum)} … {number(statistics.maximum)}",
    ]
    return " · ".join([*parts, *statistics.flags])
