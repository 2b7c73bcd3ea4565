"""A rolling curve with its median, drawn in well under two milliseconds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.readable import number

_LEAST_AXIS = 34
_FOOT = 16
_LEAST_APART = 8
_FLAT_SHARE = 0.2
_TALL = 4.0


def ticks(low: float, high: float, about: int = 3) -> list[float]:
    """Return round values that enclose `low` and `high`, about `about` steps apart.

    Raises
    ------
    ValueError
        If `high` is not above `low`.
    """
    if not high > low:
        raise ValueError(f"An axis from {low} to {high} was asked for.")
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def axis_texts(axis: list[float], unit: str) -> list[str]:
    """Return what is written beside the values of an axis, the unit at the last."""
    step = axis[1] - axis[0]
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += abs(step * 10**digits % 1) > 1e-6  # 2.5 has one more than 2
    texts = [f"{value:,.{digits}f}" for value in axis]
    return [*texts[:-1], f"{texts[-1]} {unit}"]


class Curve(QWidget):
    """The newest values, the last at the right edge.

    Parameters
    ----------
    name : str
        Accessible name.
    unit : str
        Written at the uppermost value of the axis.
    from_zero : bool
        Start the axis at zero rather than a little below the least value.
    """

    def __init__(
        self,
        name: str,
        unit: str,
        *,
        capacity: int = 600,
        noun: str = "run",
        from_zero: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._unit, self._noun = unit, noun
        self._capacity, self._from_zero = capacity, from_zero
        self._samples: npt.NDArray[np.float64] = np.zeros(0)
        self._median: float | None = None
        self._axis: list[float] = []
        self._axis_height = 0
        self._axis_texts: list[str] = []
        self._axis_width = _LEAST_AXIS
        self._hover: int | None = None

    @property
    def samples(self) -> npt.NDArray[np.float64]:
        """The values shown, oldest first."""
        return self._samples

    @property
    def hovered(self) -> int | None:
        """Position of the value nearest to the pointer."""
        return self._hover

    @property
    def axis(self) -> list[float]:
        """The values written at the left, lowest first."""
        return self._axis

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for a legible curve."""
        return QSize(320, 96)

    def set_samples(
        self, samples: npt.NDArray[np.float64], median: float | None = None
    ) -> None:
        """Show other values.

        Parameters
        ----------
        samples : (n,) float64 array
            Oldest first, in the curve's unit; the last `capacity` are shown.
        median : float, optional
            Where the dashed line goes.
        """
        samples = samples[np.isfinite(samples)][-self._capacity :]
        self._samples = samples
        self._median = median if median is not None and math.isfinite(median) else None
        if samples.size:
            self._choose_axis(samples)
        self.update()

    def _choose_axis(self, samples: npt.NDArray[np.float64]) -> None:
        """Choose an axis that holds nearly all and does not change all the time."""
        low, high = float(samples.min()), float(samples.max())
        lowest = low
        middle = float(np.median(samples))
        # One hiccup of a hundred times the usual would flatten all the rest.
        high = min(high, max(_TALL * middle, float(np.percentile(samples, 99))))
        highest = high
        least = _FLAT_SHARE * max(abs(middle), 1e-6)
        if high - low < least:
            low, high = middle - least / 2, middle + least / 2
        low = 0.0 if self._from_zero else max(0.0, low) if middle >= 0 else low
        axis = ticks(low, high, max(1, min(4, (self.height() - _FOOT) // 34)))
        if self._axis:
            held = self._axis[0] <= lowest and highest <= self._axis[-1]
            roomy = self._axis[-1] - self._axis[0] > 2.5 * (axis[-1] - axis[0])
            if held and not roomy and self._axis_height == self.height():
                return
        self._axis, self._axis_height = axis, self.height()
        self._axis_texts = axis_texts(axis, self._unit)
        metrics = QFontMetricsF(theme.font(10))
        widest = max(metrics.horizontalAdvance(text) for text in self._axis_texts)
        self._axis_width = max(_LEAST_AXIS, math.ceil(widest) + 8)

    def _plot_rect(self) -> QRectF:
        left = self._axis_width
        return QRectF(left, 6, self.width() - left - 5, self.height() - _FOOT - 9)

    def points(self) -> npt.NDArray[np.float64]:
        """Return (n, 2) positions of the values in the widget, x and y."""
        rect = self._plot_rect()
        low, high = self._axis[0], self._axis[-1]
        n = self._samples.size
        slots = max(2, min(self._capacity, max(n, 120)))
        x = rect.right() - np.arange(n - 1, -1, -1) * (rect.width() / (slots - 1))
        share = np.clip((self._samples - low) / (high - low), 0.0, 1.03)
        return np.column_stack([x, rect.bottom() - share * rect.height()])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the axis, the median and the curve."""
        if not self._samples.size:
            return
        with painting(self), QPainter(self) as painter:
            self._paint_axis(painter)
            points = self.points()
            ends = np.hstack([points[:-1], points[1:]]).tolist()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("accent"), 1.25))
            # One polyline of 600 corners takes Qt 20 ms, its pieces half of one.
            painter.drawLines([QLineF(*pair) for pair in ends])
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("accent"))
            painter.drawEllipse(QPointF(*points[-1].tolist()), 2.5, 2.5)
            if self._hover is not None and self._hover < len(points):
                self._paint_hover(painter, points)

    def _paint_axis(self, painter: QPainter) -> None:
        rect = self._plot_rect()
        low, high = self._axis[0], self._axis[-1]
        painter.setFont(theme.font(10))
        for value, text in zip(self._axis, self._axis_texts, strict=True):
            y = rect.bottom() - (value - low) / (high - low) * rect.height()
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))
            painter.setPen(theme.colour("muted"))
            painter.drawText(
                QRectF(0, y - 7, rect.left() - 6, 14),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                text,
            )
        foot = QRectF(rect.left(), self.height() - _FOOT + 2, rect.width(), _FOOT - 2)
        n = self._samples.size
        plural = "" if n == 1 else "s"
        right, left = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignLeft
        since = f"last {n} {self._noun}{plural}"
        painter.drawText(foot, left, since)
        # In a narrow plot the two would run into each other.
        measure = painter.fontMetrics().horizontalAdvance
        if measure(since) + measure("now") + _LEAST_APART < foot.width():
            painter.drawText(foot, right, "now")
        if self._median is not None and low <= self._median <= high:
            y = rect.bottom() - (self._median - low) / (high - low) * rect.height()
            painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(rect.left(), y), QPointF(rect.right(), y))

    def _paint_hover(self, painter: QPainter, points: npt.NDArray[np.float64]) -> None:
        index = self._hover or 0
        x, y = (float(v) for v in points[index])
        rect = self._plot_rect()
        painter.setPen(QPen(theme.colour("muted", 0.6), 1))
        painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent"))
        painter.drawEllipse(QPointF(x, y), 3, 3)
        painter.setFont(theme.font(11, 600))
        text = self.describe(index)
        width = painter.fontMetrics().horizontalAdvance(text) + 14
        left = min(max(rect.left(), x - width / 2), rect.right() - width)
        plate = QRectF(left, rect.top(), width, 20)
        painter.setPen(QPen(theme.colour("line"), 1))
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(plate, 5, 5)
        painter.setPen(theme.colour("text"))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def describe(self, index: int) -> str:
        """Say in words what one point is."""
        back = self._samples.size - 1 - index
        when = f"newest {self._noun}" if back == 0 else f"{back} {self._noun}s ago"
        return f"{number(float(self._samples[index]), 3)} {self._unit} · {when}"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show the value nearest to the pointer."""
        if self._samples.size:
            x = self.points()[:, 0]
            self._hover = int(np.abs(x - event.position().x()).argmin())
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Forget the pointer."""
        self._hover = None
        self.update()
