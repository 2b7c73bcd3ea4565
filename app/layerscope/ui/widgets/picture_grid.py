"""One picture made of many, with rows and columns that have names."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
)

from layerscope.ui import theme
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.pixels import fitted

_HEAD = 16.0
_MOST_SIDE_PX = 92.0
_KEYS = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class PictureGrid(ImageView):
    """An atlas whose cells can be chosen.

    Attributes
    ----------
    cell_chosen : Signal(int)
        A cell was clicked, counted row by row; or Enter was pressed on it.
    """

    cell_chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._rows: tuple[str, ...] = ("",)
        self._columns: tuple[str, ...] = ("",)
        self._pointed = -1

    @property
    def pointed(self) -> int:
        """The cell under the pointer or the keyboard, -1 for none."""
        return self._pointed

    def set_names(self, rows: Sequence[str], columns: Sequence[str]) -> None:
        """Name rows and columns; there is one of each at least."""
        names = (tuple(rows) or ("",), tuple(columns) or ("",))
        if names != (self._rows, self._columns):
            self._rows, self._columns = names
            self._pointed = -1
            self.update()

    def cell_rect(self, cell: int) -> QRectF:
        """Return where a cell is painted."""
        target = self.picture_rect()
        width = target.width() / len(self._columns)
        height = target.height() / len(self._rows)
        row, column = divmod(cell, len(self._columns))
        return QRectF(
            target.left() + column * width, target.top() + row * height, width, height
        )

    def cell_at(self, position: QPointF) -> int:
        """Return the cell at a position of the widget, -1 for none."""
        target = self.picture_rect()
        if target.isEmpty() or not target.contains(position):
            return -1
        x = (position.x() - target.left()) / target.width() * len(self._columns)
        y = (position.y() - target.top()) / target.height() * len(self._rows)
        column = min(int(x), len(self._columns) - 1)
        return min(int(y), len(self._rows) - 1) * len(self._columns) + column

    def picture_rect(self) -> QRectF:
        """Return where the picture is painted: beside and below the names."""
        if self._image is None:
            return QRectF()
        into = QRectF(self.rect())
        if any(self._rows):
            into.setLeft(self._side())
        if any(self._columns):
            into.setTop(_HEAD)
        return fitted(self._image.width(), self._image.height(), into)

    def paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Write the names, part the cells and frame the one pointed at."""
        painter.setFont(theme.font(10))
        painter.setPen(theme.colour("muted"))
        metrics = QFontMetricsF(painter.font())
        for at, whole in enumerate(self._columns):
            name, cell = whole, self.cell_rect(at)
            head = QRectF(cell.left(), target.top() - _HEAD, cell.width(), _HEAD)
            if metrics.horizontalAdvance(name) > cell.width():
                name = name.rpartition(" ")[2]  # the value alone
            shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, cell.width())
            painter.drawText(head, Qt.AlignmentFlag.AlignCenter, shown)
        for at, name in enumerate(self._rows):
            cell = self.cell_rect(at * len(self._columns))
            side = QRectF(
                target.left() - self._side(), cell.top(), self._side(), cell.height()
            )
            shown = metrics.elidedText(
                name, Qt.TextElideMode.ElideRight, self._side() - 6
            )
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(side.adjusted(0, 0, -6, 0), right, shown)
        painter.setPen(QPen(theme.colour("panel"), 2))
        for at in range(1, len(self._columns)):
            x = self.cell_rect(at).left()
            painter.drawLine(QPointF(x, target.top()), QPointF(x, target.bottom()))
        for at in range(1, len(self._rows)):
            y = self.cell_rect(at * len(self._columns)).top()
            painter.drawLine(QPointF(target.left(), y), QPointF(target.right(), y))
        if self._pointed >= 0:
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.cell_rect(self._pointed).adjusted(1, 1, -1, -1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Frame the cell under the pointer."""
        super().mouseMoveEvent(event)
        self._point(self.cell_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose a cell."""
        super().mouseReleaseEvent(event)
        cell = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell >= 0:
            self.cell_chosen.emit(cell)

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        """Frame nothing."""
        super().leaveEvent(event)
        self._point(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk through the cells, and choose one."""
        key = Qt.Key(event.key())
        if key in _KEYS:
            row, column = divmod(max(0, self._pointed), len(self._columns))
            down, right = _KEYS[key] if self._pointed >= 0 else (0, 0)
            row = min(len(self._rows) - 1, max(0, row + down))
            column = min(len(self._columns) - 1, max(0, column + right))
            self._point(row * len(self._columns) + column)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._pointed >= 0:
            self.cell_chosen.emit(self._pointed)
        else:
            super().keyPressEvent(event)

    def _point(self, cell: int) -> None:
        if cell != self._pointed:
            self._pointed = cell
            self.setAccessibleDescription(self.name_of(cell) if cell >= 0 else "")
            self.update()

    def name_of(self, cell: int) -> str:
        """Return the names of a cell's row and column."""
        row, column = divmod(cell, len(self._columns))
        return " · ".join(filter(None, (self._rows[row], self._columns[column])))

    def _side(self) -> float:
        metrics = QFontMetricsF(theme.font(10))
        widest = max(metrics.horizontalAdvance(name) for name in self._rows)
        return min(_MOST_SIDE_PX, widest + 10) if widest else 0.0


__all__ = ["PictureGrid"]
