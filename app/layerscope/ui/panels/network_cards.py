"""What the cards of the network view say, from the session."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from layerscope.state.session import Session
from layerscope.ui import theme
from layerscope.ui.panels.naming import provider_name
from layerscope.ui.panels.network_looks import (
    compact_shape,
    provider_colour,
    ramp,
    shown,
)
from layerscope.ui.panels.network_times import NodeTimes
from layerscope.ui.panels.operator_icons import block_icon, end_icon, operator_icon
from layerscope.ui.widgets.graph_cards import CardWords
from layerscope.ui.widgets.graph_scene import (
    CLOSED,
    FRAME,
    INPUT,
    NODE,
    OUTPUT,
    GraphScene,
)
from layerscope.ui.widgets.readable import share

MODES = (
    ("time", "colour by time"),
    ("size", "colour by size"),
    ("provider", "colour by provider"),
    ("error", "colour by error"),
    ("none", "no colour"),
)


class NetworkCards:
    """Words, bars, colours and pictures of every row of one scene.

    Parameters
    ----------
    session : Session
    scene : GraphScene
    graph : int
        The graph that `scene` shows.
    """

    def __init__(self, session: Session, scene: GraphScene, graph: int) -> None:
        self._session = session
        self._scene = scene
        self._graph = session.structure.graphs[graph]
        self._words: dict[int, CardWords] = {}
        self._notes: npt.NDArray[np.float64] = np.full(len(scene), np.nan)
        self._mode = "none"
        self.times = NodeTimes(session)
        self._members = self._nodes_of_rows()

    def item(self, row: int) -> tuple[int, int]:
        """Return kind and index of a row."""
        kind, index = self._scene.items[row].tolist()
        return kind, index

    # --- rows and nodes -----------------------------------------------------------

    def row_of_node(self, node: int) -> int:
        """Return the row that stands for a node, itself or its closed group."""
        structure = self._session.structure
        if not 0 <= node < len(structure.nodes):
            return -1
        row = self._scene.row_of(NODE, node)
        group = structure.nodes[node].group
        while row < 0 and group >= 0:
            row = self._scene.row_of(CLOSED, group)
            group = structure.groups[group].parent
        return row

    def row_of_end(self, tensor: str) -> int:
        """Return the row of a graph input or output by its tensor, -1 for none."""
        for kind, values in (
            (INPUT, self._graph.inputs),
            (OUTPUT, self._graph.outputs),
        ):
            for index, value in enumerate(values):
                if value.name == tensor:
                    return self._scene.row_of(kind, index)
        return -1

    def nodes_of(self, row: int) -> list[int]:
        """Return the nodes that a row stands for."""
        return self._members.get(row, [])

    def tensor_of(self, row: int) -> str:
        """Return the tensor to select for a row."""
        kind, index = self._scene.items[row].tolist()
        structure = self._session.structure
        if kind == NODE:
            outputs = structure.nodes[index].outputs
            return next((name for name in outputs if name), "")
        if kind in (CLOSED, FRAME):
            output: str = structure.groups[index].output
            return output
        values = self._graph.inputs if kind == INPUT else self._graph.outputs
        name: str = values[index].name
        return name

    def picture_key(self, row: int) -> str:
        """Return the frame part that a row wears, empty for none."""
        kind = int(self._scene.items[row, 0])
        if kind == INPUT:
            name = self.tensor_of(row)
            slots = self._session.slots
            slot = next((s.name for s in slots if s.tensor.name == name), name)
            return f"input:{slot}"
        tensor = self.thumbnail_of(row)
        return f"thumb:{tensor}" if tensor else ""

    def thumbnail_of(self, row: int) -> str:
        """Return the watched tensor that stands for a row, empty for none."""
        tensor = self.tensor_of(row)
        if not tensor:
            return ""
        found = self.times.standing_tensor(tensor)
        taps = self.times.taps
        if found in taps or not taps:
            return found
        for node in reversed(self.nodes_of(row)):
            for name in self._session.structure.nodes[node].outputs:
                if name in taps:
                    return name
        return found if found in taps else ""

    def _nodes_of_rows(self) -> dict[int, list[int]]:
        members: dict[int, list[int]] = {}
        structure = self._session.structure
        frames = {
            int(index): row
            for row, (kind, index) in enumerate(self._scene.items.tolist())
            if kind in (FRAME, CLOSED)
        }
        for node in structure.nodes:
            if node.graph != self._graph.index:
                continue
            row = self._scene.row_of(NODE, node.index)
            if row >= 0:
                members[row] = [node.index]
            group = node.group
            while group >= 0:
                if group in frames:
                    members.setdefault(frames[group], []).append(node.index)
                group = structure.groups[group].parent
        return members

    # --- numbers ------------------------------------------------------------------

    def bars(self, mode: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint32]]:
        """Return each row's bar and colour for one of `MODES`; notes follow it too."""
        self._mode = mode
        self._words.clear()
        n = len(self._scene)
        self._notes = np.full(n, np.nan)
        bars = np.full(n, np.nan)
        colours = np.full(n, theme.colour("line").rgba(), dtype=np.uint32)
        if mode == "time" and self.times.known:
            self._fill(
                bars, colours, "warning", self._milliseconds, self.times.total_ms
            )
        elif mode == "size":
            nodes = self._session.structure.nodes
            total = sum(n.n_parameters for n in nodes if n.graph == self._graph.index)
            self._fill(bars, colours, "accent", self._parameters, float(total))
        elif mode == "provider":
            for row in self._members:
                provider = self.times.provider_of(self.nodes_of(row))
                if provider:
                    bars[row] = 1.0
                    colours[row] = provider_colour(provider, self.times.providers)
        elif mode == "error":
            for row in self._members:
                wrong = bool(self.troubles(row))
                bars[row] = 1.0 if wrong else 0.0
                token = "warning" if wrong else "line"
                colours[row] = theme.colour(token).rgba()
        return bars, colours

    def _fill(
        self,
        bars: npt.NDArray[np.float64],
        colours: npt.NDArray[np.uint32],
        token: str,
        amount_of: Callable[[int], float],
        total: float,
    ) -> None:
        if total <= 0:
            return
        rows = [row for row in self._members if self._scene.items[row, 0] != FRAME]
        amounts = np.array([amount_of(row) for row in rows], dtype=np.float64)
        largest = float(np.nanmax(amounts, initial=0.0)) or 1.0
        bars[rows] = amounts / largest
        self._notes[rows] = amounts / total
        shade = np.sqrt(np.clip(np.nan_to_num(amounts / largest), 0.0, 1.0))
        colours[rows] = ramp(token, shade)

    def legend(
        self, mode: str
    ) -> tuple[tuple[str, str, int, int] | None, list[tuple[str, int]]]:
        """Return the ramp and the swatches that explain `mode`."""
        line = theme.colour("line").rgba()
        if mode in ("time", "size"):
            notes = self._notes[~np.isnan(self._notes)]
            if not len(notes):
                return None, []
            token = "warning" if mode == "time" else "accent"
            top = theme.colour(token).rgba()
            return ("0", share(float(notes.max())), line, top), []
        if mode == "provider":
            providers = self.times.providers
            return None, [
                (provider_name(name), provider_colour(name, providers))
                for name in providers
            ]
        if mode == "error":
            wrong = theme.colour("warning").rgba()
            return None, [("NaN, Inf or refused", wrong), ("fine", line)]
        return None, []

    def _milliseconds(self, row: int) -> float:
        kind = self._scene.items[row, 0]
        return self.times.ms_of(self.nodes_of(row), single=bool(kind == NODE))

    def _parameters(self, row: int) -> float:
        nodes = self._session.structure.nodes
        return float(sum(nodes[at].n_parameters for at in self.nodes_of(row)))

    def troubles(self, row: int) -> list[str]:
        """Return sentences about what is wrong with the nodes of a row."""
        nodes = self._session.structure.nodes
        refused = self._session.refusal_node
        found = []
        for at in self.nodes_of(row):
            if nodes[at].error:
                found.append(nodes[at].error)
            if refused and refused in (nodes[at].name, *nodes[at].outputs):
                found.append(self._session.refusal)
            found.extend(self.times.unhealthy.get(at, ()))
        return list(dict.fromkeys(found))

    def error_rows(self) -> frozenset[int]:
        """Return the rows to outline."""
        nodes = self._session.structure.nodes
        refused = self._session.refusal_node
        wrong = {
            node.index
            for node in nodes
            if node.error or (refused and refused in (node.name, *node.outputs))
        } | set(self.times.unhealthy)
        return frozenset(
            row
            for row, members in self._members.items()
            if not wrong.isdisjoint(members)
        )

    # --- words --------------------------------------------------------------------

    def words(self, row: int) -> CardWords:
        """Return what is written on a row."""
        if row not in self._words:
            kind, index = self._scene.items[row].tolist()
            structure = self._session.structure
            if kind == NODE:
                node = structure.nodes[index]
                title, caption = node.label or node.op, self._shape(row)
                icon = operator_icon(node.op)
                if not caption and node.label:
                    caption = node.op
            elif kind in (CLOSED, FRAME):
                group = structure.groups[index]
                title, icon = group.name, block_icon()
                caption = self._shape(row) or f"{group.n_nodes} nodes"
            else:
                title, caption = self._end_title(kind, index), self._shape(row)
                icon = end_icon(is_input=bool(kind == INPUT))
            note = self._note(row, kind)
            self._words[row] = CardWords(shown(title, 120), caption, note, icon)
        return self._words[row]

    def _end_title(self, kind: int, index: int) -> str:
        values = self._graph.inputs if kind == INPUT else self._graph.outputs
        if len(values) == 1:
            return "Input" if kind == INPUT else "Output"
        return values[index].name

    def _note(self, row: int, kind: int) -> str:
        if kind in (INPUT, OUTPUT, FRAME):
            return ""
        if self._mode == "provider":
            return provider_name(self.times.provider_of(self.nodes_of(row)))
        if self._mode == "error":
            return "wrong" if self.troubles(row) else "fine"
        value = float(self._notes[row])
        return share(value) if value == value else ""

    def _shape(self, row: int) -> str:
        kind, index = self._scene.items[row].tolist()
        tensor = self.tensor_of(row)
        known = self._session.structure.shapes.get(tensor)
        if known is not None:
            return compact_shape(known.shape)
        if kind in (INPUT, OUTPUT):
            values = self._graph.inputs if kind == INPUT else self._graph.outputs
            stored = values[index].shape
            return compact_shape(stored) if stored is not None else ""
        return ""
