"""What is done to a picture before a model sees it: description and arithmetic.

The steps, in order: place (resize with crop, stretch or letterbox), choose the
colours, scale to a range, subtract a mean, divide by a deviation, lay out.
Resizing itself needs an imaging library and is done in the engine, by the
`Placement` that this module plans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Triple = tuple[float, float, float]

LAYOUTS = ("NCHW", "NHWC")
COLOURS = ("RGB", "BGR", "grey", "luma")
RANGES = ("0..1", "0..255", "-1..1")
RESIZES = ("crop", "stretch", "letterbox")
INTERPOLATIONS = ("bilinear", "bicubic", "lanczos", "nearest", "box")
POLARITIES = ("as it is", "inverted", "light on dark")
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_LETTERBOX_GREY = 114
# Above this median the paper is light and what is drawn on it is dark.
_MID_GREY = 127.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a picture lands in the model's input, in pixels.

    The source rectangle is resized to `inner_width` by `inner_height` and laid
    at (`left`, `top`) of a `width` by `height` input; the rest is grey.

    Attributes
    ----------
    source : tuple of float
        Left, top, right, bottom in pixels of the picture.
    """

    source: tuple[float, float, float, float]
    left: int
    top: int
    inner_width: int
    inner_height: int
    width: int
    height: int

    def to_picture(
        self, boxes: npt.NDArray[np.floating], picture: tuple[int, int]
    ) -> npt.NDArray[np.float32]:
        """Map boxes from the input onto the picture.

        Parameters
        ----------
        boxes : array
            (n, 4): left, top, right, bottom in pixels of the input.
        picture : (int, int)
            Height and width of the picture in pixels.

        Returns
        -------
        (n, 4) float32 array
            Shares of the picture, clipped to 0 … 1.
        """
        x0, y0, x1, y1 = self.source
        scale_x = (x1 - x0) / max(self.inner_width, 1)
        scale_y = (y1 - y0) / max(self.inner_height, 1)
        shift = np.array([self.left, self.top] * 2, dtype=np.float64)
        scale = np.array([scale_x, scale_y] * 2, dtype=np.float64)
        start = np.array([x0, y0] * 2, dtype=np.float64)
        size = np.array([picture[1], picture[0]] * 2, dtype=np.float64)
        mapped = ((boxes - shift) * scale + start) / size
        return np.clip(mapped, 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Everything between a decoded picture and a feed.

    Attributes
    ----------
    height, width : int
        Of the model's input, in pixels.
    layout : str
        One of `LAYOUTS`; without the batch axis where the input has rank 3.
    colours : str
        One of `COLOURS`; luma is the Y of YCbCr, which super-resolution takes.
    value_range : str
        One of `RANGES`: what 0 … 255 becomes before the mean is subtracted.
    mean, std : triple of float
        In units of `value_range` and in the order in which the channels are
        fed; one-channel inputs take the first.
    resize : str
        ``crop`` scales the shorter side and cuts the middle out, ``stretch``
        ignores the aspect ratio, ``letterbox`` keeps it and pads with grey.
    crop_share : float
        Share of the shorter side that a crop keeps.
    polarity : str
        ``light on dark`` inverts a picture whose rim is light, as networks for
        handwriting need it.
    evidence : tuple of str
        What the guess rests on, in words.
    """

    height: int = 224
    width: int = 224
    layout: str = "NCHW"
    colours: str = "RGB"
    value_range: str = "0..1"
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    resize: str = "stretch"
    crop_share: float = 1.0
    interpolation: str = "bilinear"
    polarity: str = "as it is"
    evidence: tuple[str, ...] = ()

    @property
    def n_channels(self) -> int:
        """Channels that are fed."""
        return 3 if self.colours in ("RGB", "BGR") else 1

    def place(self, height: int, width: int) -> Placement:
        """Plan where a picture of `height` by `width` pixels goes."""
        if self.resize == "crop":
            return self._place_crop(height, width)
        if self.resize == "letterbox":
            scale = min(self.height / height, self.width / width)
            inner_height = min(self.height, max(1, round(height * scale)))
            inner_width = min(self.width, max(1, round(width * scale)))
            return Placement(
                source=(0.0, 0.0, float(width), float(height)),
                left=(self.width - inner_width) // 2,
                top=(self.height - inner_height) // 2,
                inner_width=inner_width,
                inner_height=inner_height,
                width=self.width,
                height=self.height,
            )
        return Placement(
            source=(0.0, 0.0, float(width), float(height)),
            left=0,
            top=0,
            inner_width=self.width,
            inner_height=self.height,
            width=self.width,
            height=self.height,
        )

    def _place_crop(self, height: int, width: int) -> Placement:
        # The rectangle of the picture that "resize the shorter side, then cut the
        # middle out" would keep: cutting first makes a 1 x 20,000 picture cheap.
        share = self.crop_share
        scale = max(self.height / (height * share), self.width / (width * share))
        kept_width = min(float(width), self.width / scale)
        kept_height = min(float(height), self.height / scale)
        x0 = (width - kept_width) / 2
        y0 = (height - kept_height) / 2
        return Placement(
            source=(x0, y0, x0 + kept_width, y0 + kept_height),
            left=0,
            top=0,
            inner_width=self.width,
            inner_height=self.height,
            width=self.width,
            height=self.height,
        )

    def apply(
        self, pixels: npt.NDArray[np.uint8], dtype: npt.DTypeLike
    ) -> npt.NDArray[np.generic]:
        """Turn placed pixels into values of the model's input.

        Parameters
        ----------
        pixels : array
            (height, width, 3) uint8, RGB.
        dtype : dtype
            Element type of the input.

        Returns
        -------
        (1, channels, height, width) or (1, height, width, channels) array
            C-contiguous.
        """
        ordered = self._ordered(pixels)
        wanted = np.dtype(dtype)
        if self.layout == "NCHW":
            ordered = ordered.transpose(2, 0, 1)
        # Contiguous first: arithmetic on a transposed view is five times slower.
        ordered = np.ascontiguousarray(ordered)
        plain = self.mean == (0.0, 0.0, 0.0) and self.std == (1.0, 1.0, 1.0)
        if wanted.kind in "iu" and self.value_range == "0..255" and plain:
            limits = np.iinfo(wanted)
            bounded = np.clip(np.rint(ordered), 0, min(limits.max, 255))
            return np.ascontiguousarray(bounded.astype(wanted)[None])
        # One multiplication and one addition a channel.
        factor, offset = _RANGE_STEPS[self.value_range]
        n = self.n_channels
        std = np.array(self.std[:n], dtype=np.float64)
        gain = factor / std
        bias = (offset - np.array(self.mean[:n], dtype=np.float64)) / std
        rows: npt.NDArray[Any] = ordered.astype(np.float32)
        if self.layout == "NCHW":
            rows = rows.reshape(n, -1)
            gain, bias = gain[:, None], bias[:, None]
        else:
            rows = rows.reshape(ordered.shape[0], -1)
            gain, bias = (np.tile(v, ordered.shape[1]) for v in (gain, bias))
        rows *= gain.astype(np.float32)
        rows += bias.astype(np.float32)
        if wanted.kind in "iu":
            limits = np.iinfo(wanted)
            rows = np.clip(np.rint(rows), limits.min, limits.max)
        return rows.reshape(1, *ordered.shape).astype(wanted, copy=False)

    def restore(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
        """Turn one feed back into pixels, to show what the model sees.

        Parameters
        ----------
        values : array
            (1, channels, h, w) or (1, h, w, channels), as `apply` makes it; the
            batch axis may be missing.

        Returns
        -------
        (h, w, 3) uint8 array
        """
        planes = np.asarray(values, dtype=np.float32)
        planes = planes[0] if planes.ndim == 4 else planes
        if self.layout == "NHWC":
            planes = planes.transpose(2, 0, 1)
        n = min(self.n_channels, planes.shape[0])
        factor, offset = _RANGE_STEPS[self.value_range]
        mean = np.array(self.mean[:n], dtype=np.float32).reshape(-1, 1, 1)
        std = np.array(self.std[:n], dtype=np.float32).reshape(-1, 1, 1)
        planes = (planes[:n] * std + mean - offset) / factor
        if self.colours == "BGR":
            planes = planes[::-1]
        if n < 3:
            planes = np.repeat(planes[:1], 3, axis=0)
        finite = np.nan_to_num(planes, nan=0.0, posinf=255.0, neginf=0.0)
        pixels = np.clip(np.rint(finite), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0))

    def _ordered(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return (h, w, channels) in the order the channels are fed."""
        if self.polarity == "inverted" or (
            self.polarity == "light on dark" and has_light_rim(pixels)
        ):
            pixels = 255 - pixels
        if self.colours == "RGB":
            return pixels
        if self.colours == "BGR":
            return pixels[..., ::-1]
        return (pixels.astype(np.float32) @ _LUMA)[..., None]


# Factor and offset that take 0 … 255 to each range.
_RANGE_STEPS = {
    "0..1": (1 / 255, 0.0),
    "0..255": (1.0, 0.0),
    "-1..1": (1 / 127.5, -1.0),
}


def has_light_rim(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tell whether the outermost pixels of a (h, w, 3) picture are mostly light."""
    rim = np.concatenate(
        [
            pixels[0].reshape(-1),
            pixels[-1].reshape(-1),
            pixels[:, 0].reshape(-1),
            pixels[:, -1].reshape(-1),
        ]
    )
    return float(np.median(rim)) > _MID_GREY


def paste(inner: npt.NDArray[np.uint8], placement: Placement) -> npt.NDArray[np.uint8]:
    """Lay resized pixels into an input-sized picture, grey around them."""
    if inner.shape[:2] == (placement.height, placement.width):
        return inner
    shape = (placement.height, placement.width, 3)
    canvas = np.full(shape, _LETTERBOX_GREY, dtype=np.uint8)
    rows = slice(placement.top, placement.top + placement.inner_height)
    columns = slice(placement.left, placement.left + placement.inner_width)
    canvas[rows, columns] = inner
    return canvas


def parse_numbers(text: str, count: int) -> tuple[float, ...] | None:
    """Read `count` numbers, or one that stands for all; None if it is neither."""
    try:
        numbers = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        return None
    if len(numbers) == 1:
        numbers *= count
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        return None
    return numbers


def numbers_text(numbers: tuple[float, ...]) -> str:
    """Write numbers as `parse_numbers` reads them."""
    return " ".join(f"{number:.6g}" for number in numbers)


def with_settings(guess: Preprocessing, values: Mapping[str, object]) -> Preprocessing:
    """Return `guess` with what the user changed.

    Parameters
    ----------
    guess : Preprocessing
        What the settings start from.
    values : mapping
        Any of ``layout``, ``colours``, ``range``, ``mean``, ``std``, ``resize``,
        ``crop_share``, ``interpolation``, ``polarity`` and ``size``; values that
        make no sense are left at the guess.
    """
    changes: dict[str, object] = {}
    for name, field, choices in (
        ("layout", "layout", LAYOUTS),
        ("colours", "colours", COLOURS),
        ("range", "value_range", RANGES),
        ("resize", "resize", RESIZES),
        ("interpolation", "interpolation", INTERPOLATIONS),
        ("polarity", "polarity", POLARITIES),
    ):
        if values.get(name) in choices:
            changes[field] = values[name]
    for name in ("mean", "std"):
        numbers = parse_numbers(str(values.get(name, "")), 3)
        if numbers and (name == "mean" or all(numbers)):
            changes[name] = numbers
    share = values.get("crop_share")
    if isinstance(share, int | float) and 0.05 <= share <= 1.0:
        changes["crop_share"] = float(share)
    size = parse_numbers(str(values.get("size", "")), 2)
    if size and all(1 <= side <= 16384 for side in size):
        changes["height"], changes["width"] = int(size[0]), int(size[1])
    return replace(guess, **changes) if changes else guess  # type: ignore[arg-type]
