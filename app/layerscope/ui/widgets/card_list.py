"""A list of things with a picture, a title and muted lines, under headings."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from layerscope.ui import theme
from layerscope.ui.widgets import card_rows
from layerscope.ui.widgets.card_rows import Card

__all__ = ["Card", "CardList"]

_CARD_ROLE = Qt.ItemDataRole.UserRole
_LEAST_WIDTH = 120
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class CardList(QListView):
    """Shows cards.

    Attributes
    ----------
    opened : Signal(str)
        Key of the card that was clicked, or entered by keyboard.
    folded : Signal(str, bool)
        What a heading's rows are known by, and whether they are to be folded away.
    menu_wanted : Signal(str, QPoint)
        Key, and the place on the screen.
    """

    opened = Signal(str)
    folded = Signal(str, bool)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._model = _CardModel()
        self.setModel(self._model)
        self.setItemDelegate(_CardDelegate(self))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.clicked.connect(self._open)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._ask_menu)
        theme.changed.connect(self.viewport().update)

    def show_cards(self, cards: Sequence[Card]) -> None:
        """Show other cards, keeping the keyboard's place where it is still there."""
        if list(cards) == self._model.cards:
            return
        current = self.currentIndex().data(_CARD_ROLE)
        bar = self.verticalScrollBar()
        scrolled = bar.value()
        self._model.show(list(cards))
        for row, card in enumerate(cards):
            if isinstance(current, Card) and _same(card, current):
                self.setCurrentIndex(self._model.index(row))
        self.doItemsLayout()
        bar.setValue(scrolled)

    def cards(self) -> list[Card]:
        """Return what is shown."""
        return list(self._model.cards)

    def reveal(self, key: str) -> None:
        """Scroll as little as needed to see the card `key`, if it is there."""
        for row, card in enumerate(self._model.cards):
            if card.key == key:
                self.scrollTo(self._model.index(row))

    def is_card(self, index: QModelIndex) -> bool:
        """Whether a row is no heading."""
        card = index.data(_CARD_ROLE)
        return isinstance(card, Card) and not card.heading

    def set_thumbnail(self, key: str, image: QImage) -> None:
        """Show a picture in place of the icon of the card `key`."""
        self._model.thumbnails[key] = image
        self.viewport().update()

    def thumbnail(self, key: str) -> QImage | None:
        """Return the picture of the card `key`, if it has one."""
        return self._model.thumbnails.get(key)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Open with Enter or Space; fold with Left and Right."""
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._open(index)
            return
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            card = index.data(_CARD_ROLE) if index.isValid() else None
            closing = event.key() == Qt.Key.Key_Left
            if isinstance(card, Card) and card.fold and card.folded != closing:
                self.folded.emit(card.fold, closing)
            return
        super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        card = index.data(_CARD_ROLE) if index.isValid() else None
        if not isinstance(card, Card):
            return
        if card.key:
            self.opened.emit(card.key)
        elif card.fold:
            self.folded.emit(card.fold, not card.folded)

    def _ask_menu(self, place: QPoint) -> None:
        card = self.indexAt(place).data(_CARD_ROLE)
        if isinstance(card, Card) and card.key:
            self.menu_wanted.emit(card.key, self.viewport().mapToGlobal(place))


def _same(card: Card, other: Card) -> bool:
    if card.heading or other.heading:
        return bool(card.fold) and card.fold == other.fold
    return card.key == other.key


class _CardModel(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.cards: list[Card] = []
        self.thumbnails: dict[str, QImage] = {}

    def show(self, cards: list[Card]) -> None:
        self.beginResetModel()
        self.cards = cards
        self.endResetModel()

    def rowCount(self, parent: _Index = _ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self.cards)

    def flags(self, index: _Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsEnabled
        card = self.cards[index.row()]
        if card.heading and not card.fold:
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        card = self.cards[index.row()]
        if role == _CARD_ROLE:
            return card
        if role == Qt.ItemDataRole.DisplayRole:
            return card.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return card.tooltip or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return card.spoken()
        return None


class _CardDelegate(QStyledItemDelegate):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: _Index
    ) -> QSize:
        card = index.data(_CARD_ROLE)
        height = card.height if isinstance(card, Card) else card_rows.ROW_HEIGHT
        return QSize(_LEAST_WIDTH, height)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        card = index.data(_CARD_ROLE)
        model = index.model()
        if isinstance(card, Card) and isinstance(model, _CardModel):
            card_rows.paint(painter, option, card, model.thumbnails.get(card.key))
