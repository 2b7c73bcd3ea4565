"""Ratios of medians of interleaved measurements, and how sure they are."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
LEVEL = 0.95

Samples = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Median of one set of times over the median of another.

    Attributes
    ----------
    value, low, high : float
        The ratio and the ends of its bootstrap confidence interval of 95 %.
    first_ms, second_ms : float
        The medians.
    n : int
        Pairs.
    """

    value: float
    low: float
    high: float
    first_ms: float
    second_ms: float
    n: int


def ratio(first: Samples, second: Samples, seed: int = 0) -> Ratio:
    """Compare paired times in milliseconds.

    Parameters
    ----------
    first, second : (n,) float64 array
        Element i of both was measured in the same round; rounds are resampled as
        wholes, so that what slowed both down does not widen the interval.
    seed : int
        Of the resampling.
    """
    generator = np.random.default_rng(seed)
    n = len(first)
    ratios = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        chosen = generator.integers(0, n, n)
        ratios[i] = np.median(first[chosen]) / np.median(second[chosen])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail))
    return Ratio(
        value=float(np.median(first) / np.median(second)),
        low=float(low),
        high=float(high),
        first_ms=float(np.median(first)),
        second_ms=float(np.median(second)),
        n=n,
    )


def interleave(
    measures: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 10
) -> dict[str, Samples]:
    """Take one measurement of each kind a round, in random order.

    Parameters
    ----------
    measures : mapping of str to callable
        Each does its work once and returns the time in milliseconds.
    rounds : int
        Measured rounds.
    warm_up : int
        Rounds before them that are thrown away.

    Returns
    -------
    dict of str to (rounds,) float64 array
    """
    order = list(measures)
    shuffled = random.Random(0)
    taken: dict[str, list[float]] = {name: [] for name in order}
    for number in range(-warm_up, rounds):
        shuffled.shuffle(order)
        for name in order:
            value = measures[name]()
            if number >= 0:
                taken[name].append(value)
    return {name: np.asarray(values) for name, values in taken.items()}
