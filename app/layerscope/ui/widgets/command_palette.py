"""Everything that can be done or pointed at, found by typing a few letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsDropShadowEffect,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from layerscope.ui import theme

WIDTH = 560
ROW_HEIGHT = 34
MAX_ROWS = 10
MAX_FOUND = 200
_ENTRY_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True, kw_only=True)
class PaletteEntry:
    """One thing to choose.

    Attributes
    ----------
    text : str
        What is shown and searched.
    detail : str
        Muted, at its right: where it comes from.
    key : str
        Its shortcut as text.
    run : callable
        Called without arguments when it is chosen.
    """

    text: str
    run: Callable[[], object]
    detail: str = ""
    key: str = ""


def score(query: str, text: str) -> float:
    """Return how well `text` answers `query`, 0 for not at all.

    All letters have to occur in order; letters together, and at the start of
    words, count more; long texts count less.
    """
    query, low = query.lower().strip(), text.lower()
    if not query:
        return 1.0
    place = low.find(query)
    if place >= 0:
        start = place == 0 or not low[place - 1].isalnum()
        return 100.0 + 50.0 * start - place * 0.1 - len(text) * 0.05
    total, position, last = 0.0, 0, -2
    for letter in query:
        if letter == " ":
            continue
        found = low.find(letter, position)
        if found < 0:
            return 0.0
        together = found == last + 1
        start = found == 0 or not low[found - 1].isalnum()
        total += 1.0 + 3.0 * together + 2.0 * start
        last, position = found, found + 1
    return max(0.1, total - len(text) * 0.02)


def find(query: str, entries: Iterable[PaletteEntry]) -> list[PaletteEntry]:
    """Return the entries that answer `query`, the best first, at most 200."""
    scored = [(score(query, entry.text), entry) for entry in entries]
    kept = [pair for pair in scored if pair[0] > 0]
    kept.sort(key=lambda pair: -pair[0])
    return [entry for _, entry in kept[:MAX_FOUND]]


class CommandPalette(QFrame):
    """A field and a list that float over the window.

    Parameters
    ----------
    window : QWidget
        Over which it floats.
    collect : callable
        Called at each opening; returns the entries there are now.
    """

    def __init__(
        self, window: QWidget, collect: Callable[[], Sequence[PaletteEntry]]
    ) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("command_palette")
        self.setProperty("card", True)
        self.setAccessibleName("Command palette")
        self._collect = collect
        self._entries: Sequence[PaletteEntry] = ()
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search layers, models, commands")
        self.field.setAccessibleName("Search layers, models, commands")
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self._model = _EntryModel()
        self.list = QListView()
        self.list.setModel(self._model)
        self.list.setAccessibleName("Found")
        self.list.setItemDelegate(_EntryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.clicked.connect(self._choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.list)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(32)
        shadow.setOffset(0, 8)
        shadow.setColor(QColor(0, 0, 0, 120))
        self.setGraphicsEffect(shadow)
        self.hide()

    def open_at(self, top: int) -> None:
        """Show it, empty, `top` pixels below the window's upper edge."""
        self._entries = self._collect()
        self.field.clear()
        self._search("")
        parent = self._window
        width = min(WIDTH, parent.width() - 32)
        height = 8 * 3 + 28 + 2 + MAX_ROWS * ROW_HEIGHT
        self.setGeometry(
            (parent.width() - width) // 2, top, width, min(height, parent.height() - 80)
        )
        self.show()
        self.raise_()
        self.field.setFocus()

    def found(self) -> list[PaletteEntry]:
        """Return what the list shows."""
        return list(self._model.entries)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Steer the list from the field; close when the focus goes elsewhere."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._press(event.key())
        if event.type() == QEvent.Type.FocusOut and not self.field.hasFocus():
            self.hide()
        return False

    def _press(self, key: int) -> bool:
        row = self.list.currentIndex().row()
        last = self._model.rowCount() - 1
        steps = {
            Qt.Key.Key_Down: min(row + 1, last),
            Qt.Key.Key_Up: max(row - 1, 0),
            Qt.Key.Key_PageDown: min(row + MAX_ROWS, last),
            Qt.Key.Key_PageUp: max(row - MAX_ROWS, 0),
        }
        if key in steps:
            self.list.setCurrentIndex(self._model.index(steps[Qt.Key(key)]))
            return True
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.list.currentIndex())
            return True
        if key == Qt.Key.Key_Escape:
            self.hide()
            return True
        return False

    def _search(self, text: str) -> None:
        self._model.show(find(text, self._entries))
        self.list.setCurrentIndex(self._model.index(0))

    def _choose(self, index: QModelIndex) -> None:
        entry = index.data(_ENTRY_ROLE) if index.isValid() else None
        self.hide()
        if isinstance(entry, PaletteEntry):
            entry.run()


_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class _EntryModel(QAbstractListModel):
    """The entries found."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[PaletteEntry] = []

    def show(self, entries: list[PaletteEntry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entries[index.row()]
        if role == _ENTRY_ROLE:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return " ".join(
                part for part in (entry.text, entry.detail, entry.key) if part
            )
        return None


class _EntryDelegate(QStyledItemDelegate):
    """Paints text, muted detail, and the key at the right edge."""

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: _Index
    ) -> QSize:
        return QSize(WIDTH // 2, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        entry = index.data(_ENTRY_ROLE)
        if not isinstance(entry, PaletteEntry):
            return
        area = QRectF(option.rect)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected"))
            painter.drawRoundedRect(area, 6, 6)
        area.adjust(10, 0, -10, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        font, small = theme.font(12, 500), theme.font(11)
        right = area.right()
        painter.setPen(theme.colour("muted"))
        painter.setFont(small)
        if entry.key:
            painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, entry.key)
            right -= QFontMetricsF(small).horizontalAdvance(entry.key) + 16
        detail = min(QFontMetricsF(small).horizontalAdvance(entry.detail), 220.0)
        metrics = QFontMetricsF(font)
        room = right - area.left() - (detail + 16 if entry.detail else 0)
        shown = metrics.elidedText(entry.text, Qt.TextElideMode.ElideMiddle, room)
        used = metrics.horizontalAdvance(shown)
        painter.drawText(
            QRectF(area.left() + used + 10, area.top(), detail + 2, area.height()),
            middle,
            QFontMetricsF(small).elidedText(
                entry.detail, Qt.TextElideMode.ElideRight, detail + 1
            ),
        )
        painter.setPen(theme.colour("text"))
        painter.setFont(font)
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignLeft, shown)
        painter.restore()
