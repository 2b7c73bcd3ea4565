"""What could have stood in a token's place: a small list that can be clicked."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from layerscope.protocol.answers import Alternative, Token
from layerscope.ui import theme
from layerscope.ui.widgets.readable import share
from layerscope.ui.widgets.token_looks import token_facts, visible

_WIDTH, _ROW, _HEAD, _FOOT, _EDGE = 232, 21, 22, 22, 10
_MOST_ROWS = 10
_LINGER_MS = 260


class AlternativesPopup(QFrame):
    """Alternatives of one token with their probabilities as bars.

    It stays while the pointer is over it, and goes a moment after it has left.

    Attributes
    ----------
    chosen : Signal(int)
        Place of an alternative that was clicked or entered.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._ground = parent
        self.setAccessibleName("Alternatives")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._token = Token(id=0, text="")
        self._marked = -1
        self.clickable = True
        self._linger = QTimer(self)
        self._linger.setSingleShot(True)
        self._linger.setInterval(_LINGER_MS)
        self._linger.timeout.connect(self._leave)
        self.hide()

    @property
    def rows(self) -> tuple[Alternative, ...]:
        """What is listed."""
        return self._token.alternatives[:_MOST_ROWS]

    def show_for(self, token: Token, chip: QRectF, *, keyboard: bool = False) -> None:
        """Open below a chip, or above it where there is no room.

        Parameters
        ----------
        token : Token
            Whose alternatives are listed.
        chip : QRectF
            In pixels of the parent.
        keyboard : bool
            Whether arrows and Enter are to choose at once.
        """
        self._token = token
        self._marked = 0 if keyboard else -1
        self.setAccessibleDescription(
            ", ".join(f"{visible(a.text)} {share(a.probability)}" for a in self.rows)
        )
        self.resize(self.sizeHint())
        area = self._ground.rect()
        y = int(chip.bottom()) + 6
        if y + self.height() > area.bottom() - 4:
            y = max(4, int(chip.top()) - self.height() - 6)
        x = min(int(chip.left()) - _EDGE, area.right() - self.width() - 4)
        self.move(max(4, x), y)
        self._linger.stop()
        self.raise_()
        self.show()
        if keyboard:
            self.setFocus()
        self.update()

    def leave_soon(self) -> None:
        """Go in a moment, unless the pointer comes here."""
        if self.isVisible():
            self._linger.start()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for a head, the rows, and a line that says what a click does."""
        foot = _FOOT if self.clickable else _EDGE // 2
        return QSize(_WIDTH, _HEAD + len(self.rows) * _ROW + foot + _EDGE)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint what was taken, then a bar for each alternative."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme.colour("line"))
            painter.setBrush(theme.colour("raised"))
            box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(box, theme.RADIUS, theme.RADIUS)
            middle = Qt.AlignmentFlag.AlignVCenter
            width = self.width() - 2 * _EDGE
            painter.setFont(theme.font(11))
            painter.setPen(theme.colour("muted"))
            metrics = painter.fontMetrics()
            head = metrics.elidedText(
                token_facts(self._token), Qt.TextElideMode.ElideRight, width
            )
            painter.drawText(QRectF(_EDGE, 4, width, _HEAD - 2), middle, head)
            for place, row in enumerate(self.rows):
                self._paint_row(painter, place, row)
            if self.clickable:
                painter.setFont(theme.font(11))
                painter.setPen(theme.colour("muted"))
                y = _HEAD + len(self.rows) * _ROW + 4
                painter.drawText(
                    QRectF(_EDGE, y, width, _FOOT),
                    middle,
                    "click one to continue from it",
                )

    def _paint_row(self, painter: QPainter, place: int, row: Alternative) -> None:
        y = _HEAD + place * _ROW + 3
        middle = Qt.AlignmentFlag.AlignVCenter
        if place == self._marked and self.clickable:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selected"))
            painter.drawRoundedRect(QRectF(4, y, self.width() - 8, _ROW - 1), 4, 4)
        taken = row.id == self._token.id
        painter.setFont(theme.font(12, 600 if taken else 400))
        painter.setPen(theme.colour("text"))
        word = painter.fontMetrics().elidedText(
            visible(row.text), Qt.TextElideMode.ElideRight, 74
        )
        painter.drawText(QRectF(_EDGE, y, 78, _ROW), middle, word)
        track = self.width() - 2 * _EDGE - 78 - 50
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent"))
        length = max(3.0, track * min(1.0, row.probability))
        painter.drawRoundedRect(QRectF(_EDGE + 80, y + _ROW / 2 - 6, length, 12), 4, 4)
        painter.setPen(theme.colour("text"))
        painter.drawText(
            QRectF(self.width() - _EDGE - 48, y, 48, _ROW),
            middle | Qt.AlignmentFlag.AlignRight,
            share(row.probability),
        )

    # --- hands --------------------------------------------------------------------

    def _row_at(self, y: float) -> int:
        place = int((y - _HEAD - 3) // _ROW)
        return place if 0 <= place < len(self.rows) and y >= _HEAD + 3 else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Mark the row under the pointer."""
        marked = self._row_at(event.position().y())
        if marked != self._marked:
            self._marked = marked
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the row under the pointer."""
        self._choose(self._row_at(event.position().y()))
        event.accept()

    def enterEvent(self, event: QEvent) -> None:  # noqa: N802
        """Stay."""
        self._linger.stop()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Go soon."""
        self._marked = -1
        self.update()
        self.leave_soon()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk with the arrows, choose with Enter, leave with Escape."""
        key, last = Qt.Key(event.key()), len(self.rows) - 1
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            step = 1 if key == Qt.Key.Key_Down else -1
            self._marked = min(last, max(0, self._marked + step))
            self.update()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self._marked)
        elif key == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)

    def _choose(self, place: int) -> None:
        if place >= 0 and self.clickable:
            self._leave()
            self.chosen.emit(place)

    def _leave(self) -> None:
        had_focus = self.hasFocus()
        self.hide()
        if had_focus and self.previousInFocusChain() is not None:
            self.focusPreviousChild()
