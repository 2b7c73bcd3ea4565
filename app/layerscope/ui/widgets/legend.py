"""What the colours mean, and small labelled badges for what is not healthy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.atlas import image_of

_BAR = QSize(72, 8)
_RAMP = np.ascontiguousarray(np.tile(np.arange(256, dtype=np.uint8), (1, 1)))

FLAG_WORDS = {
    "dead": ("dead", "warning", "Every value is zero for this input."),
    "saturated": (
        "saturated",
        "warning",
        "Most values lie at the end of the activation's range.",
    ),
    "nan": ("NaN", "bad", "Some values are not numbers."),
    "inf": ("Inf", "bad", "Some values are infinite."),
    "exploding": ("exploding", "bad", "Values are far larger than in other layers."),
}


class ColourLegend(QWidget):
    """A strip of the colour map between its lowest and highest value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour scale")
        self._low, self._high, self._note = "", "", ""

    @property
    def ends(self) -> tuple[str, str]:
        """What is written at the dark and at the bright end."""
        return self._low, self._high

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for the strip and its words."""
        metrics = self.fontMetrics()
        words = (self._low, self._high, self._note)
        width = sum(metrics.horizontalAdvance(word) + 8 for word in words if word)
        return QSize(_BAR.width() + width, 18)

    def set_range(self, low: str, high: str, note: str) -> None:
        """Write the ends, and what shares the scale."""
        if (low, high, note) != (self._low, self._high, self._note):
            self._low, self._high, self._note = low, high, note
            self.setAccessibleDescription(f"{low} to {high}, {note}")
            self.updateGeometry()
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw low, strip, high and note."""
        with QPainter(self) as painter:
            painter.setFont(theme.font(11))
            metrics = painter.fontMetrics()
            middle = Qt.AlignmentFlag.AlignVCenter
            x = 0.0
            for word, token in (
                (self._low, "text"),
                (None, ""),
                (self._high, "text"),
                (self._note, "muted"),
            ):
                if word is None:
                    rect = QRectF(QPointF(x, 5), _BAR.toSizeF())
                    painter.drawImage(rect, image_of(_RAMP))
                    x += _BAR.width() + 8
                    continue
                if word:
                    width = metrics.horizontalAdvance(word) + 2
                    painter.setPen(theme.colour(token))
                    painter.drawText(QRectF(x, 0, width, 18), middle, word)
                    x += width + 6


class FlagBadges(QWidget):
    """Words in frames; their colour only repeats what they say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Health")
        self._flags: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What is shown, of ``dead``, ``saturated``, ``nan``, ``inf``, …."""
        return self._flags

    def set_flags(self, flags: Sequence[str]) -> None:
        """Show other flags; none hides the widget."""
        fresh = tuple(flags)
        self.setVisible(bool(fresh))
        if fresh != self._flags:
            self._flags = fresh
            words = [FLAG_WORDS.get(flag, (flag, "", flag)) for flag in fresh]
            self.setAccessibleDescription(", ".join(word[0] for word in words))
            self.setToolTip("\n".join(f"{word[0]}: {word[2]}" for word in words))
            self.updateGeometry()
            self.update()

    def _widths(self) -> list[tuple[str, str, float]]:
        metrics = self.fontMetrics()
        found = []
        for flag in self._flags:
            word, token, _ = FLAG_WORDS.get(flag, (flag, "warning", ""))
            found.append((word, token, metrics.horizontalAdvance(word) + 14.0))
        return found

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for all badges."""
        return QSize(int(sum(width + 4 for _, _, width in self._widths())), 18)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the badges."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(11, 500))
            x = 0.5
            for word, token, width in self._widths():
                rect = QRectF(x, 0.5, width, 17)
                path = QPainterPath()
                path.addRoundedRect(rect, 5, 5)
                painter.fillPath(path, theme.colour(token, 0.16))
                painter.setPen(QPen(theme.colour(token), 1))
                painter.drawPath(path)
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, word)
                x += width + 4
