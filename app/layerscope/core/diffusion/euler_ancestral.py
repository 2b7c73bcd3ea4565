"""Euler's method with noise added after each step."""

from __future__ import annotations

from typing import ClassVar

from layerscope.core.diffusion.base import BySigmas
from layerscope.core.diffusion.noise import Draw, Floats


class EulerAncestral(BySigmas):
    """As Crowson's k-diffusion has it (https://github.com/crowsonkb/k-diffusion)."""

    id: ClassVar[str] = "euler-ancestral"
    title: ClassVar[str] = "Euler ancestral"

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call; see `base.Scheduler`."""
        sigma, following = (float(s) for s in self.sigmas[call : call + 2])
        clean = self.clean(prediction, call, sample)
        slope = (sample - clean) / sigma
        added = (following**2 * (sigma**2 - following**2) / sigma**2) ** 0.5
        down = max(following**2 - added**2, 0.0) ** 0.5
        reached = sample + (down - sigma) * slope
        return (reached + added * draw() if added else reached), clean
