"""The network drawn: one widget, its own painting, twenty thousand nodes.

The canvas knows rows of a `GraphScene` and what is to be written on them; what a
row means is the panel's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.graph_cards import CardWords
from layerscope.ui.widgets.graph_painter import (
    MOST_PICTURES,
    PICTURE_SCALE,
    READ_SCALE,
    Dressing,
    GraphPainter,
)
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, Area, GraphScene
from layerscope.ui.widgets.graph_view import GraphView
from layerscope.ui.widgets.paint_clock import painting

_DRAG_PX = 4
_SETTLE_MS = 80


class GraphCanvas(QWidget):
    """Pan, zoom, choose and open; see `set_scene` and the setters below it.

    Attributes
    ----------
    chosen : Signal(int)
        A row was chosen, -1 for the ground.
    opened : Signal(int)
        A row was double-clicked, or Enter was pressed on it.
    left : Signal
        Backspace: leave the subgraph.
    settled : Signal
        Pan or zoom came to rest, or other rows are drawn large.
    menu_wanted : Signal(int, QPoint)
        A context menu for a row, at a global place.
    copied : Signal(int)
        Ctrl+C on a row.
    begun : Signal(int)
        Another graph is shown; it takes so many pixels of height to be read.
    """

    chosen = Signal(int)
    opened = Signal(int)
    left = Signal()
    settled = Signal()
    menu_wanted = Signal(int, QPoint)
    copied = Signal(int)
    begun = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Network graph")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.scene: GraphScene | None = None
        self.view = GraphView()
        self._dress = Dressing()
        self._painter = GraphPainter(self.view)
        self._tooltip: Callable[[int], str] = lambda row: ""
        self._begun = False
        self._moved = False
        self._press: QPointF | None = None
        self._dragged = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self.settled)
        theme.changed.connect(self._restyle)

    @property
    def row(self) -> int:
        """The chosen row, -1 for none."""
        return self._dress.row

    # --- what is shown ----------------------------------------------------------

    def set_scene(
        self, scene: GraphScene | None, keep: tuple[int, int] | None = None
    ) -> None:
        """Show another graph, or the same one with other groups open.

        Parameters
        ----------
        scene : GraphScene, optional
            None shows nothing.
        keep : (int, int), optional
            Kind and index of an item that stays where it is on the screen; without
            it the view starts anew.
        """
        anchor = self._place_of(keep)
        self.scene = scene
        words = self._dress.words
        self._dress = Dressing.plain(len(scene) if scene is not None else 0)
        self._dress.words = words
        after = self._place_of(keep)
        if scene is not None and anchor is not None and after is not None:
            self.view.pan(anchor[0] - after[0], anchor[1] - after[1])
            self._moved = True
            self.begun.emit(self.view.kept_height(scene.bounds))
            self.view.lower(scene.bounds, self.size().toTuple(), *anchor)
        else:
            self._begun = self._moved = False
            if scene is not None:
                self.begun.emit(self.view.wanted_height(scene.bounds))
            self._begin()
        self._changed_view()

    def set_words(
        self, words: Callable[[int], CardWords], tooltip: Callable[[int], str]
    ) -> None:
        """Say what is written on a row and in its tooltip."""
        self._dress.words = words
        self._tooltip = tooltip
        self.update()

    def set_bars(
        self, bars: npt.NDArray[np.float64], colours: npt.NDArray[np.uint32]
    ) -> None:
        """Set each row's bar, 0 to 1 or NaN, and its colour, ARGB."""
        self._dress.bars, self._dress.colours = bars, colours
        self.update()

    def set_pictures(self, pictures: Mapping[int, QImage]) -> None:
        """Set the thumbnails by row."""
        self._dress.pictures = pictures
        self.update()

    def set_errors(self, rows: frozenset[int]) -> None:
        """Set the rows outlined in the warning colour."""
        self._dress.errors = rows
        self.update()

    def set_hits(self, rows: frozenset[int]) -> None:
        """Set the rows that a search found."""
        self._dress.hits = rows
        self.update()

    def set_traced(self, rows: set[int] | None, edges: set[int] | None = None) -> None:
        """Light up rows and edges and let all others pale; None for no trace."""
        self._dress.traced = (
            None if rows is None else (frozenset(rows), frozenset(edges or ()))
        )
        self.update()

    def set_row(self, row: int, *, reveal: bool = False) -> None:
        """Mark a row as chosen, and bring it into sight."""
        self._dress.row = row
        if self.scene is not None and row >= 0:
            self.setAccessibleDescription(
                ", ".join(filter(None, self._dress.words(row)))
            )
            if reveal:
                before = (self.view.x, self.view.y)
                self.view.reveal(self._box(row))
                self._changed_view(moved=before != (self.view.x, self.view.y))
        self.update()

    def readable(self) -> bool:
        """Return whether cards are drawn with words."""
        return self.view.scale >= READ_SCALE

    def picture_rows(self) -> list[int]:
        """Return the rows drawn large enough to wear a picture."""
        if self.scene is None or self.view.scale < PICTURE_SCALE:
            return []
        return [
            int(row) for row in self.scene.leaves_in(self.view.area)[:MOST_PICTURES]
        ]

    # --- moving about -----------------------------------------------------------

    def fit(self) -> None:
        """Show everything."""
        if self.scene is not None:
            self.view.fit(self.scene.bounds)
            self._changed_view(moved=True)

    def zoom(self, factor: float) -> None:
        """Zoom around the chosen item, or the middle."""
        x, y = self.width() / 2, self.height() / 2
        if self.row >= 0:
            box = self._box(self.row)
            middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
            at = self.view.to_pixels(*middle)
            if 0 <= at[0] <= self.width() and 0 <= at[1] <= self.height():
                x, y = at
        self.view.zoom(factor, x, y)
        self._changed_view(moved=True)

    def centre_on(self, row: int) -> None:
        """Bring a row to the middle, at a readable zoom."""
        if self.scene is None or row < 0:
            return
        box = self._box(row)
        if self.view.scale < READ_SCALE:
            self.view.scale = 0.9
        self.view.centre((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        self._changed_view(moved=True)

    def walk(self, dx: int, dy: int) -> None:
        """Choose the neighbour in a direction."""
        if self.scene is None or not len(self.scene):
            return
        if self.row < 0:
            rows = self.scene.leaves_in(self.view.area)
            row = int(rows[0]) if len(rows) else 0
        else:
            row = self.scene.neighbour(self.row, dx, dy)
        if row != self.row:
            self.set_row(row, reveal=True)
            self.chosen.emit(row)

    def _begin(self) -> None:
        """Decide where to begin, once the real size is known."""
        if self.scene is not None and not self._begun and self.isVisible():
            self.view.resize(self.width(), self.height())
            self.view.begin(self.scene.bounds)
            self._begun = True

    def _changed_view(self, *, moved: bool = False) -> None:
        self._moved = self._moved or moved
        self._settle.start()
        self.update()

    def _place_of(self, item: tuple[int, int] | None) -> tuple[float, float] | None:
        """Return where an item's left top is on the screen, open or closed."""
        if self.scene is None or item is None:
            return None
        kinds = (CLOSED, FRAME) if item[0] in (CLOSED, FRAME) else (item[0],)
        for kind in kinds:
            row = self.scene.row_of(kind, item[1])
            if row >= 0:
                box = self._box(row)
                return self.view.to_pixels(box.left, (box.top + box.bottom) / 2)
        return None

    def _box(self, row: int) -> Area:
        assert self.scene is not None
        x, y, width, height = self.scene.boxes[row].tolist()
        return Area(x, y, x + width, y + height)

    # --- painting ---------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw what is in sight."""
        with painting(self), QPainter(self) as painter:
            painter.fillRect(self.rect(), theme.colour("panel"))
            if self.scene is not None and len(self.scene):
                ratio = self.devicePixelRatioF()
                self._painter.draw(painter, self.scene, self._dress, ratio)

    # --- hands ------------------------------------------------------------------

    def row_at(self, place: QPointF) -> int:
        """Return the row below a place of the widget, -1 for none."""
        if self.scene is None:
            return -1
        return self.scene.row_at(*self.view.to_graph(place.x(), place.y()))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a click or a drag."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._press = event.position()
            self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Pan while a button is down."""
        if self._press is None:
            return
        delta = event.position() - self._press
        if not self._dragged and delta.manhattanLength() < _DRAG_PX:
            return
        if not self._dragged:
            self._dragged = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._press = event.position()
        self.view.pan(delta.x(), delta.y())
        self._changed_view(moved=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose what was clicked, if it was a click."""
        if self._press is None:
            return
        self._press = None
        self.unsetCursor()
        if not self._dragged and event.button() == Qt.MouseButton.LeftButton:
            row = self.row_at(event.position())
            self.set_row(row)
            self.chosen.emit(row)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Open or close what is below."""
        row = self.row_at(event.position())
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(row)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom at the pointer; with Shift, or sideways, pan."""
        delta, place = event.angleDelta(), event.position()
        sideways = abs(delta.x()) > abs(delta.y())
        if sideways or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.view.pan((delta.x() or delta.y()) / 2, 0)
        else:
            self.view.zoom(1.0015 ** delta.y(), place.x(), place.y())
        self._changed_view(moved=True)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Ask for a menu of what is below, or of the chosen row."""
        row = self.row
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            row = self.row_at(QPointF(event.pos()))
        self.menu_wanted.emit(row, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk, zoom, fit, open and leave."""
        key, shift = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        if shift and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.zoom(1.25 if key == Qt.Key.Key_Up else 0.8)
        elif shift and key == Qt.Key.Key_Backspace:
            self.zoom(1.0 / self.view.scale)
        elif plain and key in steps:
            self.walk(*steps[Qt.Key(key)])
        elif plain and key == Qt.Key.Key_Space:
            self.fit()
        elif plain and key == Qt.Key.Key_Backspace:
            self.left.emit()
        elif plain and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.row >= 0:
            self.opened.emit(self.row)
        elif plain and key == Qt.Key.Key_Escape and self._dress.traced is not None:
            self.set_traced(None)
        elif (
            key == Qt.Key.Key_C
            and event.modifiers() == Qt.KeyboardModifier.ControlModifier
            and self.row >= 0
        ):
            self.copied.emit(self.row)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Show a tooltip for the row below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self.row_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._tooltip(row) if row >= 0 else "")
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Take the new size; the first real one decides where to begin."""
        self.view.resize(self.width(), self.height())
        if not self._moved:  # nobody has chosen another view yet
            self._begun = False
            self._begin()
        self._changed_view()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Begin at what there is to see."""
        super().showEvent(event)
        self._begin()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for one row of cards."""
        return QSize(900, 124)

    def _restyle(self) -> None:
        self._painter.restyle()
        self.update()
