"""Attention of a vision transformer, laid over the picture it looks at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPen

from layerscope.core.colours import viridis
from layerscope.ui import theme
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.matrix_pyramid import bright
from layerscope.ui.widgets.pixels import to_image

_FAINTEST, _STRONGEST = 60.0, 215.0  # opacity, of 255
Weights = npt.NDArray[np.float32]


class PatchView(ImageView):
    """A picture cut into patches, each under the colour of its weight.

    Attributes
    ----------
    patch_hovered : Signal(int)
        Patch under the pointer, counted in rows; -1 when it leaves.
    patch_chosen : Signal(int)
        Patch that was clicked.
    """

    patch_hovered = Signal(int)
    patch_chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._heat: QImage | None = None
        self._shape = (0, 0)
        self._query = self._hover = -1
        self.clicked.connect(self._on_clicked)

    def set_weights(self, weights: Weights, query: int = -1) -> None:
        """Colour the patches.

        Parameters
        ----------
        weights : (rows, columns) float array
            At least 0.
        query : int
            The patch that looks, outlined; -1 for none.
        """
        self._shape, self._query = (weights.shape[0], weights.shape[1]), query
        top = bright(weights)
        parts = np.sqrt(np.clip(weights / top if top > 0 else weights, 0.0, 1.0))
        coloured = np.empty((*weights.shape, 4), np.uint8)
        coloured[..., :3] = viridis()[np.rint(parts * 255).astype(np.uint8)]
        span = _STRONGEST - _FAINTEST
        coloured[..., 3] = np.rint(_FAINTEST + span * parts).astype(np.uint8)
        self._heat = to_image(coloured)
        self.update()

    def patch_at(self, point: QPointF) -> int:
        """Return the patch under a point of the widget, -1 outside the picture."""
        target = self.picture_rect()
        rows, columns = self._shape
        if not rows or not target.contains(point):
            return -1
        x = (point.x() - target.left()) / target.width()
        y = (point.y() - target.top()) / target.height()
        row, column = min(rows - 1, int(y * rows)), min(columns - 1, int(x * columns))
        return row * columns + column

    def patch_rect(self, patch: int) -> QRectF:
        """Return where a patch lies, in logical pixels."""
        target, (rows, columns) = self.picture_rect(), self._shape
        row, column = divmod(patch, columns)
        width, height = target.width() / columns, target.height() / rows
        return QRectF(
            target.left() + column * width, target.top() + row * height, width, height
        )

    def paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Paint the weights and the patches that look and are looked at."""
        if self._heat is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(target, self._heat)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for patch, colour, width in (
            (self._hover, QColor(255, 255, 255, 210), 1.5),
            (self._query, theme.colour("accent"), 2.0),
        ):
            if 0 <= patch < self._shape[0] * self._shape[1]:
                painter.setPen(QPen(QColor(16, 4, 28, 200), width + 2))
                painter.drawRect(self.patch_rect(patch))
                painter.setPen(QPen(colour, width))
                painter.drawRect(self.patch_rect(patch))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell which patch the pointer is over."""
        super().mouseMoveEvent(event)
        self._set_hover(self.patch_at(event.position()))

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        """Let go of the patch."""
        super().leaveEvent(event)
        self._set_hover(-1)

    def _set_hover(self, patch: int) -> None:
        if patch != self._hover:
            self._hover = patch
            self.update()
            self.patch_hovered.emit(patch)

    def _on_clicked(self, x: float, y: float) -> None:
        target = self.picture_rect()
        point = QPointF(
            target.left() + x * target.width(), target.top() + y * target.height()
        )
        self.patch_chosen.emit(self.patch_at(point))
