"""Beside the latent pad: an encoded picture with its error, and the samples' errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from layerscope.ui import theme
from layerscope.ui.panels.base import ElidedLabel
from layerscope.ui.widgets.histogram import Histogram
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.readable import number, share

_BINS = 24
_AXIS = 16


class MarkedHistogram(Histogram):
    """A histogram with one value marked."""

    def __init__(self) -> None:
        super().__init__()
        self._mark: float | None = None

    @property
    def mark(self) -> float | None:
        """The value that is marked."""
        return self._mark

    def set_mark(self, value: float | None) -> None:
        """Mark a value, or none."""
        self._mark = value
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the mark over the bars."""
        super().paintEvent(event)
        span = self._high - self._low
        if self._mark is None or span <= 0 or not self._counts.size:
            return
        share_ = min(1.0, max(0.0, (self._mark - self._low) / span))
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("warning"), 2))
            x = 1 + share_ * (self.width() - 2)
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height() - _AXIS))
            painter.setBrush(theme.colour("warning"))
            painter.drawRect(QRectF(x - 2, 0, 4, 4))


class EncodedCard(QWidget):
    """A picture, what comes back of it, and how far the two are apart."""

    def __init__(self) -> None:
        super().__init__()
        self.views = {
            name: ImageView(f"{name} of the encoded picture")
            for name in ("picture", "reconstruction", "error")
        }
        row = QHBoxLayout()
        row.setSpacing(6)
        for name, view in self.views.items():
            column = QVBoxLayout()
            column.setSpacing(2)
            label = QLabel({"reconstruction": "comes back"}.get(name, name))
            label.setProperty("role", "caption")
            label.setAlignment(label.alignment().AlignHCenter)
            column.addWidget(view, 1)
            column.addWidget(label)
            row.addLayout(column, 1)
        self._pictures = QWidget()
        self._pictures.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        self.told = ElidedLabel(role="caption")
        self.scores = MarkedHistogram()
        self.scores.setToolTip(
            "Reconstruction errors of the samples; the line is yours"
        )
        self.scores.setMaximumHeight(64)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._pictures, 1)
        column.addWidget(self.told)
        column.addWidget(self.scores)
        self._known: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self.clear()

    @property
    def encoded(self) -> bool:
        """Whether an encoded picture is shown."""
        return not self._pictures.isHidden()

    def clear(self) -> None:
        """Show nothing."""
        self._known = np.zeros(0, np.float32)
        self.scores.set_mark(None)
        for widget in (self, self._pictures, self.told, self.scores):
            widget.hide()

    def show_scores(self, scores: npt.NDArray[np.float32]) -> None:
        """Show how the errors of the samples are spread, (n,) float32."""
        self._known = scores
        self.scores.setVisible(len(scores) > 1)
        self.setVisible(self.encoded or len(scores) > 1)
        self._count()

    def show_encoded(self, pictures: dict[str, Any], score: float) -> None:
        """Show an encoded picture.

        Parameters
        ----------
        pictures : dict
            ``picture`` and ``reconstruction``, (h, w, 3) uint8, and ``error``, (h, w).
        score : float
            Mean squared error.
        """
        for name, view in self.views.items():
            view.set_picture(np.asarray(pictures[name]).astype(np.uint8, copy=False))
        self._pictures.show()
        self.show()
        words = f"anomaly score {number(score, 3)}"
        if len(self._known):
            above = float((self._known < score).mean())
            words += f" · worse than {share(above)} of the samples"
        self.told.set_whole(words)
        self.told.show()
        self.scores.set_mark(score)
        self._count(score)

    def _count(self, score: float | None = None) -> None:
        known = self._known
        if len(known) < 2:
            return
        high = max(float(known.max()), score or 0.0) or 1.0
        counts, _ = np.histogram(known, bins=_BINS, range=(0.0, high))
        self.scores.set_counts(counts.tolist(), 0.0, high)
