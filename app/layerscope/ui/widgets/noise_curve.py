"""How much noise is left at each step, and the step that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting

_EDGE = 6.0
_FOOT = 14.0
_WORDS_FROM_PX = 44


class NoiseCurve(QWidget):
    """A curve from all noise to none; a click chooses a step.

    Attributes
    ----------
    step_chosen : Signal(int)
        The step nearest to the pointer.
    """

    step_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Noise left at each step")
        self.setToolTip("Noise left at each step; click to see one")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(24)
        self._noise: tuple[float, ...] = ()
        self._step = -1
        self._reached = -1
        theme.changed.connect(self.update)

    @property
    def step(self) -> int:
        """The step that is marked, -1 for none."""
        return self._step

    def set_noise(self, noise: Sequence[float], step: int, reached: int) -> None:
        """Show another curve.

        Parameters
        ----------
        noise : sequence of float
            Share of noise that goes into each step, and what is left at the end, 0
            to 1.
        step : int
            The one that is marked, -1 for none.
        reached : int
            The last one that has been made; the rest is drawn muted.
        """
        shown = (tuple(noise), step, reached)
        if shown != (self._noise, self._step, self._reached):
            self._noise, self._step, self._reached = shown
            self.setAccessibleDescription(
                f"step {step + 1}, {100 * noise[step]:.0f} % noise"
                if 0 <= step < len(noise)
                else ""
            )
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for a legible curve."""
        return QSize(160, 72)

    def place(self, step: int) -> QPointF:
        """Return where a step is painted."""
        rect = self._plot_rect()
        x = step / max(1, len(self._noise) - 1)
        return QPointF(
            rect.left() + x * rect.width(),
            rect.bottom() - self._noise[step] * rect.height(),
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the axis, both parts of the curve and the mark."""
        if len(self._noise) < 2:
            return
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            rect = self._plot_rect()
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(rect.bottomLeft(), rect.bottomRight())
            if self.height() >= _WORDS_FROM_PX:
                self._paint_words(painter, rect)
            points = [self.place(step) for step in range(len(self._noise))]
            done = max(0, min(self._reached, len(points) - 1))
            for part, token in (
                (points[done:], "muted"),
                (points[: done + 1], "accent"),
            ):
                alpha = 0.5 if token == "muted" else 1.0
                painter.setPen(QPen(theme.colour(token, alpha), 1.75))
                painter.drawPolyline(QPolygonF(part))
            if 0 <= self._step < len(points):
                painter.setPen(QPen(theme.colour("panel"), 2))
                painter.setBrush(theme.colour("accent"))
                painter.drawEllipse(points[self._step], 5, 5)

    def _paint_words(self, painter: QPainter, rect: QRectF) -> None:
        painter.setPen(theme.colour("muted"))
        painter.setFont(theme.font(10))
        foot = QRectF(rect.left(), rect.bottom() + 1, rect.width(), _FOOT)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, "noise")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, "picture")

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose a step."""
        self._choose(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose on, while the button is down."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(event.position().x())

    def _choose(self, x: float) -> None:
        if len(self._noise) > 1:
            rect = self._plot_rect()
            share = (x - rect.left()) / max(rect.width(), 1.0)
            last = len(self._noise) - 1
            self.step_chosen.emit(min(last, max(0, round(share * last))))

    def _plot_rect(self) -> QRectF:
        foot = _FOOT if self.height() >= _WORDS_FROM_PX else 2.0
        return QRectF(
            _EDGE, _EDGE, self.width() - 2 * _EDGE, self.height() - _EDGE - foot - 2
        )


__all__ = ["NoiseCurve"]
