"""A matrix as pictures of halving size, so that any zoom costs the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]

_SAMPLED = 256  # rows and columns that are enough to know the scale
_BRIGHT_SHARE = 0.995


class MatrixPyramid:
    """Colour levels of a matrix, and of its halves, quarters, ….

    A halved picture keeps the largest of four neighbours: a mean would let the
    single strong weights vanish that one looks for.

    Parameters
    ----------
    values : (rows, columns) float array
        At least 0; NaN is drawn as 0.

    Attributes
    ----------
    top : float
        The value that is drawn brightest, as are those above it. It is not the
        largest: the first row of causal attention is always 1, and beside it a
        thousand tokens that share one weight would be black.
    """

    def __init__(self, values: npt.NDArray[np.float32]) -> None:
        if not math.isfinite(float(values.max(initial=0.0))):
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        self.top = top = bright(values)
        # One array, changed in place: a head of 2,048 tokens has 4 million weights.
        parts = np.multiply(values, 1.0 / top if top > 0 else 0.0, dtype=np.float32)
        np.clip(parts, 0.0, 1.0, out=parts)
        np.sqrt(parts, out=parts)
        np.multiply(parts, 255.0, out=parts)
        np.rint(parts, out=parts)
        self._levels: list[Levels] = [parts.astype(np.uint8)]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix."""
        rows, columns = self._levels[0].shape
        return rows, columns

    def level(self, number: int) -> tuple[int, Levels]:
        """Return a picture and how many times it was halved, at most `number`."""
        while len(self._levels) <= number and max(self._levels[-1].shape) > 1:
            self._levels.append(_halved(self._levels[-1]))
        number = min(number, len(self._levels) - 1)
        return number, self._levels[number]


def bright(values: npt.NDArray[Any]) -> float:
    """Return the value to draw brightest: one in 200 of those above 0 is larger."""
    rows, columns = (max(1, size // _SAMPLED) for size in values.shape)
    some = values[::rows, ::columns]
    some = some[some > 0]
    if not some.size:
        return float(values.max(initial=0.0))
    return float(np.quantile(some, _BRIGHT_SHARE))


def brightened(maps: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return small maps, each on its own scale; see `MatrixPyramid.top`.

    Parameters
    ----------
    maps : (layers, heads, side, side) uint8 array
        Levels of the colour map.
    """
    out = np.empty_like(maps)
    for row, heads in enumerate(maps):
        for place, one in enumerate(heads):
            top = bright(one)
            parts = np.minimum(one * (1.0 / top if top > 0 else 0.0), 1.0)
            out[row, place] = np.rint(np.sqrt(parts) * 255)
    return out


def _halved(levels: Levels) -> Levels:
    rows, columns = levels.shape
    even = np.pad(levels, ((0, rows % 2), (0, columns % 2)))
    tall = np.maximum(even[::2], even[1::2])
    return np.maximum(tall[:, ::2], tall[:, 1::2])
