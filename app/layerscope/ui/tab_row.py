"""The tabs that a panel draws in its title line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabBar

from layerscope.ui import theme


class TabRow(QTabBar):
    """The tabs of one place, in a title line."""

    def __init__(self, choose: Callable[[str], object]) -> None:
        super().__init__()
        self.setProperty("titles", True)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideRight)
        self.setFixedHeight(theme.TITLE_HEIGHT)
        self.setAccessibleName("Views")
        self._choose = choose
        self.currentChanged.connect(self._on_changed)

    def show_tabs(self, tabs: Sequence[tuple[str, str]], front: str) -> None:
        """Show other tabs, without choosing one."""
        names = [self.tabData(place) for place in range(self.count())]
        self.blockSignals(True)
        if names != [name for name, _ in tabs]:
            while self.count():
                self.removeTab(0)
            for place, (name, title) in enumerate(tabs):
                self.addTab(title)
                self.setTabData(place, name)
                self.setTabToolTip(place, f"{title} (Ctrl+Tab for the next view)")
        if tabs:
            self.setCurrentIndex([name for name, _ in tabs].index(front))
        self.blockSignals(False)

    def _on_changed(self, place: int) -> None:
        if place >= 0:
            self._choose(str(self.tabData(place)))
