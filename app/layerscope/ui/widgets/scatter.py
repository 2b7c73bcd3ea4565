"""A few named points over a logarithmic axis, with the best of each size joined."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF
from PySide6.QtWidgets import QVBoxLayout, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.curve import axis_texts, ticks

_STEPS = (1.0, 2.0, 5.0)
_MARGIN = 0.16
_LEAST_DECADES = 0.3
_DOT_PX = 9
_GAP_PX = 8.0
_Y_STEPS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One thing in the plot.

    Attributes
    ----------
    name : str
        Written beside it.
    x : float
        Above zero.
    y : float
    detail : str
        What a pointer at rest is told.
    """

    name: str
    x: float
    y: float
    detail: str = ""


class Scatter(QWidget):
    """Shows points.

    Parameters
    ----------
    name : str
        Accessible name.
    x_title, y_title : str
        Beside the axes.
    x_text : callable
        Writes a value of the logarithmic axis, without its unit.
    """

    def __init__(
        self, name: str, x_title: str, y_title: str, x_text: Callable[[float], str]
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._x_title, self._y_title, self._x_text = x_title, y_title, x_text
        self._points: tuple[Point, ...] = ()
        self._falling = False
        self._y_most = math.inf
        self._view = pyqtgraph.PlotWidget()
        self._view.setFrameShape(self._view.Shape.NoFrame)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot = self._view.getPlotItem()
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setMouseEnabled(x=False, y=False)
        self._names: list[pyqtgraph.TextItem] = []
        self._plot.getViewBox().sigResized.connect(self._write_names)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)
        theme.changed.connect(self._draw)
        self._draw()

    @property
    def points(self) -> tuple[Point, ...]:
        """What is shown."""
        return self._points

    def set_points(
        self,
        points: Sequence[Point],
        *,
        x_title: str = "",
        x_text: Callable[[float], str] | None = None,
        y_title: str = "",
        falling: bool = False,
        y_most: float = math.inf,
    ) -> None:
        """Show other points.

        Parameters
        ----------
        points : sequence of Point
            Those without a finite place are left out.
        x_title, y_title : str
            What the axes are; empty leaves them as they are.
        x_text : callable, optional
            Another way to write values of the logarithmic axis.
        falling : bool
            Whether a smaller y is the better one.
        y_most : float
            Where the upright axis ends at the latest.
        """
        self._y_most = y_most
        self._points = tuple(
            p for p in points if math.isfinite(p.x) and p.x > 0 and math.isfinite(p.y)
        )
        self._x_title = x_title or self._x_title
        self._x_text = x_text or self._x_text
        self._y_title = y_title or self._y_title
        self._falling = falling
        self._draw()

    def _draw(self) -> None:
        palette = theme.current()
        self._view.setBackground(QColor(palette.panel))
        self._plot.clear()
        self._dress_axes()
        if not self._points:
            return
        front = best_for_size(self._points, falling=self._falling)
        dashes = pyqtgraph.mkPen(palette.muted, width=1, style=Qt.PenStyle.DashLine)
        self._plot.plot(
            [math.log10(p.x) for p in front], [p.y for p in front], pen=dashes
        )
        dots = pyqtgraph.ScatterPlotItem(
            x=[math.log10(p.x) for p in self._points],
            y=[p.y for p in self._points],
            data=[p.detail or p.name for p in self._points],
            size=_DOT_PX,
            pen=pyqtgraph.mkPen(palette.panel, width=1),
            brush=pyqtgraph.mkBrush(palette.accent),
            hoverable=True,
            hoverSize=_DOT_PX + 3,
            tip=_tip,
        )
        self._plot.addItem(dots)
        self._write_names()

    def _write_names(self, *_: object) -> None:
        """Write the names where they fit: beside, above or below their points."""
        for item in self._names:
            self._plot.removeItem(item)
        self._names.clear()
        box = self._plot.getViewBox()
        (left, right), (low, high) = box.viewRange()
        width, height = box.width(), box.height()
        if not self._points or width < 1 or height < 1:
            return
        font = theme.font(11)
        metrics = QFontMetricsF(font)
        places = {
            point: QPointF(
                (math.log10(point.x) - left) / (right - left) * width,
                (high - point.y) / (high - low) * height,
            )
            for point in self._points
        }
        taken = [_around(place) for place in places.values()]
        inside = QRectF(0, 0, width, height)
        for point, place in places.items():
            wide, tall = metrics.horizontalAdvance(point.name) + 8, metrics.height()
            rect = _room(place, wide, tall, inside, taken)
            taken.append(rect)
            item = pyqtgraph.TextItem(
                point.name,
                color=QColor(theme.current().text),
                anchor=(
                    (place.x() - rect.left()) / wide,
                    (place.y() - rect.top()) / tall,
                ),
            )
            item.textItem.document().setDocumentMargin(0)
            item.setFont(font)
            item.setPos(QPointF(math.log10(point.x), point.y))
            self._plot.addItem(item, ignoreBounds=True)
            self._names.append(item)

    def _dress_axes(self) -> None:
        palette = theme.current()
        xs = [math.log10(p.x) for p in self._points] or [0.0]
        ys = [p.y for p in self._points] or [0.0]
        left, right = _span(xs, _LEAST_DECADES)
        low, high = _span(ys, 1e-3 + 0.02 * max(abs(y) for y in ys))
        high = max(min(high, self._y_most), max(ys))
        self._plot.setXRange(left, right, padding=0)
        self._plot.setYRange(low, high, padding=0)
        for name, title in (("bottom", self._x_title), ("left", self._y_title)):
            axis = self._plot.getAxis(name)
            axis.enableAutoSIPrefix(False)
            axis.setPen(pyqtgraph.mkPen(palette.line, width=1))
            axis.setTextPen(pyqtgraph.mkPen(palette.muted))
            axis.setTickFont(theme.font(10))
            axis.setLabel(title, **{"color": palette.muted, "font-size": "8pt"})
            axis.setStyle(tickLength=-4, tickTextOffset=6)
            axis.setVisible(bool(self._points))
        below = [(math.log10(v), self._x_text(v)) for v in log_ticks(left, right)]
        self._plot.getAxis("bottom").setTicks([below])
        beside = ticks(low, high, _Y_STEPS)
        texts = axis_texts(beside, "")
        inner = [
            (value, text.strip())
            for value, text in zip(beside, texts, strict=True)
            if low <= value <= high
        ]
        self._plot.getAxis("left").setTicks([inner])


def log_ticks(low: float, high: float) -> list[float]:
    """Return round values (1, 2, 5, 10, …) from 10**low to 10**high, six at most."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    for steps in (_STEPS, _STEPS[:1]):
        values = [step * 10.0**decade for decade in decades for step in steps]
        inside = [value for value in values if low <= math.log10(value) <= high]
        if len(inside) <= 6:
            return inside
    return inside[:: math.ceil(len(inside) / 6)]


def best_for_size(points: Sequence[Point], *, falling: bool = False) -> list[Point]:
    """Return the points that no smaller one equals, the smallest first.

    Parameters
    ----------
    points : sequence of Point
        In any order.
    falling : bool
        Whether a smaller y is the better one.
    """
    sign = -1.0 if falling else 1.0
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -sign * p.y)):
        if not front or sign * point.y > sign * front[-1].y:
            front.append(point)
    return front


def _around(place: QPointF) -> QRectF:
    half = _DOT_PX / 2 + 1
    return QRectF(place.x() - half, place.y() - half, 2 * half, 2 * half)


def _room(
    place: QPointF, wide: float, tall: float, inside: QRectF, taken: Sequence[QRectF]
) -> QRectF:
    """Return where a name of this size meets the fewest other things."""
    x, y = place.x(), place.y()
    above, below = y - _GAP_PX - tall, y + _GAP_PX
    corners = [
        (x + _GAP_PX, y - tall / 2),
        (x - _GAP_PX - wide, y - tall / 2),
        (x - wide / 2, above),
        (x - wide / 2, below),
        (x, above),
        (x, below),
        (x - wide, above),
        (x - wide, below),
    ]
    places = [QRectF(left, top, wide, tall) for left, top in corners]

    def trouble(rect: QRectF) -> float:
        met = sum(rect.intersects(other) for other in taken)
        return met + (0.0 if inside.contains(rect) else 1.5)

    return min(places, key=trouble)


def _span(values: Sequence[float], least: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    margin = _MARGIN * (high - low)
    return low - margin, high + margin


def _tip(x: float, y: float, data: object) -> str:
    return str(data)
