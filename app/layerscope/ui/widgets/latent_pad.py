"""A plane of latents: drag on it, and the picture follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.core.colours import distinct
from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.pixels import CRISP_FROM, to_image
from layerscope.ui.widgets.readable import number

LEAST_REACH, MOST_REACH = 0.05, 50.0
_CORNER = 6.0
_ZOOM = 1.25
_KEY_SHARE = 0.04
_NEAR_PX = 8.0
_KEYS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
Points = npt.NDArray[np.float32]


class LatentPad(QWidget):
    """Shows a square of a plane, what lies there, and one place of it.

    Attributes
    ----------
    moved : Signal(float, float)
        The place was dragged or moved with the keys, in units of the latent.
    zoomed : Signal
        `centre` or `reach` has changed.
    sample_chosen : Signal(int)
        A sample was clicked with the right button or double clicked.
    """

    moved = Signal(float, float)
    zoomed = Signal()
    sample_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Latent pad")
        self.setToolTip(
            "Drag: the picture follows (arrow keys). Wheel or + and −: zoom; 0: all."
        )
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(80, 80)
        self.usual_reach = 3.0
        self._reach = 3.0
        self._centre = (0.0, 0.0)
        self._place = (0.0, 0.0)
        self._names = ("z 0", "z 1")
        self._image: QImage | None = None
        self._covers = QRectF()
        self._points: Points = np.zeros((0, 2), np.float32)
        self._labels: tuple[str, ...] = ()
        self._trail: tuple[tuple[float, float], ...] = ()
        self._hover = -1
        self._panning: QPointF | None = None
        self._ground: QPixmap | None = None
        self._ground_of: object = None
        theme.changed.connect(self._redraw)

    # --- what it shows --------------------------------------------------------------

    @property
    def place(self) -> tuple[float, float]:
        """Where the mark is, in units of the latent."""
        return self._place

    @property
    def centre(self) -> tuple[float, float]:
        """What is in the middle."""
        return self._centre

    @property
    def reach(self) -> float:
        """How far it is from the middle to the edge."""
        return self._reach

    def set_place(self, x: float, y: float) -> None:
        """Move the mark without a signal."""
        if (x, y) != self._place:
            self._place = (x, y)
            self.setAccessibleDescription(f"{number(x, 3)}, {number(y, 3)}")
            self.update()

    def set_view(self, centre: tuple[float, float], reach: float) -> None:
        """Show another part of the plane."""
        reach = min(MOST_REACH, max(LEAST_REACH, reach))
        if (centre, reach) != (self._centre, self._reach):
            self._centre, self._reach = centre, reach
            self.update()
            self.zoomed.emit()

    def set_names(self, x: str, y: str) -> None:
        """Name the axes."""
        self._names = (x, y)
        self._redraw()

    def set_manifold(
        self,
        atlas: npt.NDArray[np.uint8] | None,
        x_values: Sequence[float] = (),
        y_values: Sequence[float] = (),
    ) -> None:
        """Lay decoded pictures behind everything.

        Parameters
        ----------
        atlas : (h, w, 3) uint8 array or None
            Pictures in rows, the highest `y` first.
        x_values, y_values : sequence of float
            Of the pictures' middles.
        """
        self._image = None
        if atlas is not None and len(x_values) > 1:
            self._image = to_image(atlas)
            half = (x_values[1] - x_values[0]) / 2
            low_x, high_x = x_values[0] - half, x_values[-1] + half
            low_y, high_y = min(y_values) - half, max(y_values) + half
            self._covers = QRectF(low_x, low_y, high_x - low_x, high_y - low_y)
        self._redraw()

    def set_samples(self, points: Points, labels: Sequence[str]) -> None:
        """Show samples as dots in the colours of their labels.

        Parameters
        ----------
        points : (n, 2) float32 array
            In units of the latent.
        labels : sequence of str
            One for each, may be empty.
        """
        self._points, self._labels = points, tuple(labels)
        self._hover = -1
        self._redraw()

    def set_trail(self, places: Sequence[tuple[float, float]]) -> None:
        """Draw snapshots and the way between them."""
        self._trail = tuple(places)
        self._redraw()

    # --- places ---------------------------------------------------------------------

    def square(self) -> QRectF:
        """Return where the plane is painted."""
        side = float(min(self.width(), self.height()))
        left, top = (self.width() - side) / 2, (self.height() - side) / 2
        return QRectF(left, top, side, side)

    def to_widget(self, x: float, y: float) -> QPointF:
        """Return where a place of the plane is painted."""
        square = self.square()
        scale = square.width() / (2 * self._reach)
        return QPointF(
            square.center().x() + (x - self._centre[0]) * scale,
            square.center().y() - (y - self._centre[1]) * scale,
        )

    def to_plane(self, position: QPointF) -> tuple[float, float]:
        """Return the place of the plane under a position of the widget."""
        square = self.square()
        scale = square.width() / (2 * self._reach)
        x = min(square.right(), max(square.left(), position.x())) - square.center().x()
        y = square.center().y() - min(square.bottom(), max(square.top(), position.y()))
        return self._centre[0] + x / scale, self._centre[1] + y / scale

    def sample_at(self, position: QPointF) -> int:
        """Return the sample near a position, -1 for none."""
        best, found = _NEAR_PX, -1
        for at, (x, y) in enumerate(self._points.tolist()):
            apart = (self.to_widget(x, y) - position).manhattanLength()
            if apart < best:
                best, found = apart, at
        return found

    # --- painting -------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw ground, axes, samples and the mark."""
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            square = self.square()
            painter.drawPixmap(0, 0, self._drawn_ground(square))
            self._paint_mark(painter, square)

    def changeEvent(self, event: object) -> None:  # noqa: N802
        """Draw the ground anew with other colours or fonts."""
        self._ground = None

    def _drawn_ground(self, square: QRectF) -> QPixmap:
        """Return all but the mark, drawn once: it stays while the mark is dragged."""
        scale = self.devicePixelRatioF()
        topic = (self.size(), scale, self._centre, self._reach, self._hover)
        if self._ground is None or topic != self._ground_of:
            self._ground_of = topic
            self._ground = QPixmap(self.size() * scale)
            self._ground.setDevicePixelRatio(scale)
            self._ground.fill(Qt.GlobalColor.transparent)
            with QPainter(self._ground) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                clip = QPainterPath()
                clip.addRoundedRect(square, _CORNER, _CORNER)
                painter.fillPath(clip, theme.colour("raised"))
                painter.setClipPath(clip)
                self._paint_manifold(painter)
                self._paint_axes(painter, square)
                self._paint_samples(painter)
                self._paint_trail(painter)
        return self._ground

    def _redraw(self) -> None:
        self._ground = None
        self.update()

    def _paint_manifold(self, painter: QPainter) -> None:
        if self._image is None:
            return
        covers = self._covers
        target = QRectF(
            self.to_widget(covers.left(), covers.bottom()),
            self.to_widget(covers.right(), covers.top()),
        )
        factor = target.width() / max(1, self._image.width())
        painter.setRenderHint(
            QPainter.RenderHint.SmoothPixmapTransform, factor < CRISP_FROM
        )
        painter.drawImage(target, self._image)

    def _paint_axes(self, painter: QPainter, square: QRectF) -> None:
        alpha = 0.35 if self._image is not None else 0.8
        line = theme.colour("line")
        if self._image is not None:
            line = QColor(255, 255, 255)
        line.setAlphaF(alpha)
        painter.setPen(QPen(line, 1))
        origin = self.to_widget(0.0, 0.0)
        painter.drawLine(
            QPointF(square.left(), origin.y()), QPointF(square.right(), origin.y())
        )
        painter.drawLine(
            QPointF(origin.x(), square.top()), QPointF(origin.x(), square.bottom())
        )
        painter.setFont(theme.font(10))
        foot = f"{self._names[0]} → · ↑ {self._names[1]} · ± {number(self._reach, 3)}"
        metrics = QFontMetricsF(painter.font())
        plate = QRectF(
            square.left() + 6,
            square.bottom() - 20,
            metrics.horizontalAdvance(foot) + 10,
            15,
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("panel", 0.8))
        painter.drawRoundedRect(plate, 4, 4)
        painter.setPen(theme.colour("muted"))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, foot)

    def _paint_samples(self, painter: QPainter) -> None:
        names = sorted(set(self._labels))
        few = len(self._points) <= 24
        painter.setFont(theme.font(11, 600))
        for at, (x, y) in enumerate(self._points.tolist()):
            place = self.to_widget(x, y)
            label = self._labels[at] if at < len(self._labels) else ""
            colour = QColor(*distinct(names.index(label) if label else 0))
            painter.setPen(QPen(QColor(0, 0, 0, 150), 1))
            painter.setBrush(colour)
            painter.drawEllipse(place, 7 if few and label else 3.5, 7 if few else 3.5)
            if (few and label) or at == self._hover:
                painter.setPen(QColor("#06121c") if few else theme.colour("text"))
                box = QRectF(place.x() - 40, place.y() - 8, 80, 16)
                if not few:
                    box.translate(0, -13)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, label)

    def _paint_trail(self, painter: QPainter) -> None:
        places = [self.to_widget(x, y) for x, y in self._trail]
        painter.setPen(QPen(theme.colour("accent"), 1.5, Qt.PenStyle.DashLine))
        if len(places) > 1:
            painter.drawPolyline(places)
        painter.setPen(QPen(theme.colour("accent"), 1.5))
        painter.setBrush(theme.colour("panel"))
        for place in places:
            painter.drawEllipse(place, 4, 4)

    def _paint_mark(self, painter: QPainter, square: QRectF) -> None:
        place = self.to_widget(*self._place)
        place = QPointF(
            min(square.right() - 4, max(square.left() + 4, place.x())),
            min(square.bottom() - 4, max(square.top() + 4, place.y())),
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0, 190), 5))
        painter.drawEllipse(place, 8, 8)
        painter.setPen(QPen(theme.colour("accent"), 2.5))
        painter.drawEllipse(place, 8, 8)

    # --- hands ----------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the mark here, or take hold of the plane."""
        at = event.position()
        if event.button() == Qt.MouseButton.LeftButton:
            self._move_to(*self.to_plane(at))
        elif event.button() == Qt.MouseButton.RightButton:
            sample = self.sample_at(at)
            if sample >= 0:
                self.sample_chosen.emit(sample)
            else:
                self._panning = at
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panning = at

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag the mark or the plane."""
        at = event.position()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._move_to(*self.to_plane(at))
        elif self._panning is not None:
            scale = 2 * self._reach / max(1.0, self.square().width())
            delta = at - self._panning
            self._panning = at
            self.set_view(
                (
                    self._centre[0] - delta.x() * scale,
                    self._centre[1] + delta.y() * scale,
                ),
                self._reach,
            )
        else:
            hover = self.sample_at(at)
            if hover != self._hover:
                self._hover = hover
                self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Let go of the plane."""
        self._panning = None

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom about the pointer."""
        steps = event.angleDelta().y() / 120
        x, y = self.to_plane(event.position())
        reach = min(MOST_REACH, max(LEAST_REACH, self._reach / _ZOOM**steps))
        kept = reach / self._reach
        centre = (
            x + (self._centre[0] - x) * kept,
            y + (self._centre[1] - y) * kept,
        )
        self.set_view(centre, reach)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move the mark, or zoom about it."""
        key = Qt.Key(event.key())
        step = 2 * self._reach * _KEY_SHARE
        if key in _KEYS:
            right, up = _KEYS[key]
            self._move_to(self._place[0] + right * step, self._place[1] + up * step)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_view(self._place, self._reach / _ZOOM)
        elif key == Qt.Key.Key_Minus:
            self.set_view(self._centre, self._reach * _ZOOM)
        elif key == Qt.Key.Key_0:
            self.set_view((0.0, 0.0), self.usual_reach)
        else:
            super().keyPressEvent(event)

    def _move_to(self, x: float, y: float) -> None:
        self.set_place(x, y)
        self.moved.emit(x, y)
