"""Bars: the histogram of a tensor, or the elements of a vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.readable import count, number

_AXIS = 16


class Histogram(QWidget):
    """Counts over equal bins, on a root scale so that rare values show too."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Histogram")
        self._counts: npt.NDArray[np.float64] = np.zeros(0)
        self._low, self._high = 0.0, 0.0
        self._hover = -1

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for the bars and one line below."""
        return QSize(200, 52 + _AXIS)

    def set_counts(self, counts: Sequence[int], low: float, high: float) -> None:
        """Show the number of values in equal bins from `low` to `high`."""
        self._counts = np.asarray(counts, dtype=np.float64)
        self._low, self._high = low, high
        self.setAccessibleDescription(
            f"{len(self._counts)} bins from {number(low)} to {number(high)}"
        )
        self.update()

    def heights(self) -> npt.NDArray[np.float64]:
        """Return how high each bar is, 0 to 1."""
        if not self._counts.size or self._counts.max() <= 0:
            return np.zeros(self._counts.size)
        return np.asarray(np.sqrt(self._counts / self._counts.max()))

    def describe(self, index: int) -> str:
        """Say what one bar counts."""
        width = (self._high - self._low) / max(1, self._counts.size)
        low = self._low + index * width
        return (
            f"{count(int(self._counts[index]))} values from {number(low, 3)} "
            f"to {number(low + width, 3)}"
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the bars and the two ends of the axis."""
        if not self._counts.size:
            return
        heights = self.heights()
        room = self.height() - _AXIS
        step = self.width() / heights.size
        gap = 1.0 if step >= 3 else 0.0
        bars = [
            QRectF(i * step, room - max(1.5, h * room), step - gap, max(1.5, h * room))
            for i, h in enumerate(heights.tolist())
            if h > 0
        ]
        with painting(self), QPainter(self) as painter:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawRects(bars)
            if 0 <= self._hover < heights.size:
                painter.setBrush(theme.colour("text", 0.14))
                painter.drawRect(QRectF(self._hover * step, 0, step, room))
            painter.setBrush(theme.colour("line"))
            painter.drawRect(QRectF(0, room, self.width(), 1))
            painter.setPen(theme.colour("muted"))
            painter.setFont(theme.font(10))
            line = QRectF(0, room + 2, self.width(), _AXIS - 2)
            bottom = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(
                line, Qt.AlignmentFlag.AlignLeft | bottom, number(self._low)
            )
            painter.drawText(
                line, Qt.AlignmentFlag.AlignRight | bottom, number(self._high)
            )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Say what the bar under the pointer counts."""
        n = self._counts.size
        hover = int(event.position().x() * n / max(1, self.width())) if n else -1
        if hover != self._hover:
            self._hover = hover if 0 <= hover < n else -1
            self.update()
        if 0 <= self._hover < n:
            text = self.describe(self._hover)
            QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Forget the pointer."""
        self._hover = -1
        self.update()


class VectorBars(QWidget):
    """The elements of a vector as bars up and down from zero."""

    unit_chosen = Signal(int)
    place_hovered = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Elements of the vector")
        self._values: npt.NDArray[np.float64] = np.zeros(0)
        self._numbers: tuple[int, ...] = ()
        self._selected = -1
        self._hover = -1

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The elements, in the order they are drawn."""
        return self._values

    @property
    def place(self) -> tuple[int, float] | None:
        """Index and value of the element under the pointer."""
        if not 0 <= self._hover < self._values.size:
            return None
        return self._numbers[self._hover], float(self._values[self._hover])

    def set_values(self, values: npt.ArrayLike, numbers: tuple[int, ...] = ()) -> None:
        """Show other elements.

        Parameters
        ----------
        values : (n,) array
            In the tensor's own unit.
        numbers : tuple of int
            Index of each bar in the vector; empty for 0, 1, 2, ….
        """
        self._values = np.nan_to_num(np.asarray(values, dtype=np.float64))
        self._numbers = numbers or tuple(range(self._values.size))
        self.update()

    def set_selected(self, unit: int) -> None:
        """Mark the bar of element `unit`, -1 for none."""
        if unit != self._selected:
            self._selected = unit
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the bars, the zero line and the marks."""
        n = self._values.size
        if not n:
            return
        low, high = min(0.0, self._values.min()), max(0.0, self._values.max())
        span = float(high - low) or 1.0
        room = self.height() - 2.0
        zero = 1.0 + room * float(high) / span
        step = self.width() / n
        gap = min(2.0, step * 0.2) if step >= 3 else 0.0
        rects = [
            QRectF(
                i * step,
                min(zero, zero - value * room / span),
                max(step - gap, 0.75),
                max(1.0, abs(value) * room / span),
            )
            for i, value in enumerate(self._values.tolist())
        ]
        with painting(self), QPainter(self) as painter:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent", 0.75))
            painter.drawRects(rects)
            painter.setBrush(theme.colour("line"))
            painter.drawRect(QRectF(0, zero - 0.5, self.width(), 1))
            for index, token, alpha in (
                (self._hover, "text", 0.14),
                (self._position(self._selected), "accent", 0.25),
            ):
                if 0 <= index < n:
                    painter.setBrush(theme.colour(token, alpha))
                    width = max(step - gap, 3.0)
                    painter.drawRect(QRectF(index * step, 0, width, self.height()))
            chosen = self._position(self._selected)
            if 0 <= chosen < n:
                painter.setBrush(theme.colour("accent"))
                painter.drawRect(rects[chosen].adjusted(0, 0, 1, 0))

    def _position(self, unit: int) -> int:
        return self._numbers.index(unit) if unit in self._numbers else -1

    def bar_at(self, point: QPointF) -> int:
        """Return the position of the bar at a point, -1 outside."""
        n = self._values.size
        index = int(point.x() * n / max(1, self.width()))
        return index if 0 <= index < n else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell which element the pointer is over."""
        self._point(self.bar_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the element under the pointer."""
        index = self.bar_at(event.position())
        if index >= 0:
            self.unit_chosen.emit(self._numbers[index])

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Forget the pointer."""
        self._point(-1)

    def _point(self, index: int) -> None:
        if index != self._hover:
            self._hover = index
            self.update()
            hovered = self._numbers[index] if index >= 0 else None
            self.place_hovered.emit(hovered)
