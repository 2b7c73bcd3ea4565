"""A laid-out graph as the canvas keeps it: arrays, and quick answers about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

NODE, CLOSED, FRAME, INPUT, OUTPUT = range(5)
_LONG = 2_000.0

Rows = npt.NDArray[np.int64]


class Area(NamedTuple):
    """A rectangle in layout units."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, eq=False)
class GraphScene:
    """Items, boxes and edges of one graph.

    Attributes
    ----------
    items : (n, 2) int32 array
        Kind and index, as in `layerscope.protocol.messages.GraphLaidOut`.
    boxes : (n, 4) float32 array
        x, y, width, height.
    edges : (m, 2) int32 array
    lanes : (m,) float32 array
    """

    items: npt.NDArray[np.int32]
    boxes: npt.NDArray[np.float32]
    edges: npt.NDArray[np.int32]
    lanes: npt.NDArray[np.float32]
    _rows: dict[tuple[int, int], int] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def bounds(self) -> Area:
        """The rectangle around everything, lanes included."""
        if not len(self):
            return Area(0.0, 0.0, 1.0, 1.0)
        low = self.boxes[:, :2].min(axis=0)
        high = (self.boxes[:, :2] + self.boxes[:, 2:]).max(axis=0)
        lanes = self.lanes[~np.isnan(self.lanes)]
        top = min(float(low[1]), float(lanes.min(initial=np.inf)))
        bottom = max(float(high[1]), float(lanes.max(initial=-np.inf)))
        return Area(float(low[0]), top, float(high[0]), bottom)

    @cached_property
    def frames(self) -> Rows:
        """Rows of open groups, outer ones first."""
        return np.flatnonzero(self.items[:, 0] == FRAME)

    @cached_property
    def _leaves(self) -> tuple[Rows, npt.NDArray[np.float32], float]:
        """Cards by their left side, those sides, and the greatest width."""
        rows = np.flatnonzero(self.items[:, 0] != FRAME)
        rows = rows[np.argsort(self.boxes[rows, 0], kind="stable")]
        width = float(self.boxes[rows, 2].max(initial=0.0))
        return rows, self.boxes[rows, 0], width

    def leaves_in(self, area: Area) -> Rows:
        """Return the rows of cards that touch `area`."""
        rows, left, width = self._leaves
        start = int(np.searchsorted(left, area.left - width))
        stop = int(np.searchsorted(left, area.right, side="right"))
        near = rows[start:stop]
        box = self.boxes[near]
        return near[(box[:, 1] <= area.bottom) & (box[:, 1] + box[:, 3] >= area.top)]

    def frames_in(self, area: Area) -> Rows:
        """Return the rows of frames that touch `area`, outer ones first."""
        box = self.boxes[self.frames]
        touches = (box[:, 0] <= area.right) & (box[:, 0] + box[:, 2] >= area.left)
        touches &= (box[:, 1] <= area.bottom) & (box[:, 1] + box[:, 3] >= area.top)
        return self.frames[touches]

    @cached_property
    def edge_ends(self) -> npt.NDArray[np.float32]:
        """(m, 4) x and y of the start, x and y of the end of each edge."""
        origin, target = self.boxes[self.edges[:, 0]], self.boxes[self.edges[:, 1]]
        return np.column_stack(
            [
                origin[:, 0] + origin[:, 2],
                origin[:, 1] + origin[:, 3] / 2,
                target[:, 0],
                target[:, 1] + target[:, 3] / 2,
            ]
        )

    @cached_property
    def _edge_boxes(self) -> npt.NDArray[np.float32]:
        """(m, 4) left, right, top and bottom of each edge, by their left end."""
        ends = self.edge_ends
        lane = np.where(np.isnan(self.lanes), ends[:, 1], self.lanes)
        ys = np.column_stack([ends[:, 1], ends[:, 3], lane])
        return np.column_stack(
            [
                np.minimum(ends[:, 0], ends[:, 2]),
                np.maximum(ends[:, 0], ends[:, 2]),
                ys.min(axis=1),
                ys.max(axis=1),
            ]
        )

    @cached_property
    def _edge_order(self) -> tuple[Rows, npt.NDArray[np.float32], Rows]:
        """Short edges by their left end, those ends, and the long edges."""
        left, right = self._edge_boxes[:, 0], self._edge_boxes[:, 1]
        short = np.flatnonzero(right - left <= _LONG)
        short = short[np.argsort(left[short], kind="stable")]
        return short, left[short], np.flatnonzero(right - left > _LONG)

    def edges_in(self, area: Area, *, shortest: float = 0.0) -> Rows:
        """Return the edges that may touch `area`.

        Parameters
        ----------
        area : Area
            In layout units.
        shortest : float
            Edges that extend less than this, in layout units, are left out.
        """
        short, left, long = self._edge_order
        start = int(np.searchsorted(left, area.left - _LONG))
        stop = int(np.searchsorted(left, area.right, side="right"))
        near = np.concatenate([short[start:stop], long])
        box = self._edge_boxes[near]
        touches = (box[:, 0] <= area.right) & (box[:, 1] >= area.left)
        touches &= (box[:, 2] <= area.bottom) & (box[:, 3] >= area.top)
        if shortest > 0:
            extent = np.maximum(box[:, 1] - box[:, 0], box[:, 3] - box[:, 2])
            touches &= extent >= shortest
        found: Rows = near[touches]
        return found

    def row_at(self, x: float, y: float) -> int:
        """Return the innermost item at a place, -1 for none."""
        place = Area(x, y, x, y)
        for rows in (self.leaves_in(place), self.frames_in(place)):
            inside = [
                int(row)
                for row in rows
                if self.boxes[row, 0] <= x <= self.boxes[row, 0] + self.boxes[row, 2]
            ]
            if inside:
                return inside[-1]
        return -1

    def row_of(self, kind: int, index: int) -> int:
        """Return the row of an item, -1 where it is not drawn."""
        if not self._rows and len(self):
            self._rows.update(
                ((k, i), row) for row, (k, i) in enumerate(self.items.tolist())
            )
        return self._rows.get((kind, index), -1)

    @cached_property
    def _adjacency(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        """Edges that leave and edges that reach each row."""
        leaving: dict[int, list[int]] = {}
        reaching: dict[int, list[int]] = {}
        for edge, (origin, target) in enumerate(self.edges.tolist()):
            leaving.setdefault(origin, []).append(edge)
            reaching.setdefault(target, []).append(edge)
        return leaving, reaching

    def sources(self, row: int) -> list[int]:
        """Return the rows whose tensors `row` takes."""
        edges = self._adjacency[1].get(row, [])
        return [int(self.edges[edge, 0]) for edge in edges]

    def targets(self, row: int) -> list[int]:
        """Return the rows that take tensors of `row`."""
        edges = self._adjacency[0].get(row, [])
        return [int(self.edges[edge, 1]) for edge in edges]

    def touching(self, row: int) -> set[int]:
        """Return the edges that leave or reach `row`."""
        leaving, reaching = self._adjacency
        return {*leaving.get(row, []), *reaching.get(row, [])}

    def inside(self, row: int) -> list[int]:
        """Return the cards within a frame; none within a card."""
        if self.items[row, 0] != FRAME:
            return []
        x, y, width, height = self.boxes[row].tolist()
        cards = self.leaves_in(Area(x, y, x + width, y + height))
        return [int(card) for card in cards]

    def trace(self, row: int, *, upstream: bool) -> tuple[set[int], set[int]]:
        """Return all rows and edges on the ways to, or from, an item."""
        leaving, reaching = self._adjacency
        links, side = (reaching, 0) if upstream else (leaving, 1)
        rows, edges = {row, *self.inside(row)}, set[int]()
        waiting = list(rows)
        while waiting:
            for edge in links.get(waiting.pop(), []):
                edges.add(edge)
                other = int(self.edges[edge, side])
                if other not in rows:
                    rows.add(other)
                    waiting.append(other)
        return rows, edges

    def neighbour(self, row: int, dx: int, dy: int) -> int:
        """Return the item to walk to from `row`, itself where there is none.

        Left and right follow edges, up and down stay in the column.
        """
        centre = self.boxes[row, :2] + self.boxes[row, 2:] / 2
        if dx:
            ahead = self.targets(row) if dx > 0 else self.sources(row)
            return self._nearest(ahead or self._beside(row, dx), centre, row)
        rows = self.leaves_in(
            Area(float(centre[0]) - 40, -1e9, float(centre[0]) + 40, 1e9)
        )
        other = self.boxes[rows, 1] + self.boxes[rows, 3] / 2 - centre[1]
        return self._nearest(rows[other * dy > 1].tolist(), centre, row)

    def _beside(self, row: int, dx: int) -> list[int]:
        x, y, width, height = self.boxes[row].tolist()
        if self.items[row, 0] == FRAME and dx > 0:
            rows = self.leaves_in(Area(x, y, x + width, y + height))
            return [int(inner) for inner in rows[:1]]
        reach = 300.0
        area = (
            Area(x + width + 1, y - reach, x + width + reach, y + height + reach)
            if dx > 0
            else Area(x - reach, y - reach, x - 1, y + height + reach)
        )
        return [other for other in self.leaves_in(area).tolist() if other != row]

    def _nearest(
        self, rows: Iterable[int], centre: npt.NDArray[np.floating], default: int
    ) -> int:
        candidates = list(rows)
        if not candidates:
            return default
        middle = self.boxes[candidates, :2] + self.boxes[candidates, 2:] / 2
        distance = np.abs(middle - centre) @ np.array([1.0, 2.0])
        return int(candidates[int(distance.argmin())])
