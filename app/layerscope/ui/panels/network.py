"""The network: blocks that open, live thumbnails, shares of the time."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.messages import GraphLaidOut
from layerscope.ui import theme
from layerscope.ui.panels.base import Panel
from layerscope.ui.panels.network_cards import NetworkCards
from layerscope.ui.panels.network_clause import clause
from layerscope.ui.panels.network_crumbs import Breadcrumb
from layerscope.ui.panels.network_finder import NodeFinder
from layerscope.ui.panels.network_looks import as_image
from layerscope.ui.panels.network_menus import ModeButton, fit_button, item_menu
from layerscope.ui.panels.network_tooltip import tooltip
from layerscope.ui.widgets.graph_canvas import GraphCanvas
from layerscope.ui.widgets.graph_legend import GraphLegend
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, NODE, GraphScene

_EMPTY = "Open a model, or drop one here: its layers appear as cards."
_OPENING = "Reading the model …"


class NetworkPanel(Panel):
    """The graph canvas with search, colours, legend and breadcrumb.

    Attributes
    ----------
    canvas : GraphCanvas
    finder : NodeFinder
    cards : NetworkCards, optional
        What the rows of the canvas mean; None before a graph is shown.
    """

    def __init__(self, controller: Any) -> None:
        super().__init__("network", "Network", controller)
        self.body.setContentsMargins(1, 0, 1, 1)
        self.body.setSpacing(0)
        self.canvas = GraphCanvas()
        self.crumbs = Breadcrumb()
        self.finder = NodeFinder()
        self.legend = GraphLegend()
        self.cards: NetworkCards | None = None
        self._empty = self.empty_state(_EMPTY)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.canvas)
        self.body.addWidget(self.crumbs)
        self.body.addWidget(self._stack, 1)
        self._scene: GraphScene | None = None
        self._shown_layout: GraphLaidOut | None = None
        self._lost_layout: GraphLaidOut | None = None
        self._shown_model = 0
        self._facts: tuple[object, ...] = ()
        self._told: tuple[object, ...] = ()
        self._frame = -1
        self._kept: tuple[int, int] | None = None
        self._wanted_node = -1
        self._mode = "time"
        self._mode_button = ModeButton(self.set_mode)
        for widget in (
            self.legend,
            self.finder,
            self._mode_button,
            fit_button(self.canvas.fit),
        ):
            self.add_action(widget)
        self.set_mode("time")
        self._connect()

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
        self.canvas.chosen.connect(self._on_chosen)
        self.canvas.opened.connect(self.open_row)
        self.canvas.left.connect(self.leave_graph)
        self.canvas.settled.connect(self._watch)
        self.canvas.menu_wanted.connect(self._show_menu)
        self.canvas.copied.connect(self.copy_names)
        self.crumbs.entered.connect(self.enter)
        self.finder.found.connect(self._on_found)
        self.finder.wanted.connect(self._jump)
        self.finder.ended.connect(self.canvas.setFocus)
        for key, slot in (
            (QKeySequence("Shift+Left"), self.trace_inputs),
            (QKeySequence("Shift+Right"), self.trace_outputs),
        ):
            shortcut = QShortcut(key, self.canvas)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(slot)

    # --- from the session -------------------------------------------------------

    def _on_layout(self, layout: GraphLaidOut | None) -> None:
        """Fetch the arrays at once: the store keeps them only for a while."""
        self._scene = None
        if layout is not None:
            try:
                self._scene = GraphScene(
                    *(
                        self.controller.get_array(ref)
                        for ref in (
                            layout.items,
                            layout.boxes,
                            layout.edges,
                            layout.lanes,
                        )
                    )
                )
            except LayerscopeError:
                # Newer arrays took their place before we looked: ask again, once.
                self._lost_layout = layout
                self.controller.set_expanded(self.controller.session.expanded)
        self.mark_stale()

    def refresh(self) -> None:
        """Show the session as it is now."""
        session = self.controller.session
        layout = session.layout
        if (
            self._scene is None
            and layout is not None
            and layout is not self._lost_layout
        ):
            self._on_layout(layout)
        if not session.model or self._scene is None or layout is None:
            self._show_nothing()
            return
        if layout.graph >= len(session.structure.graphs):
            return  # a page of the structure is still to come
        self._stack.setCurrentWidget(self.canvas)
        self._show_layout(self._scene, layout)
        self._show_facts(self._scene, layout.graph)
        self._show_pictures()
        self._show_selection(self._scene)
        n_found = len(self.finder.hits) if self.finder.query() else None
        told = (self._facts, session.preflight, session.runnable, n_found)
        if told != self._told:
            self._told = told
            self.set_clause(clause(session, layout.graph, n_found))

    def _show_nothing(self) -> None:
        self._empty.set_text(_OPENING if self.controller.session.opening else _EMPTY)
        self._stack.setCurrentWidget(self._empty)
        self.crumbs.hide()
        self.legend.set_entries(None, [])
        self._shown_layout = None
        self.cards = None
        self._told = ()
        self.set_clause("")

    def _show_layout(self, scene: GraphScene, layout: GraphLaidOut) -> None:
        before = self._shown_layout
        if layout is before:
            return
        session = self.controller.session
        same = (
            before is not None
            and before.graph == layout.graph
            and self._shown_model == session.model
        )
        self.canvas.set_scene(scene, keep=self._anchor(scene) if same else None)
        self.finder.set_structure(session.structure)
        self.crumbs.show_path(session.structure, layout.graph)
        self._kept = None
        self._shown_layout = layout
        self._shown_model = session.model
        self._facts = ()

    def _anchor(self, scene: GraphScene) -> tuple[int, int] | None:
        """Return what stays in place: the block opened or closed, or anything seen."""
        if self._kept is not None:
            return self._kept
        old = self.canvas.scene
        if old is None:
            return None
        for row in old.leaves_in(self.canvas.view.area).tolist():
            kind, index = old.items[row].tolist()
            if scene.row_of(kind, index) >= 0:
                return kind, index
        return None

    def _show_facts(self, scene: GraphScene, graph: int) -> None:
        session = self.controller.session
        facts = (
            id(scene),
            session.structure_revision,
            session.profile,
            session.taps,
            session.refusal,
            session.refusal_node,
            self._mode,
            theme.current(),
        )
        if facts == self._facts:
            return
        self._facts = facts
        self.cards = cards = NetworkCards(session, scene, graph)
        cards.times.note_health(self.controller.pictures.frame)
        self._dress(cards)
        self._mark_hits()
        self._watch()
        if self._wanted_node >= 0:
            self._jump(self._wanted_node)

    def _dress(self, cards: NetworkCards) -> None:
        session = self.controller.session
        self.canvas.set_bars(*cards.bars(self._mode))
        self.canvas.set_words(cards.words, lambda row: tooltip(session, cards, row))
        self.canvas.set_errors(cards.error_rows())
        self.legend.set_entries(*cards.legend(self._mode))

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
            self._dress(self.cards)

    def _show_selection(self, scene: GraphScene) -> None:
        structure = self.controller.session.structure
        chosen, cards = self.controller.session.selection, self.cards
        if cards is None:
            return
        row = -1
        if chosen.group >= 0:
            row = scene.row_of(CLOSED, chosen.group)
            row = row if row >= 0 else scene.row_of(FRAME, chosen.group)
        if row < 0 and chosen.node >= 0:
            row = cards.row_of_node(chosen.node)
        if row < 0 and chosen.tensor:
            row = cards.row_of_node(structure.producer_of.get(chosen.tensor, -1))
            row = row if row >= 0 else cards.row_of_end(chosen.tensor)
        if row != self.canvas.row:
            # Under the pointer nothing may move away.
            reveal = self.canvas.readable() and not self.canvas.underMouse()
            self.canvas.set_row(row, reveal=reveal)

    def _watch(self) -> None:
        """Tell the controller which tensors are drawn large enough to be seen."""
        if self.cards is None or not self.isVisible():
            return
        found = (self.cards.thumbnail_of(row) for row in self.canvas.picture_rows())
        self.controller.watch_visible(tuple(dict.fromkeys(filter(None, found))))
        self._frame = -1  # rows that have come into sight need their picture now
        self.mark_stale()

    # --- hands --------------------------------------------------------------------

    def set_mode(self, mode: str) -> None:
        """Colour the cards by one of `MODES`."""
        self._mode = mode
        self._mode_button.set_mode(mode)
        self.mark_stale()

    def _on_chosen(self, row: int) -> None:
        self.canvas.set_traced(None)
        if self.cards is None or row < 0:
            return
        kind, index = self.cards.item(row)
        tensor = self.cards.tensor_of(row)
        if kind == NODE:
            self.controller.select(tensor=tensor, node=index)
        elif kind in (CLOSED, FRAME):
            self.controller.select(tensor=tensor, group=index)
        else:
            self.controller.select(tensor=tensor)

    def open_row(self, row: int) -> None:
        """Open or close a block, or enter a node's body."""
        if self.cards is None:
            return
        kind, index = self.cards.item(row)
        if kind in (CLOSED, FRAME):
            self._kept = (CLOSED, index)
            self.controller.toggle_group(index)
        elif kind == NODE:
            bodies = self.controller.session.structure.nodes[index].bodies
            if bodies:
                self.enter(bodies[0])

    def enter(self, graph: int) -> None:
        """Show another graph from its beginning."""
        self._wanted_node = -1
        self.controller.show_graph(graph)

    def leave_graph(self) -> None:
        """Go back to the graph that holds the shown one, to the node one came from."""
        session = self.controller.session
        if 0 < session.graph < len(session.structure.graphs):
            owner = session.structure.graphs[session.graph].owner
            self._wanted_node = owner
            self.controller.show_graph(
                session.structure.nodes[owner].graph if owner >= 0 else 0
            )

    def trace_inputs(self) -> None:
        """Light up all that the chosen item depends on."""
        self._trace(upstream=True)

    def trace_outputs(self) -> None:
        """Light up all that depends on the chosen item."""
        self._trace(upstream=False)

    def _trace(self, *, upstream: bool) -> None:
        if self._scene is not None and self.canvas.row >= 0:
            traced = self._scene.trace(self.canvas.row, upstream=upstream)
            self.canvas.set_traced(*traced)

    def end_trace(self) -> None:
        """Show everything alike again."""
        self.canvas.set_traced(None)

    def copy_names(self, row: int) -> None:
        """Copy the names of what a row makes."""
        if self.cards is not None:
            kind, index = self.cards.item(row)
            names = [self.cards.tensor_of(row)]
            if kind == NODE:
                names = list(self.controller.session.structure.nodes[index].outputs)
            QGuiApplication.clipboard().setText("\n".join(names))

    def _show_menu(self, row: int, place: QPoint) -> None:
        if row >= 0:
            self.canvas.set_row(row)
            self._on_chosen(row)
        menu = item_menu(self, row)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place)

    # --- search -------------------------------------------------------------------

    def focus_search(self) -> None:
        """Show the search field and put the cursor into it."""
        self.finder.begin()

    def _on_found(self) -> None:
        self._mark_hits()
        self.mark_stale()

    def _mark_hits(self) -> None:
        if self.cards is not None:
            rows = {self.cards.row_of_node(node) for node in self.finder.hits}
            self.canvas.set_hits(frozenset(rows - {-1}))

    def _jump(self, node: int) -> None:
        """Bring a node into sight: its graph, the blocks around it, itself."""
        session = self.controller.session
        info = session.structure.nodes[node]
        self._wanted_node = node
        if info.graph != session.graph:
            self.controller.show_graph(info.graph)
            return
        closed = []
        group = info.group
        while group >= 0:
            if group not in session.expanded:
                closed.append(group)
            group = session.structure.groups[group].parent
        if closed:
            self._kept = (CLOSED, closed[-1])
            self.controller.set_expanded((*session.expanded, *reversed(closed)))
            return
        row = self.cards.row_of_node(node) if self.cards is not None else -1
        if row >= 0:
            self._wanted_node = -1
            self.canvas.set_row(row)
            self.canvas.centre_on(row)
            outputs = [name for name in info.outputs if name]
            self.controller.select(tensor=outputs[0] if outputs else "", node=node)
