"""What all panels share: a card with a title line, and repainting in time.

A panel listens to fields of the session, is marked stale by them, and is
refreshed by one common timer only while it can be seen.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import shiboken6
from PySide6.QtCore import QCoreApplication, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from layerscope.ui import resources, theme
from layerscope.ui.first_paint import panels_wait
from layerscope.ui.tab_row import TabRow

REFRESH_MS = 33


class ElidedLabel(QLabel):
    """One line of muted text that gives way to its neighbours.

    It shows as much as fits and its whole text as the tooltip.
    """

    def __init__(
        self,
        text: str = "",
        role: str = "muted",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__()
        self._mode = mode
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._whole = ""
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """Change the text."""
        if text != self._whole:
            self._whole = text
            self.setAccessibleName(text)
            self._elide()

    def whole(self) -> str:
        """Return the text as it was set."""
        return self._whole

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for room for the whole text."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._whole) + 2, metrics.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Be content with next to nothing."""
        return QSize(8, self.fontMetrics().height())

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Fit the text anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(
            self._whole, self._mode, max(self.width(), 8)
        )
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


class Panel(QFrame):
    """A card: 32 px of title, then `body`.

    Parameters
    ----------
    object_name : str
        Unique; layouts are saved by it.
    title : str
        Shown in semibold, and the panel's accessible name.
    controller : Controller
        What the panel asks to do things.

    Attributes
    ----------
    body : QVBoxLayout
        Where a subclass puts its content.
    tab_chosen : Signal(str)
        Another panel of the same place is wanted, by name.
    """

    tab_chosen = Signal(str)

    def __init__(self, object_name: str, title: str, controller: Any) -> None:
        super().__init__()
        self.setObjectName(object_name)
        self.setProperty("card", True)
        self.setAccessibleName(title)
        self.title = title
        self.controller = controller
        self._stale = True
        self._listening: list[tuple[Any, Any]] = []
        bar = QWidget()
        bar.setFixedHeight(theme.TITLE_HEIGHT)
        bar.setProperty("titlebar", True)
        self._bar = QHBoxLayout(bar)
        self._bar.setContentsMargins(12, 0, 8, 0)
        self._bar.setSpacing(4)
        self._name = QLabel(title)
        self._name.setProperty("role", "title")
        self._tabs: TabRow | None = None
        self._clause = ElidedLabel()
        self._bar.addWidget(self._name)
        self._bar.addSpacing(4)
        self._bar.addWidget(self._clause, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(bar)
        content = QWidget()
        content.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(12, 8, 12, 12)
        self.body.setSpacing(8)
        outer.addWidget(content, 1)
        self.destroyed.connect(_undoing(self._listening))
        theme.changed.connect(self.mark_stale)
        _clock().add(self)

    def set_clause(self, text: str) -> None:
        """Say in a few muted words what the panel shows."""
        self._clause.set_whole(text)

    def add_action(self, widget: QWidget) -> None:
        """Put a control at the right edge of the title line."""
        self._bar.addWidget(widget)

    def set_tabs(self, tabs: Sequence[tuple[str, str]], front: str) -> None:
        """Draw the panels of this place as tabs in place of the title.

        Parameters
        ----------
        tabs : sequence of (name, title)
            In order; a single one leaves the title as it is.
        front : str
            Name of the one that is in front.
        """
        if self._tabs is None and len(tabs) > 1:
            self._tabs = TabRow(self.tab_chosen.emit)
            self._bar.insertWidget(1, self._tabs)
        if self._tabs is not None:
            self._tabs.setVisible(len(tabs) > 1)
            self._tabs.show_tabs(tabs, front)
        self._name.setVisible(len(tabs) < 2)

    def focus_tabs(self) -> None:
        """Put the keyboard on the tabs."""
        if self._tabs is not None:
            self._tabs.setFocus()

    def listen(self, signal: Any, slot: Callable[..., object] | None = None) -> None:
        """Connect a psygnal signal to `slot`, by default `mark_stale`.

        The connection ends with the panel.
        """
        target = self.mark_stale if slot is None else slot
        signal.connect(target)
        self._listening.append((signal, _weakly(target)))

    def mark_stale(self, *_: object) -> None:
        """Have `refresh` called soon, if the panel can be seen."""
        self._stale = True

    def refresh(self) -> None:
        """Show the session as it is now; subclasses override this."""

    def refresh_if_stale(self) -> None:
        """Refresh at once where something changed since the last time."""
        if self._stale:
            self._stale = False
            self.refresh()

    def empty_state(
        self,
        text: str,
        button_text: str = "",
        on_click: Callable[[], object] | None = None,
    ) -> EmptyState:
        """Return a widget that says what to do here; the panel places it."""
        return EmptyState(text, button_text, on_click)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Catch up with what happened while nobody looked."""
        super().showEvent(event)
        self._stale = True


class EmptyState(QWidget):
    """A centred sentence, and one button where there is something to press."""

    def __init__(
        self,
        text: str,
        button_text: str = "",
        on_click: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(12)
        self._label = QLabel(text)
        self._label.setProperty("role", "muted")
        self._label.setWordWrap(True)
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addStretch(1)
        column.addWidget(self._label)
        if button_text and on_click is not None:
            button = QPushButton(button_text)
            button.setAccessibleName(button_text)
            button.setToolTip(button_text)
            button.clicked.connect(lambda: on_click())
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)

    def set_text(self, text: str) -> None:
        """Change the sentence."""
        self._label.setText(text)


def title_button(
    text: str,
    tooltip: str,
    on_click: Callable[[], object] | None = None,
    *,
    icon: str = "",
    checkable: bool = False,
) -> QToolButton:
    """Return a flat text action for a panel's title line.

    Parameters
    ----------
    text : str
        May be empty where `icon` is given; `tooltip` is then the name too.
    tooltip : str
        What it does, with its key.
    on_click : callable, optional
        Called without arguments.
    icon : str
        Name of a bundled icon.
    checkable : bool
        Whether it stays down.
    """
    button = QToolButton()
    button.setProperty("flat", True)
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(text or tooltip)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if icon:
        tint_icon(button, icon)
        button.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            if text
            else Qt.ToolButtonStyle.ToolButtonIconOnly
        )
    if on_click is not None:
        button.clicked.connect(lambda: on_click())
    return button


def tint_icon(
    button: QToolButton | QPushButton,
    name: str,
    token: str = "muted",
    size: int = 16,
    *,
    filled: bool = False,
) -> None:
    """Give `button` a bundled icon in a palette colour, whatever the theme."""
    button.setIconSize(QSize(size, size))
    reference = weakref.ref(button)

    def tint() -> None:
        target = reference()
        if target is not None and shiboken6.isValid(target):
            colour = str(getattr(theme.current(), token))
            target.setIcon(resources.icon(name, colour, size, filled))

    # The theme outlives every button: the connection has to end with it.
    connection = theme.changed.connect(tint)
    button.destroyed.connect(lambda: QObject.disconnect(connection))
    tint()


class _RefreshClock(QObject):
    """Refreshes the stale panels that can be seen, all with one timer."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._panels: weakref.WeakSet[Panel] = weakref.WeakSet()
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._tick)

    def add(self, panel: Panel) -> None:
        self._panels.add(panel)
        if not self._timer.isActive():
            self._timer.start()

    def _tick(self) -> None:
        live = [panel for panel in self._panels if shiboken6.isValid(panel)]
        if not live:
            self._timer.stop()
        for panel in live:
            if panel.isVisible() and not panels_wait():
                panel.refresh_if_stale()


_clocks: dict[str, _RefreshClock] = {}


def _clock() -> _RefreshClock:
    clock = _clocks.get("shared")
    if clock is None or not shiboken6.isValid(clock):
        app = QCoreApplication.instance()
        if app is None:
            raise RuntimeError("A panel needs a QApplication first.")
        clock = _clocks["shared"] = _RefreshClock(app)
    return clock


def _weakly(slot: Callable[..., object]) -> Callable[[], Any]:
    """Return something that gives `slot` back without keeping its object alive."""
    if hasattr(slot, "__self__"):
        return weakref.WeakMethod(slot)
    return lambda: slot


def _undoing(listening: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Return what ends the connections in `listening`."""

    def undo() -> None:
        for signal, reference in listening:
            slot = reference()
            if slot is not None:
                with contextlib.suppress(ValueError):
                    signal.disconnect(slot)
        listening.clear()

    return undo
