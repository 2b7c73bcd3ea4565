"""What the colours of the network view mean, small enough for a title line."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme

_RAMP, _SWATCH, _GAP = 48, 8, 6
_MOST = 4


class GraphLegend(QWidget):
    """A ramp between two words, or a few named swatches."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Legend of the colours")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._ramp: tuple[str, str, int, int] | None = None
        self._swatches: list[tuple[str, int]] = []
        theme.changed.connect(self.update)

    def set_entries(
        self,
        ramp: tuple[str, str, int, int] | None,
        swatches: list[tuple[str, int]],
    ) -> None:
        """Set what is explained.

        Parameters
        ----------
        ramp : (str, str, int, int), optional
            Words and ARGB colours of the low and the high end.
        swatches : list of (str, int)
            Names and ARGB colours.
        """
        self._ramp, self._swatches = ramp, swatches[:_MOST]
        words = [*(ramp[:2] if ramp else ()), *(name for name, _ in self._swatches)]
        self.setAccessibleDescription(", ".join(words))
        self.setToolTip(" – ".join(words))
        self.setVisible(bool(words))
        self.setFixedSize(self.sizeHint())
        self.update()

    def entries(self) -> list[str]:
        """Return the words shown."""
        words = list(self._ramp[:2]) if self._ramp else []
        return words + [name for name, _ in self._swatches]

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for the room of the words."""
        metrics = QFontMetrics(theme.font(11))
        text = sum(metrics.horizontalAdvance(word) for word in self.entries())
        marks = _RAMP + 2 * _GAP if self._ramp else 0
        marks += len(self._swatches) * (_SWATCH + 2 * _GAP)
        return QSize(text + marks + 2, 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw it."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(11))
            x = 0.0
            if self._ramp is not None:
                low, high, low_colour, high_colour = self._ramp
                x = self._word(painter, x, low) + _GAP
                gradient = QLinearGradient(x, 0, x + _RAMP, 0)
                gradient.setColorAt(0, QColor.fromRgba(low_colour))
                gradient.setColorAt(1, QColor.fromRgba(high_colour))
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(gradient)
                painter.drawRoundedRect(
                    QRectF(x, self.height() / 2 - 3, _RAMP, 6), 3, 3
                )
                self._word(painter, x + _RAMP + _GAP, high)
            for name, colour in self._swatches:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor.fromRgba(colour))
                top = self.height() / 2 - _SWATCH / 2
                painter.drawRoundedRect(QRectF(x, top, _SWATCH, _SWATCH), 2, 2)
                x = self._word(painter, x + _SWATCH + _GAP, name) + _GAP

    def _word(self, painter: QPainter, x: float, text: str) -> float:
        painter.setPen(theme.colour("muted"))
        width = float(painter.fontMetrics().horizontalAdvance(text))
        painter.drawText(
            QRectF(x, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, text
        )
        return x + width
