"""Small pictures in a row, one of them chosen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
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
from layerscope.ui.widgets.pixels import CRISP_FROM, fitted, to_image

GAP = 4.0
MOST_SIDE = 72.0
LEAST_SIDE = 20.0
KEPT_PX = 96
_CORNER = 3.0
_STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -5,
    Qt.Key.Key_PageDown: 5,
}


class FilmStrip(QWidget):
    """Pictures side by side; where there are too many, every so many is shown.

    Attributes
    ----------
    chosen : Signal(int)
        A picture was clicked, dragged over, or reached with the arrow keys.
    """

    chosen = Signal(int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip("Drag to go back and forth (arrow keys)")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(64)
        self._n = 0
        self._selected = -1
        self._images: dict[int, QImage] = {}
        theme.changed.connect(self.update)

    @property
    def n(self) -> int:
        """Number of places."""
        return self._n

    @property
    def selected(self) -> int:
        """The chosen place, -1 for none."""
        return self._selected

    def set_length(self, n: int) -> None:
        """Begin anew with `n` empty places."""
        self._n = n
        self._images.clear()
        self._selected = -1
        self.update()

    def set_picture(self, place: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Fill one place; a large picture is thinned out."""
        step = max(1, max(pixels.shape[:2]) // KEPT_PX)
        self._images[place] = to_image(pixels[::step, ::step])
        self.update()

    def has(self, place: int) -> bool:
        """Whether a place is filled."""
        return place in self._images

    def set_selected(self, place: int) -> None:
        """Choose a place without a signal."""
        if place != self._selected:
            self._selected = place
            self.setAccessibleDescription(f"{place + 1} of {self._n}")
            self.update()

    def places(self) -> list[int]:
        """Return which pictures there is room for, the last one among them."""
        if self._n < 1:
            return []
        least = LEAST_SIDE + GAP
        room = max(1, int((self.width() + GAP) // least))
        if self._n <= room:
            return list(range(self._n))
        shares = np.linspace(0, self._n - 1, room)
        return sorted({round(float(x)) for x in shares})

    def cells(self) -> dict[int, QRectF]:
        """Return where each shown place is painted."""
        places = self.places()
        if not places:
            return {}
        side = (self.width() - 2 + GAP) / len(places) - GAP
        side = min(side, MOST_SIDE, self.height() - 2.0)
        top = (self.height() - side) / 2
        return {
            place: QRectF(1 + at * (side + GAP), top, side - 1, side)
            for at, place in enumerate(places)
        }

    def sizeHint(self) -> QSize:  # noqa: N802
        """Prefer a row of twenty."""
        return QSize(480, 64)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the pictures, their numbers, and the frame of the chosen one."""
        cells = self.cells()
        if not cells:
            return
        nearest = min(cells, key=lambda place: abs(place - self._selected))
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(9, 600))
            for place, cell in cells.items():
                self._paint_cell(painter, place, cell)
            if self._selected >= 0:
                painter.setPen(QPen(theme.colour("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(
                    cells[nearest].adjusted(-1, -1, 1, 1), _CORNER + 1, _CORNER + 1
                )

    def _paint_cell(self, painter: QPainter, place: int, cell: QRectF) -> None:
        path = QPainterPath()
        path.addRoundedRect(cell, _CORNER, _CORNER)
        painter.fillPath(path, theme.colour("raised"))
        image = self._images.get(place)
        if image is not None:
            target = fitted(image.width(), image.height(), cell)
            factor = target.width() / max(1, image.width())
            painter.save()
            painter.setClipPath(path)
            painter.setRenderHint(
                QPainter.RenderHint.SmoothPixmapTransform, factor < CRISP_FROM
            )
            painter.drawImage(target, image)
            painter.restore()
        if cell.width() >= LEAST_SIDE + 8:
            text = str(place + 1)
            plate = QRectF(cell.left() + 2, cell.bottom() - 14, 7.0 * len(text) + 4, 12)
            painter.fillRect(plate, theme.colour("window", 0.72))
            painter.setPen(theme.colour("text"))
            painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the picture under the pointer."""
        self._choose_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose on, while the button is down."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose_at(event.position().x())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Go to a neighbour, or to an end."""
        key = Qt.Key(event.key())
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: self._n - 1}
        if self._n and key in ends:
            self._choose(ends[key])
        elif self._n and key in _STEPS:
            self._choose(self._selected + _STEPS[key])
        else:
            super().keyPressEvent(event)

    def _choose_at(self, x: float) -> None:
        cells = self.cells()
        if cells:
            self._choose(min(cells, key=lambda p: abs(cells[p].center().x() - x)))

    def _choose(self, place: int) -> None:
        place = min(self._n - 1, max(0, place))
        if place != self._selected:
            self.set_selected(place)
            self.chosen.emit(place)


__all__ = ["FilmStrip"]
