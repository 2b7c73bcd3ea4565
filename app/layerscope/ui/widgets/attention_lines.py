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
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting

_ROW = 20.0
_EDGE = 8.0
_SPACE = 12.0
_WIDEST_WORD = 90.0
_LEAST_WEIGHT = 0.02
_LINES_A_TOKEN = 6
_FAINT = 0.16
Weights = npt.NDArray[np.float32]


class AttentionLines(QAbstractScrollArea):
    """Keys in the upper row, queries in the lower, and lines as strong as the weight.

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
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Attention as lines between tokens")
        self.setMinimumSize(100, 90)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._weights: Weights = np.zeros((0, 0), np.float32)
        self._words: tuple[Sequence[str], Sequence[str]] = ((), ())
        self._middles: tuple[list[float], list[float]] = ([], [])
        self._whole = 0.0
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
        self._strongest = {}
        if (keys, queries) != self._words:
            self._words = (keys, queries)
            self._hover = (-1, -1)
            self._place_words()
        self.viewport().update()

    def set_locked(self, query: int) -> None:
        """Hold a query, -1 for none."""
        if query != self._locked:
            self._locked = query
            self._scroll_to(query)
            self.viewport().update()

    def middle(self, row: int, place: int) -> QPointF:
        """Return the foot of a token's lines: `row` 0 for keys, 1 for queries."""
        x = self._middles[row][place] - self.horizontalScrollBar().value()
        return QPointF(x, _ROW + 4 if row == 0 else self.viewport().height() - _ROW - 4)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a wide strip."""
        return QSize(480, 180)

    def _place_words(self) -> None:
        metrics = QFontMetricsF(theme.font(11))
        made: list[list[float]] = []
        wide = {word: self._wide(metrics, word) for row in self._words for word in row}
        widths = [[wide[word] for word in row] for row in self._words]
        if len(widths[0]) == len(widths[1]):
            both = [max(pair) for pair in zip(*widths, strict=True)]
            widths = [both, both]
        for row in widths:
            pen, middles = _EDGE, []
            for width in row:
                middles.append(pen + width / 2)
                pen += width + _SPACE
            made.append(middles)
            self._whole = pen if row is widths[0] else max(self._whole, pen)
        room = self.viewport().width()
        for middles in made:
            last = (middles[-1] if middles else 0.0) + _EDGE + _SPACE
            if middles and self._whole < room:
                stretch = room / max(last, self._whole)
                middles[:] = [x * stretch for x in middles]
        self._middles = (made[0], made[1])
        bar = self.horizontalScrollBar()
        bar.setRange(0, max(0, round(self._whole) - room))
        bar.setPageStep(room)
        bar.setSingleStep(40)

    @staticmethod
    def _wide(metrics: QFontMetricsF, word: str) -> float:
        """Return the room for a word, in pixels."""
        return min(_WIDEST_WORD, max(8.0, metrics.horizontalAdvance(word)))

    def _scroll_to(self, query: int) -> None:
        if 0 <= query < len(self._middles[1]):
            x = self._middles[1][query] - self.horizontalScrollBar().value()
            if not 0 <= x <= self.viewport().width():
                bar = self.horizontalScrollBar()
                bar.setValue(round(bar.value() + x - self.viewport().width() / 2))

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw faint lines of all, strong ones of the token that is looked at."""
        if not self._weights.size:
            return
        with painting(self), QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            row, place = self._looked_at()
            for query in self._shown(1):
                if (row, place) != (1, query):
                    faint = 0.45 if row >= 0 else 1.0
                    for key in self._keys_of(query):
                        strong = (row, place) == (0, int(key))
                        self._paint_line(painter, query, int(key), strong, faint)
            if row == 1:
                for key in np.flatnonzero(self._weights[place] >= _LEAST_WEIGHT / 2):
                    self._paint_line(painter, place, int(key), True, 1.0)
            self._paint_words(painter, row, place)

    def _looked_at(self) -> tuple[int, int]:
        if self._hover[0] >= 0:
            return self._hover
        held = 0 <= self._locked < len(self._weights)
        return (1, self._locked) if held else (-1, -1)

    def _shown(self, row: int) -> range:
        """Return the tokens of a row that can be seen."""
        left = self.horizontalScrollBar().value() - _WIDEST_WORD
        right = left + self.viewport().width() + 2 * _WIDEST_WORD
        places = self._middles[row]
        start = int(np.searchsorted(places, left))
        return range(start, int(np.searchsorted(places, right)))

    def _keys_of(self, query: int) -> npt.NDArray[np.intp]:
        """Return the few keys that a query looks at most."""
        found = self._strongest.get(query)
        if found is None:
            line = self._weights[query]
            n = min(_LINES_A_TOKEN, len(line))
            most = np.argpartition(line, len(line) - n)[-n:]
            found = most[line[most] >= _LEAST_WEIGHT]
            self._strongest[query] = found
        return found

    def _paint_line(
        self, painter: QPainter, query: int, key: int, strong: bool, faint: float
    ) -> None:
        weight = float(self._weights[query, key])
        start, end = self.middle(1, query), self.middle(0, key)
        bend = (start.y() - end.y()) * 0.5
        path = QPainterPath(start)
        path.cubicTo(
            QPointF(start.x(), start.y() - bend), QPointF(end.x(), end.y() + bend), end
        )
        alpha = 0.3 + 0.7 * weight**0.5 if strong else _FAINT * faint * weight**0.5 * 3
        width = 0.8 + 3.2 * weight**0.7
        painter.strokePath(path, QPen(theme.colour("accent", min(1.0, alpha)), width))

    def _paint_words(self, painter: QPainter, row: int, place: int) -> None:
        painter.setFont(theme.font(11))
        metrics = painter.fontMetrics()
        height = float(self.viewport().height())
        for line, y in ((0, 0.0), (1, height - _ROW)):
            for n in self._shown(line):
                middle = self.middle(line, n).x()
                word = metrics.elidedText(
                    self._words[line][n], Qt.TextElideMode.ElideRight, int(_WIDEST_WORD)
                )
                marked = (line, n) == (row, place)
                painter.setPen(theme.colour("accent" if marked else "text"))
                box = QRectF(middle - 60, y, 120, _ROW)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, word)

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
        row = 0 if point.y() < self.viewport().height() / 2 else 1
        places = self._middles[row]
        if not places:
            return (-1, -1)
        x = point.x() + self.horizontalScrollBar().value()
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
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and len(self._weights):
            step = 1 if key == Qt.Key.Key_Right else -1
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
