"""Layers as horizontal bars, in a table that keyboard and screen reader can walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.number_table import SORT_ROLE, Cell, NumberTable
from layerscope.ui.widgets.readable import milliseconds, share

_BAR_COLUMN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBar:
    """One layer.

    Attributes
    ----------
    name : str
    op : str
        Operator as it ran.
    where : str
        Device, as shown.
    ms : float
    """

    name: str
    op: str
    where: str
    ms: float


class _BarDelegate(QStyledItemDelegate):
    """Draws a cell's value as a bar from the left, 1 filling the cell."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw ground and bar."""
        super().paint(painter, option, index)
        value = index.data(SORT_ROLE)
        if not isinstance(value, float) or value != value:
            return
        rect = QRectF(option.rect).adjusted(4, 0, -8, 0)
        rect = QRectF(rect.left(), rect.center().y() - 3, rect.width(), 6)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("line"))
        painter.drawRoundedRect(rect, 3, 3)
        rect.setWidth(max(3.0, rect.width() * value))
        painter.setBrush(theme.colour("warning"))
        painter.drawRoundedRect(rect, 3, 3)
        painter.restore()


class LayerBars(NumberTable):
    """Name, bar, time, share, operator and device of each layer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Time of each layer", parent)
        self._bars_painted = _BarDelegate(self)
        self.setItemDelegateForColumn(_BAR_COLUMN, self._bars_painted)
        self._layers: tuple[LayerBar, ...] = ()

    @property
    def layers(self) -> tuple[LayerBar, ...]:
        """What is shown, top to bottom."""
        return self._layers

    def set_layers(self, layers: Sequence[LayerBar]) -> None:
        """Show other layers, in the order given."""
        self._layers = tuple(layers)
        longest = max((layer.ms for layer in layers), default=0.0) or 1.0
        total = sum(layer.ms for layer in layers) or 1.0
        rows = [
            (
                Cell(layer.name),
                Cell("", layer.ms / longest),
                Cell(milliseconds(layer.ms), layer.ms),
                Cell(share(layer.ms / total), layer.ms / total, "muted"),
                Cell(layer.op, tone="muted"),
                Cell(layer.where, tone="muted"),
            )
            for layer in layers
        ]
        headings = ("layer", "", "ms", "share", "ran as", "on")
        relaid = self.numbers.columnCount() != len(headings)
        self.set_rows(headings, rows)
        if relaid:
            self.setColumnWidth(_BAR_COLUMN, 90)
