"""A small canvas to draw a picture on; every stroke is told as it grows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.image_view import CORNER
from layerscope.ui.widgets.pixels import fitted, from_image, to_image

SIDE_PX = 224
# While a stroke grows its picture is sent at most this often.
_SEND_MS = 33
_MAX_UNDO = 30


class DrawCanvas(QWidget):
    """Draws with a round brush.

    Attributes
    ----------
    drawn : Signal(object)
        The picture, (h, w, 3) uint8 RGB, while a stroke grows and at its end.
    """

    drawn = Signal(object)

    def __init__(self, width: int = SIDE_PX, height: int = SIDE_PX) -> None:
        super().__init__()
        self.setAccessibleName("Canvas to draw on")
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(64, 64)
        self.brush_px = 14.0
        self.colour = QColor("#ffffff")
        self.ground = QColor("#000000")
        self.erasing = False
        self._image = QImage(width, height, QImage.Format.Format_RGB888)
        self._image.fill(self.ground)
        self._last: QPointF | None = None
        self._undo: list[QImage] = []
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SEND_MS)
        self._later.timeout.connect(self._send)
        theme.changed.connect(self.update)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture, (h, w, 3) uint8 RGB."""
        return from_image(self._image)

    def set_pixels(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Draw on a copy of a picture, (h, w, 3) uint8 RGB, from now on."""
        self._remember()
        self._image = to_image(pixels).convertToFormat(QImage.Format.Format_RGB888)
        self.update()

    def set_size(self, width: int, height: int) -> None:
        """Start empty at another size; what is drawn stays if the size does."""
        if (width, height) != (self._image.width(), self._image.height()):
            self._undo.clear()
            self._image = QImage(width, height, QImage.Format.Format_RGB888)
            self._image.fill(self.ground)
            self.update()

    def clear(self) -> None:
        """Wipe everything and tell."""
        self._remember()
        self._image.fill(self.ground)
        self.update()
        self._send()

    def swap_ground(self) -> None:
        """Exchange ground and ink, invert what is drawn, and tell."""
        self._remember()
        self.ground, self.colour = self.colour, self.ground
        self._image.invertPixels()
        self.update()
        self._send()

    def undo(self) -> None:
        """Take the last stroke back and tell."""
        if self._undo:
            self._image = self._undo.pop()
            self.update()
            self._send()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for as many pixels as the picture has."""
        return QSize(self._image.width(), self._image.height())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a stroke with a dot."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._remember()
            self._last = self._position(event)
            self._draw_to(self._last)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Let the stroke grow."""
        if self._last is not None:
            self._draw_to(self._position(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End the stroke."""
        if self._last is not None and event.button() == Qt.MouseButton.LeftButton:
            self._last = None
            self._later.stop()
            self._send()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the picture and a hairline around it."""
        target = self._target()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            path = QPainterPath()
            path.addRoundedRect(target, CORNER, CORNER)
            painter.save()
            painter.setClipPath(path)
            painter.drawImage(target, self._image)
            painter.restore()
            painter.setPen(QPen(theme.colour("accent"), 1))
            painter.drawPath(path)

    def _draw_to(self, point: QPointF) -> None:
        last = self._last if self._last is not None else point
        with QPainter(self._image) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = QPen(self.ground if self.erasing else self.colour, self.brush_px)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            if last == point:
                painter.drawPoint(point)
            else:
                painter.drawLine(last, point)
        self._last = point
        self.update()
        if not self._later.isActive():
            self._later.start()

    def _send(self) -> None:
        self.drawn.emit(self.pixels())

    def _remember(self) -> None:
        self._undo.append(self._image.copy())
        del self._undo[:-_MAX_UNDO]

    def _target(self) -> QRectF:
        into = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        return fitted(self._image.width(), self._image.height(), into)

    def _position(self, event: QMouseEvent) -> QPointF:
        target = self._target()
        place = event.position() - target.topLeft()
        return QPointF(
            place.x() / max(target.width(), 1) * self._image.width(),
            place.y() / max(target.height(), 1) * self._image.height(),
        )
