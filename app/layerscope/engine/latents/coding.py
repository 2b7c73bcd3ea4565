"""Running a decoder and its paired encoder outside of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.latents.decoder import LatentDecoder, Pixels
from layerscope.engine.pictures import decode as decode_file
from layerscope.engine.pictures import resize
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.running import RunningModel
from layerscope.protocol.values import TensorInfo

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[Any]
ENCODERS = ("encoder", "vae_encoder", "image_encoder")
AT_ONCE = 64
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_MEANS = ("latent", "latent_sample", "mean", "mu", "z_mean", "z")


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture, its latent, and what comes back.

    Attributes
    ----------
    latent : (…) float32 array
        In the units of the slot: before the scale.
    picture, reconstruction : (h, w, 3) uint8 array
    error : (h, w) float32 array
        Squared differences of brightness of 0 to 1, the mean over colours.
    """

    latent: Floats
    picture: Pixels
    reconstruction: Pixels
    error: Floats

    @property
    def score(self) -> float:
        """Mean squared error."""
        return float(self.error.mean())


class LatentCoder:
    """Decodes and encodes.

    Parameters
    ----------
    decoder : LatentDecoder
    running : RunningModel
        Of the decoder's graph.
    encoder : RunningModel or None
        None where there is no encoder.
    scale : float
        What latents are multiplied with before they go in.
    others : dict of str to array
        Values of the graph's other inputs, for one latent each.
    """

    def __init__(
        self,
        decoder: LatentDecoder,
        running: RunningModel,
        encoder: RunningModel | None,
        scale: float,
        others: dict[str, Array],
    ) -> None:
        self.decoder = decoder
        self._running = running
        self._encoder = encoder
        self._scale = np.float32(scale)
        self._others = others

    def decode(self, latents: Floats, token: CancelToken) -> Pixels:
        """Return (n, h, w, 3) uint8 pictures of (n, …) latents."""
        values = [self._decoded(part, token) for part in self._groups(latents)]
        return self.decoder.pictures(np.concatenate(values))

    def encode(self, path: Path, token: CancelToken) -> Encoded:
        """Encode a picture file, and decode what comes of it.

        Raises
        ------
        BadInputError
            There is no encoder, or the picture cannot be read.
        """
        pixels = decode_file(path).pixels
        fed, info = self._fed(pixels)
        latent = self._latent(fed, info, token)
        values = self._decoded(latent[None], token)
        made = self.decoder.pictures(values)
        shown = self.decoder.pictures(fed.astype(np.float32))
        if shown.shape != made.shape:
            rows, columns = made.shape[1:3]
            shown = np.stack([resize(one, rows, columns) for one in shown])
        apart = (shown[0].astype(np.float32) - made[0]) / 255
        return Encoded(
            latent=latent,
            picture=shown[0],
            reconstruction=made[0],
            error=np.square(apart).mean(axis=-1),
        )

    def _groups(self, latents: Floats) -> list[Floats]:
        size = AT_ONCE if self.decoder.many else 1
        return [latents[at : at + size] for at in range(0, len(latents), size)]

    def _decoded(self, latents: Floats, token: CancelToken) -> Floats:
        name = self.decoder.latent.name
        kind = np.dtype(self.decoder.latent.dtype)
        scaled = np.ascontiguousarray(latents * self._scale, dtype=kind)
        feeds: dict[str, Array] = {name: scaled}
        for other, value in self._others.items():
            feeds[other] = np.repeat(value, len(latents), 0) if value.ndim else value
        outputs, _ = self._running.run_fast(feeds, token)
        return np.asarray(outputs[self.decoder.output.name], dtype=np.float32)

    def _fed(self, pixels: Pixels) -> tuple[Array, TensorInfo]:
        """Return a picture as the encoder takes it, (1, channels, h, w)."""
        if self._encoder is None:
            raise BadInputError(
                "A picture was to be encoded, but there is no encoder beside this "
                "decoder; open a folder that has both."
            )
        info = self._encoder.inputs[0]
        shape = info.shape or ()
        if len(shape) != 4:
            raise BadInputError(
                f"The encoder takes {info.name} of {len(shape)} dimensions, which is "
                "no picture; encode by the task for tensors."
            )
        last = shape[3] in (1, 3) and shape[1] not in (1, 3)
        height, width = shape[1:3] if last else shape[2:]
        rows, columns = self._sides(pixels, height, width)
        fitted = resize(pixels, rows, columns, "bicubic").astype(np.float32) / 255
        depth = shape[3] if last else shape[1]
        planes = (fitted @ _LUMA)[..., None] if depth == 1 else fitted
        # An autoencoder gives back what it takes, so both have one range.
        found = self.decoder.value_range
        if found == "-1..1":
            planes = planes * 2 - 1
        elif found == "0..255":
            planes = planes * 255
        ordered = planes if last else planes.transpose(2, 0, 1)
        kind = np.dtype(info.dtype)
        return np.ascontiguousarray(ordered[None], dtype=kind), info

    def _sides(self, pixels: Pixels, height: object, width: object) -> tuple[int, int]:
        """Return the size to encode at: the encoder's, else one that decodes back."""
        if isinstance(height, int) and isinstance(width, int):
            return height, width
        made = (self.decoder.output.shape or ())[2:]
        known = [side for side in made if isinstance(side, int)]
        if len(known) == 2:
            return known[0], known[1]
        # 32 divides by whatever an encoder halves its sides by.
        rows, columns = (max(32, round(side / 32) * 32) for side in pixels.shape[:2])
        return min(rows, 512), min(columns, 512)

    def _latent(self, fed: Array, info: TensorInfo, token: CancelToken) -> Floats:
        assert self._encoder is not None
        outputs, _ = self._encoder.run_fast({info.name: fed}, token)
        rank = len(self.decoder.latent.shape or ())
        names = [name for name in _MEANS if name in outputs] or list(outputs)
        for name in names:
            value = np.asarray(outputs[name])
            if value.ndim != rank:
                continue
            wanted = (self.decoder.latent.shape or (0, 0))[1]
            if value.shape[1] == wanted or not isinstance(wanted, int):
                return self._unscaled(value[0])
            if value.shape[1] == 2 * wanted:  # mean and logarithm of the variance
                return self._unscaled(value[0, :wanted])
        raise BadInputError(
            f"The encoder gives {', '.join(outputs)}, and none of it fits the "
            f"decoder's {self.decoder.latent.name}; the two do not belong together."
        )

    def _unscaled(self, latent: Array) -> Floats:
        scale = self._scale or np.float32(1)
        made: Floats = np.asarray(latent, dtype=np.float32) / scale
        return made
