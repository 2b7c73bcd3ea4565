"""Several pictures put together into one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
EMPTY = 128


def near_square(n: int) -> int:
    """Return how many of `n` pictures stand in a row of a nearly square mosaic."""
    return math.ceil(math.sqrt(n))


def side_by_side(pictures: Pixels, columns: int) -> Pixels:
    """Return (n, h, w, depth) uint8 pictures as one, `columns` a row.

    Places that are left over are grey.
    """
    n, height, width, depth = pictures.shape
    rows = -(-n // columns)
    shape = (rows * height, columns * width, depth)
    made = np.full(shape, EMPTY, dtype=np.uint8)
    for at, picture in enumerate(pictures):
        top, left = at // columns * height, at % columns * width
        made[top : top + height, left : left + width] = picture
    return made
