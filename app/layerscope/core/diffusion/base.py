"""What every scheduler has, and the two families most belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.noise import (
    Draw,
    Floats,
    NoiseConfig,
    karras_levels,
    nearest_times,
)

_NEARLY_NOTHING = 2.0**-24


class Scheduler(Protocol):
    """Takes a noisy picture, step by step, to a clean one; made anew for each run.

    Attributes
    ----------
    id : str
        For settings and the command line.
    title : str
        For people.
    order : int
        Calls of the model that make up a step.
    config : NoiseConfig
    timesteps : (n,) float64 array
        One for each call of the model.
    noise : (n + 1,) float64 array
        Share of noise, 0 to 1, that goes into each call, and at the end.
    initial_scale : float
        What noise of deviation one is multiplied with to begin.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]
    config: NoiseConfig
    timesteps: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    initial_scale: float

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None: ...

    def scaled(self, sample: Floats, call: int) -> Floats:
        """Return what the model is to see of `sample`."""
        ...

    def clean(self, prediction: Floats, call: int, sample: Floats) -> Floats:
        """Return the clean picture that a prediction points to."""
        ...

    def step(
        self, prediction: Floats, call: int, sample: Floats, draw: Draw
    ) -> tuple[Floats, Floats]:
        """Go on by one call.

        Parameters
        ----------
        prediction : array
            What the model said, (n, channels, h, w) float32.
        call : int
            Number of the call; they come in order.
        sample : array
            What went into it, before `scaled`.
        draw : callable
            Returns noise of deviation one, like `sample`; called where the
            scheduler adds noise.

        Returns
        -------
        following, clean : array
        """
        ...

    def noised(self, clean: Floats, noise: Floats, call: int) -> Floats:
        """Return a clean picture with the noise that goes into a call."""
        ...


class ByAlphas:
    """A scheduler in terms of the signal's share, without scaling."""

    order: ClassVar[int] = 1
    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None:
        self.config = NoiseConfig.of(config, self.defaults)
        self.n_steps = n_steps
        self.alphas = self.config.alphas()
        self.timesteps = self.times(n_steps)
        left = self.alphas[self.timesteps.astype(int)]
        self.noise = np.append(np.sqrt(1 - left), 0.0)
        self.initial_scale = 1.0

    def times(self, n_steps: int) -> npt.NDArray[np.float64]:
        """Return whole time steps."""
        return np.round(self.config.timesteps(n_steps))

    def alpha(self, time: float) -> float:
        """Return the share of the signal at a time step; behind the last, the end."""
        if time >= 0:
            return float(self.alphas[int(time)])
        return 1.0 if self.config.alpha_to_one else float(self.alphas[0])

    def scaled(self, sample: Floats, call: int) -> Floats:
        """Return `sample` as it is."""
        del call
        return sample

    def clean(self, prediction: Floats, call: int, sample: Floats) -> Floats:
        """Return the clean picture that a prediction points to."""
        alpha = self.alpha(self.timesteps[call])
        if self.config.prediction == "sample":
            clean = prediction
        elif self.config.prediction == "v_prediction":
            clean = alpha**0.5 * sample - (1 - alpha) ** 0.5 * prediction
        else:
            clean = (sample - (1 - alpha) ** 0.5 * prediction) / max(
                alpha**0.5, _NEARLY_NOTHING
            )
        return self.config.clipped(clean)

    def noised(self, clean: Floats, noise: Floats, call: int) -> Floats:
        """Return a clean picture with the noise that goes into a call."""
        alpha = self.alpha(self.timesteps[call])
        mixed: Floats = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
        return mixed


class BySigmas:
    """A scheduler in terms of the noise's deviation beside a signal that stays.

    Karras et al., 2022 (https://arxiv.org/abs/2206.00364).
    """

    order: ClassVar[int] = 1
    defaults: ClassVar[Mapping[str, Any]] = {"timestep_spacing": "linspace"}
    clips: ClassVar[bool] = False

    def __init__(self, config: Mapping[str, Any], n_steps: int) -> None:
        self.config = NoiseConfig.of(config, self.defaults)
        alphas = self.config.alphas(_NEARLY_NOTHING)
        table = np.sqrt((1 - alphas) / alphas)
        times = self.config.timesteps(n_steps)
        sigmas = np.interp(times, np.arange(len(table)), table)
        if self.config.karras:
            sigmas = karras_levels(sigmas[0], sigmas[-1], n_steps)
            times = nearest_times(sigmas, table)
        last = (
            table[0] if self.config.raw.get("final_sigmas_type") == "sigma_min" else 0
        )
        self.arrange(times, np.append(sigmas, last))
        self.noise = self.sigmas / np.sqrt(1 + self.sigmas**2)
        highest = float(self.sigmas.max())
        leading = self.config.spacing == "leading"
        self.initial_scale = (highest**2 + 1) ** 0.5 if leading else highest

    def arrange(
        self, times: npt.NDArray[np.float64], sigmas: npt.NDArray[np.float64]
    ) -> None:
        """Take time steps and noise levels, one more of these, for the calls."""
        self.timesteps = times.astype(np.float32).astype(np.float64)
        self.sigmas = sigmas.astype(np.float32).astype(np.float64)

    def scaled(self, sample: Floats, call: int) -> Floats:
        """Return `sample` with the variance that the model was trained with."""
        return sample / float((self.sigmas[call] ** 2 + 1) ** 0.5)

    def clean(self, prediction: Floats, call: int, sample: Floats) -> Floats:
        """Return the clean picture that a prediction points to."""
        sigma = float(self.sigmas[call])
        if self.config.prediction == "sample":
            clean = prediction
        elif self.config.prediction == "v_prediction":
            share = sigma**2 + 1
            clean = prediction * (-sigma / share**0.5) + sample / share
        else:
            clean = sample - sigma * prediction
        return self.config.clipped(clean) if self.clips else clean

    def noised(self, clean: Floats, noise: Floats, call: int) -> Floats:
        """Return a clean picture with the noise that goes into a call."""
        return clean + float(self.sigmas[call]) * noise
