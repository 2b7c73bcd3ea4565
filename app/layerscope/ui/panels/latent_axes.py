"""Two boxes that choose what the latent pad shows across and up."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QComboBox, QWidget

from layerscope.ui.panels.latent_state import MAIN, LatentState

_MOST = 512


class AxisBoxes(QObject):
    """Keeps both axes of one kind: two dimensions, or the main directions.

    Parameters
    ----------
    owner : QWidget
    on_change : callable
        Called after another axis was chosen.

    Attributes
    ----------
    boxes : tuple of QComboBox
        Across, and up.
    """

    def __init__(self, owner: QWidget, on_change: Callable[[], object]) -> None:
        super().__init__(owner)
        self._on_change = on_change
        self._state = LatentState()
        self.boxes = (QComboBox(), QComboBox())
        for axis, (box, name) in enumerate(
            zip(self.boxes, ("Across", "Up"), strict=True)
        ):
            box.setProperty("flat", True)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.setAccessibleName(name)
            box.setToolTip(f"{name}: which dimension the pad shows")
            box.activated.connect(self._on_across if axis == 0 else self._on_up)
            box.hide()

    def show_state(self, state: LatentState) -> None:
        """Offer the dimensions of a latent."""
        self._state = state
        for axis, box in enumerate(self.boxes):
            box.clear()
            if state.directions is not None:
                box.addItem(f"main {axis + 1}", MAIN)
            for n in range(min(state.n, _MOST)):
                box.addItem(f"z {n}", n)
            box.setVisible(state.n > 2)
        self._show_chosen()

    def choose(self, axis: int, value: int) -> None:
        """Show another dimension on an axis, 0 for across; `MAIN` sets both."""
        state = self._state
        others = (state.x, state.y)
        if value == MAIN:
            state.x = state.y = MAIN
        else:
            other = others[1 - axis]
            other = int(value == 0) if other in (MAIN, value) else other
            state.x, state.y = (value, other) if axis == 0 else (other, value)
        self._show_chosen()
        self._on_change()

    def _show_chosen(self) -> None:
        for box, chosen in zip(self.boxes, (self._state.x, self._state.y), strict=True):
            box.setCurrentIndex(box.findData(chosen))

    def _on_across(self, index: int) -> None:
        self.choose(0, int(self.boxes[0].itemData(index)))

    def _on_up(self, index: int) -> None:
        self.choose(1, int(self.boxes[1].itemData(index)))
