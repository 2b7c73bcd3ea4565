"""One bar of coloured stretches with its legend: where the time of a run went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting

_BAR = 22
_ROW = 20
_SQUARE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One part of the bar.

    Attributes
    ----------
    name : str
    amount : float
        In any unit, the same for all; shown as `text`.
    text : str
        The amount as written in the legend.
    colour : str
        ``"#rrggbb"``, or the name of a palette token.
    """

    name: str
    amount: float
    text: str
    colour: str

    def paint_colour(self) -> QColor:
        """Return the colour in the theme in use."""
        if self.colour.startswith("#"):
            return QColor(self.colour)
        return theme.colour(self.colour)


class StageBar(QWidget):
    """A stacked bar, each stretch as wide as its share, and a legend below."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._stretches: tuple[Stretch, ...] = ()

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """What is shown, left to right."""
        return self._stretches

    def set_stretches(self, stretches: Sequence[Stretch]) -> None:
        """Show other amounts."""
        fresh = tuple(stretches)
        if fresh != self._stretches:
            self._stretches = fresh
            words = ", ".join(f"{part.name} {part.text}" for part in fresh)
            self.setAccessibleDescription(words)
            self.setToolTip(words)
            self.updateGeometry()
            self.update()

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Return True: a narrow legend takes more lines."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height of the bar and its legend."""
        return (
            _BAR + 8 + _ROW * (self._legend(width)[-1][1] + 1 if self._stretches else 1)
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for the legend at the width there is."""
        return QSize(260, self.heightForWidth(max(120, self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the least that can be read."""
        return QSize(120, _BAR + 8 + _ROW)

    def _legend(self, width: float) -> list[tuple[float, int]]:
        """Return x and line of each entry of the legend."""
        metrics = QFontMetricsF(theme.font(11))
        x, line, places = 0.0, 0, []
        for part in self._stretches:
            needed = _SQUARE + 6 + metrics.horizontalAdvance(f"{part.name} {part.text}")
            if x > 0 and x + needed > width:
                x, line = 0.0, line + 1
            places.append((x, line))
            x += needed + 12
        return places

    def rects(self) -> list[QRectF]:
        """Return where each stretch lies, in logical pixels."""
        total = sum(max(0.0, part.amount) for part in self._stretches)
        if total <= 0:
            return []
        x, found = 0.0, []
        for part in self._stretches:
            width = max(0.0, part.amount) / total * self.width()
            found.append(QRectF(x, 0, width, _BAR))
            x += width
        return found

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the stretches and the legend."""
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            path = QPainterPath()
            path.addRoundedRect(QRectF(0, 0, self.width(), _BAR), 5, 5)
            painter.fillPath(path, theme.colour("raised"))
            painter.save()
            painter.setClipPath(path)
            self._paint_bar(painter)
            painter.restore()
            self._paint_legend(painter)

    def _paint_bar(self, painter: QPainter) -> None:
        painter.setFont(theme.font(11, 500))
        metrics = painter.fontMetrics()
        for part, rect in zip(self._stretches, self.rects(), strict=False):
            colour = part.paint_colour()
            painter.fillRect(rect.adjusted(0, 0, -1, 0), colour)
            label = f"{part.name} {part.text}"
            if metrics.horizontalAdvance(label) + 12 > rect.width():
                label = part.text
            if metrics.horizontalAdvance(label) + 8 <= rect.width():
                light = colour.lightnessF() > 0.5
                painter.setPen(QColor("#0c1118") if light else QColor("#ffffff"))
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, label)

    def _paint_legend(self, painter: QPainter) -> None:
        painter.setFont(theme.font(11))
        places = self._legend(self.width())
        for part, (x, line) in zip(self._stretches, places, strict=True):
            y = _BAR + 8 + line * _ROW + (_ROW - _SQUARE) / 2
            square = QPainterPath()
            square.addRoundedRect(QRectF(x, y, _SQUARE, _SQUARE), 2, 2)
            painter.fillPath(square, part.paint_colour())
            painter.setPen(theme.colour("muted"))
            baseline = y + _SQUARE
            painter.drawText(
                QPointF(x + _SQUARE + 6, baseline), f"{part.name} {part.text}"
            )
