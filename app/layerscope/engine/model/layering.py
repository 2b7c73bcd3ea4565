"""The layered layout itself, for many separate boxes of items at once.

Longest path for the columns, barycentre sweeps for the order within a column, and
a pull towards the neighbours for the height; after the first, all is numpy over
whole arrays, so ten groups of three items cost no more than one of thirty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GAP_X, GAP_Y = 16.0, 14.0
_SWEEPS = 6
_PULLS, _MANY_PULLS = 8, 32
_SMALL = 3_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """Places within each box, which begins at x = 0 and is centred on y = 0.

    Attributes
    ----------
    corners : (n, 2) float array
        Left and top.
    layer : (n,) int array
        Column of each item, counted through all boxes.
    low, high : (n_layers,) float array
        Top and bottom of what stands in each column.
    box : (n,) int array
        Number of each item's box.
    first : (n_boxes + 1,) int array
        First column of each box.
    """

    corners: Floats
    layer: Ints
    low: Floats
    high: Floats
    box: Ints
    first: Ints


def place(size: Floats, edges: Ints, box: Ints) -> Placed:
    """Place items; edges join only items of the same box.

    Parameters
    ----------
    size : (n, 2) float array
        Width and height.
    edges : (m, 2) int array
        From item, to item.
    box : (n,) int array
        Which items belong together.
    """
    n = len(size)
    boxes, member = np.unique(box, return_inverse=True)
    member = member.reshape(-1)
    column = layers(n, edges)
    deepest = np.zeros(len(boxes), dtype=np.int64)
    np.maximum.at(deepest, member, column)
    first = np.concatenate(([0], np.cumsum(deepest + 1)))
    layer = column + first[member]
    n_layers = int(first[-1])
    rank = _order(layer, edges, n)
    centre = _heights(layer, rank, edges, size[:, 1], n_layers)
    width = np.zeros(n_layers)
    np.maximum.at(width, layer, size[:, 0])
    left = np.concatenate(([0.0], np.cumsum(width + GAP_X)[:-1]))
    left -= np.repeat(left[first[:-1]], deepest + 1)
    x = left[layer] + (width[layer] - size[:, 0]) / 2
    y = centre - size[:, 1] / 2
    low = np.full(n_layers, np.inf)
    high = np.full(n_layers, -np.inf)
    np.minimum.at(low, layer, y)
    np.maximum.at(high, layer, y + size[:, 1])
    return Placed(np.column_stack([x, y]), layer, low, high, member, first)


def layers(n: int, edges: Ints) -> Ints:
    """Return the column of each item: the longest path that leads to it.

    Items that only feed others stand right before the first of these. Cycles are
    cut at the item that comes first in the file.
    """
    targets: list[list[int]] = [[] for _ in range(n)]
    waiting = [0] * n
    for origin, target in edges.tolist():
        targets[origin].append(target)
        waiting[target] += 1
    has_sources = [count > 0 for count in waiting]
    column = [0] * n
    ready = [at for at in range(n - 1, -1, -1) if not waiting[at]]
    done = bytearray(n)
    next_forced = 0
    order: list[int] = []
    while len(order) < n:
        if not ready:
            while done[next_forced]:
                next_forced += 1
            ready.append(next_forced)
        at = ready.pop()
        if done[at]:
            continue
        done[at] = 1
        order.append(at)
        after = column[at] + 1
        for target in targets[at]:
            if done[target]:
                continue
            if column[target] < after:
                column[target] = after
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for at in reversed(order):
        if not has_sources[at] and targets[at]:
            nearest = min(column[target] for target in targets[at])
            column[at] = max(nearest - 1, 0)
    return np.array(column, dtype=np.int64)


def _order(layer: Ints, edges: Ints, n: int) -> Floats:
    """Return a key that sorts the items of each column so that few edges cross."""
    key = _ranks(np.arange(n, dtype=np.float64), layer)
    if not len(edges):
        return key
    origin, target = edges[:, 0], edges[:, 1]
    for sweep in range(_SWEEPS):
        here, there = (target, origin) if sweep % 2 == 0 else (origin, target)
        total = np.bincount(here, key[there], minlength=n)
        count = np.bincount(here, minlength=n)
        mean = np.where(count > 0, total / np.maximum(count, 1), key)
        key = _ranks(mean, layer)
    return key


def _ranks(key: Floats, layer: Ints) -> Floats:
    """Return places in each column, in steps of 1, centred on 0."""
    order = np.lexsort((key, layer))
    sorted_layer = layer[order]
    start = np.searchsorted(sorted_layer, sorted_layer)
    count = np.bincount(layer)
    rank = np.empty(len(key))
    rank[order] = np.arange(len(key)) - start
    return rank - (count[layer] - 1) / 2


def _heights(
    layer: Ints, rank: Floats, edges: Ints, height: Floats, n_layers: int
) -> Floats:
    """Return the centre of each item: near its neighbours, clear of its column."""
    n = len(layer)
    order = np.lexsort((rank, layer))
    sorted_layer = layer[order]
    tall = height[order] + GAP_Y
    # Within a column the top of an item is at least the sum of those above it.
    before = np.cumsum(tall) - tall
    starts = np.searchsorted(sorted_layer, np.arange(n_layers))
    above = before - before[starts][sorted_layer]
    total = np.bincount(sorted_layer, tall, minlength=n_layers)
    stacked = above + tall / 2 - total[sorted_layer] / 2
    centre = np.empty(n)
    centre[order] = stacked
    if not len(edges):
        return centre
    span = layer[edges[:, 1]] - layer[edges[:, 0]]
    weight = 1.0 / np.maximum(span, 1)
    ends = np.concatenate([edges, edges[:, ::-1]])
    weight = np.concatenate([weight, weight])
    norm = np.bincount(ends[:, 0], weight, minlength=n)
    far = 4 * (float(np.abs(stacked).max()) + float(tall.sum() / max(n, 1)) + 1)
    offset = sorted_layer * (far * 4)
    for _ in range(_MANY_PULLS if n < _SMALL else _PULLS):
        pull = np.bincount(ends[:, 0], weight * centre[ends[:, 1]], minlength=n)
        wanted = np.where(norm > 0, pull / np.maximum(norm, 1e-9), centre)
        wanted = np.clip((centre + wanted) / 2, -far, far)[order]
        top = wanted - above - tall / 2
        down = np.maximum.accumulate(top + offset) - offset
        up = np.minimum.accumulate((top + offset)[::-1])[::-1] - offset
        centre[order] = (down + up) / 2 + above + tall / 2
    return centre
