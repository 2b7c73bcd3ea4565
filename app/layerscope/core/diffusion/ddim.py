"""Denoising diffusion implicit models: no noise is added on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from layerscope.core.diffusion.base import ByAlphas
from layerscope.core.diffusion.noise import Draw, Floats

_NEARLY_NOTHING = 1e-20


class Ddim(ByAlphas):
    """Song et al., 2020 (https://arxiv.org/abs/2010.02502), with eta of 0."""

    id: ClassVar[str] = "ddim"
    title: ClassVar[str] = "DDIM"
    defaults: ClassVar[Mapping[str, Any]] = {"clip_sample": True}

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        del draw
        time = self.timesteps[call]
        alpha = self.alpha(time)
        following = self.alpha(time - self.config.n_train // self.n_steps)
        clean = self.clean(prediction, call, sample)
        if self.config.prediction == "sample":
            noise = (sample - alpha**0.5 * prediction) / max(
                (1 - alpha) ** 0.5, _NEARLY_NOTHING
            )
        elif self.config.prediction == "v_prediction":
            noise = alpha**0.5 * prediction + (1 - alpha) ** 0.5 * sample
        else:
            noise = prediction
        return following**0.5 * clean + (1 - following) ** 0.5 * noise, clean
