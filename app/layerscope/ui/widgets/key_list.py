"""Colour, label and figure, row by row: the legend of masks and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetricsF,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from layerscope.ui import theme

ROW_HEIGHT = 22.0


@dataclass(frozen=True, slots=True)
class Key:
    """One row."""

    colour: tuple[int, int, int]
    text: str
    figure: str


class KeyList(QWidget):
    """Paints as many rows as fit, and how many are left out.

    Attributes
    ----------
    table_wanted : Signal
        The user asked for the numbers.
    empty : str
        What is said where there is no row.
    """

    table_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(96, int(ROW_HEIGHT * 2))
        self.empty = ""
        self._keys: tuple[Key, ...] = ()
        theme.changed.connect(self.update)

    def set_keys(self, keys: Sequence[Key]) -> None:
        """Show other rows."""
        self._keys = tuple(keys)
        words = [f"{key.text} {key.figure}" for key in self._keys]
        self.setAccessibleDescription(", ".join(words))
        self.setToolTip("\n".join(words[:40]))
        self.update()

    def keys(self) -> tuple[Key, ...]:
        """Return the rows."""
        return self._keys

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for room for six rows."""
        return QSize(160, int(6 * ROW_HEIGHT))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers."""
        menu = QMenu(self)
        menu.addAction("Show as table").triggered.connect(
            lambda: self.table_wanted.emit()
        )
        menu.exec(event.globalPos())
        menu.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the rows."""
        n_rows = max(1, int(self.height() / ROW_HEIGHT))
        shown = self._keys
        if len(shown) > n_rows:
            shown = shown[: n_rows - 1]
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(12))
            metrics = QFontMetricsF(theme.font(12))
            for number, key in enumerate(shown):
                area = QRectF(0, number * ROW_HEIGHT, self.width(), ROW_HEIGHT)
                self._paint_key(painter, area, metrics, key)
            if not self._keys:
                painter.setPen(theme.colour("muted"))
                painter.drawText(
                    self.rect(),
                    Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
                    self.empty,
                )
            left_out = len(self._keys) - len(shown)
            if left_out:
                painter.setPen(theme.colour("muted"))
                painter.drawText(
                    QRectF(20, len(shown) * ROW_HEIGHT, self.width(), ROW_HEIGHT),
                    Qt.AlignmentFlag.AlignVCenter,
                    f"{left_out} more; right click for all",
                )

    @staticmethod
    def _paint_key(
        painter: QPainter, area: QRectF, metrics: QFontMetricsF, key: Key
    ) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        swatch = QRectF(0, area.center().y() - 5, 10, 10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*key.colour))
        painter.drawRoundedRect(swatch, 3, 3)
        figures = metrics.horizontalAdvance(key.figure) + 8
        room = area.width() - 20 - figures
        painter.setPen(theme.colour("text"))
        painter.drawText(
            area.adjusted(20, 0, 0, 0),
            middle | Qt.AlignmentFlag.AlignLeft,
            metrics.elidedText(key.text, Qt.TextElideMode.ElideRight, room),
        )
        painter.setPen(theme.colour("muted"))
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, key.figure)
