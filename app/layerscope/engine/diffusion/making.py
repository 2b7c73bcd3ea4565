"""One batch of pictures, from noise to the end, call by call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layerscope.core import diffusion
from layerscope.core.diffusion.base import Scheduler
from layerscope.core.diffusion.noise import Floats
from layerscope.core.errors import BadInputError
from layerscope.core.interpolation import on_sphere
from layerscope.engine.diffusion.coding import Coder, Pixels, from_pixels, mask_of
from layerscope.engine.diffusion.denoiser import Ask, Condition, Denoiser, Feeds
from layerscope.engine.diffusion.options import Options
from layerscope.engine.diffusion.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What one call of the denoising graph led to.

    Attributes
    ----------
    call : int
    before : array
        What went into it, (n, channels, h, w) float32.
    conditional : array
    unconditional : array or None
    clean : array
        The clean picture or latent that the guided prediction points to.
    after : array
        What goes into the next call.
    """

    call: int
    before: Floats
    conditional: Floats
    unconditional: Floats | None
    clean: Floats
    after: Floats


class Making:
    """A batch of pictures in the making; what it was made with stays for later looks.

    Parameters
    ----------
    parts : Parts
    options : Options
    condition, without : Condition
        What is wanted and what is not, for one picture; the second None without
        guidance.
    coder : Coder
    image, mask : (h, w, 3) uint8 array, optional
        What to begin from, and where it is to change.

    Attributes
    ----------
    scheduler : Scheduler
    denoiser : Denoiser
    first : int
        Number of the first call, above 0 where a picture is begun from.
    seeds : tuple of int

    Raises
    ------
    BadInputError
        The settings do not go together.
    """

    def __init__(
        self,
        parts: Parts,
        options: Options,
        condition: Condition,
        without: Condition | None,
        coder: Coder,
        image: Pixels | None = None,
        mask: Pixels | None = None,
    ) -> None:
        self.parts = parts
        self.options = options
        n = options.count
        self.seeds = tuple(options.seed + at for at in range(n))
        size = options.height, options.width
        self._factor = parts.factor
        self._shape = (
            n,
            parts.channels,
            size[0] // self._factor,
            size[1] // self._factor,
        )
        config: dict[str, Any] = dict(parts.scheduler)
        patch = parts.multiple // self._factor
        places = self._shape[2] * self._shape[3] // patch**2
        config.setdefault("image_seq_len", places)
        self.scheduler: Scheduler = diffusion.from_config(
            config, options.steps, options.scheduler, options.prediction
        )
        self.denoiser = Denoiser(parts, condition, without, *size, n)
        self.first = self._first(image is not None)
        self._generators = [np.random.default_rng(seed) for seed in self.seeds]
        self._noise = self._first_noise()
        self._image: Floats | None = None
        self._mask: Floats | None = None
        self._shown_too: Floats | None = None
        if mask is not None and image is None:
            raise BadInputError(
                "A mask was given without a picture; give the picture that it masks."
            )
        if image is not None:
            self._image = self._encoded(coder, image)
        if mask is not None:
            self._mask = mask_of(mask, *size, self._factor)
        if parts.masked:
            self._shown_too = self._told(coder, image, mask)

    @property
    def n_calls(self) -> int:
        """Calls of the denoising graph, those left out included."""
        return len(self.scheduler.timesteps)

    def feeds(self, sample: Floats, call: int) -> Feeds:
        """Return the feeds of a call for what goes into it."""
        shown = self.scheduler.scaled(sample, call)
        if self._shown_too is not None:
            shown = np.concatenate([shown, self._shown_too], axis=1)
        return self.denoiser.feeds(shown, float(self.scheduler.timesteps[call]))

    def guided(self, conditional: Floats, unconditional: Floats | None) -> Floats:
        """Return the prediction that is gone by: guidance times the difference.

        Ho and Salimans, 2022 (https://arxiv.org/abs/2207.12598).
        """
        if unconditional is None:
            return conditional
        weight = np.float32(self.options.guidance)
        return unconditional + weight * (conditional - unconditional)

    def begin(self) -> Floats:
        """Return what goes into the first call."""
        if self.first >= self.n_calls:
            assert self._image is not None
            return self._image
        anew = self._mask is not None and self.options.strength >= 1
        if self._image is None or anew:
            return self._noise * np.float32(self.scheduler.initial_scale)
        return self.scheduler.noised(self._image, self._noise, self.first)

    def moments(self, ask: Ask, on_feeds: Callable[[Feeds], None]) -> Iterator[Moment]:
        """Go through all calls.

        Parameters
        ----------
        ask : callable
            Runs the denoising graph on feeds.
        on_feeds : callable
            Is told the feeds of each call before it.

        Raises
        ------
        BadInputError
            The network gives values that are no numbers.
        """
        sample = self.begin()
        for call in range(self.first, self.n_calls):
            feeds = self.feeds(sample, call)
            on_feeds(feeds)
            conditional, unconditional = self.denoiser.predict(ask, feeds)
            answer = self.guided(conditional, unconditional)
            if not np.isfinite(answer).all():
                raise BadInputError(
                    f"At step {call + 1} of {self.n_calls} the network gave values "
                    "that are no numbers, so the picture was given up; take less "
                    "guidance, another scheduler, or the model in full precision."
                )
            following, clean = self.scheduler.step(answer, call, sample, self._draw)
            if self._mask is not None and not self.parts.masked:
                following = self._with_kept(following, call)
            yield Moment(
                call=call,
                before=sample,
                conditional=conditional,
                unconditional=unconditional,
                clean=clean,
                after=following,
            )
            sample = following

    def _with_kept(self, following: Floats, call: int) -> Floats:
        """Put what the mask keeps back, with the noise of the next call.

        Lugmayr et al., "RePaint", 2022 (https://arxiv.org/abs/2201.09865), eq. 8.
        """
        assert self._mask is not None
        assert self._image is not None
        kept = self._image
        if call + 1 < self.n_calls:
            kept = self.scheduler.noised(kept, self._noise, call + 1)
        return np.asarray(
            (1 - self._mask) * kept + self._mask * following, dtype=np.float32
        )

    def _first(self, from_picture: bool) -> int:
        if not from_picture:
            return 0
        steps = self.options.steps
        left_out = steps - min(int(steps * self.options.strength), steps)
        return min(left_out * self.scheduler.order, self.n_calls)

    def _draw(self) -> Floats:
        shape = self._shape[1:]
        rows = [g.standard_normal(shape, dtype=np.float32) for g in self._generators]
        return np.stack(rows)

    def _first_noise(self) -> Floats:
        noise = self._draw()
        options = self.options
        if options.second_seed < 0 or not options.blend:
            return noise
        others = [
            np.random.default_rng(options.second_seed + at).standard_normal(
                self._shape[1:], dtype=np.float32
            )
            for at in range(options.count)
        ]
        return np.stack(
            [on_sphere(a, b, options.blend) for a, b in zip(noise, others, strict=True)]
        )

    def _encoded(self, coder: Coder, image: Pixels) -> Floats:
        options = self.options
        channels = 3 if self.parts.latent else self.parts.channels
        picture = from_pixels(image, options.height, options.width, channels)
        random = np.random.default_rng((options.seed, 1))
        return np.repeat(coder.encode(picture, random), options.count, axis=0)

    def _told(self, coder: Coder, image: Pixels | None, mask: Pixels | None) -> Floats:
        """Return mask and masked latent for a network that is told them."""
        options = self.options
        picture = np.zeros((1, 3, options.height, options.width), dtype=np.float32)
        whole = np.ones((1, 1, *self._shape[2:]), dtype=np.float32)
        small = whole if self._mask is None else self._mask
        if image is not None:
            picture = from_pixels(image, options.height, options.width)
            fine = np.ones((1, 1, options.height, options.width), dtype=np.float32)
            if mask is not None:
                fine = mask_of(mask, options.height, options.width, 1)
            picture = picture * (1 - fine)
        random = np.random.default_rng((options.seed, 2))
        latent = coder.encode(picture, random)
        told = np.concatenate([small, latent], axis=1)
        return np.repeat(told, options.count, axis=0)
