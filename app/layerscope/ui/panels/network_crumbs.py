"""Where in nested graphs one is: ``model › If_0 › then_branch``."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from layerscope.state.session import Structure
from layerscope.ui.panels.base import title_button

_LONGEST = 32


class Breadcrumb(QWidget):
    """One button for each graph on the way to the shown one; hidden at the top.

    Attributes
    ----------
    entered : Signal(int)
        Go to that graph.
    """

    entered = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Path of graphs")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 2, 10, 2)
        self._row.setSpacing(2)
        self.setFixedHeight(28)
        self.hide()

    def show_path(self, structure: Structure, graph: int) -> None:
        """Show the way to a graph of `structure`."""
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        steps: list[tuple[int, str]] = []
        current = graph
        while current > 0 and len(steps) < 24:
            info = structure.graphs[current]
            steps.append((current, info.name or info.kind))
            if info.owner < 0:
                break
            owner = structure.nodes[info.owner]
            current = owner.graph
            steps[-1] = (steps[-1][0], f"{owner.label or owner.name} · {steps[-1][1]}")
        if not steps:
            self.hide()
            return
        steps.append((0, "model"))
        for at, (index, name) in enumerate(reversed(steps)):
            if at:
                separator = QLabel("›")
                separator.setProperty("role", "muted")
                self._row.addWidget(separator)
            text = name if len(name) <= _LONGEST else f"{name[:14]}…{name[-14:]}"
            button = title_button(
                text,
                f"Go to {name[:300]}" + (" (Backspace leaves)" if at else ""),
                partial(self.entered.emit, index),
            )
            self._row.addWidget(button)
        self._row.addStretch(1)
        self.show()
