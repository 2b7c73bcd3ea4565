"""Thousands of small boxes and lines, set as pixels by numpy.

Qt needs a Python object for each rectangle; twenty thousand of them take longer to
make than a frame may last.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint32]
Coordinates = npt.NDArray[np.float64]

_MOST_POINTS = 150_000
_ROUNDING = 1e-6


def blank(width: int, height: int) -> Pixels:
    """Return a transparent (height, width) picture, one ARGB word a pixel."""
    return np.zeros((height, width), dtype=np.uint32)


def fill_boxes(picture: Pixels, boxes: Coordinates, colours: Pixels) -> None:
    """Fill boxes with one colour each.

    Parameters
    ----------
    picture : (height, width) uint32 array
        Changed in place.
    boxes : (n, 4) float array
        Left, top, width and height in pixels; parts outside are cut.
    colours : (n,) uint32 array
        ARGB.
    """
    height, width = picture.shape
    left = np.rint(boxes[:, 0]).astype(np.int64)
    top = np.rint(boxes[:, 1]).astype(np.int64)
    right = left + np.maximum(np.rint(boxes[:, 2]), 1).astype(np.int64)
    bottom = top + np.maximum(np.rint(boxes[:, 3]), 1).astype(np.int64)
    np.clip(left, 0, width, out=left)
    np.clip(right, 0, width, out=right)
    np.clip(top, 0, height, out=top)
    np.clip(bottom, 0, height, out=bottom)
    wide, tall = right - left, bottom - top
    seen = (wide > 0) & (tall > 0)
    left, top, wide, tall = left[seen], top[seen], wide[seen], tall[seen]
    colours = colours[seen]
    if not len(left):
        return
    flat = picture.reshape(-1)
    corner = top * width + left
    # All boxes of one size at once; cut ones at the rim make a few sizes more.
    size = wide * (height + 1) + tall
    common = int(size[0])
    odd = np.flatnonzero(size != common)
    groups = [(common, np.flatnonzero(size == common) if len(odd) else slice(None))]
    groups += [(int(one), odd[size[odd] == one]) for one in np.unique(size[odd])]
    for one, rows in groups:
        box_wide, box_tall = divmod(one, height + 1)
        at, colour = corner[rows], colours[rows]
        if box_wide * box_tall == 1:
            flat[at] = colour
            continue
        offset = (
            np.arange(box_tall)[:, None] * width + np.arange(box_wide)[None, :]
        ).reshape(-1)
        flat[at[:, None] + offset[None, :]] = colour[:, None]


def draw_lines(picture: Pixels, lines: Coordinates, colours: Pixels) -> None:
    """Draw straight lines, one pixel thick.

    Parameters
    ----------
    picture : (height, width) uint32 array
        Changed in place.
    lines : (n, 4) float array
        x and y of the start, x and y of the end, in pixels.
    colours : (n,) uint32 array
        ARGB.
    """
    height, width = picture.shape
    delta = lines[:, 2:] - lines[:, :2]
    long = np.abs(delta).max(axis=1, initial=0.0) >= 0.5
    if not long.all():
        lines, colours, delta = lines[long], colours[long], delta[long]
    begin, end = _clip(lines, width, height)
    reach = np.abs(delta).max(axis=1) * (end - begin)
    seen = np.flatnonzero((begin <= end) & (reach >= 0.5))
    count = np.ceil(reach[seen]).astype(np.int64) + 1
    total = int(count.sum())
    if total > _MOST_POINTS:  # so many cover each other: draw evenly fewer
        seen = seen[:: -(-total // _MOST_POINTS)]
        count = np.ceil(reach[seen]).astype(np.int64) + 1
    if not len(seen):
        return
    line = np.repeat(np.arange(len(seen)), count)
    step = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    stride = (end[seen] - begin[seen]) / np.maximum(count - 1, 1)
    at = begin[seen][line] + stride[line] * step
    x = (lines[seen, 0][line] + delta[seen, 0][line] * at + _ROUNDING).astype(np.int64)
    y = (lines[seen, 1][line] + delta[seen, 1][line] * at + _ROUNDING).astype(np.int64)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    picture[y[inside], x[inside]] = colours[seen][line[inside]]


def _clip(
    lines: Coordinates, width: int, height: int
) -> tuple[Coordinates, Coordinates]:
    """Return the shares of each line at which it enters and leaves the picture."""
    begin = np.zeros(len(lines))
    end = np.ones(len(lines))
    for axis, size in ((0, width), (1, height)):
        start = lines[:, axis]
        delta = lines[:, axis + 2] - start
        still = np.abs(delta) < 1e-9
        safe = np.where(still, 1.0, delta)
        first, second = -start / safe, (size - start) / safe
        begin = np.where(still, begin, np.maximum(begin, np.minimum(first, second)))
        end = np.where(still, end, np.minimum(end, np.maximum(first, second)))
        outside = still & ((start < 0) | (start >= size))
        end = np.where(outside, -1.0, end)
    return begin, end
