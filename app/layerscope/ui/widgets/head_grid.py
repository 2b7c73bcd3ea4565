"""All heads of all layers as small maps, to choose one from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip

from layerscope.ui import theme
from layerscope.ui.widgets.atlas import GAP, composed, framed_hole, image_of
from layerscope.ui.widgets.paint_clock import painting

_LEFT, _TOP = 30, 18
_SMALLEST, _LARGEST = 14, 72
_WORDED = 44  # a column wide enough for "head 3"; a narrower one has the number
_KEY = Qt.Key
_STEPS = {
    _KEY.Key_Left: (0, -1),
    _KEY.Key_Right: (0, 1),
    _KEY.Key_Up: (-1, 0),
    _KEY.Key_Down: (1, 0),
}
Maps = npt.NDArray[np.uint8]


class HeadGrid(QAbstractScrollArea):
    """Layers from top to bottom, heads from left to right.

    Attributes
    ----------
    head_chosen : Signal(int, int)
        Row and head that was clicked or reached by the arrow keys.
    """

    head_chosen = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Attention of all heads")
        self.setMinimumSize(80, 60)
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._maps: Maps = np.zeros((0, 0, 1, 1), np.uint8)
        self._heads: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._full: tuple[str, ...] = ()
        self._side = _SMALLEST
        self._selected = (-1, -1)
        self._hover = (-1, -1)
        self._drawn: tuple[object, Maps] | None = None
        self._mask: tuple[object, QPixmap] | None = None

    @property
    def selected(self) -> tuple[int, int]:
        """Row and head that are outlined, -1 and -1 for none."""
        return self._selected

    @property
    def side(self) -> int:
        """Side of a map on the screen, in logical pixels."""
        return self._side

    def set_maps(
        self,
        maps: Maps,
        heads: Sequence[int],
        names: Sequence[str],
        full_names: Sequence[str] = (),
    ) -> None:
        """Show other maps.

        Parameters
        ----------
        maps : (layers, heads, side, side) uint8 array
            Levels of the colour map. Not copied.
        heads : sequence of int
            How many heads each layer has; the maps beyond are left empty.
        names : sequence of str
            Short, one for each layer: ``"L0"``.
        full_names : sequence of str
            For tooltips.
        """
        self._maps = maps
        self._heads, self._names = tuple(heads), tuple(names)
        self._full = tuple(full_names) or self._names
        self._drawn = None
        self._lay_out()
        self.viewport().update()

    def set_selected(self, row: int, head: int) -> None:
        """Outline a head; -1 for none."""
        if (row, head) != self._selected:
            self._selected = (row, head)
            if row >= 0:
                self.setAccessibleDescription(self._words(row, head))
                self._scroll_to(self.rect_of(row, head))
            self.viewport().update()

    def rect_of(self, row: int, head: int) -> QRect:
        """Return where a map lies in the viewport, in logical pixels."""
        pitch = self._side + GAP
        return QRect(
            _LEFT + head * pitch - self.horizontalScrollBar().value(),
            _TOP + row * pitch - self.verticalScrollBar().value(),
            self._side,
            self._side,
        )

    def head_at(self, point: QPointF) -> tuple[int, int]:
        """Return row and head under a point of the viewport, -1 and -1 for none."""
        pitch = self._side + GAP
        x = point.x() - _LEFT + self.horizontalScrollBar().value()
        y = point.y() - _TOP + self.verticalScrollBar().value()
        row, head = int(y // pitch), int(x // pitch)
        there = 0 <= row < len(self._heads) and 0 <= head < self._heads[row]
        return (row, head) if there and x >= 0 and y >= 0 else (-1, -1)

    def wanted_width(self, height: int) -> int:
        """Return the width at which all maps fit into a height, in pixels."""
        rows, columns = self._maps.shape[:2]
        if not rows:
            return _LEFT
        side = min(_LARGEST, max(_SMALLEST, (height - _TOP) // rows - GAP))
        return int(_LEFT + columns * (side + GAP) + GAP)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for room for six by six maps."""
        return QSize(_LEFT + 6 * 52, _TOP + 6 * 52)

    def _lay_out(self) -> None:
        rows, columns = self._maps.shape[:2]
        if not rows or not columns:
            return
        room = self.contentsRect().size()
        wide = (room.width() - _LEFT) // columns - GAP
        tall = (room.height() - _TOP) // rows - GAP
        self._side = min(_LARGEST, max(_SMALLEST, min(wide, tall)))
        pitch = self._side + GAP
        for bar, whole, shown in (
            (self.horizontalScrollBar(), _LEFT + columns * pitch - GAP, room.width()),
            (self.verticalScrollBar(), _TOP + rows * pitch - GAP, room.height()),
        ):
            bar.setRange(0, max(0, whole - shown))
            bar.setPageStep(shown)
            bar.setSingleStep(pitch)

    def _scroll_to(self, rect: QRect) -> None:
        shown = self.viewport().rect()
        across, down = self.horizontalScrollBar(), self.verticalScrollBar()
        if rect.left() < _LEFT or rect.right() > shown.right():
            across.setValue(across.value() + rect.center().x() - shown.center().x())
        if rect.top() < _TOP or rect.bottom() > shown.bottom():
            down.setValue(down.value() + rect.center().y() - shown.center().y())

    def _words(self, row: int, head: int) -> str:
        return f"{self._full[row]} · head {head}"

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw all maps as one picture, then names and marks."""
        if not self._maps.size:
            return
        with painting(self), QPainter(self.viewport()) as painter:
            rows, columns = self._maps.shape[:2]
            ratio = max(1, round(self.devicePixelRatioF()))
            key = (self._side, ratio)
            if self._drawn is None or self._drawn[0] != key:
                tiles = self._maps.reshape(rows * columns, *self._maps.shape[2:])
                side, gap = self._side * ratio, GAP * ratio
                atlas = composed(tiles, side, side, columns=columns, gap=gap)
                self._drawn = (key, atlas)
            pitch = self._side + GAP
            line = columns * pitch * ratio
            origin = self.rect_of(0, 0).topLeft()
            picture = image_of(self._drawn[1], float(ratio), line)
            painter.drawImage(origin, picture)
            area = QRect(origin, QSize(columns * pitch, rows * pitch))
            painter.drawTiledPixmap(area, self._gaps(), QPoint(0, 0))
            self._paint_lacking(painter, columns)
            self._paint_names(painter, rows, columns)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if self._hover[0] >= 0:
                self._outline(painter, self._hover, "muted", 1.2)
            if 0 <= self._selected[0] < rows:
                self._outline(painter, self._selected, "panel", 3.5)
                self._outline(painter, self._selected, "accent", 2.0)

    def _gaps(self) -> QPixmap:
        colour, ratio = QColor(theme.current().panel), self.devicePixelRatioF()
        key = (self._side, colour.name(), ratio)
        if self._mask is None or self._mask[0] != key:
            size = QSize(self._side, self._side)
            self._mask = (key, framed_hole(size, GAP, 2.0, colour, ratio))
        return self._mask[1]

    def _paint_lacking(self, painter: QPainter, columns: int) -> None:
        """Leave blank what a layer with fewer heads does not have."""
        for row, heads in enumerate(self._heads):
            if heads < columns:
                rect = self.rect_of(row, heads)
                rect.setRight(self.rect_of(row, columns).left())
                painter.fillRect(rect.adjusted(0, -1, 0, 1), theme.colour("panel"))

    def _paint_names(self, painter: QPainter, rows: int, columns: int) -> None:
        painter.setFont(theme.font(11))
        shown = self.viewport().rect()
        panel = theme.colour("panel")
        painter.fillRect(QRect(0, 0, shown.width(), _TOP - 1), panel)
        painter.fillRect(QRect(0, 0, _LEFT - 2, shown.height()), panel)
        painter.setPen(theme.colour("muted"))
        word = "head " if self._side >= _WORDED else ""
        every = 1 if self._side >= 18 else 4
        for head in range(0, columns, every):
            rect = self.rect_of(0, head)
            if rect.left() >= _LEFT - 1:
                area = QRect(rect.left() - 8, 0, rect.width() + 16, _TOP - 2)
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, f"{word}{head}")
        for row in range(rows):
            rect = self.rect_of(row, 0)
            if rect.top() >= _TOP - 1:
                area = QRect(0, rect.top(), _LEFT - 6, rect.height())
                align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
                painter.drawText(area, align, self._names[row])

    def _outline(
        self, painter: QPainter, head: tuple[int, int], token: str, width: float
    ) -> None:
        painter.setPen(QPen(theme.colour(token), width))
        half = width / 2
        rect = QRectF(self.rect_of(*head)).adjusted(half, half, -half, -half)
        painter.drawRoundedRect(rect, 2, 2)

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Lay the maps out for the new room."""
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Repaint what can be seen now."""
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Mark the map under the pointer."""
        hover = self.head_at(event.position())
        if hover != self._hover:
            self._hover = hover
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Notice that the pointer has left."""
        super().leaveEvent(event)
        self._hover = (-1, -1)
        self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the map under the pointer."""
        found = self.head_at(event.position())
        if found[0] >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self._choose(*found)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the end of a click too; what lies behind must not get it."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk layers and heads with the arrows."""
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None or not self._heads:
            super().keyPressEvent(event)
            return
        row = min(len(self._heads) - 1, max(0, self._selected[0] + step[0]))
        head = min(self._heads[row] - 1, max(0, self._selected[1] + step[1]))
        self._choose(row, head)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Name the map under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            row, head = self.head_at(QPointF(event.pos()))
            text = self._words(row, head) if row >= 0 else ""
            QToolTip.showText(event.globalPos(), text, self.viewport())
            return True
        return super().viewportEvent(event)

    def _choose(self, row: int, head: int) -> None:
        self.set_selected(row, head)
        self.head_chosen.emit(row, head)
