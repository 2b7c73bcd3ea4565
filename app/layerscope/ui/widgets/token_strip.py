"""A text as its tokens: chips in lines, coloured by what is known of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from layerscope.protocol.answers import Token
from layerscope.ui import theme
from layerscope.ui.widgets.alternatives import AlternativesPopup
from layerscope.ui.widgets.paint_clock import painting
from layerscope.ui.widgets.token_flow import CHIP_HEIGHT, LINE_PITCH, PADDING, TokenFlow
from layerscope.ui.widgets.token_looks import (
    class_colours,
    probability_colours,
    token_facts,
    visible,
)

_EDGE = 2.0
_HOVER_MS = 90
_DESCRIBED = 400
_KEY = Qt.Key
_STEPS = {_KEY.Key_Left: -1, _KEY.Key_Right: 1}
_LINES = {_KEY.Key_Up: -1, _KEY.Key_Down: 1}


class TokenStrip(QAbstractScrollArea):
    """Tokens in running lines; thousands of them stay quick.

    Parameters
    ----------
    name : str
        For screen readers.

    Attributes
    ----------
    token_chosen : Signal(int)
        Place of a token that was clicked or reached by the arrow keys.
    token_hovered : Signal(int)
        Place of the token under the pointer, -1 when it leaves.
    alternative_chosen : Signal(int, int)
        Place of a token and of one of its alternatives.
    can_continue : bool
        Whether a click on an alternative means something.
    """

    token_chosen = Signal(int)
    token_hovered = Signal(int)
    alternative_chosen = Signal(int, int)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(name)
        self.setMinimumSize(80, int(CHIP_HEIGHT + 2 * _EDGE))
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.can_continue = False
        self.follow_end = False
        self._font = theme.font(13)
        self._flow = TokenFlow(self._font)
        self._tokens: tuple[Token, ...] = ()
        self._classes: tuple[int, ...] = ()
        self._selected = self._hover = -1
        self._popup: AlternativesPopup | None = None
        self._popup_of = -1
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_HOVER_MS)
        self._wait.timeout.connect(self._open_hovered)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """What is shown."""
        return self._tokens

    @property
    def selected(self) -> int:
        """Place of the token that is outlined, -1 for none."""
        return self._selected

    def set_tokens(self, tokens: Sequence[Token], classes: Sequence[int] = ()) -> None:
        """Show other tokens.

        Parameters
        ----------
        tokens : sequence of Token
            Those with a probability are coloured by it.
        classes : sequence of int
            A class for each token to be coloured by instead, -1 for none; empty
            where there are no classes.
        """
        before, self._tokens = self._tokens, tuple(tokens)
        self._classes = tuple(classes)
        kept = _same_start(before, self._tokens)
        if kept < len(before):
            self._hover = -1
            self._hide_popup()
        if self._selected >= len(self._tokens):
            self._selected = -1
        self._lay_out(kept if kept == len(before) else 0)
        self._describe()
        self.viewport().update()

    def set_selected(self, place: int, *, show: bool = True) -> None:
        """Outline a token, -1 for none; `show` scrolls to it."""
        if place != self._selected:
            self._selected = place if place < len(self._tokens) else -1
            if show and self._selected >= 0:
                self._scroll_to(self._selected)
            self._describe()
            self.viewport().update()

    def token_rect(self, place: int) -> QRectF:
        """Return where a token stands in the viewport, in logical pixels."""
        rect = self._flow.rect(place)
        return rect.translated(_EDGE, _EDGE - self.verticalScrollBar().value())

    def token_at(self, point: QPointF) -> int:
        """Return the token under a point of the viewport, -1 between tokens."""
        shifted = QPointF(
            point.x() - _EDGE, point.y() - _EDGE + self.verticalScrollBar().value()
        )
        return self._flow.at(shifted)

    def lines_height(self) -> int:
        """Return the height at which all lines are seen."""
        return round(self._flow.height + 2 * _EDGE)

    def popup(self) -> AlternativesPopup | None:
        """Return the list of alternatives, if it is open."""
        popup = self._popup
        return popup if popup is not None and popup.isVisible() else None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for two lines."""
        return QSize(320, round(2 * LINE_PITCH))

    def _lay_out(self, kept: int) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        room = self.viewport().width() - 2 * _EDGE
        self._flow.lay_out(self._tokens, room, kept)
        shown = self.viewport().height()
        bar.setPageStep(shown)
        bar.setSingleStep(round(LINE_PITCH))
        bar.setRange(0, max(0, self.lines_height() - shown))
        if self.follow_end and at_end:
            bar.setValue(bar.maximum())

    def _scroll_to(self, place: int) -> None:
        rect, bar = self.token_rect(place), self.verticalScrollBar()
        if rect.top() < 0:
            bar.setValue(round(bar.value() + rect.top() - _EDGE))
        elif rect.bottom() > self.viewport().height():
            over = rect.bottom() + _EDGE - self.viewport().height()
            bar.setValue(round(bar.value() + over))

    def _describe(self) -> None:
        if 0 <= self._selected < len(self._tokens):
            facts = token_facts(self._tokens[self._selected])
            text = f"Token {self._selected + 1}: {facts}"
        else:
            text = " ".join(visible(t.text) for t in self._tokens[:_DESCRIBED])
        self.setAccessibleDescription(text)

    # --- painting -----------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the chips of the lines that can be seen."""
        with painting(self), QPainter(self.viewport()) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(self._font)
            top = float(self.verticalScrollBar().value())
            for place in self._flow.between(top, top + self.viewport().height()):
                self._paint_chip(painter, place)

    def _paint_chip(self, painter: QPainter, place: int) -> None:
        token, rect = self._tokens[place], self.token_rect(place)
        given = self._classes[place] if place < len(self._classes) else -1
        if given >= 0:
            ground, ink = class_colours(given)
        elif token.probability >= 0:
            ground, ink = probability_colours(token.probability)
        else:
            ground = theme.colour("raised")
            ink = theme.colour("muted" if token.special else "text")
        plain = given < 0 and token.probability < 0
        painter.setPen(theme.colour("line") if plain else Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 3.5, 3.5)
        if place in (self._selected, self._hover):
            chosen = place == self._selected
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if not plain:
                painter.setPen(QPen(theme.colour("panel"), 3.5 if chosen else 2.5))
                painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 3.5, 3.5)
            token_ = "accent" if chosen else "muted"
            painter.setPen(QPen(theme.colour(token_), 2.0 if chosen else 1.2))
            painter.drawRoundedRect(rect, 4, 4)
        painter.setPen(ink)
        text = visible(token.text)
        room = rect.width() - 2 * PADDING
        if rect.width() >= self.viewport().width() - 2 * _EDGE - 1:
            text = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideRight, int(room)
            )
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)

    # --- hands --------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Break the lines anew."""
        super().resizeEvent(event)
        self._lay_out(len(self._tokens))

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        """Repaint what can be seen now."""
        self._hide_popup()
        self.viewport().update()

    def hideEvent(self, event: QEvent) -> None:  # noqa: N802
        """Leave no list of alternatives behind."""
        self._hide_popup()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tell what the pointer is over, and list its alternatives."""
        self._set_hover(self.token_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Notice that the pointer has left."""
        super().leaveEvent(event)
        self._set_hover(-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the token under the pointer."""
        place = self.token_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and place >= 0:
            self._choose(place)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the end of a click too; what lies behind must not get it."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk with the arrows; Enter lists the alternatives, Escape lets go."""
        key, last = Qt.Key(event.key()), len(self._tokens) - 1
        now = max(0, self._selected)
        if last < 0:
            super().keyPressEvent(event)
        elif key in _STEPS:
            step = _STEPS[key] if self._selected >= 0 else 0
            self._choose(min(last, max(0, now + step)))
        elif key in _LINES:
            self._choose(self._flow.above(now, _LINES[key]))
        elif key in (_KEY.Key_Home, _KEY.Key_End):
            self._choose(0 if key == _KEY.Key_Home else last)
        elif key in (_KEY.Key_Return, _KEY.Key_Enter) and self._selected >= 0:
            self._open(self._selected, keyboard=True)
        elif key == _KEY.Key_Escape and self._selected >= 0:
            self._choose(-1)
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """Say id and bytes of a token that has no alternatives."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            place = self.token_at(QPointF(event.pos()))
            plain = place >= 0 and not self._tokens[place].alternatives
            QToolTip.showText(
                event.globalPos(),
                token_facts(self._tokens[place]) if plain else "",
                self.viewport(),
            )
            return True
        return super().viewportEvent(event)

    def _choose(self, place: int) -> None:
        self.set_selected(place)
        self.token_chosen.emit(place)

    def _set_hover(self, place: int) -> None:
        if place == self._hover:
            return
        self._hover = place
        self.viewport().update()
        self.token_hovered.emit(place)
        if place >= 0 and self._tokens[place].alternatives:
            self._wait.start()
        else:
            self._wait.stop()
            if self._popup is not None:
                self._popup.leave_soon()

    def _open_hovered(self) -> None:
        if self._hover >= 0:
            self._open(self._hover)

    def _open(self, place: int, *, keyboard: bool = False) -> None:
        token = self._tokens[place]
        if not token.alternatives:
            return
        top: QWidget = self.window()
        if self._popup is None or self._popup.parentWidget() is not top:
            self._hide_popup()
            self._popup = AlternativesPopup(top)
            self._popup.chosen.connect(self._on_alternative)
        self._popup.clickable = self.can_continue
        self._popup_of = place
        chip = self.token_rect(place)
        corner = self.viewport().mapTo(top, chip.topLeft().toPoint())
        chip.moveTopLeft(QPointF(corner))
        self._popup.show_for(token, chip, keyboard=keyboard)

    def _on_alternative(self, row: int) -> None:
        if self._popup_of < len(self._tokens):
            self.alternative_chosen.emit(self._popup_of, row)

    def _hide_popup(self) -> None:
        self._wait.stop()
        if self._popup is not None:
            self._popup.hide()


def _same_start(before: tuple[Token, ...], now: tuple[Token, ...]) -> int:
    """Return how many tokens at the start are the same."""
    shorter = min(len(before), len(now))
    if before[:shorter] == now[:shorter]:
        return shorter
    return next(n for n in range(shorter) if before[n] != now[n])
