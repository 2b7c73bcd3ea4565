"""A failure as one sentence with its buttons, above the panels."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from layerscope.state.session import Trouble
from layerscope.ui import resources, theme
from layerscope.ui.panels.base import title_button

_ACTIONS = {
    "restart": ("Restart", "Start the engine anew and open the model again"),
    "try-cpu": ("Try on CPU", "Open the model again on the processor"),
    "forget-model": ("Forget this model", "Close the model and start the engine anew"),
}


class TroubleBanner(QWidget):
    """Absent while all is well."""

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self._controller = controller
        self._shown: Trouble | None = None
        frame = QFrame()
        frame.setProperty("banner", True)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.GAP, theme.GAP, theme.GAP, 0)
        outer.addWidget(frame)
        row = QHBoxLayout(frame)
        row.setContentsMargins(12, 4, 6, 4)
        row.setSpacing(8)
        self._sign = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(6)
        row.addWidget(self._sign)
        row.addWidget(self.text, 1)
        row.addLayout(self._buttons)
        row.addWidget(title_button("", "Dismiss", controller.dismiss_trouble, icon="x"))
        theme.changed.connect(self._tint)
        self._tint()
        self.hide()

    def refresh(self) -> None:
        """Show the trouble of now, or nothing."""
        trouble = self._controller.session.trouble
        if trouble == self._shown:
            return
        self._shown = trouble
        if trouble is None:
            self.hide()
            return
        self.text.setText(trouble.message)
        self.text.setAccessibleName(trouble.message)
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for action in trouble.actions:
            words, tip = _ACTIONS.get(action, (action, action))
            run = partial(self._controller.trouble_action, action)
            self._add(words, tip, run)
        if trouble.node and self._node_index(trouble.node) >= 0:
            self._add("Show node", "Select it in the network", self._show_node)
        self.show()

    def buttons(self) -> list[QPushButton]:
        """Return the buttons offered now."""
        items = [self._buttons.itemAt(n) for n in range(self._buttons.count())]
        widgets = [item.widget() for item in items if item is not None]
        return [widget for widget in widgets if isinstance(widget, QPushButton)]

    def _add(self, words: str, tip: str, run: Any) -> None:
        button = QPushButton(words)
        button.setToolTip(tip)
        button.setAccessibleName(words)
        button.clicked.connect(lambda: run())
        self._buttons.addWidget(button)

    def _node_index(self, name: str) -> int:
        nodes = self._controller.session.structure.nodes
        return next((node.index for node in nodes if node.name == name), -1)

    def _show_node(self) -> None:
        if self._shown is not None:
            index = self._node_index(self._shown.node)
            nodes = self._controller.session.structure.nodes
            outputs = nodes[index].outputs
            self._controller.select(tensor=outputs[0] if outputs else "", node=index)

    def _tint(self) -> None:
        scale = self.devicePixelRatioF()
        warning = theme.current().warning
        self._sign.setPixmap(resources.pixmap("triangle-alert", warning, 16, scale))
