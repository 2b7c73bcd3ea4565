"""Attention as lines from each token to those it looks at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QScrollBar

from layerscope.ui import theme
from layerscope.ui.widgets.matrix_pyramid import bright
from layerscope.ui.widgets.paint_clock import painting

_ROW = 20.0
_EDGE = 8.0
_SPACE = 12.0
_WIDEST_WORD = 90.0
_LEAST_STRENGTH = 0.04  # of the weight that is drawn strongest
_LINES_A_TOKEN = 5
_FAINT = 0.48
_PITCH = 17.0
_WIDE_FROM = 1.3  # times as wide as high, then tokens run from left to right
_KEY = Qt.Key
_STEPS = {
    **dict.fromkeys((_KEY.Key_Left, _KEY.Key_Up), -1),
    **dict.fromkeys((_KEY.Key_Right, _KEY.Key_Down), 1),
}
Weights = npt.NDArray[np.float32]


class AttentionLines(QAbstractScrollArea):
    """Keys above or at the left, queries opposite, and lines as strong as the weight.

    The pointer over a token shows its lines alone, a click holds it.

    Attributes
    ----------
    query_hovered : Signal(int)
        Row of the query under the pointer, -1 when it leaves.
    query_chosen : Signal(int)
        Row of the query that is held, -1 for none.
    """

    query_hovered = Signal(int)
    query_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Attention as lines between tokens")
        self.setMinimumSize(100, 90)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._weights: Weights = np.zeros((0, 0), np.float32)
        self._top = 1.0
        self._revision = 0
        self._drawn: tuple[object, QPixmap] | None = None
        self._words: tuple[Sequence[str], Sequence[str]] = ((), ())
        self._middles: tuple[list[float], list[float]] = ([], [])
        self._margin = 0.0
        self._hover = (-1, -1)  # row (0 keys, 1 queries) and place
        self._locked = -1
        self._strongest: dict[int, npt.NDArray[np.intp]] = {}

    @property
    def locked(self) -> int:
        """Row of the query that is held, -1 for none."""
        return self._locked

    @property
    def hovered_query(self) -> int:
        """Row of the query under the pointer, else of the held one, -1 for none."""
        row, place = self._looked_at()
        return place if row == 1 else -1

    def set_attention(
        self, weights: Weights, queries: Sequence[str], keys: Sequence[str]
    ) -> None:
        """Show the weights of one head.

        Parameters
        ----------
        weights : (queries, keys) float array
            Each 0 to 1. Not copied.
        queries, keys : sequence of str
            Words of the lower and the upper row.
        """
        self._weights = weights
        self._top = bright(weights) or 1.0
        self._strongest = {}
        self._revision += 1
        if (keys, queries) != self._words:
            self._words = (keys, queries)
            self._hover = (-1, -1)
            self._place_words()
            last = len(queries) - 1
            self._scroll_to(self._locked if 0 <= self._locked <= last else last)
        self.viewport().update()

    def set_locked(self, query: int) -> None:
        """Hold a query, -1 for none."""
        if query != self._locked:
            self._locked = query
            self._scroll_to(query)
            self.viewport().update()

    @property
    def upright(self) -> bool:
        """Whether the tokens stand below each other, in a place taller than wide."""
        room = self.viewport().size()
        return room.width() < _WIDE_FROM * room.height()

    def middle(self, row: int, place: int) -> QPointF:
        """Return the foot of a token's lines: `row` 0 for keys, 1 for queries."""
        along = self._middles[row][place] - self._bar().value()
        if self.upright:
            x = self._margin + 4 if row == 0 else self.viewport().width() - self._margin
            return QPointF(x, along)
        bottom = self.viewport().height() - _ROW - 4
        return QPointF(along, _ROW + 4 if row == 0 else bottom)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a wide strip."""
        return QSize(480, 180)

    def _bar(self) -> QScrollBar:
        return self.verticalScrollBar() if self.upright else self.horizontalScrollBar()

    def _place_words(self) -> None:
        metrics = QFontMetricsF(theme.font(11))
        wide = {word: self._wide(metrics, word) for row in self._words for word in row}
        most = max(wide.values(), default=0.0) + 8
        self._margin = min(most, self.viewport().width() * 0.3)
        if self.upright:
            widths = [[_PITCH - _SPACE] * len(row) for row in self._words]
        else:
            widths = [[wide[word] for word in row] for row in self._words]
        if len(widths[0]) == len(widths[1]):
            both = [max(pair) for pair in zip(*widths, strict=True)]
            widths = [both, both]
        room = self.viewport().height() if self.upright else self.viewport().width()
        made = [_spread(row) for row in widths]
        whole = max((row[-1] + _EDGE + _SPACE for row in made if row), default=0.0)
        if not self.upright and 0 < whole < room:
            made = [[x * room / whole for x in row] for row in made]
        self._middles = (made[0], made[1])
        for bar in (self.verticalScrollBar(), self.horizontalScrollBar()):
            bar.setRange(0, max(0, round(whole) - room) if bar is self._bar() else 0)
            bar.setPageStep(room)
            bar.setSingleStep(40)

    @staticmethod
    def _wide(metrics: QFontMetricsF, word: str) -> float:
        """Return the room for a word, in pixels."""
        return min(_WIDEST_WORD, max(8.0, metrics.horizontalAdvance(word)))

    def _scroll_to(self, query: int) -> None:
        if 0 <= query < len(self._middles[1]):
            bar, room = self._bar(), self._bar().pageStep()
            along = self._middles[1][query] - bar.value()
            if not 0 <= along <= room:
                bar.setValue(round(bar.value() + along - room / 2))

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw faint lines of all, strong ones of the token that is looked at."""
        if not self._weights.size:
            return
        with painting(self), QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            row, place = self._looked_at()
            painter.setOpacity(0.45 if row >= 0 else 1.0)
            painter.drawPixmap(0, 0, self._all_lines())
            painter.setOpacity(1.0)
            if row == 0:
                for query in self._shown(1):
                    if place in self._keys_of(query):
                        self._paint_line(painter, query, place, True)
            elif row == 1:
                least = _LEAST_STRENGTH / 2 * self._top
                for key in np.flatnonzero(self._weights[place] >= least):
                    self._paint_line(painter, place, int(key), True)
            self._paint_words(painter, row, place)

    def _all_lines(self) -> QPixmap:
        """Return the lines of all tokens, drawn once: a hundred curves take a while."""
        ratio, accent = self.devicePixelRatioF(), theme.current().accent
        size = self.viewport().size()
        key = (self._revision, self._bar().value(), size.toTuple(), accent, ratio)
        if self._drawn is None or self._drawn[0] != key:
            pixmap = QPixmap(size * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            with QPainter(pixmap) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                for query in self._shown(1):
                    for place in self._keys_of(query):
                        self._paint_line(painter, query, int(place), False)
            self._drawn = (key, pixmap)
        return self._drawn[1]

    def _looked_at(self) -> tuple[int, int]:
        if self._hover[0] >= 0:
            return self._hover
        held = 0 <= self._locked < len(self._weights)
        return (1, self._locked) if held else (-1, -1)

    def _shown(self, row: int) -> range:
        """Return the tokens of a row that can be seen."""
        start = self._bar().value() - _WIDEST_WORD
        stop = start + self._bar().pageStep() + 2 * _WIDEST_WORD
        places = self._middles[row]
        return range(
            int(np.searchsorted(places, start)), int(np.searchsorted(places, stop))
        )

    def _keys_of(self, query: int) -> npt.NDArray[np.intp]:
        """Return the few keys that a query looks at most."""
        found = self._strongest.get(query)
        if found is None:
            line = self._weights[query]
            n = min(_LINES_A_TOKEN, len(line))
            most = np.argpartition(line, len(line) - n)[-n:]
            found = most[line[most] >= _LEAST_STRENGTH * self._top]
            self._strongest[query] = found
        return found

    def _paint_line(
        self, painter: QPainter, query: int, key: int, strong: bool
    ) -> None:
        weight = min(1.0, float(self._weights[query, key]) / self._top)
        start, end = self.middle(1, query), self.middle(0, key)
        upright = self.upright
        bend = (start.x() - end.x() if upright else start.y() - end.y()) * 0.5
        shift = QPointF(bend, 0) if upright else QPointF(0, bend)
        path = QPainterPath(start)
        path.cubicTo(start - shift, end + shift, end)
        alpha = 0.3 + 0.7 * weight**0.5 if strong else _FAINT * weight**0.5
        width = 0.8 + 3.2 * weight**0.7
        painter.strokePath(path, QPen(theme.colour("accent", min(1.0, alpha)), width))

    def _paint_words(self, painter: QPainter, row: int, place: int) -> None:
        painter.setFont(theme.font(11))
        metrics = painter.fontMetrics()
        room = self._margin if self.upright else _WIDEST_WORD
        for line in (0, 1):
            for n in self._shown(line):
                word = metrics.elidedText(
                    self._words[line][n], Qt.TextElideMode.ElideRight, int(room)
                )
                marked = (line, n) == (row, place)
                painter.setPen(theme.colour("accent" if marked else "text"))
                box, align = self._word_box(line, n)
                painter.drawText(box, align, word)

    def _word_box(self, line: int, place: int) -> tuple[QRectF, Qt.AlignmentFlag]:
        foot, middle = self.middle(line, place), Qt.AlignmentFlag.AlignVCenter
        if not self.upright:
            top = 0.0 if line == 0 else self.viewport().height() - _ROW
            return QRectF(foot.x() - 60, top, 120, _ROW), Qt.AlignmentFlag.AlignCenter
        room = self._margin - 2
        if line == 0:
            left = foot.x() - 4 - room
            return (
                QRectF(left, foot.y() - 8, room, 16),
                middle | Qt.AlignmentFlag.AlignRight,
            )
        box = QRectF(foot.x() + 4, foot.y() - 8, room, 16)
        return box, middle | Qt.AlignmentFlag.AlignLeft

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Spread the words over the new width."""
        super().resizeEvent(event)
        self._place_words()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Repaint what can be seen now."""
        self.viewport().update()

    def token_at(self, point: QPointF) -> tuple[int, int]:
        """Return row and place of the token nearest a point; nearer row by height."""
        room = self.viewport()
        across = point.x() / max(1, room.width())
        if not self.upright:
            across = point.y() / max(1, room.height())
        row = 0 if across < 0.5 else 1
        places = self._middles[row]
        if not places:
            return (-1, -1)
        x = (point.y() if self.upright else point.x()) + self._bar().value()
        after = int(np.searchsorted(places, x))
        near = [n for n in (after - 1, after) if 0 <= n < len(places)]
        return row, min(near, key=lambda n: abs(places[n] - x))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show the lines of the token under the pointer."""
        self._set_hover(self.token_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Show the lines of all tokens, or of the one that is held."""
        super().leaveEvent(event)
        self._set_hover((-1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Hold the query under the pointer, or let it go."""
        row, place = self.token_at(event.position())
        if row == 1 and event.button() == Qt.MouseButton.LeftButton:
            self._choose(-1 if place == self._locked else place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the end of a click too; what lies behind must not get it."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Hold the query before or after; Escape lets it go."""
        key = Qt.Key(event.key())
        if key in _STEPS and len(self._weights):
            step = _STEPS[key]
            last = len(self._weights) - 1
            self._choose(min(last, max(0, self._locked + step)))
        elif key == Qt.Key.Key_Escape and self._locked >= 0:
            self._choose(-1)
        else:
            super().keyPressEvent(event)

    def _choose(self, query: int) -> None:
        self.set_locked(query)
        self.query_chosen.emit(query)

    def _set_hover(self, hover: tuple[int, int]) -> None:
        if hover != self._hover:
            self._hover = hover
            self.viewport().update()
            self.query_hovered.emit(hover[1] if hover[0] == 1 else -1)


def _spread(widths: Sequence[float]) -> list[float]:
    """Return the middles of words that stand side by side."""
    pen, middles = _EDGE, []
    for width in widths:
        middles.append(pen + width / 2)
        pen += width + _SPACE
    return middles
