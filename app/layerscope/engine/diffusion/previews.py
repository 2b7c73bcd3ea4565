"""Pictures on the way: decoded where time allows it, else estimated from latents.

The estimate is linear: each place of a latent becomes one colour. The map is fitted by
least squares to what the model's own decoder makes of latents, of random ones at first
and of finished pictures later.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.noise import Floats
from layerscope.engine.diffusion.coding import Coder, Pixels, to_pixels
from layerscope.engine.pictures import resize

SHARE = 0.02
SMALL_SIDE = 16
# Against ill-conditioned fits: what many places of noise weigh.
_RIDGE = 1e-3


class LatentColours:
    """A linear map from latents to colours, fitted to a decoder.

    Parameters
    ----------
    channels : int
        Of a latent.

    Attributes
    ----------
    ms_per_place : float
        What decoding one place of a latent took last, 0 before the first.
    """

    def __init__(self, channels: int) -> None:
        self._squares = np.zeros((channels + 1, channels + 1))
        self._products = np.zeros((channels + 1, 3))
        self._map: npt.NDArray[np.float32] | None = None
        self._real = False
        self.ms_per_place = 0.0

    @property
    def ready(self) -> bool:
        """Whether something was fitted."""
        return self._map is not None

    def learn(self, latents: Floats, pictures: Floats, *, real: bool) -> None:
        """Fit to what the decoder made of latents, besides what was learnt before.

        Parameters
        ----------
        latents : (n, channels, h, w) float32 array
            As the denoising graph has them.
        pictures : (n, 3, h * factor, w * factor) float32 array
            About -1 to 1.
        real : bool
            Whether they are a model's pictures rather than noise; the first real
            ones take the place of all noise.
        """
        rows = _places(latents)
        colours = _reduced(pictures, *latents.shape[2:])
        if real and not self._real:
            self._squares[:] = 0
            self._products[:] = 0
            self._real = True
        if not real and self._real:
            return
        self._squares += rows.T @ rows / len(rows)
        self._products += rows.T @ colours / len(rows)
        ridge = _RIDGE * np.eye(len(self._squares))
        found = np.linalg.solve(self._squares + ridge, self._products)
        self._map = found.astype(np.float32)

    def estimate(self, latents: Floats, height: int, width: int) -> Pixels:
        """Return (n, height, width, 3) uint8 pictures of what latents may become."""
        assert self._map is not None
        n, _, rows, columns = latents.shape
        colours = (_places(latents) @ self._map).reshape(n, rows, columns, 3)
        small = to_pixels(colours.transpose(0, 3, 1, 2).astype(np.float32))
        return np.stack([resize(one, height, width, "bicubic") for one in small])


class Previewer:
    """Makes the picture of each step of one run.

    Parameters
    ----------
    coder : Coder
    colours : LatentColours
        Kept from run to run.
    mode : str
        ``"automatic"``, ``"each step"``, ``"linear"`` or ``"off"``.
    height, width : int
        Of a picture.
    latent : bool
        False where what is denoised is the picture.
    """

    def __init__(
        self,
        coder: Coder,
        colours: LatentColours,
        mode: str,
        height: int,
        width: int,
        *,
        latent: bool,
    ) -> None:
        self._coder = coder
        self._colours = colours
        self._mode = mode if latent or mode == "off" else "each step"
        self._size = height, width
        self._began = time.perf_counter()
        self._spent_s = 0.0

    def preview(self, clean: Floats) -> tuple[Pixels | None, str]:
        """Return pictures of predicted clean latents, and how they were made.

        Returns
        -------
        pictures : (n, h, w, 3) uint8 array or None
        how : str
            ``"decoded"``, ``"estimated"`` or ``"none"``.
        """
        if self._mode == "off":
            return None, "none"
        if self._mode == "each step" or self._affordable(clean):
            return to_pixels(self.decoded(clean)), "decoded"
        if not self._colours.ready:
            self._learn_from_noise(clean)
        return self._colours.estimate(clean, *self._size), "estimated"

    def decoded(self, clean: Floats) -> Floats:
        """Decode, and note how long it took."""
        start = time.perf_counter()
        pictures = self._coder.decode(clean)
        took = time.perf_counter() - start
        self._spent_s += took
        places = len(clean) * clean.shape[2] * clean.shape[3]
        self._colours.ms_per_place = took * 1e3 / places
        return pictures

    def learn(self, clean: Floats, pictures: Floats) -> None:
        """Fit the estimate to finished pictures."""
        if self._mode != "off" and pictures.shape[1] == 3:
            self._colours.learn(clean, pictures, real=True)

    def _affordable(self, clean: Floats) -> bool:
        if self._mode != "automatic" or not self._colours.ms_per_place:
            return False
        places = len(clean) * clean.shape[2] * clean.shape[3]
        expected_s = self._colours.ms_per_place * places / 1e3
        elapsed_s = time.perf_counter() - self._began
        return bool(self._spent_s + expected_s <= SHARE * elapsed_s)

    def _learn_from_noise(self, clean: Floats) -> None:
        """Decode one small latent of smooth noise, or a whole one if it must be."""
        _, channels, rows, columns = clean.shape
        random = np.random.default_rng(0)
        sides = min(rows, SMALL_SIDE), min(columns, SMALL_SIDE)
        if self._coder.latent_size is not None:
            sides = self._coder.latent_size
        rough = random.standard_normal((channels, -(-sides[0] // 4), -(-sides[1] // 4)))
        smooth = np.repeat(np.repeat(rough, 4, 1), 4, 2)[:, : sides[0], : sides[1]]
        noise = smooth + 0.3 * random.standard_normal((channels, *sides))
        latents = noise[None].astype(np.float32)
        pictures = self.decoded(latents)
        if pictures.shape[1] != 3:
            pictures = np.repeat(pictures[:, :1], 3, axis=1)
        self._colours.learn(latents, pictures, real=False)


def _places(latents: Floats) -> Floats:
    """Return (places, channels + 1) rows, the last column one."""
    rows = latents.transpose(0, 2, 3, 1).reshape(-1, latents.shape[1])
    ones = np.ones((len(rows), 1), dtype=np.float32)
    return np.concatenate([rows, ones], axis=1)


def _reduced(pictures: Floats, rows: int, columns: int) -> Floats:
    """Return the mean colour at each place of a latent, (places, 3)."""
    n, depth, height, width = pictures.shape
    cut = pictures[:, :, : height // rows * rows, : width // columns * columns]
    blocks = cut.reshape(n, depth, rows, height // rows, columns, width // columns)
    means: Floats = blocks.mean(axis=(3, 5))
    return means.transpose(0, 2, 3, 1).reshape(-1, depth)
