"""Euler's method for networks that predict the way from picture to noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from layerscope.core.diffusion.noise import Draw, Floats, NoiseConfig, karras_levels


class FlowEuler:
    """Esser et al., 2024 (https://arxiv.org/abs/2403.03206), with shifted times."""

    id: ClassVar[str] = "flow-euler"
    title: ClassVar[str] = "Flow matching Euler"
    order: ClassVar[int] = 1

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None:
        self.config = NoiseConfig.of({**config, "prediction_type": "flow"})
        raw, n_train = self.config.raw, self.config.n_train
        self.config.timesteps(n_steps)  # says where there are not so many
        shift, dynamic = float(raw.get("shift", 1.0)), raw.get("use_dynamic_shifting")
        least = 1 / n_train
        if not dynamic:
            least = _shifted(least, shift)
        sigmas = np.linspace(1, least, n_steps)
        sigmas = self._by_size(sigmas) if dynamic else _shifted(sigmas, shift)
        if end := float(raw.get("shift_terminal") or 0):
            sigmas = 1 - (1 - sigmas) * (1 - end) / max(1 - sigmas[-1], 1e-9)
        if self.config.karras:
            sigmas = karras_levels(sigmas[0], sigmas[-1], n_steps)
        self.sigmas = np.append(sigmas, 0.0).astype(np.float32).astype(np.float64)
        self.timesteps = self.sigmas[:-1] * n_train
        self.noise = self.sigmas
        self.initial_scale = 1.0

    def scaled(self, sample: Floats, call: int) -> Floats:
        """Return `sample` as it is."""
        del call
        return sample

    def clean(self, prediction: Floats, call: int, sample: Floats) -> Floats:
        """Return the clean picture that a prediction points to."""
        return sample - float(self.sigmas[call]) * prediction

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        clean = self.clean(prediction, call, sample)
        sigma, following = (float(s) for s in self.sigmas[call : call + 2])
        if self.config.raw.get("stochastic_sampling"):
            return (1 - following) * clean + following * draw(), clean
        return sample + (following - sigma) * prediction, clean

    def noised(self, clean: Floats, noise: Floats, call: int) -> Floats:
        """Return a clean picture with the noise that goes into a call."""
        sigma = float(self.sigmas[call])
        return sigma * noise + (1 - sigma) * clean

    def _by_size(self, sigmas: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
        """Shift times by how many patches the picture has, ``image_seq_len``."""
        raw = self.config.raw
        low, high = (
            int(raw.get("base_image_seq_len", 256)),
            int(raw.get("max_image_seq_len", 4096)),
        )
        first, last = (
            float(raw.get("base_shift", 0.5)),
            float(raw.get("max_shift", 1.15)),
        )
        slope = (last - first) / max(1, high - low)
        mu = first + slope * (int(raw.get("image_seq_len", low)) - low)
        push = mu if raw.get("time_shift_type") == "linear" else math.exp(mu)
        return push / (push + (1 / sigmas - 1))


def _shifted(sigmas: Any, shift: float) -> Any:
    return shift * sigmas / (1 + (shift - 1) * sigmas)
