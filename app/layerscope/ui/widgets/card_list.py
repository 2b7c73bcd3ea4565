"""A list of things with a picture, a title and one muted line, under headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
)
from PySide6.QtWidgets import (
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from layerscope.ui import resources, theme

ROW_HEIGHT = 42
HEADING_HEIGHT = 28
BADGE = 28.0
_DOT = " · "
_CARD_ROLE = Qt.ItemDataRole.UserRole
_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One row.

    Attributes
    ----------
    key : str
        What the owner knows it by; empty for a heading.
    icon : str
        A bundled icon, used while there is no picture.
    chosen : bool
        Whether it is what is open now.
    """

    title: str
    key: str = ""
    detail: str = ""
    icon: str = "box"
    tooltip: str = ""
    chosen: bool = False

    @property
    def heading(self) -> bool:
        """Whether the row only names those below it."""
        return not self.key


class CardList(QListView):
    """Shows cards.

    Attributes
    ----------
    opened : Signal(str)
        Key of the card that was clicked, or entered by keyboard.
    menu_wanted : Signal(str, QPoint)
        Key, and the place on the screen.
    """

    opened = Signal(str)
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
        self._model.show(list(cards))
        for row, card in enumerate(cards):
            if isinstance(current, Card) and card.key and card.key == current.key:
                self.setCurrentIndex(self._model.index(row))

    def cards(self) -> list[Card]:
        """Return what is shown."""
        return list(self._model.cards)

    def set_thumbnail(self, key: str, image: QImage) -> None:
        """Show a picture in place of the icon of the card `key`."""
        self._model.thumbnails[key] = image
        self.viewport().update()

    def thumbnail(self, key: str) -> QImage | None:
        """Return the picture of the card `key`, if it has one."""
        return self._model.thumbnails.get(key)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Open with Enter or Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._open(self.currentIndex())
            return
        super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        card = index.data(_CARD_ROLE) if index.isValid() else None
        if isinstance(card, Card) and card.key:
            self.opened.emit(card.key)

    def _ask_menu(self, place: QPoint) -> None:
        card = self.indexAt(place).data(_CARD_ROLE)
        if isinstance(card, Card) and card.key:
            self.menu_wanted.emit(card.key, self.viewport().mapToGlobal(place))


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
        if not index.isValid() or self.cards[index.row()].heading:
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
            parts = (card.title, card.detail, "open now" if card.chosen else "")
            return ", ".join(part for part in parts if part)
        return None


class _CardDelegate(QStyledItemDelegate):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: _Index
    ) -> QSize:
        card = index.data(_CARD_ROLE)
        heading = isinstance(card, Card) and card.heading
        return QSize(120, HEADING_HEIGHT if heading else ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: _Index
    ) -> None:
        card = index.data(_CARD_ROLE)
        model = index.model()
        if not isinstance(card, Card) or not isinstance(model, _CardModel):
            return
        area = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if card.heading:
            painter.setFont(theme.font(11, 600))
            painter.setPen(theme.colour("muted"))
            area.adjust(8, 6, 0, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, card.title)
        else:
            _paint_ground(painter, area, option, card)
            image = model.thumbnails.get(card.key)
            badge = QRectF(area.left() + 8, area.center().y() - BADGE / 2, BADGE, BADGE)
            _paint_badge(painter, badge, card, image)
            _paint_words(painter, area.adjusted(BADGE + 18, 0, -6, 0), card)
        painter.restore()


def _paint_ground(
    painter: QPainter, area: QRectF, option: QStyleOptionViewItem, card: Card
) -> None:
    state = option.state
    ground = area.adjusted(0, 1, 0, -1)
    painter.setPen(Qt.PenStyle.NoPen)
    if card.chosen:
        painter.setBrush(theme.colour("selected"))
        painter.drawRoundedRect(ground, 6, 6)
    elif state & QStyle.StateFlag.State_MouseOver:
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(ground, 6, 6)
    if state & QStyle.StateFlag.State_HasFocus:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.colour("accent"), 1))
        painter.drawRoundedRect(ground.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


def _paint_badge(
    painter: QPainter, badge: QRectF, card: Card, image: QImage | None
) -> None:
    path = QPainterPath()
    path.addRoundedRect(badge, 5, 5)
    if image is not None:
        side = min(image.width(), image.height())
        middle = QRectF(
            (image.width() - side) / 2, (image.height() - side) / 2, side, side
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.save()
        painter.setClipPath(path)
        painter.drawImage(badge, image, middle)
        painter.restore()
        return
    painter.setPen(QPen(theme.colour("line"), 1))
    painter.setBrush(theme.colour("raised"))
    painter.drawPath(path)
    drawn = resources.icon(card.icon, theme.current().accent, 14)
    drawn.paint(painter, badge.toRect().adjusted(7, 7, -7, -7))


def _paint_words(painter: QPainter, area: QRectF, card: Card) -> None:
    title, detail = theme.font(12, 500), theme.font(11)
    right = Qt.TextElideMode.ElideRight
    upper = QRectF(area.left(), area.center().y() - 17, area.width(), 17)
    lower = QRectF(area.left(), area.center().y(), area.width(), 15)
    if not card.detail:
        upper.moveTop(area.center().y() - 8.5)
    painter.setFont(title)
    painter.setPen(theme.colour("text"))
    painter.drawText(
        upper,
        Qt.AlignmentFlag.AlignVCenter,
        QFontMetricsF(title).elidedText(card.title, right, area.width()),
    )
    painter.setFont(detail)
    painter.setPen(theme.colour("muted"))
    painter.drawText(
        lower,
        Qt.AlignmentFlag.AlignVCenter,
        _fitting(card.detail, QFontMetricsF(detail), area.width()),
    )


def _fitting(detail: str, metrics: QFontMetricsF, width: float) -> str:
    """Return as many of the facts between the dots as fit, each of them whole."""
    while metrics.horizontalAdvance(detail) > width and _DOT in detail:
        detail = detail.rpartition(_DOT)[0]
    return metrics.elidedText(detail, Qt.TextElideMode.ElideRight, width)
