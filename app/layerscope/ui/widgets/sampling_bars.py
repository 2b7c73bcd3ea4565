"""Words with two bars each: as likely as the model says, and after the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.readable import share

_ROW = 21.0
_HEAD = 20.0
_WORD, _FIGURE, _GAP = 96.0, 52.0, 16.0
_LEAST_COLUMN = 250.0
_SMALL = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledWord:
    """One word of a step.

    Attributes
    ----------
    probability, sampled : float
        As the model says and after the settings, 0 to 1; sampled is 0 where the
        settings cut the word away.
    drawn : bool
        Whether the settings draw it.
    """

    text: str
    probability: float
    sampled: float
    drawn: bool = False


class SamplingBars(QWidget):
    """Two columns of bars where there is room, as many words as fit.

    Attributes
    ----------
    table_wanted : Signal
        The words are asked for as a table.
    """

    table_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Words and their probabilities")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 60)
        self._words: tuple[SampledWord, ...] = ()

    @property
    def words(self) -> tuple[SampledWord, ...]:
        """What is shown."""
        return self._words

    def set_words(self, words: Sequence[SampledWord]) -> None:
        """Show other words, the likeliest first."""
        self._words = tuple(words)
        texts = [
            f"{word.text}: {share(word.probability)}, sampled {share(word.sampled)}"
            for word in self._words
        ]
        self.setAccessibleDescription("; ".join(texts))
        self.setToolTip("\n".join(texts))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for ten rows."""
        return QSize(480, int(_HEAD + 10 * _ROW))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers."""
        menu = QMenu(self)
        menu.addAction("Show as table").triggered.connect(
            lambda: self.table_wanted.emit()
        )
        menu.exec(event.globalPos())
        menu.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint a column of words after the other."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            rows = max(1, int((self.height() - _HEAD) // _ROW))
            fitting = max(1, int((self.width() + _GAP) // (_LEAST_COLUMN + _GAP)))
            columns = max(1, min(fitting, -(-len(self._words) // rows)))
            width = (self.width() - (columns - 1) * _GAP) / columns
            width = min(width, 520.0)
            for column in range(columns):
                left = column * (width + _GAP)
                self._paint_head(painter, left, width)
                words = self._words[column * rows : (column + 1) * rows]
                for row, word in enumerate(words):
                    self._paint_word(painter, word, left, _HEAD + row * _ROW, width)

    def _paint_head(self, painter: QPainter, left: float, width: float) -> None:
        painter.setFont(theme.font(11))
        painter.setPen(theme.colour("muted"))
        area = QRectF(left, 0, width, _HEAD - 4)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignLeft, "word")
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, "sampled")
        raw = QRectF(left, 0, width - _FIGURE - 4, _HEAD - 4)
        painter.drawText(raw, middle | Qt.AlignmentFlag.AlignRight, "model")

    def _paint_word(
        self, painter: QPainter, word: SampledWord, left: float, y: float, width: float
    ) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        cut = word.sampled <= 0
        if word.drawn:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected"))
            painter.drawRoundedRect(QRectF(left - 4, y, width + 8, _ROW - 1), 4, 4)
        font = theme.font(12, 600 if word.drawn else 400)
        font.setStrikeOut(cut)
        painter.setFont(font)
        painter.setPen(theme.colour("muted" if cut else "text"))
        name = painter.fontMetrics().elidedText(
            word.text, Qt.TextElideMode.ElideRight, int(_WORD - 8)
        )
        painter.drawText(QRectF(left, y, _WORD, _ROW), middle, name)
        track = width - _WORD - 2 * _FIGURE - 8
        painter.setPen(Qt.PenStyle.NoPen)
        for value, token, alpha, top, tall in (
            (word.probability, "muted", 0.45, 3.0, 6.0),
            (word.sampled, "accent", 1.0, 10.0, 7.0),
        ):
            painter.setBrush(theme.colour(token, alpha))
            length = track * min(1.0, value)
            if value > 0:
                bar = QRectF(left + _WORD, y + top, max(2.0, length), tall)
                painter.drawRoundedRect(bar, 2.5, 2.5)
        painter.setFont(theme.font(12))
        align = middle | Qt.AlignmentFlag.AlignRight
        painter.setPen(theme.colour("muted"))
        raw = QRectF(left, y, width - _FIGURE - 4, _ROW)
        painter.drawText(raw, align, share(word.probability))
        painter.setPen(theme.colour("muted" if cut else "text"))
        text = "cut" if cut else _share(word.sampled)
        painter.drawText(QRectF(left, y, width, _ROW), align, text)


def _share(value: float) -> str:
    return "< 0.1 %" if 0 < value < _SMALL else share(value)
