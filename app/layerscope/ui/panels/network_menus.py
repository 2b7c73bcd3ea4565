"""The menus of the network view: what colours mean, what can be done with an item."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton

from layerscope.ui.panels.base import title_button
from layerscope.ui.panels.network_cards import MODES
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, NODE

if TYPE_CHECKING:
    from layerscope.ui.panels.network import NetworkPanel


class ModeButton(QToolButton):
    """Chooses one of `MODES`.

    Parameters
    ----------
    on_chosen : callable
        Called with the key of the mode.
    """

    def __init__(self, on_chosen: Callable[[str], None]) -> None:
        super().__init__()
        self.setProperty("flat", True)
        self.setToolTip("What the colours and bars of the cards mean")
        menu = QMenu(self)
        self._actions = QActionGroup(menu)
        for key, text in MODES:
            action = QAction(text.capitalize(), menu)
            action.setCheckable(True)
            action.setData(key)
            self._actions.addAction(action)
            menu.addAction(action)
        self._actions.triggered.connect(lambda action: on_chosen(action.data()))
        self.setMenu(menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def set_mode(self, mode: str) -> None:
        """Show which mode is in use."""
        text = dict(MODES)[mode]
        self.setText(f"{text} ▾")
        self.setAccessibleName(text)
        for action in self._actions.actions():
            action.setChecked(action.data() == mode)


def fit_button(on_click: Callable[[], None]) -> QToolButton:
    """Return the button that shows the whole network."""
    return title_button(
        "Fit", "Show the whole network (Space)", on_click, icon="maximize"
    )


def item_menu(panel: NetworkPanel, row: int) -> QMenu:
    """Return what can be done with a row, or with the graph where it is -1."""
    menu = QMenu(panel)
    if panel.cards is not None and row >= 0:
        kind, index = panel.cards.item(row)
        structure = panel.controller.session.structure
        if kind in (CLOSED, FRAME):
            text = "Open block\tEnter" if kind == CLOSED else "Close block\tEnter"
            menu.addAction(text, partial(panel.open_row, row))
        elif kind == NODE:
            for body in structure.nodes[index].bodies:
                name = structure.graphs[body].name or "body"
                menu.addAction(f"Enter {name[:60]}", partial(panel.enter, body))
        menu.addAction("Trace inputs\tShift+Left", panel.trace_inputs)
        menu.addAction("Trace outputs\tShift+Right", panel.trace_outputs)
        menu.addAction("Copy tensor names\tCtrl+C", partial(panel.copy_names, row))
        menu.addSeparator()
    menu.addAction("End trace\tEsc", panel.end_trace)
    menu.addAction("Close all blocks", partial(panel.controller.set_expanded, ()))
    menu.addAction("Fit\tSpace", panel.canvas.fit)
    return menu
