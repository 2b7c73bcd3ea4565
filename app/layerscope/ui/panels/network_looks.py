"""Words, colours and pictures of the network view that need no session."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QColor, QImage

from layerscope.core import colours as colour_tables
from layerscope.protocol.values import Dimension
from layerscope.ui import theme

_LONGEST = 300
_LONGEST_SIZE_NAME = 9


def compact_shape(shape: Iterable[Dimension]) -> str:
    """Return a shape without its batch axis: ``"128 × 55²"``, ``"T × 768"``."""
    sizes = list(shape)
    if not sizes:
        return "one number"
    if len(sizes) > 1 and (sizes[0] in (1, None) or isinstance(sizes[0], str)):
        sizes = sizes[1:]
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    words = [_size_word(size) for size in sizes]
    if len(words) >= 2 and words[-1] == words[-2] and words[-1] != "?":
        words[-2:] = [f"{words[-1]}²"]
    return " × ".join(words)


def _size_word(size: Dimension) -> str:
    """Return a size; a name made by a program says no more than a question mark."""
    word = "?" if size is None else str(size)
    return word if len(word) <= _LONGEST_SIZE_NAME else "?"


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return `text` on one line, unprintable characters written out, elided."""
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[-longest // 3 :]}"
    return "".join(
        letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text
    )


def ramp(token: str, shade: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """Return colours from a quiet box (0) to a palette token (1), as ARGB."""
    low, high = theme.colour("line"), theme.colour(token)
    rgb = [
        np.rint(first + shade * (last - first)).astype(np.uint32)
        for first, last in (
            (low.red(), high.red()),
            (low.green(), high.green()),
            (low.blue(), high.blue()),
        )
    ]
    argb: npt.NDArray[np.uint32] = (
        np.uint32(0xFF000000) | (rgb[0] << 16) | (rgb[1] << 8) | rgb[2]
    ).astype(np.uint32)
    return argb


def provider_colour(provider: str, providers: tuple[str, ...]) -> int:
    """Return the ARGB colour of an execution provider among those in use."""
    place = providers.index(provider) if provider in providers else len(providers)
    return QColor(*colour_tables.distinct(place)).rgba()


def as_image(picture: npt.NDArray[np.uint8]) -> QImage | None:
    """Return a frame part as an image that keeps its pixels: maps in viridis."""
    if picture.ndim not in (2, 3) or not picture.size:
        return None
    pixels = np.ascontiguousarray(picture)
    height, width = pixels.shape[:2]
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        channels = pixels.shape[2]
        kind = (
            QImage.Format.Format_RGB888
            if channels == 3
            else QImage.Format.Format_RGBA8888
        )
        return QImage(pixels.data, width, height, channels * width, kind).copy()
    if pixels.ndim != 2:
        return None
    image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
    image.setColorTable(theme.viridis_table())
    return image.copy()
