"""Everything the window can do, in one list.

Menus, shortcuts, the command palette and the list of keys are built from it, so
they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

MENUS = ("File", "Edit", "View", "Model", "Run", "Help")


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One thing that can be done.

    Attributes
    ----------
    id : str
        Unique, ``"run.start"`` say.
    text : str
        As in menus; an ellipsis where a dialog follows.
    run : callable
        Called without arguments.
    menu : str
        One of `MENUS`, or ``"File/Recent"`` for a submenu; empty to stay out.
    keys : tuple of str
        Shortcuts in Qt's portable form; the first one is shown.
    tooltip : str
        One sentence; `text` where it is empty.
    enabled : callable
        Says whether it makes sense now.
    checked : callable, optional
        Says whether it is on now, for what can be switched.
    label : callable, optional
        Text of now, for what changes its name; empty hides it.
    section : int
        Lines separate sections of a menu.
    """

    id: str
    text: str
    run: Callable[[], object]
    menu: str = ""
    keys: tuple[str, ...] = ()
    tooltip: str = ""
    enabled: Callable[[], bool] = _always
    checked: Callable[[], bool] | None = None
    label: Callable[[], str] | None = None
    section: int = 0


@dataclass(frozen=True, slots=True)
class KeyNote:
    """A key that works while one part of the window has the focus."""

    place: str
    keys: str
    text: str


class ActionRegistry(QObject):
    """The actions of one window.

    Parameters
    ----------
    window : QWidget
        Shortcuts work while it, or a part of it, has the focus.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._specs: dict[str, ActionSpec] = {}
        self._actions: dict[str, QAction] = {}

    def add(self, specs: Iterable[ActionSpec]) -> None:
        """Register actions.

        Raises
        ------
        ValueError
            If an id or a shortcut is taken.
        """
        for spec in specs:
            if spec.id in self._specs:
                raise ValueError(f"Two actions are called {spec.id}.")
            taken = self._keys_in_use()
            for key in spec.keys:
                if portable(key) in taken:
                    raise ValueError(
                        f"{key} is to start {spec.id}, but it starts "
                        f"{taken[portable(key)]} already."
                    )
            self._specs[spec.id] = spec
            self._actions[spec.id] = self._make(spec)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def specs(self) -> tuple[ActionSpec, ...]:
        """Return all actions, in the order they were registered."""
        return tuple(self._specs.values())

    def run(self, action_id: str) -> None:
        """Do it, if it makes sense now."""
        self.refresh()
        self._actions[action_id].trigger()

    def key_text(self, action_id: str) -> str:
        """Return the shortcut as people read it, or an empty string."""
        keys = self._specs[action_id].keys
        return shown_key(keys[0]) if keys else ""

    def refresh(self) -> None:
        """Enable, check and name every action as the session is now."""
        for name, spec in self._specs.items():
            action = self._actions[name]
            action.setEnabled(spec.enabled())
            if spec.checked is not None:
                action.setChecked(spec.checked())
            if spec.label is not None:
                label = spec.label()
                action.setText(label or spec.text)
                action.setVisible(bool(label))

    def fill(self, bar: QMenuBar) -> None:
        """Build the menus of `bar`."""
        menus: dict[str, QMenu] = {}
        sections: dict[str, int] = {}
        for title in MENUS:
            menus[title] = bar.addMenu(title)
            menus[title].aboutToShow.connect(self.refresh)
        for spec in self._specs.values():
            if not spec.menu:
                continue
            parent, _, child = spec.menu.partition("/")
            if child and spec.menu not in menus:
                menus[spec.menu] = menus[parent].addMenu(child)
            if spec.section != sections.setdefault(spec.menu, spec.section):
                menus[spec.menu].addSeparator()
                sections[spec.menu] = spec.section
            menus[spec.menu].addAction(self._actions[spec.id])

    def _make(self, spec: ActionSpec) -> QAction:
        action = QAction(spec.text, self._window)
        action.setObjectName(spec.id)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        tip = spec.tooltip or spec.text.rstrip("…")
        action.setToolTip(with_key(tip, spec.keys))
        action.setStatusTip(tip)
        action.setCheckable(spec.checked is not None)
        action.triggered.connect(lambda *_: spec.run())
        self._window.addAction(action)
        return action

    def _keys_in_use(self) -> dict[str, str]:
        return {
            portable(key): spec.id for spec in self._specs.values() for key in spec.keys
        }


def portable(key: str) -> str:
    """Return a shortcut in the one form by which two can be compared."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def shown_key(key: str) -> str:
    """Return a shortcut as this system writes it, ``"Ctrl+Enter"``."""
    text = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    return text.replace("Return", "Enter")


def with_key(text: str, keys: tuple[str, ...]) -> str:
    """Return a tooltip that ends with the shortcut."""
    return f"{text} ({shown_key(keys[0])})" if keys else text
