"""A place of the window that several panels share, one in front at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QFrame, QStackedWidget

from layerscope.ui.panels import PanelSpec
from layerscope.ui.panels.base import Panel


class TabPlace(QStackedWidget):
    """The panel `owner` and the panels that are tabs beside it.

    Every panel draws the tabs in its own title line, at the same spot. A tab's
    panel is made when it is first in front: a model that has nothing to show there
    costs nothing.

    Parameters
    ----------
    specs : tuple of PanelSpec
        The owner first, then its tabs in order, then panels that may be taken in.
    owner : Panel
    make : callable
        Returns the panel of a spec.
    on_raised : callable
        Called after another panel has come to the front.

    Attributes
    ----------
    crowded : bool
        Whether a panel is offered that is to be seen first.
    """

    def __init__(
        self,
        specs: tuple[PanelSpec, ...],
        owner: Panel,
        make: Callable[[PanelSpec], Panel],
        on_raised: Callable[[], object],
    ) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._specs = {spec.name: spec for spec in specs}
        self._owner = specs[0].name
        self._guests: tuple[str, ...] = ()
        self._made: dict[str, Panel] = {}
        self._make = make
        self._on_raised = on_raised
        self._offered: tuple[str, ...] = (self._owner,)
        self._topic: tuple[str, tuple[str, ...]] = ("", ())
        self._chosen: dict[str, str] = {}
        self.crowded = False
        self._front = self._owner
        self._take(self._owner, owner)

    @property
    def front(self) -> PanelSpec:
        """What is in front."""
        return self._specs[self._front]

    @property
    def offered(self) -> tuple[str, ...]:
        """Names of the panels that the open model has something for."""
        return self._offered

    def suit(self, session: Any) -> None:
        """Offer the tabs that suit the open model.

        Another kind of model brings to the front what was chosen for its kind
        last, else the panel that is to be seen first, else the owner.
        """
        fitting = tuple(
            name
            for name, spec in self._specs.items()
            if name == self._owner or (spec.tab_of and spec.suits(session))
        )
        topic = (str(session.task), fitting)
        if topic == self._topic:
            return
        self._topic, self._offered = topic, (*self._guests, *fitting)
        self.crowded = any(self._specs[name].first for name in fitting)
        self._show(self._wanted())

    def adopt(self, name: str, panel: Panel) -> None:
        """Take in a panel that has a place of its own otherwise."""
        self._guests = (*self._guests, name)
        self._offered = (name, *self._offered)
        self._take(name, panel)
        self._show(self._wanted())

    def release(self, name: str) -> Panel:
        """Give a panel back that was taken in; the caller places it."""
        self._guests = tuple(n for n in self._guests if n != name)
        self._offered = tuple(n for n in self._offered if n != name)
        panel = self._made.pop(name)
        panel.tab_chosen.disconnect(self.choose)
        panel.set_tabs((), "")
        self._show(self._wanted())
        self.removeWidget(panel)
        return panel

    def _wanted(self) -> str:
        """Return what was chosen for this task, else what is to be seen first."""
        first = next((n for n in self._offered if self._specs[n].first), self._owner)
        wanted = self._chosen.get(self._topic[0], first)
        return wanted if wanted in self._offered else first

    def choose(self, name: str) -> None:
        """Bring a panel to the front, as the user wants it for this task."""
        if name in self._offered:
            self._chosen[self._topic[0]] = name
            self._show(name)

    def step(self, delta: int) -> None:
        """Bring the tab `delta` places further on to the front."""
        place = self._offered.index(self._front) + delta
        self.choose(self._offered[place % len(self._offered)])

    def saved(self) -> str:
        """Return the choices as text, for `restore`."""
        return " ".join(f"{task}={name}" for task, name in self._chosen.items())

    def restore(self, text: str) -> None:
        """Take up choices that were saved; unknown panels are left out."""
        pairs = (pair.partition("=") for pair in text.split())
        self._chosen = {task: name for task, _, name in pairs if name in self._specs}

    def _show(self, name: str) -> None:
        if name not in self._made:
            self._take(name, self._make(self._specs[name]))
        had_focus = self.isAncestorOf(self.focusWidget()) if self.focusWidget() else 0
        self._front = name
        tabs = [(each, self._specs[each].title) for each in self._offered]
        for panel in self._made.values():
            panel.set_tabs(tabs, name)
        panel = self._made[name]
        self.setCurrentWidget(panel)
        if had_focus:
            panel.focus_tabs()
        panel.refresh_if_stale()
        self._on_raised()

    def _take(self, name: str, panel: Panel) -> None:
        self._made[name] = panel
        self.addWidget(panel)
        panel.tab_chosen.connect(self.choose)
