"""Decoding and resizing pictures: the only place that opens picture files.

Files may be hostile. Only plain bitmap formats are tried, sizes are checked
before pixels are made, and whatever a decoder raises becomes one sentence.
"""

from __future__ import annotations

import os
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from layerscope.core.errors import BadInputError
from layerscope.core.preprocessing import Placement, paste

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
FORMATS_TEXT = "JPEG, PNG, WebP, BMP, GIF and TIFF"
PIXEL_LIMIT = 89_000_000
FILE_LIMIT = 1 << 30

Pixels = npt.NDArray[np.uint8]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Pillow only warns between one and two times its limit.
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """An upright picture.

    Attributes
    ----------
    pixels : (h, w, 3) uint8 array
        RGB.
    notes : tuple of str
        What was converted or left out on the way.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture of a file.

    Attributes
    ----------
    thumbnail : (h, w, 3) uint8 array
        RGB, upright.
    width, height : int
        Of the file's picture, upright.
    """

    thumbnail: Pixels
    width: int
    height: int


def shown_name(path: Path) -> str:
    """Return a file's name as text that can be shown and sent."""
    return path.name.encode("utf-8", "replace").decode("utf-8")


def check_file(path: Path, limit: int = FILE_LIMIT) -> os.stat_result:
    """Make sure that `path` is a file that can be read without waiting.

    Raises
    ------
    BadInputError
        If it is missing, no regular file, empty or larger than `limit` bytes.
    """
    name = shown_name(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{name} was to be read, but it is not there or may not be read; "
            "choose another file."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError(f"{name} is not a file; choose a file.")
    if status.st_size == 0:
        raise BadInputError(f"{name} is empty; choose another file.")
    if status.st_size > limit:
        raise BadInputError(
            f"{name} has {status.st_size / 1e6:,.0f} MB; files of at most "
            f"{limit / 1e6:,.0f} MB are read."
        )
    return status


def decode(path: Path, limit: int = PIXEL_LIMIT) -> Decoded:
    """Decode the first picture of a file, upright, as RGB.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Pixels at most.

    Raises
    ------
    BadInputError
        If the file is no picture of a known format, is damaged or too large.
    """
    check_file(path)
    name = shown_name(path)
    try:
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            _check_size(image, name, limit)
            notes = _first_only(image, name)
            image.load()
            return _upright_rgb(image, name, notes)
    except BadInputError:
        raise
    except Exception as error:
        raise BadInputError(_why(path, error, limit)) from error


def thumbnail(path: Path, size: int, limit: int = PIXEL_LIMIT) -> Thumbnail:
    """Decode a picture for a list, at most `size` pixels on its longer side.

    Raises
    ------
    BadInputError
        As `decode`.
    """
    check_file(path)
    name = shown_name(path)
    size = max(1, min(size, 4096))
    try:
        with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
            _check_size(image, name, limit)
            width, height = image.size
            if image.format == "JPEG":
                image.draft("RGB", (2 * size, 2 * size))
            image.load()
            upright = _upright_rgb(image, name, [])
    except BadInputError:
        raise
    except Exception as error:
        raise BadInputError(_why(path, error, limit)) from error
    if (upright.pixels.shape[0] > upright.pixels.shape[1]) != (height > width):
        width, height = height, width
    return Thumbnail(thumbnail=shrink(upright.pixels, size), width=width, height=height)


def shrink(pixels: Pixels, size: int) -> Pixels:
    """Return a (h, w, 3) picture of at most `size` pixels on its longer side."""
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        Image.fromarray(pixels).resize(
            target, Image.Resampling.BILINEAR, reducing_gap=3.0
        )
    ).copy()


def resize(
    pixels: Pixels, height: int, width: int, interpolation: str = "bilinear"
) -> Pixels:
    """Resize a (h, w, 3) or (h, w) picture, antialiased when it shrinks."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((width, height), _RESAMPLING[interpolation])).copy()


def place(pixels: Pixels, placement: Placement, interpolation: str) -> Pixels:
    """Resize a picture into the place that preprocessing planned for it.

    Returns
    -------
    (height, width, 3) uint8 array
        Of the size of the model's input.
    """
    height, width = pixels.shape[:2]
    whole = placement.source == (0.0, 0.0, float(width), float(height))
    target = (placement.inner_width, placement.inner_height)
    if whole and target == (width, height):
        return paste(np.ascontiguousarray(pixels), placement)
    inner = Image.fromarray(pixels).resize(
        target, _RESAMPLING[interpolation], box=placement.source
    )
    return paste(np.asarray(inner).copy(), placement)


def flatten(pixels: Pixels) -> Pixels:
    """Return RGB pixels, with transparent ones laid on white.

    Parameters
    ----------
    pixels : array
        (h, w), (h, w, 3) or (h, w, 4) uint8.
    """
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = pixels[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _check_size(image: Image.Image, name: str, limit: int) -> None:
    width, height = image.size
    if width <= 0 or height <= 0:
        raise BadInputError(f"{name} has no pixels; choose another picture.")
    if width * height > limit:
        raise BadInputError(_too_large(name, width * height, limit))


def _too_large(name: str, n_pixels: int, limit: int) -> str:
    return (
        f"{name} would decode to {n_pixels / 1e6:,.0f} megapixels; at most "
        f"{limit / 1e6:,.0f} are decoded, so scale it down first."
    )


def _first_only(image: Image.Image, name: str) -> list[str]:
    if getattr(image, "is_animated", False):
        return [f"{name} holds several pictures; the first one is used."]
    return []


def _upright_rgb(image: Image.Image, name: str, notes: list[str]) -> Decoded:
    upright = image
    try:
        upright = ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError):
        notes.append(f"{name} has unreadable EXIF data; it is shown as stored.")
    mode = upright.mode
    if mode == "RGB" and "transparency" not in upright.info:
        pixels = np.array(upright)
    elif mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        pixels = flatten(np.array(upright.convert("RGBA")))
        notes.append(f"{name} is partly transparent; it is laid on white.")
    elif mode.startswith(("I", "F")):
        pixels = flatten(_to_bytes(np.array(upright)))
        notes.append(f"{name} has {mode} pixels; they were scaled to 8 bits.")
    elif mode == "LAB":
        pixels = np.array(_lab_to_rgb(upright))
        notes.append(f"{name} is in LAB colours; it was converted to RGB.")
    else:
        pixels = np.array(upright.convert("RGB"))
        if mode not in ("P", "L", "1"):
            notes.append(f"{name} is in {mode} colours; it was converted to RGB.")
        elif mode != "P":
            notes.append(f"{name} is grey; a model of colours gets it three times.")
    return Decoded(pixels=np.ascontiguousarray(pixels), notes=tuple(notes))


def _to_bytes(values: npt.NDArray[np.generic]) -> Pixels:
    """Scale 16-bit, 32-bit and float pixels to 0 … 255."""
    wide = np.nan_to_num(np.asarray(values, dtype=np.float64))
    low, high = float(wide.min()), float(wide.max())
    if values.dtype.kind in "iu" and low >= 0 and high <= 65535:
        return (wide / 257).round().astype(np.uint8)
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return (wide * 255).round().astype(np.uint8)
    if low >= 0 and high <= 255:
        return wide.round().astype(np.uint8)
    return ((wide - low) * (255 / max(high - low, 1e-12))).round().astype(np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        ImageCms.createProfile("LAB"),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    if converted is None:
        raise ValueError("no conversion from LAB")
    return converted


def _why(path: Path, error: Exception, limit: int) -> str:
    """Say in one sentence why a picture could not be decoded."""
    name = shown_name(path)
    bombs = (Image.DecompressionBombWarning, Image.DecompressionBombError)
    if isinstance(error, bombs):
        return (
            f"{name} would decode to too many pixels; at most "
            f"{limit / 1e6:,.0f} megapixels are decoded, so scale it down first."
        )
    if isinstance(error, PermissionError):
        return f"{name} may not be read; check its permissions."
    if isinstance(error, FileNotFoundError):
        return f"{name} has gone; choose another picture."
    if isinstance(error, MemoryError):
        return f"{name} does not fit into memory; scale it down first."
    if not isinstance(error, UnidentifiedImageError):
        return f"{name} is damaged or cut short; get it again."
    with path.open("rb") as file:
        start = file.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return f"{name} is a web page, not a picture; download the picture itself."
    return (
        f"{name} is no picture that can be read, or its start is damaged; "
        f"{FORMATS_TEXT} can be read."
    )
