"""Denoising diffusion probabilistic models: each step adds a little noise again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from layerscope.core.diffusion.base import ByAlphas
from layerscope.core.diffusion.noise import Draw, Floats

_LEAST_VARIANCE = 1e-20


class Ddpm(ByAlphas):
    """Ho et al., 2020 (https://arxiv.org/abs/2006.11239), equation 7."""

    id: ClassVar[str] = "ddpm"
    title: ClassVar[str] = "DDPM"
    defaults: ClassVar[Mapping[str, Any]] = {"clip_sample": True}

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        time = self.timesteps[call]
        alpha = self.alpha(time)
        last = call + 1 == len(self.timesteps)
        following = 1.0 if last else self.alpha(self.timesteps[call + 1])
        kept = alpha / following  # of the signal, from the following step to this
        clean = self.clean(prediction, call, sample)
        mean = (following**0.5 * (1 - kept) / (1 - alpha)) * clean + (
            kept**0.5 * (1 - following) / (1 - alpha)
        ) * sample
        if time <= 0:
            return mean, clean
        return mean + self._deviation(alpha, following, 1 - kept) * draw(), clean

    def _deviation(self, alpha: float, following: float, beta: float) -> float:
        """Return the deviation of the noise, as the configuration has it."""
        kind = str(self.config.raw.get("variance_type", "fixed_small"))
        if kind.startswith("fixed_large"):
            return math.sqrt(beta)
        return math.sqrt(max((1 - following) / (1 - alpha) * beta, _LEAST_VARIANCE))
