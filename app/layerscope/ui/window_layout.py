"""Where the panels stand: cards in splitters, remembered from start to start.

The areas, from `PanelSpec.area`::

    left │ top     (side by side) │ right
         │ centre  (stacked)      │
    ─────┴────────────────────────┴──────
    bottom (side by side)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from layerscope.ui import theme
from layerscope.ui.panels import PanelSpec
from layerscope.ui.panels.base import Panel

VERSION = 1
_LEFT_SHARE, _LEFT_LEAST, _LEFT_MOST = 0.15, 204, 260
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
    """

    def __init__(
        self,
        specs: tuple[PanelSpec, ...],
        panels: Mapping[str, Panel],
        on_change: Callable[[], object],
    ) -> None:
        super().__init__()
        self._specs = specs
        self._panels = panels
        self._on_change = on_change
        self._hidden: set[str] = set()
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
        """Whether the panel is not hidden by the user."""
        return name not in self._hidden

    def toggle(self, name: str) -> None:
        """Show or hide a panel."""
        self._hidden ^= {name}
        self._apply_hidden()

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
        if not self._moved and self.width() > 1:
            sizes = self._splitters["middle"].sizes()
            room = sum(sizes[1:])
            self._splitters["middle"].setSizes(
                [sizes[0], *self._shares("centre", room)]
            )

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
        settings.setValue("layout/version", VERSION)
        settings.setValue("layout/hidden", " ".join(sorted(self._hidden)))
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
        self._hidden = set(str(settings.value("layout/hidden", "")).split()) & known
        self._apply_hidden()
        return True

    def _fill(self, area: str, splitter: QSplitter) -> None:
        for spec in self._specs:
            if spec.area == area:
                splitter.addWidget(self._panels[spec.name])
                splitter.setStretchFactor(splitter.count() - 1, spec.weight)

    def _shares(self, area: str, room: int) -> list[int]:
        specs = [spec for spec in self._specs if spec.area == area]
        total = max(1, sum(spec.weight for spec in specs))
        shares = {spec.name: round(room * spec.weight / total) for spec in specs}
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
        for name, panel in self._panels.items():
            panel.setVisible(name not in self._hidden)
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
