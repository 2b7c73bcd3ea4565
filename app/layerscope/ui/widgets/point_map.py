"""Named points on a plane, with lines to those most alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QMenu, QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.readable import number

_EDGE = 26.0
_FOOT = 20.0
_DOT = 4.0
_NEAREST = 4
_REACH = 40.0
_MOST_NAMED = 60
_NAME_PX = 150
Similarity = npt.NDArray[np.float32]


class PointMap(QWidget):
    """Points with names; the one pointed at is joined to its nearest.

    Parameters
    ----------
    name : str
        For screen readers.

    Attributes
    ----------
    table_wanted : Signal
        The user asked for the numbers.
    note : str
        Said below while nothing is pointed at.
    """

    table_wanted = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 80)
        self.note = ""
        self._points: npt.NDArray[np.float64] = np.zeros((0, 2))
        self._names: tuple[str, ...] = ()
        self._alike: Similarity = np.zeros((0, 0), np.float32)
        self._chosen = -1

    @property
    def chosen(self) -> int:
        """The point that is pointed at, -1 for none."""
        return self._chosen

    def set_points(
        self,
        points: Sequence[tuple[float, float]],
        names: Sequence[str],
        alike: Similarity,
    ) -> None:
        """Show other points.

        Parameters
        ----------
        points : sequence of (x, y)
            Each -1 to 1, y upwards.
        names : sequence of str
            One for each.
        alike : (n, n) float array
            How near each pair is; larger is nearer. Not copied.
        """
        self._points = np.asarray(points, np.float64).reshape(-1, 2)
        self._names, self._alike = tuple(names), alike
        self._chosen = -1
        self.setAccessibleDescription(", ".join(self._names[:_MOST_NAMED]))
        self.update()

    def nearest(self, place: int) -> list[int]:
        """Return the points most like one, the most alike first."""
        order = np.argsort(-self._alike[place])
        return [int(n) for n in order if n != place][:_NEAREST]

    def where(self, place: int) -> QPointF:
        """Return where a point lies, in logical pixels."""
        width = self.width() - 2 * _EDGE
        height = self.height() - _FOOT - 2 * _EDGE * 0.7
        x, y = self._points[place]
        return QPointF(_EDGE + (x + 1) / 2 * width, _EDGE * 0.7 + (1 - y) / 2 * height)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a wide plane."""
        return QSize(420, 240)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the lines of the chosen point, then all points and names."""
        if not len(self._points):
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            near = self.nearest(self._chosen) if self._chosen >= 0 else []
            for other in near:
                strength = max(0.15, float(self._alike[self._chosen, other]))
                painter.setPen(QPen(theme.colour("accent", min(1, strength)), 1.5))
                painter.drawLine(self.where(self._chosen), self.where(other))
            painter.setFont(theme.font(11))
            taken: list[QRectF] = []
            order = [self._chosen, *near] if self._chosen >= 0 else []
            order += [n for n in range(len(self._points)) if n not in order]
            for place in order:
                self._paint_point(painter, place, place in near, taken)
            painter.setPen(theme.colour("muted"))
            area = QRectF(0, self.height() - _FOOT, self.width(), _FOOT)
            words = painter.fontMetrics().elidedText(
                self._words(near), Qt.TextElideMode.ElideRight, int(area.width())
            )
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)

    def _paint_point(
        self, painter: QPainter, place: int, near: bool, taken: list[QRectF]
    ) -> None:
        middle = self.where(place)
        chosen = place == self._chosen
        painter.setPen(QPen(theme.colour("panel"), 1.5))
        painter.setBrush(theme.colour("accent" if chosen or near else "muted"))
        radius = _DOT + (1.5 if chosen else 0)
        painter.drawEllipse(middle, radius, radius)
        metrics = painter.fontMetrics()
        name = metrics.elidedText(
            self._names[place], Qt.TextElideMode.ElideRight, _NAME_PX
        )
        width = metrics.horizontalAdvance(name)
        left = middle.x() + 8
        if left + width > self.width():
            left = middle.x() - 8 - width
        box = QRectF(left, middle.y() - 8, width, 16)
        if not chosen and any(box.intersects(other) for other in taken):
            return  # the pointer tells it
        taken.append(box)
        painter.setPen(theme.colour("accent" if chosen else "text"))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)

    def _words(self, near: list[int]) -> str:
        if self._chosen < 0:
            return self.note
        words = [
            f"{self._names[n]} {number(float(self._alike[self._chosen, n]), 2)}"
            for n in near
        ]
        return f"nearest to {self._names[self._chosen]}: {', '.join(words)}"

    # --- hands --------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the point nearest the pointer."""
        if not len(self._points):
            return
        away = [
            (self.where(n) - event.position()).manhattanLength()
            for n in range(len(self._points))
        ]
        best = int(np.argmin(away))
        self._choose(best if away[best] <= _REACH else -1)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Let go of the point."""
        super().leaveEvent(event)
        self._choose(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk through the points with the arrows."""
        key, n = Qt.Key(event.key()), len(self._points)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and n:
            step = 1 if key == Qt.Key.Key_Right else -1
            self._choose((self._chosen + step) % n)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer the numbers."""
        menu = QMenu(self)
        menu.addAction("Show as table").triggered.connect(
            lambda: self.table_wanted.emit()
        )
        menu.exec(event.globalPos())
        menu.deleteLater()

    def _choose(self, place: int) -> None:
        if place != self._chosen:
            self._chosen = place
            self.update()
