"""Weights as small grey or colour pictures."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

MAX_TILES = 1024
MAX_SIDE = 512
COLOURS = 3
MIDDLE = 128

Numbers = npt.NDArray[np.generic]
Pixels = npt.NDArray[np.uint8]


def atlas(array: Numbers, *, transposed: bool = False) -> Pixels:
    """Return the filters in a weight tensor as tiles of pixels.

    Parameters
    ----------
    array : array of numbers
        Not empty. Of rank 4, out × in × height × width, every filter with three
        inputs becomes a coloured tile and every other one a tile for each input; a
        kernel of one pixel is drawn as one matrix. Of rank 5 the middle of the depth
        is taken, of rank 3 each matrix, of rank 2 the matrix, of rank 1 a row.
    transposed : bool
        Of rank 4 or 5, the inputs come first, as ConvTranspose has them.

    Returns
    -------
    (n, h, w) or (n, h, w, 3) uint8 array
        At most `MAX_TILES` tiles of at most `MAX_SIDE` pixels a side; larger ones are
        thinned out. Grey tiles share one scale, in which 128 is zero (0 is zero for
        types without a sign); each coloured tile is stretched from its least to its
        greatest value.
    """
    if array.ndim > 5:
        array = array.reshape(-1, *array.shape[-2:])
    if array.ndim == 5:
        array = array[:, :, array.shape[2] // 2]
    if array.ndim == 4:
        if transposed:
            array = array.swapaxes(0, 1)
        if array.shape[1] == COLOURS and min(array.shape[2:]) > 1:
            return _coloured(array[:MAX_TILES])
        if array.shape[2:] == (1, 1):
            array = array.reshape(1, *array.shape[:2])
        else:
            n_out = -(-MAX_TILES // array.shape[1])
            array = array[:n_out].reshape(-1, *array.shape[2:])
    elif array.ndim < 3:
        array = array.reshape(1, -1, array.shape[-1] if array.ndim else 1)
    return _grey(_thinned(array[:MAX_TILES]))


def _thinned(tiles: Numbers) -> Numbers:
    steps = [math.ceil(side / MAX_SIDE) for side in tiles.shape[1:3]]
    return tiles[:, :: steps[0], :: steps[1]]


def _finite(tiles: Numbers) -> npt.NDArray[np.float32]:
    values = tiles.astype(np.float32)
    values[~np.isfinite(values)] = 0.0
    return values


def _rounded(values: npt.NDArray[np.float32]) -> Pixels:
    pixels: Pixels = np.ascontiguousarray(np.rint(values).astype(np.uint8))
    return pixels


def _grey(tiles: Numbers) -> Pixels:
    values = _finite(tiles)
    largest = float(np.abs(values).max(initial=0.0)) or 1.0
    if tiles.dtype.kind in "ub":
        return _rounded(values * (255 / largest))
    return _rounded(MIDDLE + values * ((MIDDLE - 1) / largest))


def _coloured(filters: Numbers) -> Pixels:
    values = np.moveaxis(_finite(_thinned_filters(filters)), 1, -1)
    low = values.min(axis=(1, 2, 3), keepdims=True)
    spread = values.max(axis=(1, 2, 3), keepdims=True) - low
    spread[spread == 0] = 1.0
    return _rounded((values - low) / spread * 255)


def _thinned_filters(filters: Numbers) -> Numbers:
    steps = [math.ceil(side / MAX_SIDE) for side in filters.shape[2:]]
    return filters[:, :, :: steps[0], :: steps[1]]
