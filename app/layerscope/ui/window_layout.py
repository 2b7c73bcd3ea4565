"""Where the panels stand: cards in splitters, remembered from start to start.

The areas, from `PanelSpec.area`::

    left │ top     (side by side) │ right
         │ centre  (stacked)      │
    ─────┴────────────────────────┴──────
    bottom (side by side)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from layerscope.ui import theme
from layerscope.ui.panels import PanelSpec
from layerscope.ui.panels.base import Panel
from layerscope.ui.tab_place import TabPlace

VERSION = 1
_LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST = 0.17, 240, 280
_RIGHT_SHARE, _RIGHT_LEAST, _RIGHT_MOST = 0.185, 244, 340
_BOTTOM_SHARE, _BOTTOM_LEAST, _BOTTOM_MOST = 0.19, 146, 210
_TOP_SHARE = 0.36
# What a panel of the centre may take of it when it asks for more.
_MOST_OF_CENTRE = 0.58
_TITLE = 34


class WindowLayout(QWidget):
    """Holds all panels.

    Parameters
    ----------
    specs : sequence of PanelSpec
    panels : mapping
        The panel of each spec by its name.
    on_change : callable
        Called when a panel was shown or hidden.
    make : callable, optional
        Returns the panel of a tab that is to come to the front for the first time;
        by default it is among `panels`.
    """

    def __init__(
        self,
        specs: tuple[PanelSpec, ...],
        panels: Mapping[str, Panel],
        on_change: Callable[[], object],
        make: Callable[[PanelSpec], Panel] | None = None,
    ) -> None:
        super().__init__()
        self._specs = tuple(spec for spec in specs if not spec.tab_of)
        self._places = self._with_tabs(
            specs, panels, make or (lambda spec: panels[spec.name])
        )
        self._panels = panels
        self._on_change = on_change
        self._hidden: set[str] = set()
        self._joined: set[str] = set()
        self._wanted: dict[str, int] = {}
        self._moved = False
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self._splitters = {
            "rows": _splitter("rows", vertical),
            "columns": _splitter("columns", horizontal),
            "middle": _splitter("middle", vertical),
            "top": _splitter("top", horizontal),
            "bottom": _splitter("bottom", horizontal),
        }
        parts = self._splitters
        self._fill("left", parts["columns"])
        self._fill("top", parts["top"])
        parts["middle"].addWidget(parts["top"])
        self._fill("centre", parts["middle"])
        parts["columns"].addWidget(parts["middle"])
        self._fill("right", parts["columns"])
        parts["rows"].addWidget(parts["columns"])
        self._fill("bottom", parts["bottom"])
        parts["rows"].addWidget(parts["bottom"])
        parts["middle"].splitterMoved.connect(self._on_moved)
        _stretch(parts["rows"], {0: 1})
        _stretch(parts["columns"], {parts["columns"].indexOf(parts["middle"]): 1})
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, theme.GAP)
        column.addWidget(parts["rows"])

    def is_shown(self, name: str) -> bool:
        """Whether the panel is not hidden by the user; a tab never is."""
        return name not in self._hidden or name in self._joined

    def toggle(self, name: str) -> None:
        """Show or hide a panel; one that is a tab now comes to the front."""
        if name in self._joined:
            self.choose_tab(name)
            return
        self._hidden ^= {name}
        self._apply_hidden()

    def reveal(self, name: str) -> None:
        """Have a panel seen, wherever it is."""
        if name in self._joined:
            self.choose_tab(name)
        elif name in self._hidden:
            self.toggle(name)

    def suit(self, session: Any) -> None:
        """Offer the tabs that suit the open model."""
        for owner, place in self._places.items():
            place.suit(session)
            for spec in self._specs:
                if spec.joins == owner:
                    self._join(spec.name, place, place.crowded)

    def is_offered(self, tab: str) -> bool:
        """Whether the open model has something for a tab."""
        return any(tab in place.offered for place in self._places.values())

    def is_front(self, tab: str) -> bool:
        """Whether a tab is in front of its place."""
        return any(place.front.name == tab for place in self._places.values())

    def choose_tab(self, tab: str) -> None:
        """Bring a tab to the front, and its place back if it was hidden."""
        for owner, place in self._places.items():
            if tab in place.offered:
                place.choose(tab)
                if owner in self._hidden:
                    self.toggle(owner)

    def next_tab(self, delta: int = 1) -> None:
        """Bring the next tab of the centre to the front."""
        for place in self._places.values():
            place.step(delta)

    def want_height(self, name: str, pixels: int) -> None:
        """Give a panel of the centre what it needs, unless the user has chosen.

        Parameters
        ----------
        name : str
            Of the panel.
        pixels : int
            Height that its content needs, the title left out.
        """
        self._wanted[name] = pixels + _TITLE
        self._share_centre()

    def reset(self) -> None:
        """Show all panels in their first proportions."""
        self._moved = False
        self._hidden.clear()
        self._apply_hidden()
        self.arrange()

    def arrange(self) -> None:
        """Give every panel the room that suits the size of the window."""
        width, height = self.width() - 2 * theme.GAP, self.height() - 2 * theme.GAP
        left = _within(width * _LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST)
        right = _within(width * _RIGHT_SHARE, _RIGHT_LEAST, _RIGHT_MOST)
        bottom = _within(height * _BOTTOM_SHARE, _BOTTOM_LEAST, _BOTTOM_MOST)
        upper = height - bottom - theme.GAP
        middle = width - left - right - 2 * theme.GAP
        self._splitters["rows"].setSizes([upper, bottom])
        self._splitters["columns"].setSizes([left, middle, right])
        top = round(upper * _TOP_SHARE)
        rest = upper - top - 2 * theme.GAP
        self._splitters["middle"].setSizes([top, *self._shares("centre", rest)])
        self._splitters["top"].setSizes(self._shares("top", middle))
        # The last panel of the bottom row ends the column of the right one.
        names = [spec for spec in self._specs if spec.area == "bottom"]
        row = width - right - 2 * theme.GAP
        weights = [spec.weight for spec in names[:-1]]
        sizes = [round(row * weight / max(1, sum(weights))) for weight in weights]
        self._splitters["bottom"].setSizes([*sizes, right])

    def save(self, settings: QSettings) -> None:
        """Write proportions and hidden panels."""
        for owner, place in self._places.items():
            for name in [n for n in self._joined if self._spec(n).joins == owner]:
                self._join(name, place, False)  # as the next start finds them
        settings.setValue("layout/version", VERSION)
        settings.setValue("layout/hidden", " ".join(sorted(self._hidden)))
        for owner, place in self._places.items():
            settings.setValue(f"layout/tabs_{owner}", place.saved())
        settings.setValue("layout/moved", "true" if self._moved else "false")
        for name, splitter in self._splitters.items():
            settings.setValue(f"layout/{name}", splitter.saveState())

    def restore(self, settings: QSettings) -> bool:
        """Take up what was saved; False where there is nothing usable."""
        if str(settings.value("layout/version")) != str(VERSION):
            return False
        states = {}
        for name in self._splitters:
            state = settings.value(f"layout/{name}")
            if not isinstance(state, QByteArray) or state.isEmpty():
                return False
            states[name] = state
        if not all(self._splitters[n].restoreState(s) for n, s in states.items()):
            return False
        known = {spec.name for spec in self._specs}
        self._moved = str(settings.value("layout/moved", "")) == "true"
        for owner, place in self._places.items():
            place.restore(str(settings.value(f"layout/tabs_{owner}", "")))
        self._hidden = set(str(settings.value("layout/hidden", "")).split()) & known
        self._apply_hidden()
        return True

    def _with_tabs(
        self,
        specs: tuple[PanelSpec, ...],
        panels: Mapping[str, Panel],
        make: Callable[[PanelSpec], Panel],
    ) -> dict[str, TabPlace]:
        """Return a place for each panel that others share theirs with, by name."""
        found = {}
        for owner in specs:
            tabs = [spec for spec in specs if spec.tab_of == owner.name]
            tabs += [spec for spec in specs if tabs and spec.joins == owner.name]
            if tabs:
                found[owner.name] = TabPlace(
                    (owner, *tabs), panels[owner.name], make, self._on_raised
                )
        return found

    def _spec(self, name: str) -> PanelSpec:
        return next(spec for spec in self._specs if spec.name == name)

    def _join(self, name: str, place: TabPlace, together: bool) -> None:
        """Make a panel of the centre a tab, or give it its own place again."""
        if together == (name in self._joined):
            return
        self._joined ^= {name}
        panel = self._panels[name]
        if together:
            panel.hide()
            place.adopt(name, panel)
        else:
            middle = self._splitters["middle"]
            centre = [spec.name for spec in self._specs if spec.area == "centre"]
            middle.insertWidget(1 + centre.index(name), place.release(name))
            panel.setVisible(name not in self._hidden)
        self._on_raised()

    def _widget(self, name: str) -> QWidget:
        """Return what stands in a splitter for a panel."""
        return self._places[name] if name in self._places else self._panels[name]

    def _on_raised(self) -> None:
        self._share_centre()
        self._on_change()

    def _share_centre(self) -> None:
        if not self._moved and self.width() > 1:
            sizes = self._splitters["middle"].sizes()
            shares = self._shares("centre", sum(sizes[1:]))
            self._splitters["middle"].setSizes([sizes[0], *shares])

    def _fill(self, area: str, splitter: QSplitter) -> None:
        for spec in self._specs:
            if spec.area == area:
                splitter.addWidget(self._widget(spec.name))
                splitter.setStretchFactor(splitter.count() - 1, spec.weight)

    def _shares(self, area: str, room: int) -> list[int]:
        specs = [
            spec
            for spec in self._specs
            if spec.area == area and spec.name not in self._joined
        ]
        fronts = {name: place.front for name, place in self._places.items()}
        weights = {spec.name: fronts.get(spec.name, spec).weight for spec in specs}
        total = max(1, sum(weights.values()))
        shares = {n: round(room * weight / total) for n, weight in weights.items()}
        if any(fronts.get(spec.name, spec) is not spec for spec in specs):
            return list(shares.values())  # a tab in front has said what it needs
        for name, pixels in self._wanted.items():
            if name in shares and pixels > shares[name] and len(shares) > 1:
                more = min(pixels, round(room * _MOST_OF_CENTRE)) - shares[name]
                others = [other for other in shares if other != name]
                for other in others:
                    shares[other] -= more // len(others)
                shares[name] += more
        return list(shares.values())

    def _on_moved(self, *_: int) -> None:
        self._moved = True

    def _apply_hidden(self) -> None:
        for spec in self._specs:
            if spec.name not in self._joined:
                self._widget(spec.name).setVisible(spec.name not in self._hidden)
        for area in ("top", "bottom"):
            names = {spec.name for spec in self._specs if spec.area == area}
            self._splitters[area].setVisible(bool(names - self._hidden))
        self._on_change()


def _splitter(name: str, orientation: Qt.Orientation) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setObjectName(f"splitter_{name}")
    splitter.setHandleWidth(theme.GAP)
    splitter.setChildrenCollapsible(False)
    return splitter


def _stretch(splitter: QSplitter, factors: dict[int, int]) -> None:
    for place in range(splitter.count()):
        splitter.setStretchFactor(place, factors.get(place, 0))


def _within(value: float, least: int, most: int) -> int:
    return round(min(most, max(least, value)))
