"""Many numbers as sliders in one widget: a hundred cost no more than one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from layerscope.ui import theme
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.readable import number

ROW = 22
_NAME, _VALUE = 40.0, 46.0
_KEY_SHARE = 0.02


class VectorSliders(QWidget):
    """A row for each element: name, slider, value.

    Attributes
    ----------
    moved : Signal(int, float)
        An element and its new value.
    reached : Signal(QRectF)
        The row that the keyboard is at, to be scrolled to.
    """

    moved = Signal(int, float)
    reached = Signal(QRectF)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip("Drag a row; double click sets it to 0 (arrow keys)")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._values: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        self._reach = 3.0
        self._row = -1
        theme.changed.connect(self.update)

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """The numbers, (n,) float32."""
        return self._values

    def set_values(self, values: npt.NDArray[np.float32], reach: float) -> None:
        """Show other numbers, sliders going from minus to plus `reach`.

        Parameters
        ----------
        values : (n,) float32 array
            In order.
        reach : float
            Above 0; larger values stand at the end.
        """
        if len(values) != len(self._values):
            self.setFixedHeight(max(1, len(values)) * ROW)
            self._row = -1
        self._values, self._reach = values.copy(), reach
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return room for all rows."""
        return QSize(200, max(1, len(self._values)) * ROW)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the rows that can be seen."""
        first = max(0, event.rect().top() // ROW)
        last = min(len(self._values), event.rect().bottom() // ROW + 1)
        with painting(self), QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(theme.font(11))
            for row in range(first, last):
                self._paint_row(painter, row)

    def groove(self, row: int) -> QRectF:
        """Return where the slider of a row is."""
        width = max(20.0, self.width() - _NAME - _VALUE - 12)
        return QRectF(_NAME, row * ROW + ROW / 2 - 2, width, 4)

    def _paint_row(self, painter: QPainter, row: int) -> None:
        value = float(self._values[row])
        groove = self.groove(row)
        share = min(1.0, max(0.0, (value / self._reach + 1) / 2))
        middle = groove.center().x()
        at = groove.left() + share * groove.width()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("line"))
        painter.drawRoundedRect(groove, 2, 2)
        painter.setBrush(theme.colour("accent"))
        painter.drawRect(QRectF(min(at, middle), groove.top(), abs(at - middle), 4))
        chosen = row == self._row and self.hasFocus()
        painter.setPen(QPen(theme.colour("text"), 2) if chosen else Qt.PenStyle.NoPen)
        painter.drawEllipse(QPointF(at, groove.center().y()), 6, 6)
        line = QRectF(0, row * ROW, self.width() - 4, ROW)
        centre = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour("muted"))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | centre, f"z {row}")
        painter.setPen(theme.colour("text"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | centre, number(value, 3))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take a slider."""
        self._row = min(len(self._values) - 1, int(event.position().y() // ROW))
        self._drag(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Drag it."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position().x())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Set it to nothing."""
        self._set(0.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Go to another row, or change the value."""
        key = Qt.Key(event.key())
        step = 2 * self._reach * _KEY_SHARE
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            delta = -1 if key == Qt.Key.Key_Up else 1
            self._row = min(len(self._values) - 1, max(0, self._row + delta))
            self.update()
            self.reached.emit(QRectF(0, self._row * ROW, 1, ROW))
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._row >= 0:
            sign = -1 if key == Qt.Key.Key_Left else 1
            self._set(float(self._values[self._row]) + sign * step)
        else:
            super().keyPressEvent(event)

    def _drag(self, x: float) -> None:
        groove = self.groove(0)
        share = min(1.0, max(0.0, (x - groove.left()) / groove.width()))
        self._set((2 * share - 1) * self._reach)

    def _set(self, value: float) -> None:
        if 0 <= self._row < len(self._values):
            value = min(self._reach, max(-self._reach, value))
            self._values[self._row] = value
            self.update()
            self.moved.emit(self._row, value)
