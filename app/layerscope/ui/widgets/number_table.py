"""A table of words and numbers: what stands behind every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from layerscope.ui import theme

_Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = int(Qt.ItemDataRole.UserRole)
ROW_HEIGHT = 22
BAR_WIDTH = 140
_NARROWEST, _WIDEST, _PADDING = 48, 240, 28
_CELLS = """
QTableView::item { padding: 0 8px; border: none; }
QTableView::item:selected {
    background: palette(highlight); color: palette(highlighted-text);
}
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: what is written, and by what it is sorted and drawn.

    Attributes
    ----------
    text : str
    value : float
        The number behind the text; NaN for words.
    tone : str
        Palette token of the text, empty for the usual one.
    """

    text: str
    value: float = float("nan")
    tone: str = ""


Row = tuple[Cell, ...]


class NumberModel(QAbstractTableModel):
    """Rows of cells; the rows may change at any time, the columns seldom."""

    def __init__(self, headings: Sequence[str]) -> None:
        super().__init__()
        self._headings = tuple(headings)
        self._rows: Sequence[Row] = ()

    @property
    def headings(self) -> tuple[str, ...]:
        """What stands above the columns."""
        return self._headings

    @property
    def rows(self) -> Sequence[Row]:
        """What is shown."""
        return self._rows

    def set_rows(self, headings: Sequence[str], rows: Sequence[Row]) -> None:
        """Show other rows, keeping the scroll position where the form is the same."""
        same = tuple(headings) == self._headings and len(rows) == len(self._rows)
        if not same:
            self.beginResetModel()
        self._headings, self._rows = tuple(headings), rows
        if not same:
            self.endResetModel()
        elif rows:
            last = self.index(len(rows) - 1, len(headings) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._headings)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment or colour of a cell."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if index.column() >= len(row):
            return None
        cell = row[index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return cell.text
        if role == SORT_ROLE:
            return cell.value
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numeric = cell.value == cell.value
            side = (
                Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            )
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.ForegroundRole and cell.tone:
            return theme.colour(cell.tone)
        return None

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return a column's heading, aligned as its cells are."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole and section < len(self._headings):
            return self._headings[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            first = self._rows[0] if self._rows else ()
            cell = first[section] if section < len(first) else Cell("")
            numeric = bool(cell.text) and cell.value == cell.value
            side = (
                Qt.AlignmentFlag.AlignRight if numeric else Qt.AlignmentFlag.AlignLeft
            )
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None


class BarDelegate(QStyledItemDelegate):
    """Draws a cell's value as a bar from the left, 1 filling the cell."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Draw ground and bar."""
        super().paint(painter, option, index)
        value = index.data(SORT_ROLE)
        if not isinstance(value, float) or value != value:
            return
        rect = QRectF(option.rect).adjusted(4, 0, -8, 0)
        rect = QRectF(rect.left(), rect.center().y() - 3, rect.width(), 6)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("line"))
        painter.drawRoundedRect(rect, 3, 3)
        rect.setWidth(max(3.0, rect.width() * value))
        painter.setBrush(theme.colour("warning"))
        painter.drawRoundedRect(rect, 3, 3)
        painter.restore()


class NumberTable(QTableView):
    """The table itself: rows are chosen whole, by pointer or keyboard."""

    row_chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.numbers = NumberModel(())
        self.setModel(self.numbers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setFixedHeight(24)
        header.setMinimumSectionSize(36)
        self._choosing = False
        self._bars = BarDelegate(self)
        self._bar_column = -1
        self.setStyleSheet(_CELLS)
        self.selectionModel().currentRowChanged.connect(self._on_current_row_changed)

    def set_rows(
        self, headings: Sequence[str], rows: Sequence[Row], stretch: int = 0
    ) -> None:
        """Show other rows; the column `stretch` takes the room that is left."""
        relaid = self.numbers.columnCount() != len(headings)
        self._choosing = True
        self.numbers.set_rows(headings, rows)
        self._choosing = False
        if relaid:
            header = self.horizontalHeader()
            for column in range(len(headings)):
                mode = QHeaderView.ResizeMode
                wide = column == stretch
                header.setSectionResizeMode(
                    column, mode.Stretch if wide else mode.Interactive
                )
                if not wide:
                    self.setColumnWidth(column, _NARROWEST)
        self._widen_columns(stretch)

    def set_bars(self, column: int) -> None:
        """Draw the values of a column, 0 to 1, as bars; -1 for none."""
        if column == self._bar_column:
            return
        if self._bar_column >= 0:
            self.setItemDelegateForColumn(self._bar_column, QStyledItemDelegate(self))
        if column >= 0:
            self.setItemDelegateForColumn(column, self._bars)
            self.setColumnWidth(column, BAR_WIDTH)
        self._bar_column = column

    def _widen_columns(self, stretch: int) -> None:
        """Make columns as wide as their first rows need; they never shrink.

        A column that follows its numbers would move with every run.
        """
        metrics = self.fontMetrics()
        for column, heading in enumerate(self.numbers.headings):
            if column == stretch:
                continue
            texts = [heading, *(row[column].text for row in self.numbers.rows[:100])]
            width = max(metrics.horizontalAdvance(text) for text in texts) + _PADDING
            if width > self.columnWidth(column):
                self.setColumnWidth(column, min(_WIDEST, width))

    def choose(self, row: int) -> None:
        """Mark a row without telling anybody; -1 for none."""
        if row == self.currentIndex().row():
            return
        self._choosing = True
        if 0 <= row < self.numbers.rowCount():
            self.selectRow(row)
        else:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        self._choosing = False

    def _on_current_row_changed(self, current: QModelIndex, _old: QModelIndex) -> None:
        if current.isValid() and not self._choosing:
            self.row_chosen.emit(current.row())
