"""The actions that bring the views of a shared place to the front."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from layerscope.ui.actions import ActionSpec
from layerscope.ui.panels import PANELS

if TYPE_CHECKING:
    from layerscope.ui.main_window import MainWindow

_STEPS = (("Next", 1, "Ctrl+Tab"), ("Previous", -1, "Ctrl+Shift+Tab"))


def tab_actions(window: MainWindow) -> list[ActionSpec]:
    """Return an action for each view that is a tab, and for the next and last one."""
    layout = window.layout_
    shared = {spec.tab_of for spec in PANELS} - {""}
    tabs = [
        ActionSpec(
            id=f"tab.{spec.name}",
            text=spec.title,
            menu="View/Views",
            section=1,
            tooltip=f"Bring {spec.title} to the front",
            run=partial(layout.choose_tab, spec.name),
            enabled=partial(layout.is_offered, spec.name),
            checked=partial(layout.is_front, spec.name),
        )
        for spec in PANELS
        if spec.tab_of or spec.joins or spec.name in shared
    ]
    steps = [
        ActionSpec(
            id=f"tab.{word.lower()}",
            text=f"{word} view",
            menu="View/Views",
            section=2,
            keys=(key,),
            tooltip="Walk through the views that share one place",
            run=partial(layout.next_tab, delta),
        )
        for word, delta, key in _STEPS
    ]
    return [*tabs, *steps]
