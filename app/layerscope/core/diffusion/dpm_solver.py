"""DPM-Solver++ of second order over several steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from layerscope.core.diffusion.noise import (
    Draw,
    Floats,
    NoiseConfig,
    karras_levels,
    nearest_times,
)

# With fewer steps the last one is of first order even where noise is left.
_FEW_STEPS = 15
_NEARLY_NOTHING = 2.0**-24


class DpmSolver:
    """Lu et al., "DPM-Solver++", 2022 (https://arxiv.org/abs/2211.01095), 2M."""

    id: ClassVar[str] = "dpm++-2m"
    title: ClassVar[str] = "DPM-Solver++ 2M"
    order: ClassVar[int] = 1
    karras: ClassVar[bool] = False
    defaults: ClassVar[Mapping[str, Any]] = {"timestep_spacing": "linspace"}

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None:
        self.config = NoiseConfig.of(config, self.defaults)
        alphas = self.config.alphas(_NEARLY_NOTHING)
        table = np.sqrt((1 - alphas) / alphas)
        if self.karras:
            sigmas = karras_levels(table[-1], table[0], n_steps)
            times = np.asarray(nearest_times(sigmas, table))
            if self.config.raw.get("beta_schedule") != "squaredcos_cap_v2":
                times = times.round()
            self.timesteps = np.trunc(times)
        else:
            self.timesteps = self._times(n_steps)
            sigmas = np.interp(self.timesteps, np.arange(len(table)), table)
        self._to_nothing = self.config.raw.get("final_sigmas_type") != "sigma_min"
        sigmas = np.append(sigmas, 0.0 if self._to_nothing else table[0])
        self.sigmas = sigmas.astype(np.float32).astype(np.float64)
        self.noise = self.sigmas / np.sqrt(1 + self.sigmas**2)
        self.initial_scale = 1.0
        self._before: tuple[int, Floats] | None = None

    def _times(self, n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return time steps; all but the last of n + 1, unless they trail."""
        if self.config.spacing == "trailing":
            return self.config.timesteps(n)
        more = self.config.timesteps(min(n + 1, self.config.n_train))
        if self.config.spacing == "linspace":
            more = np.linspace(0, self.config.n_train - 1, n + 1).round()[::-1]
        return np.asarray(more[:n])

    def scaled(self, sample: Floats, call: int) -> Floats:
        """Return `sample` as it is."""
        del call
        return sample

    def clean(self, prediction: Floats, call: int, sample: Floats) -> Floats:
        """Return the clean picture that a prediction points to."""
        alpha, sigma = self._shares(call)
        if self.config.prediction == "sample":
            return prediction
        if self.config.prediction == "v_prediction":
            clean = alpha * sample - sigma * prediction
        else:
            clean = (sample - sigma * prediction) / alpha
        return self.config.clipped(clean) if self.config.threshold else clean

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        del draw
        n = len(self.timesteps)
        clean = self.clean(prediction, call, sample)
        before, self._before = self._before, (call, clean)
        if self.sigmas[call + 1] == 0:
            return clean, clean
        alpha, sigma = self._shares(call)
        next_alpha, next_sigma = self._shares(call + 1)
        step = math.log(next_alpha / next_sigma) - math.log(alpha / sigma)
        straight = clean
        last = call == n - 1 and (self._to_nothing or n < _FEW_STEPS)
        if before is not None and before[0] == call - 1 and not last:
            old_alpha, old_sigma = self._shares(call - 1)
            old = math.log(alpha / sigma) - math.log(old_alpha / old_sigma)
            straight = clean + (0.5 * step / old) * (clean - before[1])
        kept = next_sigma / sigma
        return kept * sample - next_alpha * math.expm1(-step) * straight, clean

    def noised(self, clean: Floats, noise: Floats, call: int) -> Floats:
        """Return a clean picture with the noise that goes into a call."""
        alpha, sigma = self._shares(call)
        return alpha * clean + sigma * noise

    def _shares(self, call: int) -> tuple[float, float]:
        """Deviation of signal and noise that go into a call."""
        sigma = float(self.sigmas[call])
        alpha = 1 / math.sqrt(sigma**2 + 1)
        return alpha, sigma * alpha


class DpmSolverKarras(DpmSolver):
    """The same with the noise levels of Karras et al., 2022."""

    id: ClassVar[str] = "dpm++-2m-karras"
    title: ClassVar[str] = "DPM-Solver++ 2M Karras"
    karras: ClassVar[bool] = True
