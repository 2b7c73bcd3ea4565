"""The table behind a picture: every number, to read, to copy, to be read aloud."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

MAX_COPIED_CELLS = 1_000_000
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class TableModel(QAbstractTableModel):
    """Rows and columns of any size; text is made only for cells on screen.

    Parameters
    ----------
    columns : sequence of str
        Headings; empty to number them.
    cells : sequence of rows, or a (rows, columns) array, or (rows, columns, k)
        A cell of k values shows them with spaces between.
    """

    def __init__(
        self,
        columns: Sequence[str],
        cells: Sequence[Sequence[object]] | npt.NDArray[np.generic],
    ) -> None:
        super().__init__()
        self._columns = columns
        self._cells = cells
        if isinstance(cells, np.ndarray):
            self._width = int(cells.shape[1])
        else:
            self._width = max((len(row) for row in cells), default=len(columns))

    def rowCount(self, parent: _Index = _ROOT) -> int:  # noqa: N802
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._cells)

    def columnCount(self, parent: _Index = _ROOT) -> int:  # noqa: N802
        """Return the number of columns."""
        return 0 if parent.isValid() else self._width

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(index.row(), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            value = self._cells[index.row()][index.column()]
            side = (
                Qt.AlignmentFlag.AlignLeft
                if isinstance(value, str)
                else Qt.AlignmentFlag.AlignRight
            )
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Return a heading, or the row's number from 0."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Horizontal and section < len(self._columns):
            return self._columns[section]
        return str(section)

    def text(self, row: int, column: int) -> str:
        """Return a cell as text."""
        value = self._cells[row][column]
        if isinstance(value, np.ndarray):
            return " ".join(_format(part) for part in value)
        return _format(value)

    def as_text(self) -> str:
        """Return all of it with tabs and line ends, for a spreadsheet."""
        rows = min(len(self._cells), max(1, MAX_COPIED_CELLS // max(self._width, 1)))
        lines = ["\t".join(self._columns)] if self._columns else []
        lines += [
            "\t".join(self.text(row, column) for column in range(self._width))
            for row in range(rows)
        ]
        return "\n".join(lines)


class TableWindow(QDialog):
    """Shows a `TableModel` beside the window, without stopping it."""

    def __init__(
        self, parent: QWidget, title: str, clause: str, model: TableModel
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(560, 420)
        model.setParent(self)
        self.model = model
        self.table = QTableView()
        self.table.setModel(model)
        self.table.setAccessibleName(title)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.horizontalHeader().setDefaultSectionSize(
            72 if model.columnCount() > 6 else 120
        )
        if model.columnCount() <= 6:
            self.table.horizontalHeader().setStretchLastSection(True)
        head = QHBoxLayout()
        label = QLabel(clause)
        label.setProperty("role", "muted")
        copy = QPushButton("Copy all")
        copy.setToolTip("Copy the table for a spreadsheet (Ctrl+C)")
        copy.setAccessibleName("Copy all")
        copy.clicked.connect(self.copy)
        head.addWidget(label, 1)
        head.addWidget(copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        QShortcut(QKeySequence.StandardKey.Copy, self, self.copy)

    def copy(self) -> None:
        """Put the whole table on the clipboard."""
        QGuiApplication.clipboard().setText(self.model.as_text())


def _format(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{float(value):.6g}"
    return str(value)
