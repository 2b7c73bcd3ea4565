"""Where everything of one graph is drawn, left to right.

Own layered layout, in the numbers of `layering`: every open group is laid out on
its own, all groups of one depth at once, from the innermost outwards; a group then
is one box for the group around it. Edges that pass other boxes get lanes beside.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layerscope.engine.model import lanes, layering
from layerscope.engine.model.structure import ModelStructure

NODE, CLOSED, FRAME, INPUT, OUTPUT = range(5)
CARD_WIDTH, CARD_HEIGHT = 72.0, 108.0
PADDING = 12.0
TITLE = 24.0

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Layout:
    """See `layerscope.protocol.messages.GraphLaidOut`."""

    items: Ints
    boxes: Floats
    edges: Ints
    lanes: Floats


@dataclass
class _Items:
    """What is visible; `parent` is the row of the frame around it, -1 for none."""

    kind: list[int]
    index: list[int]
    parent: list[int]
    depth: list[int]

    def add(self, kind: int, index: int, parent: int) -> int:
        self.kind.append(kind)
        self.index.append(index)
        self.parent.append(parent)
        self.depth.append(self.depth[parent] + 1 if parent >= 0 else 0)
        return len(self.kind) - 1


def lay_out(structure: ModelStructure, graph: int, expanded: Collection[int]) -> Layout:
    """Place what is visible of one graph.

    Parameters
    ----------
    structure : ModelStructure
        Of the whole model.
    graph : int
        Index of the graph.
    expanded : collection of int
        Indices of the groups drawn open.

    Returns
    -------
    Layout
        Nodes that only prepare weights are left out.
    """
    items, row_of_node = _visible_items(structure, graph, frozenset(expanded))
    edges = _edges(structure, graph, items, row_of_node)
    n = len(items.kind)
    parent = np.array(items.parent, dtype=np.int64)
    depth = np.array(items.depth, dtype=np.int64)
    size = np.tile(np.array([[CARD_WIDTH, CARD_HEIGHT]]), (n, 1))
    place = np.zeros((n, 2))
    ends, home = _meet(edges, parent, depth)
    lane = np.full(len(edges), np.nan)
    for level in range(int(depth.max(initial=-1)), -1, -1):
        rows = np.flatnonzero(depth == level)
        number = np.full(n + 1, -1)
        number[rows] = np.arange(len(rows))
        here = np.flatnonzero((depth[ends[:, 0]] == level) & (ends[:, 0] != ends[:, 1]))
        local = number[ends[here]]
        box = parent[rows]
        result = layering.place(size[rows], local, box)
        place[rows] = result.corners
        middle = result.corners[:, 1] + size[rows, 1] / 2
        # Edges that come from or go to another frame pass others inside this one.
        for side, entering in ((0, False), (1, True)):
            row = edges[:, side]
            guests = np.flatnonzero(
                (depth[row] == level) & (ends[:, side] != row) & np.isnan(lane)
            )
            if len(guests):
                passages = lanes.crossing(
                    result,
                    number[row[guests]],
                    edges[guests, 0],
                    middle,
                    entering=entering,
                )
                found = lanes.assign(result, passages)
                used = ~np.isnan(found)
                lane[guests[used]] = found[used]
                home[guests[used]] = parent[row[guests[used]]]
        found = lanes.assign(
            result, lanes.between(result, local, edges[here, 0], middle)
        )
        used = ~np.isnan(found)
        lane[here[used]] = found[used]
        home[here[used]] = parent[ends[here[used], 0]]
        _frame_up(rows, box, place, size, lane, home)
    _to_graph(place, lane, parent, depth, home)
    boxes = np.concatenate([place, size], axis=1)
    return Layout(
        items=np.column_stack([items.kind, items.index]).astype(np.int32).reshape(n, 2),
        boxes=boxes.astype(np.float32).reshape(n, 4),
        edges=edges.astype(np.int32),
        lanes=lane.astype(np.float32),
    )


def _frame_up(
    rows: npt.NDArray[np.int64],
    box: npt.NDArray[np.int64],
    place: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    lane: npt.NDArray[np.float64],
    home: npt.NDArray[np.int64],
) -> None:
    """Size the frames around `rows` and move content below their titles."""
    n = len(place)
    low = np.full(n + 1, np.inf)
    high = np.full((n + 1, 2), -np.inf)
    np.minimum.at(low, box, place[rows, 1])
    np.maximum.at(high, box, place[rows] + size[rows])
    known = np.flatnonzero(~np.isnan(lane) & np.isin(home, box))
    np.minimum.at(low, home[known], lane[known])
    np.maximum.at(high[:, 1], home[known], lane[known])
    frames = np.unique(box)
    frames = frames[frames >= 0]
    size[frames, 0] = high[frames, 0] + 2 * PADDING
    size[frames, 1] = high[frames, 1] - low[frames] + 2 * PADDING + TITLE
    shift = np.where(box >= 0, PADDING + TITLE - low[box], 0.0)
    place[rows, 1] += shift
    place[rows, 0] += np.where(box >= 0, PADDING, 0.0)
    if len(known):
        inner = home[known]
        lane[known] += np.where(inner >= 0, PADDING + TITLE - low[inner], 0.0)


def _to_graph(
    place: npt.NDArray[np.float64],
    lane: npt.NDArray[np.float64],
    parent: npt.NDArray[np.int64],
    depth: npt.NDArray[np.int64],
    home: npt.NDArray[np.int64],
) -> None:
    """Turn places inside frames into places in the graph."""
    for level in range(1, int(depth.max(initial=0)) + 1):
        rows = np.flatnonzero(depth == level)
        place[rows] += place[parent[rows]]
    inside = home >= 0
    lane[inside] += place[home[inside], 1]


def _visible_items(
    structure: ModelStructure, graph: int, expanded: frozenset[int]
) -> tuple[_Items, dict[int, int]]:
    """Return the items to draw, and the row that stands for each node."""
    items = _Items([], [], [], [])
    shown: dict[int, int] = {}
    closed: set[int] = set()
    for group in structure.groups:  # parents come before their children
        if group.graph != graph:
            continue
        row = shown.get(group.parent, -1)
        if group.parent in closed:
            shown[group.index] = row
            closed.add(group.index)
        elif group.index in expanded:
            shown[group.index] = items.add(FRAME, group.index, row)
        else:
            shown[group.index] = items.add(CLOSED, group.index, row)
            closed.add(group.index)
    row_of_node: dict[int, int] = {}
    for node in structure.nodes:
        if node.graph != graph or node.hidden:
            continue
        row = shown.get(node.group, -1)
        if node.group not in closed:
            row = items.add(NODE, node.index, row)
        row_of_node[node.index] = row
    _drop_empty(items, row_of_node)
    info = structure.graphs[graph]
    for index in range(len(info.inputs)):
        items.add(INPUT, index, -1)
    for index in range(len(info.outputs)):
        items.add(OUTPUT, index, -1)
    return items, row_of_node


def _drop_empty(items: _Items, row_of_node: dict[int, int]) -> None:
    """Leave out groups whose nodes all are left out."""
    used = set(row_of_node.values())
    for row in range(len(items.kind) - 1, -1, -1):
        if row in used and items.parent[row] >= 0:
            used.add(items.parent[row])
    if len(used) == len(items.kind):
        return
    kept = sorted(used)
    number = {row: at for at, row in enumerate(kept)}
    for column in (items.kind, items.index, items.depth):
        column[:] = [column[row] for row in kept]
    items.parent[:] = [number.get(items.parent[row], -1) for row in kept]
    for node, row in row_of_node.items():
        row_of_node[node] = number[row]


def _edges(
    structure: ModelStructure,
    graph: int,
    items: _Items,
    row_of_node: dict[int, int],
) -> npt.NDArray[np.int64]:
    """Return the distinct (from row, to row) of all tensors between visible items."""
    info = structure.graphs[graph]
    n_ends = len(info.inputs) + len(info.outputs)
    first_input = len(items.kind) - n_ends
    maker = {value.name: first_input + at for at, value in enumerate(info.inputs)}
    pairs: dict[tuple[int, int], None] = {}
    nodes = [(structure.nodes[index], row) for index, row in row_of_node.items()]
    for node, row in nodes:
        for name in node.outputs:
            if name:
                maker[name] = row
    for node, row in nodes:
        for name in node.inputs:
            origin = maker.get(name, row)
            if origin != row:
                pairs[origin, row] = None
    first_output = first_input + len(info.inputs)
    for at, name in enumerate(_result_names(structure, graph)):
        if name in maker and at < len(info.outputs):
            pairs[maker[name], first_output + at] = None
    return np.array(list(pairs), dtype=np.int64).reshape(-1, 2)


def _result_names(structure: ModelStructure, graph: int) -> list[str]:
    return [value.name for value in structure.graphs[graph].outputs]


def _meet(
    edges: npt.NDArray[np.int64],
    parent: npt.NDArray[np.int64],
    depth: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Lift both ends of each edge to where they are in the same frame.

    Returns
    -------
    ends : (m, 2) int array
        Rows in the same frame.
    home : (m,) int array
        That frame's row, -1 for the graph itself.
    """
    ends = edges.copy()
    for _ in range(2 * int(depth.max(initial=0)) + 1):
        deeper = depth[ends[:, 0]] > depth[ends[:, 1]]
        other = depth[ends[:, 1]] > depth[ends[:, 0]]
        apart = (parent[ends[:, 0]] != parent[ends[:, 1]]) & ~deeper & ~other
        left, right = deeper | apart, other | apart
        if not (left.any() or right.any()):
            break
        ends[left, 0] = parent[ends[left, 0]]
        ends[right, 1] = parent[ends[right, 1]]
    return ends, parent[ends[:, 0]]
