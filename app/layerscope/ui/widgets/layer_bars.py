"""Layers as horizontal bars, in a table that keyboard and screen reader can walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from layerscope.ui.widgets.number_table import Cell, NumberTable
from layerscope.ui.widgets.readable import milliseconds, share

_HEADINGS = ("layer", "time", "ms", "share", "on", "ran as")
_NAME, _BAR, _WHERE, _OPERATOR = 0, 1, 4, 5
_ROOM_FOR_ALL = 520


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


class LayerBars(NumberTable):
    """Name, bar, time, share, device and operator of each layer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Time of each layer", parent)
        self.horizontalHeader().hide()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
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
                Cell(f"{milliseconds(layer.ms)} ms", layer.ms),
                Cell(share(layer.ms / total), layer.ms / total, "muted"),
                Cell(layer.where, tone="muted"),
                Cell(layer.op, tone="muted"),
            )
            for layer in layers
        ]
        self.set_rows(_HEADINGS, rows)
        self.set_bars(_BAR)
        self._hide_what_has_no_room()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out columns in a narrow panel; their text is in the tooltip."""
        super().resizeEvent(event)
        self._hide_what_has_no_room()

    def _hide_what_has_no_room(self) -> None:
        if self.numbers.columnCount() != len(_HEADINGS):
            return
        mixed = len({layer.where for layer in self._layers}) > 1
        roomy = self.width() >= _ROOM_FOR_ALL
        self.setColumnHidden(_WHERE, not (roomy or mixed))
        self.setColumnHidden(_OPERATOR, not roomy)
        header, mode = self.horizontalHeader(), QHeaderView.ResizeMode
        wide, fixed = (_BAR, _NAME) if roomy else (_NAME, _BAR)
        header.setSectionResizeMode(fixed, mode.Interactive)
        header.setSectionResizeMode(wide, mode.Stretch)
        self.setColumnWidth(fixed, 220 if roomy else 84)
