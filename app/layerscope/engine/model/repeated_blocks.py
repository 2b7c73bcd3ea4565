"""Blocks in a graph whose names say nothing.

Two ideas, both linear in the size of the graph. Where only one tensor crosses from
everything before to everything after, a block ends: residual blocks, fire modules
and the halves of a transformer layer all begin and end so. And where the sequence
of such segments repeats itself, one period is a larger block.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

Nested = int | list["Nested"]

MANY = 24  # more cards than this side by side are no overview
_LIFESPANS = (64, 32, 16, 8, 4, 2)
_LONGEST_PERIOD = 256


def find_blocks(
    tokens: Sequence[int],
    heavy: Sequence[bool],
    edges: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int]] = (),
) -> list[Nested]:
    """Return items 0 to n - 1, in order, gathered into nested blocks.

    Parameters
    ----------
    tokens : sequence of int
        Equal for items of the same kind; items are in topological order.
    heavy : sequence of bool
        Items that do the work: a block has at least one of them where possible.
    edges : sequence of (int, int)
        From item, to item.
    spans : sequence of (int, int)
        First and last item that take a tensor from outside.

    Returns
    -------
    list
        At most `MANY` entries where the graph allows it: an int is an item left
        alone, a list a block.
    """
    n = len(tokens)
    if n == 0:
        return []
    segments = _segments(n, heavy, edges, spans)
    if len(segments) == 1 and n > MANY:
        segments = [(at, at + 1) for at in range(n)]
    found: list[Nested] = [
        start if stop - start == 1 else list(range(start, stop))
        for start, stop in segments
    ]
    if len(found) > MANY:
        kinds: dict[tuple[int, ...], int] = {}
        words = [
            kinds.setdefault(tuple(tokens[start:stop]), len(kinds))
            for start, stop in segments
        ]
        found = _gather_repeats(found, words)
    return _chunk(found)


def longest_repeat(words: Sequence[int]) -> tuple[int, int, int] | None:
    """Return start, period and count of the best run of repetitions.

    The shortest period that covers half of `words` and leaves at most `MANY`
    entries wins, else the one that covers most; None if nothing repeats.
    """
    array = np.asarray(words)
    n = len(array)
    best: tuple[int, int, int] | None = None
    best_covered = 0
    for period in range(1, min(n // 2, _LONGEST_PERIOD) + 1):
        same = np.concatenate(([False], array[period:] == array[:-period], [False]))
        turns = np.flatnonzero(same[1:] != same[:-1])
        if not len(turns):
            continue
        lengths = turns[1::2] - turns[::2]
        k = int(lengths.argmax())
        count = int(lengths[k]) // period + 1
        covered = count * period
        if count < 2:
            continue
        if 2 * covered >= n and n - covered + count <= MANY and period > 1:
            return int(turns[2 * k]), period, count
        if covered > best_covered and period > 1:
            best, best_covered = (int(turns[2 * k]), period, count), covered
    return best


def _segments(
    n: int,
    heavy: Sequence[bool],
    edges: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Return (start, stop) of segments, cut where one tensor crosses.

    Tensors that live long (masks, the skips of a U-Net) would forbid every cut;
    how long is too long depends on the graph, so it is tried from long to short.
    """
    last = np.arange(n)
    if edges:
        ends = np.asarray(edges, dtype=np.int64)
        np.maximum.at(last, ends.min(axis=1), ends.max(axis=1))
    first = np.arange(n)
    if spans:
        outside = np.asarray(spans, dtype=np.int64)
        first = np.concatenate([first, outside.min(axis=1)])
        last = np.concatenate([last, outside.max(axis=1)])
    segments = [(0, n)]
    for lifespan in _LIFESPANS:
        counted = (last > first) & (last - first <= lifespan)
        change = np.zeros(n + 2, dtype=np.int64)
        np.add.at(change, first[counted] + 1, 1)
        np.add.at(change, last[counted] + 1, -1)
        crossing = np.cumsum(change)[1:n]
        cuts = [0, *(np.flatnonzero(crossing <= 1) + 1).tolist(), n]
        segments = _with_work(cuts, heavy)
        if max(stop - start for start, stop in segments) <= max(12, 0.3 * n):
            break
    return segments


def _with_work(cuts: list[int], heavy: Sequence[bool]) -> list[tuple[int, int]]:
    """Join the pieces between cuts so that each has a heavy item to begin with."""
    segments: list[tuple[int, int]] = []
    works = False
    for start, stop in pairwise(cuts):
        piece_works = any(heavy[start:stop])
        if segments and not (piece_works and works):
            segments[-1] = (segments[-1][0], stop)
            works = works or piece_works
        else:
            segments.append((start, stop))
            works = piece_works
    return segments


def _gather_repeats(found: list[Nested], words: list[int]) -> list[Nested]:
    repeat = longest_repeat(words)
    if repeat is None:
        return found
    start, period, count = repeat
    stop = start + period * count
    blocks: list[Nested] = [
        found[at : at + period] for at in range(start, stop, period)
    ]
    before: list[Nested] = found[:start]
    after: list[Nested] = found[stop:]
    if len(before) > MANY:
        before = _gather_repeats(before, words[:start])
    if len(after) > MANY:
        after = _gather_repeats(after, words[stop:])
    return [*before, *blocks, *after]


def _chunk(found: list[Nested]) -> list[Nested]:
    """Halve what is still too many into even parts, parts of parts if need be."""
    while len(found) > MANY:
        n_parts = max(2, min(16, -(-len(found) // 8)))
        if len(found) > 16 * MANY:
            n_parts = -(-len(found) // MANY)
        bounds = np.linspace(0, len(found), n_parts + 1).round().astype(int).tolist()
        found = [found[start:stop] for start, stop in pairwise(bounds) if stop > start]
    return found
