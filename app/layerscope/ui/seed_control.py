"""The seed, beside Run: locked, drawn by chance, or several side by side."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from layerscope.controller import seeds
from layerscope.ui.actions import ActionRegistry
from layerscope.ui.panels.base import tint_icon

_FIELD_PX = 92


class SeedControl(QWidget):
    """A field for the seed and three buttons; absent where there is no seed.

    Parameters
    ----------
    controller : Controller
    actions : ActionRegistry
        Of the window; the buttons start its actions.
    """

    def __init__(self, controller: Any, actions: ActionRegistry) -> None:
        super().__init__()
        self._controller = controller
        self._actions = actions
        self.field = QLineEdit()
        self.field.setFixedWidth(_FIELD_PX)
        self.field.setAccessibleName("Seed")
        self.field.setToolTip("Seed: the same one gives the same result again")
        self.field.editingFinished.connect(self._on_edited)
        self.lock = self._button("seed.lock", "lock")
        self.lock.setCheckable(True)
        self.dice = self._button("seed.draw", "dices")
        self.sweep = self._button("seed.sweep", "grid-3x3")
        self.sweep.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in (self.field, self.lock, self.dice, self.sweep):
            row.addWidget(widget)
        self.refresh()

    def refresh(self) -> None:
        """Show the session as it is now."""
        session = self._controller.session
        self.setVisible(seeds.takes_seed(session))
        if not self.field.isModified():
            self.field.setText(f"seed {seeds.seed_of(session)}")
            self.field.setCursorPosition(0)
        self.lock.setChecked(bool(session.seed_locked))
        self.sweep.setVisible(seeds.can_sweep(session))
        self.sweep.setChecked(seeds.sweeps(session))

    def _button(self, action: str, icon: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("narrow", True)
        button.setAccessibleName(self._actions[action].text())
        button.setToolTip(self._actions[action].toolTip())
        button.clicked.connect(lambda: self._actions.run(action))
        tint_icon(button, icon, "text", 14)
        return button

    def _on_edited(self) -> None:
        """Take a number that was typed; anything else is put back."""
        if not self.field.isModified():
            return
        self.field.setModified(False)
        digits = self.field.text().lower().replace("seed", "").strip()
        if digits.isdecimal():
            seeds.set_seed(self._controller, int(digits))
        self.refresh()
