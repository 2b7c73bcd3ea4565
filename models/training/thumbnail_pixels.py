"""Numbers as small pictures: colours, walls of tiles, squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from layerscope.core.colours import viridis

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]
GROUND = (26, 29, 35)


def fitted(pixels: Pixels, side: int) -> Image.Image:
    """Return a square picture: small pixels stay sharp squares, large ones shrink."""
    image = Image.fromarray(pixels).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    image = image.crop((left, top, left + short, top + short))
    if short < side:
        times = math.ceil(side / short)
        image = image.resize((short * times,) * 2, Image.Resampling.NEAREST)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def coloured(values: npt.NDArray[Any]) -> Pixels:
    """Return (h, w) numbers in viridis, the outermost hundredths cut."""
    values = np.nan_to_num(values.astype(np.float32))
    low, high = np.percentile(values, (1, 99))
    share = np.clip((values - low) / max(float(high - low), 1e-9), 0, 1)
    return viridis()[(share * 255).astype(np.uint8)].astype(np.uint8)


def tiled(tiles: Sequence[Pixels], columns: int, gap: int = 1) -> Pixels:
    """Return pictures of one size side by side, `columns` in a row."""
    high, wide = tiles[0].shape[:2]
    rows = math.ceil(len(tiles) / columns)
    shape = (rows * (high + gap) - gap, columns * (wide + gap) - gap, 3)
    wall = np.full(shape, GROUND, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = divmod(number, columns)
        top, left = top * (high + gap), left * (wide + gap)
        wall[top : top + high, left : left + wide] = tile
    return wall


def as_picture(made: Floats) -> Pixels:
    """Return (channels, h, w), from -1 or 0 to 1, as pixels."""
    low = -1.0 if made.min() < -0.05 else 0.0
    share = np.clip((made - low) / (1.0 - low), 0, 1)
    share = share.repeat(3, 0) if share.shape[0] == 1 else share[:3]
    return (share.transpose(1, 2, 0) * 255).astype(np.uint8)


def squared(values: Floats) -> Floats:
    """Return values stretched to a square by repeating the shorter side's."""
    high, wide = values.shape
    if high < wide:
        return values[np.arange(wide) * high // wide]
    return values[:, np.arange(high) * wide // high]
