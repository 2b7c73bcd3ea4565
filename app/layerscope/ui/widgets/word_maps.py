"""A small map for each word, the words below them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.pixels import fitted, to_image
from layerscope.ui.widgets.readable import share

_GAP, _FOOT, _CORNER = 10.0, 18.0, 4.0
_MOST = 220.0


class WordMaps(QWidget):
    """Maps in rows, as large as there is room for all of them.

    Attributes
    ----------
    word_chosen : Signal(int)
        A word was clicked or reached with the arrow keys.
    """

    word_chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip("Click a word to see its map over the picture (arrow keys)")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._words: tuple[str, ...] = ()
        self._strength: tuple[float, ...] = ()
        self._images: list[QImage] = []
        self._selected = 0
        theme.changed.connect(self.update)

    @property
    def words(self) -> tuple[str, ...]:
        """The words shown."""
        return self._words

    def set_maps(
        self,
        words: Sequence[str],
        levels: npt.NDArray[np.uint8],
        strength: Sequence[float],
    ) -> None:
        """Show other words.

        Parameters
        ----------
        words : sequence of str
            One for each map.
        levels : (n, h, w) uint8 array
            0 to 255, on one scale for all words.
        strength : sequence of float
            Mean attention to each word, 0 to 1.
        """
        self._words, self._strength = tuple(words), tuple(strength)
        self._images = [to_image(each) for each in levels]
        self.update()

    def set_selected(self, word: int) -> None:
        """Choose a word without a signal."""
        self._selected = word
        if word < len(self._words):
            self.setAccessibleDescription(self._words[word])
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer room for a row of words."""
        return QSize(480, 110)

    def cells(self) -> list[QRectF]:
        """Return where each map is painted."""
        n = len(self._images)
        if not n:
            return []
        best, columns = 0.0, 1
        for many in range(1, n + 1):
            rows = -(-n // many)
            across = (self.width() + _GAP) / many - _GAP
            down = (self.height() + _GAP) / rows - _GAP - _FOOT
            side = min(across, down, _MOST)
            if side > best:
                best, columns = side, many
        side = max(best, 8.0)
        return [
            QRectF(
                1 + (at % columns) * (side + _GAP),
                1 + (at // columns) * (side + _GAP + _FOOT),
                side - 2,
                side - 2,
            )
            for at in range(n)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw maps and words; the chosen one has a frame."""
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            for at, cell in enumerate(self.cells()):
                self._paint_word(painter, at, cell)

    def _paint_word(self, painter: QPainter, at: int, cell: QRectF) -> None:
        image = self._images[at]
        target = fitted(image.width(), image.height(), cell)
        path = QPainterPath()
        path.addRoundedRect(target, _CORNER, _CORNER)
        painter.save()
        painter.setClipPath(path)
        painter.drawImage(target, image)
        painter.restore()
        chosen = at == self._selected
        if chosen:
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(target, _CORNER, _CORNER)
        foot = QRectF(cell.left(), cell.bottom() + 2, cell.width(), _FOOT)
        painter.setFont(theme.font(11, 600 if chosen else 400))
        metrics = QFontMetricsF(painter.font())
        figure = share(self._strength[at]) if at < len(self._strength) else ""
        word = metrics.elidedText(
            self._words[at], Qt.TextElideMode.ElideRight, foot.width()
        )
        painter.setPen(theme.colour("text"))
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, word)
        room = foot.width() - metrics.horizontalAdvance(word) - 6
        painter.setFont(theme.font(10))
        if QFontMetricsF(painter.font()).horizontalAdvance(figure) < room:
            painter.setPen(theme.colour("muted"))
            painter.drawText(foot, Qt.AlignmentFlag.AlignRight, figure)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the word under the pointer."""
        for at, cell in enumerate(self.cells()):
            if cell.adjusted(0, 0, 0, _FOOT).contains(event.position()):
                self._choose(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Go to the next or the previous word."""
        key = Qt.Key(event.key())
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self._choose(self._selected - 1)
        elif key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
            self._choose(self._selected + 1)
        else:
            super().keyPressEvent(event)

    def _choose(self, word: int) -> None:
        if 0 <= word < len(self._words) and word != self._selected:
            self.set_selected(word)
            self.word_chosen.emit(word)
