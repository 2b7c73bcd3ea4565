"""Where the tokens of a text stand when they run in lines."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFont, QFontMetricsF

from layerscope.protocol.answers import Token
from layerscope.ui.widgets.token_looks import starts_word, visible

CHIP_HEIGHT = 21.0
LINE_PITCH = 26.0
PADDING = 5.0
WORD_GAP, PIECE_GAP = 5.0, 1.5
_LEAST_CHIP = 14.0


class TokenFlow:
    """Lays tokens out in lines; those already laid out stay when more come.

    Parameters
    ----------
    font : QFont
        Of the words on the chips.
    """

    def __init__(self, font: QFont) -> None:
        self._metrics = QFontMetricsF(font)
        self._widths: dict[str, float] = {}
        self._room = 0.0
        self._clear()

    def _clear(self) -> None:
        self._x: list[float] = []
        self._w: list[float] = []
        self._line: list[int] = []
        self._firsts: list[int] = []
        self._pen = 0.0
        self._fresh = True  # the next token begins a line

    @property
    def height(self) -> float:
        """Height of all lines, in pixels."""
        return max(0.0, len(self._firsts) * LINE_PITCH - (LINE_PITCH - CHIP_HEIGHT))

    def lay_out(self, tokens: Sequence[Token], room: float, kept: int = 0) -> None:
        """Place `tokens` in lines of `room` pixels.

        Parameters
        ----------
        tokens : sequence of Token
            All of them.
        room : float
            Width of a line.
        kept : int
            So many tokens at the start are the same as before.
        """
        if room != self._room or kept < len(self._x):
            self._clear()
            self._room, kept = room, 0
        for token in tokens[kept:]:
            self._place(token)

    def _place(self, token: Token) -> None:
        width = min(self._width(token.text), max(self._room, _LEAST_CHIP))
        gap = WORD_GAP if token.special or starts_word(token.text) else PIECE_GAP
        x = 0.0 if self._fresh else self._pen + gap
        if self._fresh or x + width > self._room:
            self._firsts.append(len(self._x))
            x = 0.0
        self._x.append(x)
        self._w.append(width)
        self._line.append(len(self._firsts) - 1)
        self._pen = x + width
        self._fresh = "\n" in token.text

    def _width(self, text: str) -> float:
        width = self._widths.get(text)
        if width is None:
            advance = self._metrics.horizontalAdvance(visible(text))
            width = max(_LEAST_CHIP, advance + 2 * PADDING)
            self._widths[text] = width
        return width

    def rect(self, place: int) -> QRectF:
        """Return where a token stands, the first line at 0."""
        return QRectF(
            self._x[place], self._line[place] * LINE_PITCH, self._w[place], CHIP_HEIGHT
        )

    def at(self, point: QPointF) -> int:
        """Return the token under a point, -1 between tokens."""
        line = int(point.y() // LINE_PITCH)
        if not 0 <= line < len(self._firsts):
            return -1
        start, stop = self._span(line)
        place = bisect_right(self._x, point.x(), start, stop) - 1
        inside = place >= start and self.rect(place).contains(point)
        return place if inside else -1

    def between(self, top: float, bottom: float) -> range:
        """Return the tokens of the lines between two heights."""
        if not self._firsts:
            return range(0)
        last_line = len(self._firsts) - 1
        first = min(last_line, max(0, int(top // LINE_PITCH)))
        last = min(last_line, max(0, int(bottom // LINE_PITCH)))
        return range(self._span(first)[0], self._span(last)[1])

    def above(self, place: int, lines: int) -> int:
        """Return the token `lines` further down that stands nearest below another."""
        line = min(len(self._firsts) - 1, max(0, self._line[place] + lines))
        start, stop = self._span(line)
        middle = self._x[place] + self._w[place] / 2
        return min(
            range(start, stop), key=lambda n: abs(self._x[n] + self._w[n] / 2 - middle)
        )

    def _span(self, line: int) -> tuple[int, int]:
        more = line + 1 < len(self._firsts)
        return self._firsts[line], self._firsts[line + 1] if more else len(self._x)
