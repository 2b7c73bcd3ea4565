"""Cards and frames of the network view, drawn large enough to read."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen

from layerscope.ui import resources, theme
from layerscope.ui.widgets.card_labels import short_name, short_shape

RADIUS = 6.0
_THINNEST_PICTURE = 14.0
_LARGER = 4.0
_SMALLEST_ICON, _LARGEST_ICON = 10, 28


class CardWords(NamedTuple):
    """What is written on a card.

    Attributes
    ----------
    title : str
        In semibold.
    caption : str
        Its shape, mostly.
    note : str
        Below the bar: its share of the time.
    icon : str
        A bundled icon, drawn where there is no picture.
    """

    title: str
    caption: str = ""
    note: str = ""
    icon: str = ""


class CardLook(NamedTuple):
    """How a card is drawn.

    Attributes
    ----------
    bar : float
        Length of the bar, 0 to 1; NaN for none.
    colour : QColor
        Of the bar.
    stack : bool
        Whether it stands for several nodes.
    error : bool
        Outlined in the warning colour.
    faint : bool
        Not on the traced way.
    """

    bar: float
    colour: QColor
    stack: bool = False
    error: bool = False
    faint: bool = False


class CardPainter:
    """Draws cards at one zoom; measured and elided words are kept.

    Parameters
    ----------
    scale : float
        Pixels per layout unit.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale
        name_px = min(max(letters_px(12, scale), 10), 20)
        text_px = min(max(letters_px(11, scale), 9), 18)
        self.name_font = theme.font(name_px, 600)
        self.text_font = theme.font(text_px)
        self._name_metrics = QFontMetricsF(self.name_font)
        self._text_metrics = QFontMetricsF(self.text_font)
        self._fitted: dict[tuple[str, bool, int], str] = {}

    def fit(self, text: str, width: float, *, bold: bool = False) -> str:
        """Return a name (bold) or a shape, made shorter where it is too long."""
        key = (text, bold, int(width))
        if key not in self._fitted:
            metrics = self._name_metrics if bold else self._text_metrics
            shorten = short_name if bold else short_shape
            self._fitted[key] = shorten(text[:400], width, metrics.horizontalAdvance)
        return self._fitted[key]

    def card(
        self,
        painter: QPainter,
        rect: QRectF,
        words: CardWords,
        look: CardLook,
        picture: QImage | None,
    ) -> None:
        """Draw one card."""
        palette = theme.current()
        painter.setOpacity(0.35 if look.faint else 1.0)
        edge = QColor(palette.warning if look.error else palette.line)
        painter.setPen(QPen(edge, 2.0 if look.error else 1.0))
        painter.setBrush(QColor(palette.raised))
        radius = RADIUS * min(self.scale, 1.2)
        if look.stack:
            painter.drawRoundedRect(rect.translated(2.5, -2.5), radius, radius)
        painter.drawRoundedRect(rect, radius, radius)
        pad = max(3.0, 6.0 * self.scale)
        inner = rect.adjusted(pad, pad, -pad, -pad)
        line = self._name_metrics.height()
        small = self._text_metrics.height()
        rows = self._rows(inner.height(), line, small, words, look)
        picture_height = inner.height() - sum(height for _, height in rows)
        top = inner.top()
        if picture_height >= _THINNEST_PICTURE:
            target = QRectF(inner.left(), top, inner.width(), picture_height - 3)
            self.picture(painter, target, picture, words.icon)
            top += picture_height
        for kind, height in rows:
            place = QRectF(inner.left(), top, inner.width(), height)
            if kind == "bar":
                self.bar(painter, place, look)
            else:
                bold = kind == "title"
                text = getattr(words, kind)
                painter.setFont(self.name_font if bold else self.text_font)
                painter.setPen(QColor(palette.text if bold else palette.muted))
                wide = place.adjusted(1.5 - pad, 0, pad - 1.5, 0)
                fitted = self.fit(text, wide.width(), bold=bold)
                painter.drawText(wide, Qt.AlignmentFlag.AlignCenter, fitted)
            top += height
        painter.setOpacity(1.0)

    def _rows(
        self, room: float, line: float, small: float, words: CardWords, look: CardLook
    ) -> list[tuple[str, float]]:
        """Return what fits below the picture, in order, with heights."""
        wanted = [("title", line)]
        if words.caption:
            wanted.append(("caption", small))
        if look.bar == look.bar:
            wanted.append(("bar", 3 + 5 * min(self.scale, 1.0)))
        if words.note:
            wanted.append(("note", small))
        while len(wanted) > 1 and room - sum(h for _, h in wanted) < 0.34 * room:
            dropped = "note" if wanted[-1][0] == "note" else wanted[-1][0]
            wanted = [row for row in wanted if row[0] != dropped]
        return wanted

    def picture(
        self,
        painter: QPainter,
        target: QRectF,
        image: QImage | None,
        icon: str = "",
    ) -> None:
        """Fill `target` with an image, or with a quiet box and an icon."""
        if image is None or image.isNull():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("line", 0.5))
            painter.drawRoundedRect(target, 3, 3)
            side = round(
                min(0.5 * target.height(), 0.5 * target.width(), _LARGEST_ICON)
            )
            if icon and side >= _SMALLEST_ICON:
                place = QRectF(0, 0, side, side)
                place.moveCenter(target.center())
                drawn = resources.icon(icon, theme.current().muted, side)
                drawn.paint(painter, place.toRect())
            return
        painter.drawImage(target, image, cut_to(image, target))

    def bar(self, painter: QPainter, place: QRectF, look: CardLook) -> None:
        """Draw a thin bar and its track."""
        thick = max(2.0, 3.0 * min(self.scale, 1.5))
        track = QRectF(
            place.left(), place.center().y() - thick / 2, place.width(), thick
        )
        painter.fillRect(track, theme.colour("line"))
        full = min(max(look.bar, 0.0), 1.0)
        if full > 0:
            track.setWidth(max(full * place.width(), 1.5))
            painter.fillRect(track, look.colour)

    def frame(
        self, painter: QPainter, rect: QRectF, title: str, nested: int, error: bool
    ) -> None:
        """Draw the frame of an open group."""
        palette = theme.current()
        painter.setPen(QPen(QColor(palette.warning if error else palette.line), 1.0))
        painter.setBrush(QColor(palette.panel if nested % 2 else palette.window))
        painter.drawRoundedRect(rect, RADIUS, RADIUS)
        height = 24.0 * self.scale
        if height < 9 or rect.width() < 24:
            return
        font = theme.font(min(max(round(12 * self.scale), 9), 16), 600)
        painter.setFont(font)
        painter.setPen(QColor(palette.muted))
        place = title_place(rect, nested, height)
        if place.width() < 16:
            return
        text = QFontMetricsF(font).elidedText(
            f"▾ {title[:400]}", Qt.TextElideMode.ElideMiddle, place.width()
        )
        painter.drawText(
            place,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
            text,
        )


def letters_px(size: int, scale: float) -> int:
    """Return the height of letters at a zoom: large cards give room to pictures."""
    return round(size * scale if scale <= 1 else size + _LARGER * (scale - 1))


def title_place(rect: QRectF, nested: int, height: float) -> QRectF:
    """Return where the name of a frame stands: in sight while the frame is.

    Where the tops of nested frames are out of sight, their names stand one below
    the other.
    """
    left = max(rect.left(), 0.0) + 8
    top = min(max(rect.top(), nested * height), rect.bottom() - height) + 1
    return QRectF(left, top, rect.right() - left - 8, height)


def cut_to(image: QImage, target: QRectF) -> QRectF:
    """Return the middle part of `image` with the proportions of `target`.

    Very long or tall pictures (vectors, sequences) are shown whole, stretched.
    """
    width, height = float(image.width()), float(image.height())
    if not 0.4 <= width / height <= 2.5:
        return QRectF(0, 0, width, height)
    wanted = target.width() / max(target.height(), 1.0)
    if width / height > wanted:
        cut = height * wanted
        return QRectF((width - cut) / 2, 0, cut, height)
    cut = width / wanted
    return QRectF(0, (height - cut) / 2, width, cut)


def outline(
    painter: QPainter, rect: QRectF, colour: QColor, width: float = 2.0
) -> None:
    """Draw the outline of something chosen or found."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, width))
    grown = rect.adjusted(-1.5, -1.5, 1.5, 1.5)
    painter.drawRoundedRect(grown, RADIUS + 1, RADIUS + 1)
