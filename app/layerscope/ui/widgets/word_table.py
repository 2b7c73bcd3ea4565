"""Words in rows and columns, each coloured by how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QMenu, QToolTip

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.readable import share
from layerscope.ui.widgets.token_looks import probability_colours, visible

_GAP = 3
_LEAST_ROW, _MOST_ROW = 20, 34
_LEAST_COLUMN, _MOST_COLUMN = 62, 220
_HEAD = 20
_MOST_NAMES = 130
_KEY = Qt.Key
_STEPS = {
    _KEY.Key_Left: (0, -1),
    _KEY.Key_Right: (0, 1),
    _KEY.Key_Up: (-1, 0),
    _KEY.Key_Down: (1, 0),
}


class WordTable(QAbstractScrollArea):
    """A table of words, painted only where it can be seen.

    Parameters
    ----------
    name : str
        For screen readers.

    Attributes
    ----------
    cell_chosen : Signal(int, int)
        Row and column that was clicked or reached by the arrow keys.
    cell_hovered : Signal(int, int)
        Row and column under the pointer, -1 and -1 when it leaves.
    table_wanted : Signal
        The words are asked for as a table.
    """

    cell_chosen = Signal(int, int)
    cell_hovered = Signal(int, int)
    table_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(name)
        self.setMinimumSize(120, 60)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._rows: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._words: tuple[str, ...] = ()
        self._sure: tuple[float, ...] = ()
        self._names = 60
        self._column = _LEAST_COLUMN
        self._row = _LEAST_ROW
        self._selected = (-1, -1)
        self._hover = (-1, -1)

    @property
    def selected(self) -> tuple[int, int]:
        """Row and column that are outlined; a row of -1 outlines the column."""
        return self._selected

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, which may be empty."""
        return self._columns

    def set_words(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        words: Sequence[str],
        probabilities: Sequence[float],
    ) -> None:
        """Show other words.

        Parameters
        ----------
        rows, columns : sequence of str
            Names; a column's may be empty.
        words : sequence of str
            Row by row.
        probabilities : sequence of float
            Of the words, 0 to 1.
        """
        self._rows, self._columns = tuple(rows), tuple(columns)
        self._words, self._sure = tuple(words), tuple(probabilities)
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(name) for name in rows), default=0)
        self._names = min(_MOST_NAMES, widest + 14)
        self._hover = (-1, -1)
        self._lay_out()
        self.viewport().update()

    def set_selected(self, row: int, column: int) -> None:
        """Outline a cell, or with a row of -1 a whole column; -1, -1 for none."""
        if (row, column) != self._selected:
            self._selected = (row, column)
            if column >= 0:
                self._scroll_to(max(0, row), column)
            self.viewport().update()

    def word(self, row: int, column: int) -> tuple[str, float]:
        """Return a word and its probability."""
        place = row * len(self._columns) + column
        return self._words[place], self._sure[place]

    def cells(self) -> Iterator[tuple[str, int, str, str, float]]:
        """Yield row, column from 0, name of the column, word, probability of each."""
        for row, name in enumerate(self._rows):
            for column, heading in enumerate(self._columns):
                yield name, column, heading, *self.word(row, column)

    def cell_rect(self, row: int, column: int) -> QRect:
        """Return where a cell lies in the viewport, in logical pixels."""
        return QRect(
            self._names
            + column * (self._column + _GAP)
            - self.horizontalScrollBar().value(),
            self._head() + row * (self._row + _GAP) - self.verticalScrollBar().value(),
            self._column,
            self._row,
        )

    def cell_at(self, point: QPointF) -> tuple[int, int]:
        """Return row and column under a point of the viewport, -1 and -1 for none."""
        x = point.x() - self._names + self.horizontalScrollBar().value()
        y = point.y() - self._head() + self.verticalScrollBar().value()
        column, row = int(x // (self._column + _GAP)), int(y // (self._row + _GAP))
        there = 0 <= row < len(self._rows) and 0 <= column < len(self._columns)
        shown = point.x() >= self._names and point.y() >= self._head()
        return (row, column) if there and shown else (-1, -1)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for six rows."""
        return QSize(460, _HEAD + 6 * (_MOST_ROW + _GAP))

    def _head(self) -> int:
        return _HEAD if any(self._columns) else 0

    def _lay_out(self) -> None:
        n_rows, n_columns = len(self._rows), len(self._columns)
        if not n_rows or not n_columns:
            return
        room = self.contentsRect().size()
        wide = (room.width() - self._names) // n_columns - _GAP
        self._column = min(_MOST_COLUMN, max(_LEAST_COLUMN, wide))
        bar = 12 if wide < _LEAST_COLUMN else 0
        tall = (room.height() - self._head() - bar) // n_rows - _GAP
        self._row = min(_MOST_ROW, max(_LEAST_ROW, tall))
        whole_x = self._names + n_columns * (self._column + _GAP) - _GAP
        whole_y = self._head() + n_rows * (self._row + _GAP) - _GAP
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        across.setRange(0, max(0, whole_x - room.width()))
        across.setPageStep(room.width())
        across.setSingleStep(self._column + _GAP)
        down.setRange(0, max(0, whole_y - room.height()))
        down.setPageStep(room.height())
        down.setSingleStep(self._row + _GAP)

    def _scroll_to(self, row: int, column: int) -> None:
        rect, shown = self.cell_rect(row, column), self.viewport().rect()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        if rect.left() < self._names or rect.right() > shown.right():
            middle = (self._names + shown.width()) // 2
            across.setValue(across.value() + rect.center().x() - middle)
        if rect.top() < self._head():
            down.setValue(down.value() + rect.top() - self._head())
        elif rect.bottom() > shown.bottom():
            down.setValue(down.value() + rect.bottom() - shown.bottom())

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the cells that can be seen, then the names over their edges."""
        if not self._words:
            return
        with painting(self), QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(12))
            rows, columns = self._shown()
            for row in rows:
                for column in columns:
                    self._paint_cell(painter, row, column)
            self._paint_mark(painter)
            self._paint_names(painter, rows, columns)

    def _shown(self) -> tuple[range, range]:
        room = self.viewport().rect()
        first_c = self.horizontalScrollBar().value() // (self._column + _GAP)
        first_r = self.verticalScrollBar().value() // (self._row + _GAP)
        more_c = math.ceil(room.width() / (self._column + _GAP)) + 1
        more_r = math.ceil(room.height() / (self._row + _GAP)) + 1
        return (
            range(first_r, min(len(self._rows), first_r + more_r)),
            range(first_c, min(len(self._columns), first_c + more_c)),
        )

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        word, sure = self.word(row, column)
        rect = QRectF(self.cell_rect(row, column))
        ground, ink = probability_colours(sure)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect, 3.5, 3.5)
        if (row, column) == self._hover:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("text"), 1.2))
            painter.drawRoundedRect(rect.adjusted(0.6, 0.6, -0.6, -0.6), 3.5, 3.5)
        painter.setPen(ink)
        text = painter.fontMetrics().elidedText(
            visible(word), Qt.TextElideMode.ElideRight, int(rect.width()) - 8
        )
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_mark(self, painter: QPainter) -> None:
        row, column = self._selected
        if not 0 <= column < len(self._columns) or row >= len(self._rows):
            return
        rect = QRectF(self.cell_rect(max(0, row), column))
        if row < 0:
            rect.setBottom(self.cell_rect(len(self._rows) - 1, column).bottom() + 1)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for token, width in (("panel", 3.5), ("accent", 2.0)):
            painter.setPen(QPen(theme.colour(token), width))
            painter.drawRoundedRect(rect, 4, 4)

    def _paint_names(self, painter: QPainter, rows: range, columns: range) -> None:
        room, head = self.viewport().rect(), self._head()
        panel = theme.colour("panel")
        painter.fillRect(QRect(0, 0, self._names - _GAP, room.height()), panel)
        painter.fillRect(QRect(0, 0, room.width(), head - 1 if head else 0), panel)
        metrics = painter.fontMetrics()
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        for row in rows:
            rect = self.cell_rect(row, 0)
            area = QRect(0, rect.top(), self._names - 10, rect.height())
            if rect.bottom() > head:
                marked = row in (self._hover[0], self._selected[0])
                painter.setPen(theme.colour("text" if marked else "muted"))
                name = metrics.elidedText(
                    self._rows[row], Qt.TextElideMode.ElideMiddle, area.width()
                )
                painter.drawText(area, right, name)
        if not head:
            return
        painter.fillRect(QRect(0, 0, self._names - _GAP, head - 1), panel)
        painter.setFont(theme.font(11))
        metrics = painter.fontMetrics()
        for column in columns:
            rect = self.cell_rect(0, column)
            area = QRect(rect.left(), 0, rect.width(), head - 2)
            if rect.left() >= self._names - _GAP:
                marked = column in (self._hover[1], self._selected[1])
                painter.setPen(theme.colour("accent" if marked else "muted"))
                name = metrics.elidedText(
                    visible(self._columns[column]),
                    Qt.TextElideMode.ElideRight,
                    area.width(),
                )
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, name)

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Share the new room."""
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Repaint what can be seen now."""
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Mark the cell under the pointer."""
        self._set_hover(self.cell_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Notice that the pointer has left."""
        super().leaveEvent(event)
        self._set_hover((-1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the cell under the pointer."""
        cell = self.cell_at(event.position())
        if cell[0] >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.cell_chosen.emit(*cell)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the end of a click too; what lies behind must not get it."""
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers."""
        menu = QMenu(self)
        menu.addAction("Show as table").triggered.connect(
            lambda: self.table_wanted.emit()
        )
        menu.exec(event.globalPos())
        menu.deleteLater()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk with the arrows."""
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None or not self._words:
            super().keyPressEvent(event)
            return
        row = min(len(self._rows) - 1, max(0, self._selected[0] + step[0]))
        column = min(len(self._columns) - 1, max(0, self._selected[1] + step[1]))
        self.cell_chosen.emit(row, column)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Say the whole word and its probability."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row, column = self.cell_at(QPointF(event.pos()))
            text = ""
            if row >= 0:
                word, sure = self.word(row, column)
                text = f"{self._rows[row]} · “{visible(word)}” · {share(sure)}"
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def _set_hover(self, cell: tuple[int, int]) -> None:
        if cell != self._hover:
            self._hover = cell
            self.viewport().update()
            self.cell_hovered.emit(*cell)
