"""Heun's method: each step is corrected by a second look at where it leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.base import BySigmas
from layerscope.core.diffusion.noise import Draw, Floats


class Heun(BySigmas):
    """Karras et al., 2022 (https://arxiv.org/abs/2206.00364), algorithm 1."""

    id: ClassVar[str] = "heun"
    title: ClassVar[str] = "Heun"
    order: ClassVar[int] = 2
    clips: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "timestep_spacing": "linspace",
        "beta_start": 0.00085,
        "beta_end": 0.012,
    }

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None:
        super().__init__(config, n_steps)
        self._begun: tuple[Floats, Floats, float] | None = None

    def arrange(
        self, times: npt.NDArray[np.float64], sigmas: npt.NDArray[np.float64]
    ) -> None:
        """Look twice at every place but the first and the last."""
        super().arrange(
            np.concatenate([times[:1], np.repeat(times[1:], 2)]),
            np.concatenate([sigmas[:1], np.repeat(sigmas[1:-1], 2), sigmas[-1:]]),
        )

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        del draw
        clean = self.clean(prediction, call, sample)
        slope = (sample - clean) / float(self.sigmas[call])
        if call % 2 == 0 or self._begun is None:
            apart = float(self.sigmas[call + 1] - self.sigmas[call])
            self._begun = (sample, slope, apart)
            reached: Floats = sample + apart * slope
            return reached, clean
        start, first, apart = self._begun
        self._begun = None
        slope = (first + slope) * np.float32(0.5)
        return start + np.float32(apart) * slope, clean
