"""Between pictures and latents: decoder, encoder, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.noise import Floats
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.denoiser import element_type
from layerscope.engine.diffusion.parts import Parts
from layerscope.engine.pictures import resize
from layerscope.engine.runtime.running import RunningModel

Pixels = npt.NDArray[np.uint8]
Run = Callable[[dict[str, npt.NDArray[Any]], str], dict[str, Any]]
GraphOf = Callable[[str], RunningModel]


class Coder:
    """Decodes and encodes by the graphs of the folder, or not at all.

    Parameters
    ----------
    parts : Parts
    run : callable
        Feeds and component to outputs.
    graph : callable
        Component to its `RunningModel`.
    """

    def __init__(self, parts: Parts, run: Run, graph: GraphOf) -> None:
        self._parts = parts
        self._run = run
        self._graph = graph

    @property
    def latent_size(self) -> tuple[int, int] | None:
        """Height and width of a latent where the decoder leaves no choice."""
        shape = self._graph("vae_decoder").inputs[0].shape
        if shape is None or len(shape) != 4:
            return None
        height, width = shape[2:]
        if isinstance(height, int) and isinstance(width, int):
            return height, width
        return None

    def decode(self, latents: Floats) -> Floats:
        """Return pictures, (n, 3, h, w) float32, about -1 to 1, of latents."""
        parts = self._parts
        if not parts.latent:
            return latents
        scaled = latents / np.float32(parts.scaling) + np.float32(parts.shift)
        info = self._graph("vae_decoder").inputs[0]
        kind = element_type(info)
        whole = info.shape is None or not isinstance(info.shape[0], int)
        groups = [scaled] if whole else [row[None] for row in scaled]
        made = []
        for group in groups:
            feeds = {info.name: np.ascontiguousarray(group, dtype=kind)}
            made.append(
                np.asarray(next(iter(self._run(feeds, "vae_decoder").values())))
            )
        return np.concatenate(made).astype(np.float32, copy=False)

    def encode(self, pictures: Floats, generator: np.random.Generator) -> Floats:
        """Return latents of (n, 3, h, w) float32 pictures, -1 to 1.

        Parameters
        ----------
        pictures : array
            Their sides are multiples of the scale.
        generator : Generator
            Draws the latent where the encoder gives its mean and deviation.
        """
        parts = self._parts
        if not parts.latent:
            return pictures
        info = self._graph("vae_encoder").inputs[0]
        feeds = {
            info.name: np.ascontiguousarray(pictures, dtype=element_type(info)),
        }
        outputs = self._run(feeds, "vae_encoder")
        found = np.asarray(
            outputs.get("latent_sample", next(iter(outputs.values()))), np.float32
        )
        if found.shape[1] == 2 * parts.channels:
            mean, log_variance = np.split(found, 2, axis=1)
            deviation = np.exp(0.5 * np.clip(log_variance, -30, 20))
            found = mean + deviation * generator.standard_normal(
                mean.shape, dtype=np.float32
            )
        return (found - np.float32(parts.shift)) * np.float32(parts.scaling)


def to_pixels(pictures: Floats) -> Pixels:
    """Return (n, h, w, 3) uint8 pictures of (n, channels, h, w), -1 to 1."""
    shown = np.nan_to_num(pictures, nan=0.0, posinf=1.0, neginf=-1.0)
    scaled = np.rint(np.clip(shown * 0.5 + 0.5, 0, 1) * 255).astype(np.uint8)
    planes = scaled.transpose(0, 2, 3, 1)
    if planes.shape[-1] < 3:
        planes = np.repeat(planes[..., :1], 3, axis=-1)
    return np.ascontiguousarray(planes[..., :3])


def from_pixels(pixels: Pixels, height: int, width: int, channels: int = 3) -> Floats:
    """Return a (1, channels, height, width) picture, -1 to 1, of (h, w, 3) uint8."""
    fitted = resize(cropped(pixels, height, width), height, width, "bicubic")
    values = fitted.astype(np.float32) / 127.5 - 1
    if channels == 1:
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        return np.ascontiguousarray((values @ weights)[None, None])
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def cropped(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return the middle of a picture, in the proportions of `height` to `width`."""
    rows, columns = pixels.shape[:2]
    kept_rows = min(rows, max(1, round(columns * height / width)))
    kept_columns = min(columns, max(1, round(rows * width / height)))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return np.ascontiguousarray(
        pixels[top : top + kept_rows, left : left + kept_columns]
    )


def mask_of(pixels: Pixels, height: int, width: int, factor: int) -> Floats:
    """Return a (1, 1, height / factor, width / factor) mask: 1 is to be made anew.

    Raises
    ------
    BadInputError
        Nothing in it is white.
    """
    grey = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=-1)
    fitted = cropped(grey, height, width)
    small = resize(fitted, height // factor, width // factor, "box")
    mask = (small >= 128).astype(np.float32)
    if not mask.any():
        raise BadInputError(
            "The mask has no white in it, so nothing would be made anew; paint white "
            "what is to change."
        )
    return mask[None, None]
