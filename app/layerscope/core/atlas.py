"""Tensors as grey pictures: one tile for each channel, 0 to 255."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.statistics import as_float

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

MAX_TILE_SIDE = 256
MAX_WALL_PIXELS = 4 << 20
MAX_TILES = 4096
CHUNK = 1 << 16


def tiles(
    maps: Array,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
    *,
    boost: float = 1.0,
) -> Pixels:
    """Return maps as pictures.

    Parameters
    ----------
    maps : (n, h, w) array
        Of numbers.
    low, high : float or (n,) array of float
        The values shown as 0 and as 255. NaN is shown as 0.
    boost : float
        Exponent of the contrast curve; 1 leaves values alone.

    Returns
    -------
    (n, h, w) uint8 array
    """
    values = as_float(maps)
    bottom = np.broadcast_to(np.asarray(low, dtype=np.float64), len(values))
    top = np.broadcast_to(np.asarray(high, dtype=np.float64), len(values))
    with np.errstate(over="ignore"):
        width = top - bottom
    flat = ~(width > 0) | ~np.isfinite(width)
    factor = np.where(flat, 0.0, 255.0 / np.where(flat, 1.0, width))
    scale = factor.astype(np.float32).reshape(-1, 1, 1)
    shift = (-bottom * factor).astype(np.float32).reshape(-1, 1, 1)
    pixels = np.empty(values.shape, np.uint8)
    # A few maps at a time, so that each pass finds them in the cache.
    step = max(1, CHUNK // max(values[:1].size, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, len(values), step):
            part = values[i : i + step] * scale[i : i + step]
            part += shift[i : i + step]
            np.fmax(part, np.float32(0), out=part)  # takes NaN out too
            np.fmin(part, np.float32(255), out=part)
            pixels[i : i + step] = part
    if boost == 1.0:
        return pixels
    # a table of bytes is looked up three times faster by `bytes` than by an index
    lifted = pixels.tobytes().translate(contrast_curve(boost).tobytes())
    return np.frombuffer(lifted, np.uint8).reshape(pixels.shape)


def contrast_curve(boost: float) -> Pixels:
    """Return (256,) uint8, what each grey becomes under the exponent `boost`."""
    share = np.linspace(0.0, 1.0, 256) ** max(boost, 0.01)
    return np.asarray(np.rint(share * 255), dtype=np.uint8)


def thin_out(maps: Array, side: int = MAX_TILE_SIDE) -> Array:
    """Return every so many rows and columns, so that the tiles fit a wall.

    Parameters
    ----------
    maps : (n, h, w) array
        Of numbers.
    side : int
        Pixels that a tile may have each way.

    Returns
    -------
    (m, y, x) array
        A view; at most `MAX_TILES` tiles and `MAX_WALL_PIXELS` pixels.
    """
    maps = maps[:MAX_TILES]
    n, height, width = maps.shape
    step_y = max(1, -(-height // side))
    step_x = max(1, -(-width // side))
    while n * -(-height // step_y) * -(-width // step_x) > MAX_WALL_PIXELS:
        step_y, step_x = step_y + 1, step_x + 1
    return maps[:, ::step_y, ::step_x]
