"""The search field of the network view and the hits it found."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from layerscope.state.session import Structure
from layerscope.ui.panels.base import title_button
from layerscope.ui.panels.network_search import find_nodes

_PAUSE_MS = 120


class NodeFinder(QWidget):
    """A button that becomes a field; finds nodes while one types.

    Attributes
    ----------
    found : Signal
        `hits` has changed.
    wanted : Signal(int)
        Go to this node: Enter was pressed.
    ended : Signal
        The field was put away.
    hits : list of int
        Nodes found.
    """

    found = Signal()
    wanted = Signal(int)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[int] = []
        self._structure = Structure()
        self._next = 0
        self.field = QLineEdit()
        self.field.setPlaceholderText("name, operator or 64x56")
        self.field.setAccessibleName("Find in the network")
        self.field.setToolTip(
            "Find by name, operator or shape; regular expressions too. "
            "Enter jumps to the next one, Escape ends."
        )
        self.field.setFixedWidth(170)
        self.field.setStyleSheet("min-height: 22px; max-height: 22px;")
        self.field.setClearButtonEnabled(True)
        self.field.hide()
        self.button = title_button("", "Find (Ctrl+F)", self.begin, icon="search")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.field)
        row.addWidget(self.button)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.search)
        self.field.textChanged.connect(lambda _: self._pause.start())
        self.field.returnPressed.connect(self.jump)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.field)
        escape.setContext(Qt.ShortcutContext.WidgetShortcut)
        escape.activated.connect(self.end)

    def set_structure(self, structure: Structure) -> None:
        """Search in another model, from the beginning."""
        if structure is not self._structure:
            self._structure = structure
            self.field.clear()
            self.hits = []

    def query(self) -> str:
        """Return what is searched for."""
        return self.field.text().strip()

    def begin(self) -> None:
        """Show the field and put the cursor into it."""
        self.field.show()
        self.button.hide()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def end(self) -> None:
        """Put the field away and forget the hits."""
        self.field.clear()
        self.field.hide()
        self.button.show()
        self.search()
        self.ended.emit()

    def search(self) -> None:
        """Search now."""
        self._pause.stop()
        self.hits = find_nodes(self._structure, self.query())
        self._next = 0
        self.found.emit()

    def jump(self) -> None:
        """Go to the next hit; after the last comes the first."""
        if self._pause.isActive():
            self.search()
        if self.hits:
            node = self.hits[self._next % len(self.hits)]
            self._next += 1
            self.wanted.emit(node)
