"""Many small pictures composed into one, at the size they have on the screen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from layerscope.ui import theme


def composed(
    tiles: npt.NDArray[np.uint8], height: int, width: int, *, columns: int, gap: int
) -> npt.NDArray[np.uint8]:
    """Put tiles side by side, nearest pixels where they grow, means where they shrink.

    Parameters
    ----------
    tiles : (n, h, w) or (n, h, w, 3) uint8 array
        Levels of the colour map, or RGB.
    height, width : int
        Of a drawn tile, in device pixels.
    columns : int
        Tiles side by side.
    gap : int
        Pixels below and to the right of each tile, left at 0.

    Returns
    -------
    (rows * (height + gap), line) or (…, line, 3) uint8 array
        `line` is the least multiple of 4 that holds all columns, since QImage wants
        whole words.
    """
    drawn = resized(tiles, height, width)
    n_rows = -(-len(drawn) // columns)
    depth = drawn.shape[3:]
    line = columns * (width + gap)
    atlas = np.zeros((n_rows * (height + gap), -(-line // 4) * 4, *depth), np.uint8)
    cells = atlas[:, :line].reshape(
        n_rows, height + gap, columns, width + gap, *depth, copy=False
    )
    for row in range(n_rows):
        here = drawn[row * columns : (row + 1) * columns]
        cells[row, :height, : len(here), :width] = here.swapaxes(0, 1)
    return atlas


def resized(
    tiles: npt.NDArray[np.uint8], height: int, width: int
) -> npt.NDArray[np.uint8]:
    """Return (n, height, width, …) tiles; the values stay levels of the colour map."""
    n, h, w = tiles.shape[:3]
    y, x = max(1, h // max(1, height)), max(1, w // max(1, width))
    if y > 1 or x > 1:  # average whole blocks, or thin lines would come and go
        depth = tiles.shape[3:]
        cut = tiles[:, : h // y * y, : w // x * x]
        blocks = cut.reshape(n, h // y, y, w // x, x, *depth)
        tiles = blocks.mean(axis=(2, 4), dtype=np.float32).astype(np.uint8)
    rows = ((np.arange(height) + 0.5) * tiles.shape[1] / height).astype(np.intp)
    across = ((np.arange(width) + 0.5) * tiles.shape[2] / width).astype(np.intp)
    return tiles[:, rows[:, None], across]


def image_of(pixels: npt.NDArray[np.uint8], ratio: float = 1.0) -> QImage:
    """Return a QImage on `pixels`, which the caller has to keep while it is used.

    Parameters
    ----------
    pixels : (h, w) or (h, w, 3) uint8 array
        Levels of the colour map, or RGB; C-contiguous.
    ratio : float
        Device pixels to a logical one.
    """
    height, width = pixels.shape[:2]
    coloured = pixels.ndim == 3
    form = QImage.Format.Format_RGB888 if coloured else QImage.Format.Format_Indexed8
    image = QImage(pixels.data, width, height, pixels.strides[0], form)
    if not coloured:
        image.setColorTable(theme.viridis_table())
    image.setDevicePixelRatio(ratio)
    return image
