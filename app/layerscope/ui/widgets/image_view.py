"""One picture, fitted, with marks upon it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.pixels import CRISP_FROM, fitted, to_image

CORNER = 6.0


class ImageView(QWidget):
    """Shows a picture as large as fits, and a region of it on demand.

    A right click offers the numbers behind the picture, and whatever a subclass
    or an owner adds to `actions()`.

    Attributes
    ----------
    hovered : Signal(int, int)
        Column and row of the pixel under the pointer; -1, -1 when it leaves.
    clicked : Signal(float, float)
        Where the left button was let go, in shares of the picture, 0 to 1.
    table_wanted : Signal
        The user asked for the numbers.
    """

    hovered = Signal(int, int)
    clicked = Signal(float, float)
    table_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(48, 48)
        self.align_left = False
        self._pixels: npt.NDArray[np.uint8] | None = None
        self._image: QImage | None = None
        self._region: QRectF | None = None
        theme.changed.connect(self.update)

    @property
    def pixels(self) -> npt.NDArray[np.uint8] | None:
        """The picture shown: (h, w), (h, w, 3) or (h, w, 4), or None."""
        return self._pixels

    def set_picture(self, pixels: npt.NDArray[np.uint8] | None) -> None:
        """Show another picture, or none.

        Parameters
        ----------
        pixels : uint8 array or None
            (h, w) is shown in viridis; (h, w, 3) is RGB; (h, w, 4) is RGBA.
        """
        if pixels is self._pixels:
            return
        self._pixels = pixels
        self._image = None if pixels is None else to_image(pixels)
        self.update()

    def show_region(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        height: int,
        width: int,
    ) -> None:
        """Outline a region and dim the rest.

        Parameters
        ----------
        left, top, right, bottom : float
            In pixels of a picture of `height` by `width`, which may differ in
            size from the one shown.
        height, width : int
            Of that picture.
        """
        width, height = max(width, 1), max(height, 1)
        box = QRectF(
            QPointF(left / width, top / height), QPointF(right / width, bottom / height)
        )
        self._region = box.intersected(QRectF(0, 0, 1, 1))
        self.update()

    def clear_region(self) -> None:
        """Take the outline away."""
        if self._region is not None:
            self._region = None
            self.update()

    @property
    def region(self) -> QRectF | None:
        """The outlined region in shares of the picture, 0 to 1."""
        return self._region

    def picture_rect(self) -> QRectF:
        """Return where the picture is painted, in widget coordinates."""
        if self._image is None:
            return QRectF()
        into = QRectF(self.rect())
        target = fitted(self._image.width(), self._image.height(), into)
        if self.align_left:
            target.moveLeft(0)
        return target

    def pixel_at(self, position: QPointF) -> tuple[int, int]:
        """Return column and row under a widget position, or (-1, -1)."""
        target = self.picture_rect()
        if self._image is None or not target.contains(position):
            return -1, -1
        x = (position.x() - target.left()) / target.width() * self._image.width()
        y = (position.y() - target.top()) / target.height() * self._image.height()
        return (
            min(int(x), self._image.width() - 1),
            min(int(y), self._image.height() - 1),
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer a square that a card has room for."""
        return QSize(180, 180)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the picture, then the marks."""
        if self._image is None:
            return
        target = self.picture_rect()
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_picture(painter, target, self._image)
            self.paint_over(painter, target)
            if self._region is not None:
                self._paint_region(painter, target, self._region)

    def paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Paint marks between picture and region; for subclasses."""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Report the pixel under the pointer."""
        self.hovered.emit(*self.pixel_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Report a click on the picture."""
        target = self.picture_rect()
        at = event.position()
        if event.button() == Qt.MouseButton.LeftButton and target.contains(at):
            self.clicked.emit(
                (at.x() - target.left()) / target.width(),
                (at.y() - target.top()) / target.height(),
            )

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        """Report that the pointer left."""
        self.hovered.emit(-1, -1)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers behind the picture."""
        menu = self.menu()
        menu.exec(event.globalPos())
        menu.deleteLater()

    def menu(self) -> QMenu:
        """Return the menu of a right click."""
        menu = QMenu(self)
        if self._pixels is not None:
            _add(menu, "Show as table", self.table_wanted.emit)
        menu.addActions(self.actions())
        return menu

    def _paint_picture(self, painter: QPainter, target: QRectF, image: QImage) -> None:
        factor = target.width() * self.devicePixelRatioF() / max(image.width(), 1)
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform, factor < CRISP_FROM
        )
        painter.save()
        path = QPainterPath()
        path.addRoundedRect(target, CORNER, CORNER)
        painter.setClipPath(path)
        painter.drawImage(target, image)
        painter.restore()

    @staticmethod
    def _paint_region(painter: QPainter, target: QRectF, region: QRectF) -> None:
        box = QRectF(
            target.left() + region.left() * target.width(),
            target.top() + region.top() * target.height(),
            max(region.width() * target.width(), 2.0),
            max(region.height() * target.height(), 2.0),
        )
        outside = QPainterPath()
        outside.addRoundedRect(target, CORNER, CORNER)
        inside = QPainterPath()
        inside.addRect(box)
        shade = theme.colour("window", 0.55)
        painter.fillPath(outside.subtracted(inside), shade)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)


def _add(menu: QMenu, text: str, run: Callable[[], object]) -> QAction:
    action = menu.addAction(text)
    action.triggered.connect(lambda: run())
    return action
