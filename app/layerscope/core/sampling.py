"""Choosing the next token: from logits to probabilities to a draw.

The order of the steps is that of Hugging Face's generation: repetition penalty
(Keskar et al., 2019, https://arxiv.org/abs/1909.05858), temperature, top-k (Fan et
al., 2018, https://arxiv.org/abs/1805.04833), top-p (Holtzman et al., 2020,
https://arxiv.org/abs/1904.09751), min-p (Nguyen et al., 2024,
https://arxiv.org/abs/2407.01082).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a token is chosen.

    Attributes
    ----------
    greedy : bool
        Always the likeliest; the other attributes, but the penalty, do not count.
    temperature : float
        Logits are divided by it; 0 is greedy.
    top_k : int
        Only so many of the likeliest may be drawn; 0 for all.
    top_p : float
        Only the likeliest whose probabilities sum up to this; 1 for all.
    min_p : float
        Only those at least this share as likely as the likeliest; 0 for all.
    repetition_penalty : float
        Logits of tokens that are there already are divided by it where positive
        and multiplied where negative; 1 for none.
    seed : int
    """

    greedy: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    @property
    def takes_best(self) -> bool:
        """Whether the likeliest token is always taken."""
        return self.greedy or self.temperature <= 0.0 or self.top_k == 1


def softmax(logits: Floats) -> Floats:
    """Return probabilities along the last axis; what is not finite gets none.

    Parameters
    ----------
    logits : array of float
        float16 is computed in float32.

    Returns
    -------
    array of float32 or float64
    """
    values = np.asarray(logits)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    if not np.isfinite(values.sum()):  # one pass where all is well
        values = np.where(np.isnan(values), -np.inf, values)
        values = np.clip(values, None, np.finfo(values.dtype).max)
    shifted = values - np.maximum(
        values.max(axis=-1, keepdims=True), np.finfo(values.dtype).min
    )
    powers = np.exp(shifted)
    total = powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers / np.where(total > 0, total, 1))


def penalised(logits: Floats, seen: Sequence[int], penalty: float) -> Floats:
    """Return logits in which tokens that were seen are less likely.

    Parameters
    ----------
    logits : (n,) array of float
        Of the next token.
    seen : sequence of int
        Ids from 0 up to n; others do not count.
    penalty : float
        As `Sampling.repetition_penalty`.
    """
    if penalty == 1.0 or penalty <= 0.0 or not len(seen):
        return logits
    ids = np.unique(np.asarray(seen, dtype=np.int64))
    ids = ids[(ids >= 0) & (ids < len(logits))]
    changed = np.array(logits, dtype=np.float32)
    values = changed[ids]
    changed[ids] = np.where(values > 0, values / penalty, values * penalty)
    return changed


def distribution(
    logits: Floats, sampling: Sampling, seen: Sequence[int] = ()
) -> npt.NDArray[np.float64]:
    """Return the probabilities that a draw goes by.

    Parameters
    ----------
    logits : (n,) array of float
        Of the next token.
    sampling : Sampling
        The settings.
    seen : sequence of int
        Ids so far, for the repetition penalty.

    Returns
    -------
    (n,) float64 array
        Summing up to 1; 0 for what is cut away.
    """
    values = np.asarray(
        penalised(logits, seen, sampling.repetition_penalty), dtype=np.float64
    )
    if sampling.takes_best:
        found = np.zeros(len(values))
        found[_best(values)] = 1.0
        return found
    values = values / max(sampling.temperature, 1e-3)
    if 0 < sampling.top_k < len(values):
        # Exactly so many, where several are equal too.
        order = np.argpartition(-np.nan_to_num(values, nan=-np.inf), sampling.top_k - 1)
        cut = np.full(len(values), -np.inf)
        cut[order[: sampling.top_k]] = values[order[: sampling.top_k]]
        values = cut
    chances = np.asarray(softmax(values), dtype=np.float64)
    if 0.0 <= sampling.top_p < 1.0:
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        chances[order[before >= max(sampling.top_p, 1e-12)]] = 0.0
    if sampling.min_p > 0.0:
        chances[chances < min(sampling.min_p, 1.0) * chances.max()] = 0.0
    total = chances.sum()
    if total <= 0:  # nothing finite was left to choose from
        chances[_best(values)] = total = 1.0
    return np.asarray(chances / total)


def choose(
    logits: Floats, sampling: Sampling, seen: Sequence[int] = (), step: int = 0
) -> int:
    """Return the id of the next token.

    Parameters
    ----------
    logits : (n,) array of float
        Of the next token.
    sampling : Sampling
        The settings.
    seen : sequence of int
        Ids so far.
    step : int
        Position of the token among those made; with the seed it fixes the draw, so
        that a step can be drawn again by itself.
    """
    if sampling.takes_best:
        return _best(penalised(logits, seen, sampling.repetition_penalty))
    chances = distribution(logits, sampling, seen)
    point = np.random.default_rng((abs(sampling.seed), step)).random()
    found = int(np.searchsorted(np.cumsum(chances), point, side="right"))
    return min(found, int(np.flatnonzero(chances)[-1]))


def _best(logits: Floats) -> int:
    best = int(logits.argmax())
    value = logits[best]
    if value != value and not np.isnan(logits).all():
        return int(np.nanargmax(logits))  # argmax takes the first NaN for the largest
    return best
