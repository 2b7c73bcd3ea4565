"""A matrix as pictures of halving size, so that any zoom costs the same."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]


class MatrixPyramid:
    """Colour levels of a matrix, and of its halves, quarters, ….

    A halved picture keeps the largest of four neighbours: a mean would let the
    single strong weights vanish that one looks for.

    Parameters
    ----------
    values : (rows, columns) float array
        At least 0; NaN is drawn as 0.
    """

    def __init__(self, values: npt.NDArray[np.float32]) -> None:
        top = float(values.max(initial=0.0))
        if not math.isfinite(top):
            values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            top = float(values.max(initial=0.0))
        self.top = top
        # One array, changed in place: a head of 2,048 tokens has 4 million weights.
        parts = np.multiply(values, 1.0 / top if top > 0 else 0.0, dtype=np.float32)
        np.maximum(parts, 0.0, out=parts)
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


def _halved(levels: Levels) -> Levels:
    rows, columns = levels.shape
    even = np.pad(levels, ((0, rows % 2), (0, columns % 2)))
    tall = np.maximum(even[::2], even[1::2])
    return np.maximum(tall[:, ::2], tall[:, 1::2])
