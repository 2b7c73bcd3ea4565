"""Many small pictures composed into one, at the size they have on the screen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPixmap

from layerscope.ui import theme

GAP = 3


def roomy_tile(n: int, aspect: float, width: int, height: int, usual: int) -> int:
    """Return the width of the largest tile with which all `n` fit, at least `usual`.

    Parameters
    ----------
    n : int
        Number of tiles.
    aspect : float
        Height of a tile over its width.
    width, height : int
        Room there is, in logical pixels.
    usual : int
        Returned where not all tiles fit at that width either.
    """
    best = usual
    for columns in range(1, n + 1):
        side = (width - GAP * (columns - 1)) // columns
        if side <= best:
            break
        rows = -(-n // columns)
        fitting = int((height - GAP * (rows - 1)) / rows / aspect)
        best = max(best, min(side, fitting))
    return best


def composed(
    tiles: npt.NDArray[np.uint8], height: int, width: int, *, columns: int, gap: int
) -> npt.NDArray[np.uint8]:
    """Put tiles side by side: pixels repeat where they grow, mix where they shrink.

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
    h, w = tiles.shape[1:3]
    y, x = max(1, h // max(1, height)), max(1, w // max(1, width))
    if y > 1 or x > 1:
        # One pixel in so many would let thin lines come and go; the mean of all is
        # ten times the work of that of four.
        tall, wide = h // y * y, w // x * x
        samples = [
            tiles[:, top:tall:y, left:wide:x].astype(np.uint16)
            for top in (0, y // 2)
            for left in (0, x // 2)
        ]
        tiles = (sum(samples[1:], samples[0]) // 4).astype(np.uint8)
    rows = ((np.arange(height) + 0.5) * tiles.shape[1] / height).astype(np.intp)
    across = ((np.arange(width) + 0.5) * tiles.shape[2] / width).astype(np.intp)
    return tiles[:, rows[:, None], across]


def image_of(
    pixels: npt.NDArray[np.uint8], ratio: float = 1.0, width: int = 0
) -> QImage:
    """Return a QImage on `pixels`, which the caller has to keep while it is used.

    Parameters
    ----------
    pixels : (h, w) or (h, w, 3) uint8 array
        Levels of the colour map, or RGB; C-contiguous.
    ratio : float
        Device pixels to a logical one.
    width : int
        Pixels of each line that count; 0 for all.
    """
    height = pixels.shape[0]
    width = width or pixels.shape[1]
    coloured = pixels.ndim == 3
    form = QImage.Format.Format_RGB888 if coloured else QImage.Format.Format_Indexed8
    image = QImage(pixels.data, width, height, pixels.strides[0], form)
    if not coloured:
        image.setColorTable(theme.viridis_table())
    image.setDevicePixelRatio(ratio)
    return image


def framed_hole(
    cell: QSize, gap: int, radius: float, colour: QColor, ratio: float
) -> QPixmap:
    """Return one cell of a grid: `colour` around a hole with round corners.

    Parameters
    ----------
    cell : QSize
        Of the hole, in logical pixels.
    gap : int
        To the right of it and below.
    radius : float
        Of its corners.
    colour : QColor
        Around it.
    ratio : float
        Device pixels to a logical one.
    """
    size = cell + QSize(gap, gap)
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    path = QPainterPath()
    path.addRect(QRectF(QPointF(0, 0), size.toSizeF()))
    path.addRoundedRect(QRectF(QPointF(0, 0), cell.toSizeF()), radius, radius)
    with QPainter(pixmap) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(path, colour)
    return pixmap
