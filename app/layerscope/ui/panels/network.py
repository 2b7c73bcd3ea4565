"""The network: blocks that open, live thumbnails, shares of the time."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QAction, QActionGroup, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QMenu, QStackedWidget

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.messages import GraphLaidOut
from layerscope.ui import theme
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.network_cards import MODES, NetworkCards, as_image
from layerscope.ui.panels.network_crumbs import Breadcrumb
from layerscope.ui.panels.network_search import find_nodes
from layerscope.ui.widgets.graph_canvas import GraphCanvas
from layerscope.ui.widgets.graph_legend import GraphLegend
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, NODE, GraphScene
from layerscope.ui.widgets.readable import count

_EMPTY = "Open a model, or drop one here: its layers appear as cards."
_OPENING = "Reading the model …"
_SEARCH_MS = 120


class NetworkPanel(Panel):
    """The graph canvas with search, colours, legend and breadcrumb.

    Attributes
    ----------
    canvas : GraphCanvas
    search : QLineEdit
    """

    def __init__(self, controller: Any) -> None:
        super().__init__("network", "Network", controller)
        self.body.setContentsMargins(1, 0, 1, 1)
        self.body.setSpacing(0)
        self.canvas = GraphCanvas()
        self.crumbs = Breadcrumb()
        self._empty = self.empty_state(_EMPTY)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.canvas)
        self.body.addWidget(self.crumbs)
        self.body.addWidget(self._stack, 1)
        self.cards: NetworkCards | None = None
        self._mode = "time"
        self._hits: list[int] = []
        self._next_hit = 0
        self._wanted_node = -1
        self._shown_layout: GraphLaidOut | None = None
        self._shown_model = 0
        self._facts: tuple[object, ...] = ()
        self._frame = -1
        self._toggled: tuple[int, int] | None = None
        self._scene: GraphScene | None = None
        self._add_actions()
        self._connect()

    # --- parts ----------------------------------------------------------------

    def _add_actions(self) -> None:
        self.legend = GraphLegend()
        self.add_action(self.legend)
        self.search = QLineEdit()
        self.search.setPlaceholderText("name, operator or 64x56")
        self.search.setAccessibleName("Find in the network")
        self.search.setToolTip(
            "Find by name, operator or shape; regular expressions too. "
            "Enter jumps to the next, Escape ends."
        )
        self.search.setFixedSize(170, 24)
        self.search.setStyleSheet("min-height: 22px; max-height: 22px;")
        self.search.setClearButtonEnabled(True)
        self.search.hide()
        self.add_action(self.search)
        self.find_button = title_button(
            "", "Find (Ctrl+F)", self.focus_search, icon="search"
        )
        self.add_action(self.find_button)
        self._mode_button = title_button(
            "", "What the colours and bars of the cards mean"
        )
        menu = QMenu(self._mode_button)
        group = QActionGroup(menu)
        for key, text in MODES:
            action = QAction(text.capitalize(), menu)
            action.setCheckable(True)
            action.setData(key)
            group.addAction(action)
            menu.addAction(action)
        group.triggered.connect(lambda action: self.set_mode(action.data()))
        self._mode_button.setMenu(menu)
        self._mode_button.setPopupMode(self._mode_button.ToolButtonPopupMode.InstantPopup)
        self.add_action(self._mode_button)
        self._mode_actions = group
        self.set_mode("time")
        self.add_action(
            title_button("Fit", "Show the whole network (Space)", self.canvas.fit, icon="maximize")
        )

    def _connect(self) -> None:
        events = self.controller.session.events
        self.listen(events.layout, self._on_layout)
        for signal in (
            events.structure_revision,
            events.profile,
            events.n_runs,
            events.selection,
            events.refusal,
            events.refusal_node,
            events.model,
            events.opening,
            events.taps,
            events.preflight,
        ):
            self.listen(signal)
        canvas = self.canvas
        canvas.chosen.connect(self._on_chosen)
        canvas.opened.connect(self.open_row)
        canvas.left.connect(self.leave_graph)
        canvas.settled.connect(self._watch)
        canvas.menu_wanted.connect(self._show_menu)
        canvas.copied.connect(self._copy_names)
        self.crumbs.entered.connect(self.controller.show_graph)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_SEARCH_MS)
        self._typed.timeout.connect(self._find)
        self.search.textChanged.connect(lambda _: self._typed.start())
        self.search.returnPressed.connect(self.jump_to_hit)
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.focus_search)
        end = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.search)
        end.setContext(Qt.ShortcutContext.WidgetShortcut)
        end.activated.connect(self.end_search)

    # --- from the session -------------------------------------------------------

    def _on_layout(self, layout: GraphLaidOut | None) -> None:
        """Fetch the arrays at once: the store keeps them only for a while."""
        self._scene = None
        if layout is not None:
            try:
                arrays = [
                    self.controller.get_array(ref)
                    for ref in (layout.items, layout.boxes, layout.edges, layout.lanes)
                ]
                self._scene = GraphScene(*arrays)
            except LayerscopeError:
                # Newer arrays took their place before we looked: ask again.
                self.controller.set_expanded(self.controller.session.expanded)
        self.mark_stale()

    def refresh(self) -> None:
        """Show the session as it is now."""
        session = self.controller.session
        if self._scene is None and session.layout is not None:
            self._on_layout(session.layout)
        if not session.model or self._scene is None or session.layout is None:
            self._empty.set_text(_OPENING if session.opening else _EMPTY)
            self._stack.setCurrentWidget(self._empty)
            self.crumbs.hide()
            self._shown_layout = None
            self.set_clause("")
            return
        if session.layout.graph >= len(session.structure.graphs):
            return
        self._stack.setCurrentWidget(self.canvas)
        self._show_layout(session.layout)
        self._show_facts()
        self._show_pictures()
        self._show_selection()
        self.set_clause(self._clause_text())

    def _show_layout(self, layout: GraphLaidOut) -> None:
        if layout is self._shown_layout:
            return
        session = self.controller.session
        before = self._shown_layout
        same = (
            before is not None
            and before.graph == layout.graph
            and self._shown_model == session.model
        )
        self.canvas.set_scene(self._scene, keep=self._toggled if same else None)
        if not same:
            self._hits = []
            self.search.clear()
        self._toggled = None
        self._shown_layout = layout
        self._shown_model = session.model
        self._facts = ()
        self._frame = -1
        self.crumbs.show_path(session.structure, layout.graph)

    def _show_facts(self) -> None:
        session = self.controller.session
        palette = theme.current()
        facts = (
            id(self._scene),
            session.structure_revision,
            id(session.profile),
            id(session.taps),
            session.refusal,
            session.refusal_node,
            self._mode,
            palette,
        )
        if facts == self._facts or self._scene is None:
            return
        self._facts = facts
        assert self._shown_layout is not None
        self.cards = NetworkCards(session, self._scene, self._shown_layout.graph)
        self.cards.times.note_health(self.controller.pictures.frame)
        self._repaint_cards()
        self._frame = -1
        self._show_hits()
        if self._wanted_node >= 0:
            self._jump(self._wanted_node)
        self._watch()

    def _repaint_cards(self) -> None:
        if self.cards is None:
            return
        self.canvas.set_bars(*self.cards.bars(self._mode))
        self.canvas.set_words(self.cards.words, self.cards.tooltip)
        self.canvas.set_errors(self.cards.error_rows())
        self._show_legend()

    def _show_pictures(self) -> None:
        pictures = self.controller.pictures
        if pictures.revision == self._frame or self.cards is None:
            return
        self._frame = pictures.revision
        frame = pictures.frame
        images = {}
        if frame is not None and frame.model == self.controller.session.model:
            for row in self.canvas.picture_rows():
                picture = frame.pictures.get(self.cards.picture_key(row))
                image = as_image(picture) if picture is not None else None
                if image is not None:
                    images[row] = image
        self.canvas.set_pictures(images)
        if self.cards.times.note_health(frame):
            self._repaint_cards()

    def _show_selection(self) -> None:
        session = self.controller.session
        cards, scene = self.cards, self._scene
        if cards is None or scene is None:
            return
        chosen = session.selection
        row = -1
        if chosen.group >= 0:
            row = max(scene.row_of(CLOSED, chosen.group), scene.row_of(FRAME, chosen.group))
        if row < 0 and chosen.node >= 0:
            row = cards.row_of_node(chosen.node)
        if row < 0 and chosen.tensor:
            row = cards.row_of_node(session.structure.producer_of.get(chosen.tensor, -1))
            row = row if row >= 0 else cards.row_of_end(chosen.tensor)
        if row != self.canvas.row:
            self.canvas.set_row(row, reveal=self._begun_reading())

    def _begun_reading(self) -> bool:
        return self.canvas.readable() and not self.canvas.underMouse()

    def _watch(self) -> None:
        """Tell the controller which tensors are drawn large enough to be seen."""
        if self.cards is None or not self.isVisible():
            return
        found = (self.cards.thumbnail_of(row) for row in self.canvas.picture_rows())
        self.controller.watch_visible(tuple(dict.fromkeys(filter(None, found))))
        self._frame = -1  # rows that have come into sight need their picture now
        self.mark_stale()

    def _clause_text(self) -> str:
        session = self.controller.session
        structure, report = session.structure, session.preflight
        graph = self._shown_layout.graph if self._shown_layout is not None else 0
        words = []
        if graph == 0:
            n_blocks = sum(
                group.graph == 0 and group.parent < 0 for group in structure.groups
            )
            if n_blocks:
                words.append(_counted(n_blocks, "block"))
        n_nodes = sum(node.graph == graph for node in structure.nodes)
        words.append(_counted(n_nodes, "node"))
        if graph == 0 and report is not None and report.n_parameters:
            words.append(f"{count(report.n_parameters)} parameters")
        if self._hits or self.search.text():
            words.append(f"{_counted(len(self._hits), 'hit')} for “{self.search.text()}”")
        if session.refusal and not session.runnable:
            words.append("cannot run")
        return " · ".join(words)

    # --- colours ----------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        """Colour the cards by one of `MODES`."""
        self._mode = mode
        text = dict(MODES)[mode]
        self._mode_button.setText(f"{text} ▾")
        self._mode_button.setAccessibleName(text)
        for action in self._mode_actions.actions():
            action.setChecked(action.data() == mode)
        self.mark_stale()

    def _show_legend(self) -> None:
        if self.cards is None:
            return
        self.legend.set_entries(*self.cards.legend(self._mode))

    # --- hands --------------------------------------------------------------------

    def _on_chosen(self, row: int) -> None:
        if self.cards is None or self._scene is None:
            return
        self.canvas.set_traced(None)
        if row < 0:
            return
        kind, index = self._scene.items[row].tolist()
        tensor = self.cards.tensor_of(row)
        if kind == NODE:
            self.controller.select(tensor=tensor, node=index)
        elif kind in (CLOSED, FRAME):
            self.controller.select(tensor=tensor, group=index)
        else:
            self.controller.select(tensor=tensor)

    def open_row(self, row: int) -> None:
        """Open or close a block, or enter a node's body."""
        if self._scene is None:
            return
        kind, index = self._scene.items[row].tolist()
        if kind in (CLOSED, FRAME):
            self._toggled = (CLOSED, index)
            self.controller.toggle_group(index)
        elif kind == NODE:
            bodies = self.controller.session.structure.nodes[index].bodies
            if bodies:
                self.controller.show_graph(bodies[0])

    def leave_graph(self) -> None:
        """Go back to the graph that holds the shown one."""
        session = self.controller.session
        if session.graph and session.graph < len(session.structure.graphs):
            owner = session.structure.graphs[session.graph].owner
            outer = session.structure.nodes[owner].graph if owner >= 0 else 0
            self.controller.show_graph(outer)
            self._wanted_node = owner

    def trace(self, *, upstream: bool) -> None:
        """Light up everything that leads to, or comes from, the chosen item."""
        if self._scene is not None and self.canvas.row >= 0:
            self.canvas.set_traced(
                *self._scene.trace(self.canvas.row, upstream=upstream)
            )

    def trace_inputs(self) -> None:
        """Light up all that the chosen item depends on."""
        self.trace(upstream=True)

    def trace_outputs(self) -> None:
        """Light up all that depends on the chosen item."""
        self.trace(upstream=False)

    def end_trace(self) -> None:
        """Show everything alike again."""
        self.canvas.set_traced(None)

    def _copy_names(self, row: int) -> None:
        if self.cards is not None and self._scene is not None:
            kind, index = self._scene.items[row].tolist()
            names = [self.cards.tensor_of(row)]
            if kind == NODE:
                names = list(self.controller.session.structure.nodes[index].outputs)
            QGuiApplication.clipboard().setText("\n".join(names))

    def _show_menu(self, row: int, place: QPoint) -> None:
        menu = self.menu_for(row)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    def menu_for(self, row: int) -> QMenu:
        """Return what can be done with a row."""
        menu = QMenu(self)
        if self._scene is not None and row >= 0:
            self.canvas.set_row(row)
            self._on_chosen(row)
            kind, index = self._scene.items[row].tolist()
            structure = self.controller.session.structure
            if kind in (CLOSED, FRAME):
                text = "Open block\tEnter" if kind == CLOSED else "Close block\tEnter"
                menu.addAction(text, lambda: self.open_row(row))
            elif kind == NODE:
                for body in structure.nodes[index].bodies:
                    name = structure.graphs[body].name or "body"
                    menu.addAction(
                        f"Enter {name}", lambda to=body: self.controller.show_graph(to)
                    )
            menu.addAction("Trace inputs\tAlt+Left", self.trace_inputs)
            menu.addAction("Trace outputs\tAlt+Right", self.trace_outputs)
            menu.addAction("Copy tensor names\tCtrl+C", lambda: self._copy_names(row))
            menu.addSeparator()
        menu.addAction("End trace\tEsc", self.end_trace)
        menu.addAction("Close all blocks", lambda: self.controller.set_expanded(()))
        menu.addAction("Fit\tSpace", self.canvas.fit)
        return menu

    # --- search -------------------------------------------------------------------

    def focus_search(self) -> None:
        """Show the search field and put the cursor into it."""
        self.search.show()
        self.find_button.hide()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def end_search(self) -> None:
        """Put the search away."""
        self.search.clear()
        self.search.hide()
        self.find_button.show()
        self._find()
        self.canvas.setFocus()

    def _find(self) -> None:
        self._typed.stop()
        self._hits = find_nodes(self.controller.session.structure, self.search.text())
        self._next_hit = 0
        self._show_hits()
        self.mark_stale()

    def _show_hits(self) -> None:
        if self.cards is not None:
            rows = {self.cards.row_of_node(node) for node in self._hits}
            self.canvas.set_hits(frozenset(rows - {-1}))

    def jump_to_hit(self) -> None:
        """Select the next hit, opening the blocks around it."""
        if self._typed.isActive():
            self._find()
        if not self._hits:
            return
        node = self._hits[self._next_hit % len(self._hits)]
        self._next_hit += 1
        self._jump(node)

    def _jump(self, node: int) -> None:
        """Bring a node into sight: its graph, its blocks, itself."""
        session = self.controller.session
        info = session.structure.nodes[node]
        self._wanted_node = node
        if info.graph != session.graph:
            self.controller.show_graph(info.graph)
            return
        around = []
        group = info.group
        while group >= 0:
            around.append(group)
            group = session.structure.groups[group].parent
        closed = [group for group in reversed(around) if group not in session.expanded]
        if closed and self._mode_of_jump(info.index):
            self._toggled = (CLOSED, closed[0])
            self.controller.set_expanded((*session.expanded, *closed))
            return
        self._wanted_node = -1
        if self.cards is None or self._scene is None:
            return
        row = self.cards.row_of_node(node)
        if row >= 0:
            self.canvas.set_row(row)
            self.canvas.centre_on(row)
            outputs = [name for name in info.outputs if name]
            self.controller.select(tensor=outputs[0] if outputs else "", node=node)

    def _mode_of_jump(self, node: int) -> bool:
        """Return whether the blocks around a node are to be opened for it."""
        return bool(self.search.text()) and self.cards is not None and node >= 0


def _counted(n: int, word: str) -> str:
    return f"{count(n)} {word}{'' if n == 1 else 's'}"

