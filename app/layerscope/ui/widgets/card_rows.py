"""The rows of a card list: what they say, how high they are, how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QPainter,
    QPainterPath,
    QPen,
    QTextLayout,
    QTextOption,
)
from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from layerscope.ui import resources, theme

ROW_HEIGHT = 42
TALL_ROW_HEIGHT = 76
HEADING_HEIGHT = 28
BADGE = 28.0
TALL_BADGE = 42.0
NOTE_LINES = 2
_NOTE_LINE = 14.0
_DOT = " · "


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One row.

    Attributes
    ----------
    key : str
        What the owner knows it by; empty for a heading.
    detail : str
        Facts with dots between them; those that do not fit are left out.
    note : str
        A sentence, shown on two lines at most; the row is then taller.
    icon : str
        A bundled icon, used while there is no picture.
    chosen : bool
        Whether it is what is open now.
    fold : str
        Of a heading: what the owner knows its rows by, if they can be folded away.
    folded : bool
        Whether they are.
    """

    title: str
    key: str = ""
    detail: str = ""
    note: str = ""
    icon: str = "box"
    tooltip: str = ""
    chosen: bool = False
    fold: str = ""
    folded: bool = False

    @property
    def heading(self) -> bool:
        """Whether the row only names those below it."""
        return not self.key

    @property
    def height(self) -> int:
        """Of the row, in pixels."""
        if self.heading:
            return HEADING_HEIGHT
        return TALL_ROW_HEIGHT if self.note else ROW_HEIGHT

    def spoken(self) -> str:
        """Return what a screen reader says."""
        if self.heading:
            state = "" if not self.fold else "closed" if self.folded else "open"
            return ", ".join(part for part in (self.title, self.detail, state) if part)
        parts = (self.title, self.detail, self.note, "open now" if self.chosen else "")
        return ", ".join(part for part in parts if part)


def paint(
    painter: QPainter, option: QStyleOptionViewItem, card: Card, image: QImage | None
) -> None:
    """Draw one row.

    Parameters
    ----------
    painter : QPainter
        Of the list.
    option : QStyleOptionViewItem
        Where, and whether it has the pointer or the keyboard.
    card : Card
        What it says.
    image : QImage or None
        In place of the icon.
    """
    area = QRectF(option.rect)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if card.heading:
        _paint_heading(painter, area, option, card)
    else:
        _paint_ground(painter, area, option, card)
        side = TALL_BADGE if card.note else BADGE
        top = area.top() + 9 if card.note else area.center().y() - side / 2
        _paint_badge(painter, QRectF(area.left() + 8, top, side, side), card, image)
        _paint_words(painter, area.adjusted(side + 18, 0, -6, 0), card)
    painter.restore()


def _paint_heading(
    painter: QPainter, area: QRectF, option: QStyleOptionViewItem, card: Card
) -> None:
    if option.state & QStyle.StateFlag.State_HasFocus and card.fold:
        _paint_focus(painter, area.adjusted(0, 4, 0, 0))
    left = area.left() + 8
    if card.fold:
        place = QRectF(left - 2, area.center().y() - 3, 12, 12).toRect()
        name = "chevron-right" if card.folded else "chevron-down"
        resources.icon(name, theme.current().muted, 12).paint(painter, place)
        left += 14
    painter.setFont(theme.font(11, 600))
    painter.setPen(theme.colour("muted"))
    words = QRectF(left, area.top() + 6, area.right() - left - 8, area.height() - 6)
    title = QFontMetricsF(painter.font()).elidedText(
        card.title, Qt.TextElideMode.ElideRight, words.width() - 24
    )
    painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, title)
    if card.detail:
        painter.setFont(theme.font(11))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(words, right, card.detail)


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
        _paint_focus(painter, ground)


def _paint_focus(painter: QPainter, ground: QRectF) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.colour("accent"), 1))
    painter.drawRoundedRect(ground.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


def _paint_badge(
    painter: QPainter, badge: QRectF, card: Card, image: QImage | None
) -> None:
    path = QPainterPath()
    path.addRoundedRect(badge, 5, 5)
    if image is not None and not image.isNull():
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
    half = badge.width() / 4
    middle = QRectF(badge.center().x() - half, badge.center().y() - half, 0, 0)
    middle.setSize(badge.size() / 2)
    drawn = resources.icon(card.icon, theme.current().accent, round(2 * half))
    drawn.paint(painter, middle.toRect())


def _paint_words(painter: QPainter, area: QRectF, card: Card) -> None:
    title, detail = theme.font(12, 500), theme.font(11)
    middle = area.top() + 25 if card.note else area.center().y()
    upper = QRectF(area.left(), middle - 17, area.width(), 17)
    lower = QRectF(area.left(), middle, area.width(), 15)
    if not card.detail and not card.note:
        upper.moveTop(area.center().y() - 8.5)
    painter.setFont(title)
    painter.setPen(theme.colour("text"))
    painter.drawText(
        upper,
        Qt.AlignmentFlag.AlignVCenter,
        QFontMetricsF(title).elidedText(
            card.title, Qt.TextElideMode.ElideRight, area.width()
        ),
    )
    painter.setFont(detail)
    painter.setPen(theme.colour("muted"))
    painter.drawText(
        lower,
        Qt.AlignmentFlag.AlignVCenter,
        fitting(card.detail, QFontMetricsF(detail), area.width()),
    )
    if card.note:
        top = lower.bottom() + 1
        for number, line in enumerate(wrapped(card.note, area.width(), NOTE_LINES)):
            place = QRectF(
                area.left(), top + number * _NOTE_LINE, area.width(), _NOTE_LINE
            )
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, line)


def wrapped(text: str, width: float, lines: int) -> list[str]:
    """Return `text` on so many lines at most, the last one cut where it is longer.

    Parameters
    ----------
    text : str
        One paragraph.
    width : float
        Room in pixels, in the font of details.
    lines : int
        At least one.
    """
    font = theme.font(11)
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    layout.setTextOption(option)
    found: list[str] = []
    layout.beginLayout()
    while len(found) < lines:
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(width)
        line.setPosition(QPointF(0, 0))
        start, length = line.textStart(), line.textLength()
        if len(found) + 1 == lines:
            rest = text[start:]
            metrics = QFontMetricsF(font)
            found.append(metrics.elidedText(rest, Qt.TextElideMode.ElideRight, width))
        else:
            found.append(text[start : start + length].rstrip())
    layout.endLayout()
    return found


def fitting(detail: str, metrics: QFontMetricsF, width: float) -> str:
    """Return as many of the facts between the dots as fit, each of them whole."""
    while metrics.horizontalAdvance(detail) > width and _DOT in detail:
        detail = detail.rpartition(_DOT)[0]
    return metrics.elidedText(detail, Qt.TextElideMode.ElideRight, width)
