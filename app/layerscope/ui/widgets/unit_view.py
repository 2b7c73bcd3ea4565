"""One channel, large: every pixel a square that can be pointed at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.atlas import image_of
from layerscope.ui.widgets.paint_clock import painting

_GRID_FROM = 7.0
_RADIUS = 6.0


class UnitView(QWidget):
    """A picture in viridis with nearest pixels, a grid when they are large.

    Parameters
    ----------
    keep_aspect : bool
        False lets the picture fill the widget, for heat maps whose two axes have
        nothing in common.
    """

    place_hovered = Signal(object)
    place_chosen = Signal(object)

    def __init__(self, keep_aspect: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("The chosen unit, large")
        self._keep_aspect = keep_aspect
        self._picture: npt.NDArray[np.uint8] | None = None
        self._place: tuple[int, int] | None = None
        self._mark: tuple[int, int] | None = None
        self._column = -1

    @property
    def picture(self) -> npt.NDArray[np.uint8] | None:
        """What is shown, (h, w) levels of the colour map."""
        return self._picture

    @property
    def place(self) -> tuple[int, int] | None:
        """Row and column of the pixel under the pointer."""
        return self._place

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a comfortable square."""
        return QSize(236, 236)

    def set_picture(self, picture: npt.NDArray[np.uint8] | None) -> None:
        """Show another picture, or nothing.

        Parameters
        ----------
        picture : (h, w) uint8 array
            Levels of the colour map; copied where its lines are not contiguous.
        """
        if picture is not None:
            picture = np.ascontiguousarray(picture)
            if self._picture is None or picture.shape != self._picture.shape:
                self._place = None
        self._picture = picture
        self.update()

    def set_mark(self, place: tuple[int, int] | None) -> None:
        """Outline one pixel, (row, column), as the place of the maximum."""
        if place != self._mark:
            self._mark = place
            self.update()

    def set_column(self, column: int) -> None:
        """Frame one column of a heat map, -1 for none."""
        if column != self._column:
            self._column = column
            self.update()

    def drawn_rect(self) -> QRectF:
        """Return where the picture lies, in logical pixels."""
        whole = QRectF(self.rect())
        if self._picture is None or not self._keep_aspect:
            return whole
        h, w = self._picture.shape
        aspect = min(8.0, max(0.125, h / w))  # a line of pixels stays visible
        width = min(whole.width(), whole.height() / aspect)
        size = QSize(max(1, round(width)), max(1, round(width * aspect)))
        left = (whole.width() - size.width()) // 2
        return QRectF(QPointF(left, 0), size.toSizeF())

    def place_at(self, point: QPointF) -> tuple[int, int] | None:
        """Return row and column of the pixel at a point, None outside."""
        rect = self.drawn_rect()
        if self._picture is None or not rect.contains(point):
            return None
        h, w = self._picture.shape
        row = int((point.y() - rect.top()) * h / rect.height())
        column = int((point.x() - rect.left()) * w / rect.width())
        return min(h - 1, row), min(w - 1, column)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the picture, the grid and what is pointed at."""
        with painting(self), QPainter(self) as painter:
            if self._picture is not None and self._picture.size:
                self._paint(painter, self._picture)

    def _paint(self, painter: QPainter, picture: npt.NDArray[np.uint8]) -> None:
        rect = self.drawn_rect()
        painter.drawImage(rect, image_of(picture))
        h, w = picture.shape
        across, down = rect.width() / w, rect.height() / h
        if min(across, down) >= _GRID_FROM:
            box = rect.toRect()
            lines = [
                QRect(
                    round(box.left() + column * across) - 1, box.top(), 1, box.height()
                )
                for column in range(1, w)
            ]
            lines += [
                QRect(box.left(), round(box.top() + row * down) - 1, box.width(), 1)
                for row in range(1, h)
            ]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(0, 0, 0, 46))
            painter.drawRects(lines)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        corners = QPainterPath()
        corners.addRect(rect)
        corners.addRoundedRect(rect, _RADIUS, _RADIUS)
        painter.fillPath(corners, theme.colour("panel"))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if 0 <= self._column < w:
            x = rect.left() + self._column * across
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRect(
                QRectF(x - 1, rect.top() + 1, across + 2, rect.height() - 2)
            )
        for place, colour in (
            (self._mark, QColor(255, 255, 255, 190)),
            (self._place, theme.colour("accent")),
        ):
            if place is None or place[0] >= h or place[1] >= w:
                continue
            row, column = place
            square = QRectF(
                rect.left() + column * across, rect.top() + row * down, across, down
            )
            # Pixels smaller than the outline would hide behind it.
            grow = max(1.0, (8 - min(across, down)) / 2)
            painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
            painter.drawRect(square.adjusted(-grow, -grow, grow, grow))
            painter.setPen(QPen(colour, 1.5))
            painter.drawRect(square.adjusted(-grow, -grow, grow, grow))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell which pixel the pointer is over."""
        self._point(self.place_at(event.position()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the pixel under the pointer."""
        place = self.place_at(event.position())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.place_chosen.emit(place)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Forget the pointer."""
        self._point(None)

    def _point(self, place: tuple[int, int] | None) -> None:
        if place != self._place:
            self._place = place
            self.update()
            self.place_hovered.emit(place)
