"""Latent consistency models: a clean picture in each of a few steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.base import ByAlphas
from layerscope.core.diffusion.noise import Draw, Floats
from layerscope.core.errors import BadInputError

_SIGMA_DATA = 0.5


class Lcm(ByAlphas):
    """Luo et al., 2023 (https://arxiv.org/abs/2310.04378), algorithm 3."""

    id: ClassVar[str] = "lcm"
    title: ClassVar[str] = "LCM"
    defaults: ClassVar[Mapping[str, Any]] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
    }

    def times(self, n_steps: int) -> npt.NDArray[np.float64]:
        """Return time steps out of those that the model was distilled for."""
        n_origin = int(self.config.raw.get("original_inference_steps", 50))
        n_origin = max(1, min(n_origin, self.config.n_train))
        if not 1 <= n_steps <= n_origin:
            raise BadInputError(
                f"{n_steps:,} steps were asked for; this scheduler takes 1 to "
                f"{n_origin}, and few are meant."
            )
        apart = self.config.n_train // n_origin
        origin = (np.arange(n_origin, 0, -1) * apart - 1).astype(np.float64)
        chosen = np.floor(np.linspace(0, n_origin, n_steps, endpoint=False))
        return np.asarray(origin[chosen.astype(int)])

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        scaling = float(self.config.raw.get("timestep_scaling", 10.0))
        time = float(self.timesteps[call]) * scaling
        total = time**2 + _SIGMA_DATA**2
        clean = self.clean(prediction, call, sample)
        denoised = (time / total**0.5) * clean + (_SIGMA_DATA**2 / total) * sample
        if call + 1 == len(self.timesteps):
            return denoised, denoised
        alpha = self.alpha(self.timesteps[call + 1])
        return alpha**0.5 * denoised + (1 - alpha) ** 0.5 * draw(), denoised
