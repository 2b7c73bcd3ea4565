"""A wall of small pictures: the channels of a layer, or the filters of a weight."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.atlas import GAP, composed, framed_hole, image_of, roomy_tile
from layerscope.ui.widgets.paint_clock import painting

SMALLEST_TILE, USUAL_TILE, LARGEST_TILE = 16, 52, 320
_SMALLEST_NUMBERED = 26
_FAST = 5
_KEY = Qt.Key
_STEPS = {
    **dict.fromkeys((_KEY.Key_Left, _KEY.Key_J), (0, -1)),
    **dict.fromkeys((_KEY.Key_Right, _KEY.Key_L), (0, 1)),
    **dict.fromkeys((_KEY.Key_Up, _KEY.Key_I), (-1, 0)),
    **dict.fromkeys((_KEY.Key_Down, _KEY.Key_K), (1, 0)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """One pixel of one tile.

    Attributes
    ----------
    position : int
        Which tile, counted along the wall.
    channel : int
    row, column : int
        Of the pixel in the tile's own picture.
    """

    position: int
    channel: int
    row: int
    column: int


class TileWall(QAbstractScrollArea):
    """Tiles side by side, painted as one picture.

    The tiles keep the size that lets all of them be seen, as long as that is not
    too small; after that the wall scrolls. Ctrl and the wheel change the size.
    """

    unit_chosen = Signal(int)
    place_hovered = Signal(object)
    layer_asked = Signal(int)
    boost_asked = Signal(bool)

    def __init__(
        self, parent: QWidget | None = None, *, usual_tile: int = USUAL_TILE
    ) -> None:
        super().__init__(parent)
        self._usual = usual_tile
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Feature maps")
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._tiles: npt.NDArray[np.uint8] = np.zeros((0, 1, 1), np.uint8)
        self._channels: tuple[int, ...] = ()
        self._labels: dict[int, str] = {}
        self._selected = -1
        self._hover: Place | None = None
        self._wanted: int | None = None
        self._columns = 1
        self._cell = QSize(USUAL_TILE, USUAL_TILE)
        self._composed: tuple[object, npt.NDArray[np.uint8]] | None = None
        self._mask: tuple[object, QPixmap] | None = None
        self.numbered = True

    @property
    def place(self) -> Place | None:
        """What the pointer is over."""
        return self._hover

    @property
    def columns(self) -> int:
        """Tiles side by side."""
        return self._columns

    @property
    def cell(self) -> QSize:
        """Size of a tile on the screen, in logical pixels."""
        return self._cell

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that shows a few rows."""
        return QSize(480, 3 * (USUAL_TILE + GAP))

    def set_tiles(
        self,
        tiles: npt.NDArray[np.uint8],
        channels: tuple[int, ...] = (),
        labels: dict[int, str] | None = None,
    ) -> None:
        """Show other pictures.

        Parameters
        ----------
        tiles : (n, h, w) or (n, h, w, 3) uint8 array
            Levels for the colour map, or RGB. Not copied.
        channels : tuple of int
            Number of each tile; empty for 0, 1, 2, ….
        labels : dict, optional
            A word for the tiles, by position, that need one: ``"zero"``.
        """
        relaid = tiles.shape != self._tiles.shape
        self._tiles = tiles
        self._composed = None
        self._channels = channels or tuple(range(len(tiles)))
        self._labels = labels or {}
        if relaid:
            self._hover = None
            self._lay_out()
        self.viewport().update()

    def set_selected(self, channel: int, *, show: bool = False) -> None:
        """Outline the tile of `channel`; -1 for none. `show` scrolls to it."""
        changed = channel != self._selected
        self._selected = channel
        if changed:
            text = f"Channel {channel} is chosen" if channel >= 0 else ""
            self.setAccessibleDescription(text)
            self.viewport().update()
        if show and channel in self._channels:
            self._scroll_to(self._channels.index(channel))

    def tile_rect(self, position: int) -> QRect:
        """Return where a tile lies in the viewport, in logical pixels."""
        row, column = divmod(position, self._columns)
        x = column * (self._cell.width() + GAP)
        y = row * (self._cell.height() + GAP) - self.verticalScrollBar().value()
        return QRect(QPoint(x, y), self._cell)

    def place_at(self, point: QPoint) -> Place | None:
        """Return what lies under a point of the viewport, None between tiles."""
        width, height = self._cell.width(), self._cell.height()
        y = point.y() + self.verticalScrollBar().value()
        column, row = point.x() // (width + GAP), y // (height + GAP)
        position = row * self._columns + column
        inside = 0 <= column < self._columns and 0 <= position < len(self._tiles)
        dx, dy = point.x() - column * (width + GAP), y - row * (height + GAP)
        if not inside or y < 0 or dx >= width or dy >= height:
            return None
        h, w = self._tiles.shape[1:3]
        return Place(
            position, self._channels[position], dy * h // height, dx * w // width
        )

    def _lay_out(self) -> None:
        """Choose columns and tile size for the room there is."""
        room = self.contentsRect().size()
        bar = self.verticalScrollBar()
        self._choose_cells(room.width(), room.height())
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if self.whole_height() > room.height():
            self._choose_cells(room.width() - bar.sizeHint().width(), room.height())
            policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        # Left to itself the bar would come and go: without it the tiles are larger.
        self.setVerticalScrollBarPolicy(policy)
        bar.setRange(0, max(0, self.whole_height() - room.height()))
        bar.setPageStep(room.height())
        bar.setSingleStep(max(8, (self._cell.height() + GAP) // 2))

    def whole_height(self) -> int:
        """Return the height at which all tiles are seen, in logical pixels."""
        rows = -(-len(self._tiles) // self._columns)
        return rows * (self._cell.height() + GAP) - GAP

    def _choose_cells(self, width: int, height: int) -> None:
        n, h, w = self._tiles.shape[:3]
        aspect = min(4.0, max(0.25, h / max(1, w)))
        width = max(width, SMALLEST_TILE)
        if self._wanted is not None:
            side = min(self._wanted, width)
        else:
            usual = min(self._usual, width)
            side = min(roomy_tile(n, aspect, width, height, usual), LARGEST_TILE)
        columns = max(1, (width + GAP) // (side + GAP))
        scrolls = -(-n // columns) * (round(side * aspect) + GAP) - GAP > height
        if self._wanted is None and scrolls and columns < n:
            side = (width - GAP * (columns - 1)) // columns  # use the whole width
        self._columns = columns
        self._cell = QSize(side, max(4, round(side * aspect)))

    def _scroll_to(self, position: int) -> None:
        rect = self.tile_rect(position)
        bar = self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(bar.value() + rect.top())
        elif rect.bottom() > self.viewport().height():
            bar.setValue(bar.value() + rect.bottom() + 1 - self.viewport().height())

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the visible tiles as one picture, then what lies over them."""
        with painting(self), QPainter(self.viewport()) as painter:
            if len(self._tiles):
                self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        palette = theme.current()
        pitch = self._cell.height() + GAP
        first = self.verticalScrollBar().value() // pitch
        last = (self.verticalScrollBar().value() + self.viewport().height()) // pitch
        start = first * self._columns
        stop = min(len(self._tiles), (last + 1) * self._columns)
        if stop <= start:
            return
        top = self.tile_rect(start).top()
        painter.drawImage(QPoint(0, top), self._image(start, stop))
        area = QRect(0, top, self._columns * (self._cell.width() + GAP), 0)
        area.setHeight(-(-(stop - start) // self._columns) * pitch)
        painter.drawTiledPixmap(area, self._gaps(), QPoint(0, 0))
        n_missing = -(stop - start) % self._columns
        if n_missing:
            rect = self.tile_rect(stop - 1)
            rect.setLeft(rect.right() + 1)
            rect.setRight(area.right())
            painter.fillRect(rect.adjusted(0, -1, 0, 1), QColor(palette.panel))
        if self.numbered and self._cell.width() >= _SMALLEST_NUMBERED:
            self._paint_numbers(painter, start, stop)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._hover is not None:
            self._outline(painter, self._hover.position, QColor(palette.muted), 1.0)
        if self._selected in self._channels:
            position = self._channels.index(self._selected)
            self._outline(painter, position, QColor(palette.panel), 3.5)
            self._outline(painter, position, QColor(palette.accent), 2.0)

    def _image(self, start: int, stop: int) -> QImage:
        """Return the tiles `start` to `stop` as drawn, composed only when they change.

        Moving the pointer or the selection repaints without composing anew.
        """
        sharp = max(1, round(self.devicePixelRatioF()))
        key = (start, stop, self._columns, self._cell.toTuple(), sharp)
        if self._composed is None or self._composed[0] != key:
            height, width = self._cell.height() * sharp, self._cell.width() * sharp
            tiles = self._tiles[start:stop]
            gap = GAP * sharp
            atlas = composed(tiles, height, width, columns=self._columns, gap=gap)
            self._composed = (key, atlas)
        line = self._columns * (self._cell.width() + GAP) * sharp
        return image_of(self._composed[1], float(sharp), line)

    def _gaps(self) -> QPixmap:
        """Return what is laid over every cell: gap and round corners."""
        colour, ratio = QColor(theme.current().panel), self.devicePixelRatioF()
        key = (self._cell.toTuple(), colour.name(), ratio)
        if self._mask is None or self._mask[0] != key:
            radius = 3.0 if self._cell.width() >= _SMALLEST_NUMBERED else 1.0
            pixmap = framed_hole(self._cell, GAP, radius, colour, ratio)
            self._mask = (key, pixmap)
        return self._mask[1]

    def _paint_numbers(self, painter: QPainter, start: int, stop: int) -> None:
        """Write the channel numbers, dark behind light, readable on any colour."""
        painter.setFont(theme.font(10))
        for colour, shift in ((QColor(0, 0, 0, 200), 1), (QColor(255, 255, 255), 0)):
            painter.setPen(colour)
            for position in range(start, stop):
                rect = self.tile_rect(position).adjusted(3, 1, -2, -2)
                rect.translate(shift, shift)
                painter.drawText(
                    rect,
                    Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft,
                    str(self._channels[position]),
                )
                word = self._labels.get(position)
                if word:
                    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, word)

    def _outline(
        self, painter: QPainter, position: int, colour: QColor, width: float
    ) -> None:
        painter.setPen(QPen(colour, width))
        half = width / 2
        rect = QRectF(self.tile_rect(position)).adjusted(half, half, -half, -half)
        painter.drawRoundedRect(rect, 3, 3)

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Lay the tiles out for the new room."""
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Repaint everything: the picture is composed of what is visible."""
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell what the pointer is over."""
        place = self.place_at(event.position().toPoint())
        if place != self._hover:
            self._hover = place
            self.viewport().update()
            self.place_hovered.emit(place)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Notice that the pointer has left."""
        super().leaveEvent(event)
        if self._hover is not None:
            self._hover = None
            self.viewport().update()
            self.place_hovered.emit(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the tile under the pointer."""
        place = self.place_at(event.position().toPoint())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.unit_chosen.emit(place.channel)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the end of a click too; what lies behind must not get it."""
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Scroll; with Ctrl change the size of the tiles."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(event.angleDelta().y() / 120)
            event.accept()
        else:
            super().wheelEvent(event)

    def zoom(self, steps: float) -> None:
        """Make the tiles larger (positive) or smaller; 0 lets them choose again."""
        if steps:
            side = (self._wanted or self._cell.width()) * 1.2**steps
            side = side + math.copysign(1, steps)
            self._wanted = round(min(LARGEST_TILE, max(SMALLEST_TILE, side)))
        else:
            self._wanted = None
        self._lay_out()
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk units with arrows or i j k l, layers with u and o."""
        key = Qt.Key(event.key())
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        plain = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
        if event.modifiers() & ~plain:
            super().keyPressEvent(event)
        elif key in _STEPS and len(self._channels):
            down, right = _STEPS[key]
            self._walk((down * self._columns + right) * (_FAST if shift else 1))
        elif key in (Qt.Key.Key_U, Qt.Key.Key_O):
            self.layer_asked.emit(-1 if key == Qt.Key.Key_U else 1)
        elif key == Qt.Key.Key_T:
            self.boost_asked.emit(shift)
        elif key == Qt.Key.Key_0:
            self.zoom(0)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom(-1 if key == Qt.Key.Key_Minus else 1)
        else:
            super().keyPressEvent(event)

    def _walk(self, delta: int) -> None:
        """Choose the tile `delta` further along the wall."""
        if self._selected in self._channels:
            position = self._channels.index(self._selected) + delta
        else:
            position = 0
        position = min(len(self._channels) - 1, max(0, position))
        self._scroll_to(position)
        self.unit_chosen.emit(self._channels[position])
