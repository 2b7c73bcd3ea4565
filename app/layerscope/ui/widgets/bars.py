"""Classes and their scores as bars that glide to new values."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetricsF,
    QHideEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from layerscope.ui import theme

ROW_HEIGHT = 25.0
HEADLINE_HEIGHT = 44.0
_FRAME_MS = 16
# A third of the way each frame: 90 % there after six, a tenth of a second.
_STEP = 0.33
_CLOSE = 0.002


class ScoreBars(QWidget):
    """The best class in large letters, then a bar for each.

    Attributes
    ----------
    table_wanted : Signal
        The user asked for the numbers.
    animated : bool
        False to jump to new values, for pictures of the window.
    """

    table_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.animated = True
        self._rows: list[tuple[str, float]] = []
        self._shown: dict[str, float] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._glide)
        self.setAccessibleName("Scores")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, int(ROW_HEIGHT * 2))
        theme.changed.connect(self.update)

    def set_scores(self, rows: Sequence[tuple[str, float]]) -> None:
        """Show other scores, the best first.

        Parameters
        ----------
        rows : sequence of (label, score)
            Scores are 0 to 1.
        """
        self._rows = [(label, float(score)) for label, score in rows]
        words = [f"{label} {_percent(score)}" for label, score in self._rows]
        self.setAccessibleDescription(", ".join(words))
        self.setToolTip("\n".join(words))
        self._shown = {label: self._shown.get(label, 0.0) for label, _ in self._rows}
        if self.animated and self.isVisible():
            self._timer.start()
        else:
            self.finish()
        self.update()

    def finish(self) -> None:
        """Stop gliding and show the values themselves."""
        self._timer.stop()
        self._shown = dict(self._rows)
        self.update()

    def shown(self) -> dict[str, float]:
        """Return the scores as drawn at this moment, by label."""
        return dict(self._shown)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a headline and five rows."""
        return QSize(420, int(HEADLINE_HEIGHT + 5 * ROW_HEIGHT))

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Do not glide for nobody."""
        super().hideEvent(event)
        self.finish()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers."""
        menu = QMenu(self)
        menu.addAction("Show as table").triggered.connect(
            lambda: self.table_wanted.emit()
        )
        menu.exec(event.globalPos())
        menu.deleteLater()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the headline where there is room, then as many rows as fit."""
        if not self._rows:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            height = float(self.height())
            head = HEADLINE_HEIGHT if height >= HEADLINE_HEIGHT + 4 * ROW_HEIGHT else 0
            row = ROW_HEIGHT
            n_rows = min(len(self._rows), max(1, int((height - head) / row)))
            row = min(34.0, max(row, (height - head) / n_rows))
            top = max(0.0, (height - head - n_rows * row) / 2)
            if head:
                self._paint_headline(painter, top)
            self._paint_rows(painter, top + head, row, n_rows)

    def _paint_headline(self, painter: QPainter, top: float) -> None:
        label, score = self._rows[0]
        font = theme.font(20, 600)
        area = QRectF(0, top, self.width(), HEADLINE_HEIGHT - 12)
        painter.setFont(font)
        painter.setPen(theme.colour("accent"))
        figure = _percent(score)
        right = QFontMetricsF(font).horizontalAdvance(figure)
        painter.drawText(
            area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, figure
        )
        painter.setPen(theme.colour("text"))
        room = area.width() - right - 16
        painter.drawText(
            area,
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            QFontMetricsF(font).elidedText(label, Qt.TextElideMode.ElideRight, room),
        )

    def _paint_rows(
        self, painter: QPainter, top: float, row: float, n_rows: int
    ) -> None:
        font = theme.font(12, 400)
        metrics = QFontMetricsF(font)
        rows = self._rows[:n_rows]
        width = float(self.width())
        widest = max(metrics.horizontalAdvance(label) for label, _ in rows)
        column = min(widest + 16, width * 0.42)
        figures = metrics.horizontalAdvance("100.0 %") + 12
        track_width = max(24.0, width - column - figures)
        middle = Qt.AlignmentFlag.AlignVCenter
        for number, (label, score) in enumerate(rows):
            y = top + number * row
            painter.setFont(font)
            painter.setPen(theme.colour("text"))
            painter.drawText(
                QRectF(0, y, column - 12, row),
                middle | Qt.AlignmentFlag.AlignLeft,
                metrics.elidedText(label, Qt.TextElideMode.ElideRight, column - 12),
            )
            track = QRectF(column, y + row / 2 - 6.5, track_width, 13)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("raised"))
            painter.drawRoundedRect(track, 4, 4)
            bar = QRectF(track)
            share = min(1.0, max(0.0, self._shown.get(label, score)))
            bar.setWidth(max(4.0, share * track_width))
            painter.setBrush(theme.colour("accent", 1.0 if number == 0 else 0.78))
            painter.drawRoundedRect(bar, 4, 4)
            painter.setPen(theme.colour("text"))
            painter.drawText(
                QRectF(width - figures, y, figures, row),
                middle | Qt.AlignmentFlag.AlignRight,
                _percent(score),
            )

    def _glide(self) -> None:
        done = True
        for label, score in self._rows:
            shown = self._shown.get(label, 0.0)
            if abs(score - shown) > _CLOSE:
                self._shown[label] = shown + _STEP * (score - shown)
                done = False
            else:
                self._shown[label] = score
        if done:
            self._timer.stop()
        self.update()


def _percent(score: float) -> str:
    return f"{100 * score:.1f} %"
