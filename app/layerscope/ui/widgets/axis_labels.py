"""Words along the two axes of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter

from layerscope.ui import theme

LABEL_FROM = 11.0  # pixels a cell must have for its word to be written
LEFT_MARGIN, TOP_MARGIN = 66.0, 48.0
_GAP = 5.0


def paint_rows(
    painter: QPainter,
    words: Sequence[str],
    tops: Sequence[tuple[int, float]],
    side: float,
    right: float,
    marked: int,
) -> None:
    """Write words to the left of rows.

    Parameters
    ----------
    painter : QPainter
        Of the widget.
    words : sequence of str
        Of all rows.
    tops : sequence of (row, y)
        Of the rows that can be seen.
    side : float
        Height of a row.
    right : float
        Where the words end.
    marked : int
        The row whose word is accented, -1 for none.
    """
    painter.setFont(theme.font(_px(side)))
    metrics = painter.fontMetrics()
    align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    for row, y in tops:
        painter.setPen(theme.colour("accent" if row == marked else "muted"))
        room = right - _GAP
        word = metrics.elidedText(words[row], Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(QRectF(0, y, room, side), align, word)


def paint_columns(
    painter: QPainter,
    words: Sequence[str],
    lefts: Sequence[tuple[int, float]],
    side: float,
    bottom: float,
    marked: int,
) -> None:
    """Write words above columns, from the bottom up; see `paint_rows`."""
    painter.setFont(theme.font(_px(side)))
    metrics = painter.fontMetrics()
    align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    room = bottom - _GAP
    for column, x in lefts:
        painter.save()
        painter.setPen(theme.colour("accent" if column == marked else "muted"))
        painter.translate(QPointF(x, bottom - _GAP))
        painter.rotate(-90)
        word = metrics.elidedText(words[column], Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(QRectF(0, 0, room, side), align, word)
        painter.restore()


def _px(side: float) -> int:
    return 10 if side < 14 else 11
