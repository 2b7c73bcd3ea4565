"""How much noise there is at each time step of a diffusion, and where steps are taken.

Names and defaults are those of diffusers' scheduler configurations. The noise
schedules are those of Ho et al., "Denoising Diffusion Probabilistic Models", 2020
(https://arxiv.org/abs/2006.11239), and of Nichol and Dhariwal, "Improved Denoising
Diffusion Probabilistic Models", 2021 (https://arxiv.org/abs/2102.09672).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError

Floats = npt.NDArray[np.float32]
Draw = Callable[[], Floats]

PREDICTIONS = ("epsilon", "v_prediction", "sample")
SPACINGS = ("leading", "linspace", "trailing")
MOST_TRAINED = 100_000
_KARRAS_RHO = 7.0
_MOST_BETA = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseConfig:
    """What a scheduler's configuration says, as far as it is used.

    Attributes
    ----------
    n_train : int
        Time steps of the training.
    betas : (n_train,) float32 array
        Variance that each adds.
    prediction : str
        One of `PREDICTIONS`, or ``"flow"``.
    spacing : str
        One of `SPACINGS`.
    offset : int
        Added to time steps of spacing ``"leading"``.
    alpha_to_one : bool
        Whether the picture behind the last step has no noise at all.
    clip : float
        Where predicted clean pictures are cut off; 0 for nowhere.
    threshold : float
        Share of the values that decides where each is cut off; 0 for none.
    most : float
        Where that ends.
    karras : bool
        Whether noise levels are spaced as by Karras et al., 2022.
    raw : dict
        The configuration itself, for what only one scheduler reads.
    """

    n_train: int
    betas: Floats
    prediction: str
    spacing: str
    offset: int
    alpha_to_one: bool
    clip: float
    threshold: float
    most: float
    karras: bool
    raw: Mapping[str, Any]

    @classmethod
    def of(
        cls, config: Mapping[str, Any], defaults: Mapping[str, Any] | None = None
    ) -> NoiseConfig:
        """Read ``scheduler_config.json``.

        Parameters
        ----------
        config : mapping
            The object in the file; may be empty.
        defaults : mapping, optional
            What the class of scheduler takes where the file says nothing.

        Raises
        ------
        BadInputError
            A value is none that is known.
        """
        raw = {**(defaults or {}), **{k: v for k, v in config.items() if v is not None}}
        prediction = str(raw.get("prediction_type", "epsilon"))
        if prediction in ("flow_prediction", "flow"):
            prediction = "flow"
        elif prediction == "original_sample":
            prediction = "sample"
        elif prediction not in PREDICTIONS:
            raise BadInputError(
                f"The scheduler's configuration asks for the prediction type "
                f"{prediction[:80]!r}; there are {', '.join(PREDICTIONS)}."
            )
        spacing = str(raw.get("timestep_spacing", "leading"))
        if spacing not in SPACINGS:
            raise BadInputError(
                f"The scheduler's configuration asks for time steps spaced as "
                f"{spacing[:80]!r}; there are {', '.join(SPACINGS)}."
            )
        try:
            n_train = int(raw.get("num_train_timesteps", 1000))
            return cls(
                n_train=n_train,
                betas=_betas(raw, n_train),
                prediction=prediction,
                spacing=spacing,
                offset=int(raw.get("steps_offset", 0)),
                alpha_to_one=bool(raw.get("set_alpha_to_one", True)),
                clip=float(raw.get("clip_sample_range", 1.0))
                if raw.get("clip_sample", False)
                else 0.0,
                threshold=float(raw.get("dynamic_thresholding_ratio", 0.995))
                if raw.get("thresholding", False)
                else 0.0,
                most=float(raw.get("sample_max_value", 1.0)),
                karras=bool(raw.get("use_karras_sigmas", False)),
                raw=raw,
            )
        except (TypeError, ValueError) as error:
            raise BadInputError(
                f"The scheduler's configuration holds a value that is no number "
                f"({error}); mend scheduler_config.json."
            ) from error

    def alphas(self, least: float = 0.0) -> npt.NDArray[np.float64]:
        """Return the share of the signal's variance left at each time step.

        Parameters
        ----------
        least : float
            Stands for nothing at the last step, where nothing would divide by zero.
        """
        left = np.cumprod(1 - self.betas, dtype=np.float64).astype(np.float32)
        alphas = left.astype(np.float64)
        if least and self.raw.get("rescale_betas_zero_snr"):
            alphas[-1] = least
        return alphas

    def timesteps(self, n: int) -> npt.NDArray[np.float64]:
        """Return `n` time steps, the noisiest first, whole numbers but for linspace.

        Raises
        ------
        BadInputError
            There are not so many.
        """
        if not 1 <= n <= self.n_train:
            raise BadInputError(
                f"{n:,} steps were asked for; the model was trained with "
                f"{self.n_train:,}, so take 1 to {self.n_train:,}."
            )
        if self.spacing == "linspace":
            return np.linspace(0, self.n_train - 1, n, dtype=np.float32)[::-1].astype(
                np.float64
            )
        if self.spacing == "leading":
            whole = np.arange(n, dtype=np.float64)[::-1] * (self.n_train // n)
            return np.minimum(whole + self.offset, self.n_train - 1)
        return np.round(np.arange(self.n_train, 0, -self.n_train / n))[:n] - 1

    def clipped(self, clean: Floats) -> Floats:
        """Cut off a predicted clean picture where the configuration says so.

        Saharia et al., "Photorealistic Text-to-Image Diffusion Models", 2022
        (https://arxiv.org/abs/2205.11487), for the cut that follows the values.
        """
        if self.threshold:
            flat = np.abs(clean.reshape(len(clean), -1))
            edge = np.quantile(flat, self.threshold, axis=1).astype(np.float32)
            edge = np.clip(edge, 1, max(1.0, self.most))
            edge = edge.reshape(-1, *[1] * (clean.ndim - 1))
            return np.clip(clean, -edge, edge) / edge
        if self.clip:
            return np.clip(clean, -self.clip, self.clip)
        return clean


def karras_levels(high: float, low: float, n: int) -> npt.NDArray[np.float64]:
    """Return `n` noise levels between two, finer where there is little noise.

    Karras et al., "Elucidating the Design Space of Diffusion-Based Generative
    Models", 2022 (https://arxiv.org/abs/2206.00364), equation 5.
    """
    ramp = np.linspace(0, 1, n)
    first, last = high ** (1 / _KARRAS_RHO), low ** (1 / _KARRAS_RHO)
    return np.asarray((first + ramp * (last - first)) ** _KARRAS_RHO)


def nearest_times(
    levels: npt.NDArray[np.float64], table: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the time steps, fractions too, at which `table` has `levels`.

    Parameters
    ----------
    levels : (n,) array
        Of noise.
    table : (n_train,) array
        Rising noise levels by time step; interpolated by their logarithms.
    """
    return np.interp(
        np.log(np.maximum(levels, 1e-10)), np.log(table), np.arange(len(table))
    )


def _betas(raw: Mapping[str, Any], n: int) -> Floats:
    if not 1 <= n <= MOST_TRAINED:
        raise BadInputError(
            f"The scheduler's configuration states {n:,} time steps of training; 1 to "
            f"{MOST_TRAINED:,} can be used."
        )
    start, end = float(raw.get("beta_start", 1e-4)), float(raw.get("beta_end", 0.02))
    kind = str(raw.get("beta_schedule", "linear"))
    given = raw.get("trained_betas")
    if given is not None:
        betas = np.asarray(given, dtype=np.float32)
    elif kind == "linear":
        betas = np.linspace(start, end, n, dtype=np.float32)
    elif kind == "scaled_linear":
        betas = np.linspace(start**0.5, end**0.5, n, dtype=np.float32) ** 2
    elif kind == "squaredcos_cap_v2":
        betas = _cosine(n)
    else:
        raise BadInputError(
            f"The scheduler's configuration names the noise schedule {kind[:80]!r}; "
            "there are linear, scaled_linear and squaredcos_cap_v2."
        )
    if raw.get("rescale_betas_zero_snr"):
        betas = _without_signal_at_the_end(betas)
    return betas


def _cosine(n: int) -> Floats:
    def left(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    return np.array(
        [min(1 - left((i + 1) / n) / left(i / n), _MOST_BETA) for i in range(n)],
        dtype=np.float32,
    )


def _without_signal_at_the_end(betas: Floats) -> Floats:
    """Scale a schedule so that its last step leaves noise alone.

    Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2023
    (https://arxiv.org/abs/2305.08891), algorithm 1.
    """
    roots = np.sqrt(np.cumprod(1 - betas, dtype=np.float64)).astype(np.float32)
    first, last = roots[0], roots[-1]
    roots = (roots - last) * (first / (first - last))
    squares = roots**2
    alphas = np.concatenate([squares[:1], squares[1:] / squares[:-1]])
    return np.asarray(1 - alphas, dtype=np.float32)
