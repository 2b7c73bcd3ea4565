"""One large matrix, a head's attention say, that can be zoomed and read off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.axis_labels import (
    LABEL_FROM,
    LEFT_MARGIN,
    TOP_MARGIN,
    paint_columns,
    paint_rows,
)
from layerscope.ui.widgets.matrix_pyramid import MatrixPyramid
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.pixels import to_image

_LARGEST_CELL = 64.0
_CRISP_FROM = 1.0
# Marks lie on viridis, which is the same in every theme.
_LIGHT, _DARK = QColor(255, 255, 255, 210), QColor(16, 4, 28, 200)
_KEY = Qt.Key
_STEPS = {
    _KEY.Key_Left: (0, -1),
    _KEY.Key_Right: (0, 1),
    _KEY.Key_Up: (-1, 0),
    _KEY.Key_Down: (1, 0),
}
Cell = tuple[int, int]
_NOWHERE: Cell = (-1, -1)


class MatrixView(QWidget):
    """A matrix of weights in viridis, brighter for more.

    The wheel zooms around the pointer, dragging moves, a double click or 0 shows
    the whole again; words stand along the axes where there is room for them.

    Parameters
    ----------
    name : str
        For screen readers.

    Attributes
    ----------
    hovered : Signal(int, int)
        Row and column under the pointer, -1 and -1 when it leaves.
    chosen : Signal(int, int)
        Row and column that was clicked or entered.
    """

    hovered = Signal(int, int)
    chosen = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(80, 60)
        self._values: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._pyramid = MatrixPyramid(self._values)
        self._rows: Sequence[str] = ()
        self._columns: Sequence[str] = ()
        self._cell = 0.0  # pixels; 0 shows the whole
        self._origin = QPointF()  # the matrix point at the plot's corner, in cells
        self._hover: Cell = _NOWHERE
        self._locked: Cell = _NOWHERE
        self._drag: tuple[QPointF, QPointF] | None = None
        self._moved = False
        self._drawn: tuple[object, QImage] | None = None

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """The matrix shown, (rows, columns)."""
        return self._values

    @property
    def cell(self) -> Cell:
        """Row and column under the pointer, -1 and -1 for none."""
        return self._hover

    @property
    def locked(self) -> Cell:
        """Row and column that are outlined; either may be -1."""
        return self._locked

    @property
    def cell_px(self) -> float:
        """Side of a cell on the screen, in logical pixels."""
        return self._cell or self._whole_cell()

    def set_matrix(
        self,
        values: npt.NDArray[np.float32],
        rows: Sequence[str] = (),
        columns: Sequence[str] = (),
    ) -> None:
        """Show another matrix; a zoom stays while the shape does.

        Parameters
        ----------
        values : (rows, columns) float array
            At least 0. Not copied.
        rows, columns : sequence of str
            A word for each; empty for numbers.
        """
        if values.shape != self._values.shape:
            self._cell, self._origin = 0.0, QPointF()
            self._hover = _NOWHERE
        self._values = values
        self._pyramid = MatrixPyramid(values)
        height, width = values.shape
        self._rows = rows or tuple(map(str, range(height)))
        self._columns = columns or tuple(map(str, range(width)))
        self._drawn = None
        self.setAccessibleDescription(f"{height} rows, {width} columns")
        self.update()

    def set_locked(self, row: int, column: int = -1) -> None:
        """Outline a row, a column, or the cell where they meet; -1 for none."""
        if (row, column) != self._locked:
            self._locked = (row, column)
            self.update()

    def zoom(self, steps: float, around: QPointF | None = None) -> None:
        """Make cells larger (positive) or smaller around a point of the widget."""
        old = self.cell_px
        if not self._values.size or not old:
            return
        smallest = self._whole_cell()
        new = min(_LARGEST_CELL, old * 1.25**steps)
        point = QPointF(self.rect().center()) if around is None else around
        under = self._to_cells(point)
        self._cell = 0.0 if new <= smallest * 1.01 else new
        plot, side = self._plot(), self.cell_px
        self._origin = QPointF(
            under.x() - (point.x() - plot.left()) / side,
            under.y() - (point.y() - plot.top()) / side,
        )
        self._keep_inside()
        self.update()

    def show_whole(self) -> None:
        """Show the whole matrix."""
        self._cell, self._origin = 0.0, QPointF()
        self.update()

    # --- where things are ---------------------------------------------------------

    def _fit(self, left: float, top: float) -> float:
        """Return the side at which the whole fits beside such margins."""
        height, width = self._values.shape
        room = min((self.width() - left) / width, (self.height() - top) / height)
        return float(min(room, _LARGEST_CELL))

    def _worded(self) -> bool:  # whether words stand along the axes
        return (self._cell or self._fit(LEFT_MARGIN, TOP_MARGIN)) >= LABEL_FROM

    def _whole_cell(self) -> float:
        if not self._values.size:
            return 0.0
        worded = self._fit(LEFT_MARGIN, TOP_MARGIN)
        return worded if worded >= LABEL_FROM else self._fit(0, 0)

    def _plot(self) -> QRectF:  # where the cells are
        words = bool(self._values.size) and self._worded()
        left, top = (LEFT_MARGIN, TOP_MARGIN) if words else (0.0, 0.0)
        height, width = self._values.shape
        room = QRectF(left, top, self.width() - left, self.height() - top)
        room.setWidth(min(room.width(), width * self.cell_px))
        room.setHeight(min(room.height(), height * self.cell_px))
        return room

    def _to_cells(self, point: QPointF) -> QPointF:
        plot, side = self._plot(), self.cell_px
        return QPointF(
            (point.x() - plot.left()) / side + self._origin.x(),
            (point.y() - plot.top()) / side + self._origin.y(),
        )

    def cell_at(self, point: QPointF) -> Cell:
        """Return row and column under a point, -1 and -1 outside."""
        if not self._values.size or not self._plot().contains(point):
            return _NOWHERE
        place = self._to_cells(point)
        row, column = math.floor(place.y()), math.floor(place.x())
        height, width = self._values.shape
        inside = 0 <= row < height and 0 <= column < width
        return (row, column) if inside else _NOWHERE

    def _keep_inside(self) -> None:
        plot, side = self._plot(), max(self.cell_px, 1e-9)
        height, width = self._values.shape
        most_x = max(0.0, width - plot.width() / side)
        most_y = max(0.0, height - plot.height() / side)
        self._origin = QPointF(
            min(most_x, max(0.0, self._origin.x())),
            min(most_y, max(0.0, self._origin.y())),
        )

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the visible cells as one picture, then words and marks."""
        if not self._values.size:
            return
        with painting(self), QPainter(self) as painter:
            plot, side = self._plot(), self.cell_px
            self._paint_cells(painter, plot, side)
            if self._worded():
                self._paint_words(painter, plot, side)
            painter.setClipRect(plot)
            self._paint_marks(painter, plot, side)

    def _paint_cells(self, painter: QPainter, plot: QRectF, side: float) -> None:
        wanted = max(0, math.floor(math.log2(1.0 / side))) if side < 1 else 0
        number, levels = self._pyramid.level(wanted)
        unit = 1 << number  # cells to a pixel of this picture
        x, y = self._origin.x(), self._origin.y()
        left, top = int(x) // unit, int(y) // unit
        right = min(levels.shape[1], math.ceil((x + plot.width() / side) / unit))
        bottom = min(levels.shape[0], math.ceil((y + plot.height() / side) / unit))
        key = (number, left, top, right, bottom)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, to_image(levels[top:bottom, left:right]))
        area = QRectF(
            plot.left() + (left * unit - x) * side,
            plot.top() + (top * unit - y) * side,
            (right - left) * unit * side,
            (bottom - top) * unit * side,
        )
        painter.save()
        painter.setClipRect(plot)
        smooth = side * unit < _CRISP_FROM
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(area, self._drawn[1])
        painter.restore()

    def _paint_words(self, painter: QPainter, plot: QRectF, side: float) -> None:
        height, width = self._values.shape
        x, y = self._origin.x(), self._origin.y()
        row, column = self._marked()
        rows = range(int(y), min(height, math.ceil(y + plot.height() / side)))
        columns = range(int(x), min(width, math.ceil(x + plot.width() / side)))
        tops = [(n, plot.top() + (n - y) * side) for n in rows]
        lefts = [(n, plot.left() + (n - x) * side) for n in columns]
        edge = side / 2
        paint_rows(
            painter,
            self._rows,
            [(n, top) for n, top in tops if top > plot.top() - edge],
            side,
            plot.left(),
            row,
        )
        paint_columns(
            painter,
            self._columns,
            [(n, left) for n, left in lefts if left > plot.left() - edge],
            side,
            plot.top(),
            column,
        )

    def _marked(self) -> Cell:
        return self._hover if self._hover != _NOWHERE else self._locked

    def _paint_marks(self, painter: QPainter, plot: QRectF, side: float) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if max(self._locked) >= 0:
            area = self._area(plot, side, *self._locked)
            painter.setPen(QPen(_DARK, 4.0))
            painter.drawRect(area)
            painter.setPen(QPen(theme.colour("accent"), 2.0))
            painter.drawRect(area)
        if self._hover != _NOWHERE:
            painter.setPen(QPen(_LIGHT, 1.0))
            cell = self._area(plot, side, *self._hover)
            middle = cell.center()
            painter.drawLine(
                QPointF(plot.left(), middle.y()), QPointF(cell.left(), middle.y())
            )
            painter.drawLine(
                QPointF(middle.x(), plot.top()), QPointF(middle.x(), cell.top())
            )
            painter.setPen(QPen(_LIGHT, 1.5))
            if side >= 3:
                painter.drawRect(cell)

    def _area(self, plot: QRectF, side: float, row: int, column: int) -> QRectF:
        """Return the rectangle of a cell, or of a row or column where one is -1."""
        height, width = self._values.shape
        x, y = self._origin.x(), self._origin.y()
        left, wide = (column, 1) if column >= 0 else (0, width)
        top, tall = (row, 1) if row >= 0 else (0, height)
        area = QRectF(
            plot.left() + (left - x) * side,
            plot.top() + (top - y) * side,
            wide * side,
            tall * side,
        )
        return area.adjusted(0, 0, 0, max(0.0, 2.0 - area.height()))

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep what is shown inside."""
        super().resizeEvent(event)
        self._keep_inside()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom around the pointer."""
        self.zoom(event.angleDelta().y() / 120, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to drag, or to click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag = (event.position(), QPointF(self._origin))
            self._moved = False
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag the matrix, or tell what is under the pointer."""
        if self._drag is not None:
            start, origin = self._drag
            shift = (event.position() - start) / self.cell_px
            far = (event.position() - start).manhattanLength() > 4
            self._moved = self._moved or far
            if self._moved:
                self._origin = origin - shift
                self._keep_inside()
                self.update()
                return
        self._set_hover(self.cell_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the cell, if nothing was dragged."""
        dragged, self._drag = self._moved, None
        cell = self.cell_at(event.position())
        if not dragged and cell != _NOWHERE:
            self.chosen.emit(*cell)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show the whole again."""
        self.show_whole()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Notice that the pointer has left."""
        super().leaveEvent(event)
        self._set_hover(_NOWHERE)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk with the arrows, zoom with + − 0, choose with Enter."""
        key = Qt.Key(event.key())
        if key in _STEPS and self._values.size:
            row, column = self._marked()
            down, right = _STEPS[key]
            height, width = self._values.shape
            self._set_hover(
                (
                    min(height - 1, max(0, row + down)),
                    min(width - 1, max(0, column + right)),
                )
            )
        elif key in (_KEY.Key_Plus, _KEY.Key_Equal, _KEY.Key_Minus):
            self.zoom(-1 if key == _KEY.Key_Minus else 1)
        elif key == _KEY.Key_0:
            self.show_whole()
        elif key in (_KEY.Key_Return, _KEY.Key_Enter) and self._hover != _NOWHERE:
            self.chosen.emit(*self._hover)
        else:
            super().keyPressEvent(event)

    def _set_hover(self, cell: Cell) -> None:
        if cell != self._hover:
            self._hover = cell
            self.update()
            self.hovered.emit(*cell)
