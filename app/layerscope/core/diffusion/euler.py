"""Euler's method along the probability flow."""

from __future__ import annotations

from typing import ClassVar

from layerscope.core.diffusion.base import BySigmas
from layerscope.core.diffusion.noise import Draw, Floats


class Euler(BySigmas):
    """Karras et al., 2022 (https://arxiv.org/abs/2206.00364), algorithm 2, no churn."""

    id: ClassVar[str] = "euler"
    title: ClassVar[str] = "Euler"

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        del draw
        sigma, following = (float(s) for s in self.sigmas[call : call + 2])
        clean = self.clean(prediction, call, sample)
        slope = (sample - clean) / sigma
        return sample + (following - sigma) * slope, clean
