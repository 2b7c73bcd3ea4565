"""Side lanes: the heights at which long edges run past what lies between."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layerscope.engine.model.layering import Floats, Ints, Placed

SPACING = 8.0
MARGIN = 10.0
_MOST_TRACKS = 14  # further ones share these: a band of lines tells no more


@dataclass(frozen=True)
class Passages:
    """Edges, and the columns each has to pass.

    Attributes
    ----------
    first, last : (m,) int array
        The columns passed, inclusive; none where first > last.
    start, end : (m,) float array
        Heights of both ends, y down.
    forced : (m,) bool array
        Needs a lane whatever stands in the way: it runs backwards.
    source : (m,) int array
        What the edge comes from; edges of one source share a lane.
    box : (m,) int array
        Where it runs; boxes have lanes of their own.
    """

    first: Ints
    last: Ints
    start: Floats
    end: Floats
    forced: npt.NDArray[np.bool_]
    source: Ints
    box: Ints


def between(placed: Placed, edges: Ints, source: Ints, middle: Floats) -> Passages:
    """Return what edges pass whose both ends stand in one box.

    Parameters
    ----------
    placed : Placed
        The items.
    edges : (m, 2) int array
        From item, to item.
    source : (m,) int array
        What each edge comes from; those of one source share a lane.
    middle : (n,) float array
        Height of each item's middle.
    """
    ends = placed.layer[edges]
    backwards = ends[:, 1] <= ends[:, 0]
    return Passages(
        first=np.where(backwards, ends[:, 1], ends[:, 0] + 1),
        last=np.where(backwards, ends[:, 0], ends[:, 1] - 1),
        start=middle[edges[:, 0]],
        end=middle[edges[:, 1]],
        forced=backwards,
        source=source,
        box=placed.box[edges[:, 0]],
    )


def crossing(
    placed: Placed, item: Ints, source: Ints, middle: Floats, *, entering: bool
) -> Passages:
    """Return what edges pass inside the box that they enter or leave."""
    box = placed.box[item]
    layer = placed.layer[item]
    return Passages(
        first=placed.first[box] if entering else layer + 1,
        last=layer - 1 if entering else placed.first[box + 1] - 1,
        start=middle[item],
        end=middle[item],
        forced=np.zeros(len(item), dtype=bool),
        source=source,
        box=box,
    )


def assign(placed: Placed, passages: Passages) -> Floats:
    """Return the lane of each edge, NaN for one that can run straight."""
    lane = np.full(len(passages.first), np.nan)
    long = np.flatnonzero(passages.first <= passages.last)
    if not len(long):
        return lane
    first, last = passages.first[long], passages.last[long]
    top = _Ranges(placed.low, np.minimum).over(first, last)
    bottom = _Ranges(placed.high, np.maximum).over(first, last)
    start, end = passages.start[long], passages.end[long]
    # Passing where nothing stands in the way needs no lane.
    free = (np.minimum(start, end) > bottom) | (np.maximum(start, end) < top)
    free &= ~passages.forced[long]
    long, top, bottom = long[~free], top[~free], bottom[~free]
    aim = (start + end)[~free] / 2
    below = (bottom - aim) <= (aim - top)
    for side in (False, True):
        chosen = np.flatnonzero(below == side)
        if not len(chosen):
            continue
        rows = long[chosen]
        tracks = _tracks(
            passages.source[rows],
            passages.box[rows],
            passages.first[rows],
            passages.last[rows],
        )
        if side:
            lane[rows] = bottom[chosen] + MARGIN + SPACING * tracks
        else:
            lane[rows] = top[chosen] - MARGIN - SPACING * tracks
    return lane


def _tracks(sources: Ints, box: Ints, begin: Ints, end: Ints) -> Ints:
    """Number lanes so that those which overlap differ, short ones innermost."""
    spans: dict[tuple[int, int], list[int]] = {}
    keys = list(zip(box.tolist(), sources.tolist(), strict=True))
    for key, first, last in zip(keys, begin.tolist(), end.tolist(), strict=True):
        span = spans.setdefault(key, [first, last])
        span[0], span[1] = min(span[0], first), max(span[1], last)
    number: dict[tuple[int, int], int] = {}
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    n_tracks = 0
    for key, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
        while busy and busy[0][0] < first - 1:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            track = heapq.heappop(free)
        else:
            track, n_tracks = n_tracks, n_tracks + 1
        number[key] = track
        heapq.heappush(busy, (last, track))
    return np.array([number[key] % _MOST_TRACKS for key in keys])


class _Ranges:
    """Minima or maxima over any stretch of an array, by a sparse table."""

    def __init__(self, values: Floats, reduce: np.ufunc) -> None:
        self._reduce = reduce
        self._levels = [values]
        step = 1
        while 2 * step <= len(values):
            last = self._levels[-1]
            self._levels.append(reduce(last[:-step], last[step:]))
            step *= 2

    def over(self, begin: Ints, end: Ints) -> Floats:
        """Return the reduction over each inclusive stretch."""
        level = np.log2(end - begin + 1).astype(np.int64)
        result = np.empty(len(begin))
        for power in np.unique(level):
            rows = level == power
            table = self._levels[power]
            result[rows] = self._reduce(
                table[begin[rows]], table[end[rows] - (1 << int(power)) + 1]
            )
        return result
