"""Fast, live and raw onnxruntime in one process, interleaved."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

WARM_UP = 3

Feeds = Mapping[str, npt.NDArray[Any]]


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Time functions in turn, in a new random order in each round.

    Returns
    -------
    dict of str to list of float
        Milliseconds of each call, warm-up left out.
    """
    for function in variants.values():
        for _ in range(WARM_UP):
            function()
    shuffle = random.Random(0)
    names = list(variants)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        shuffle.shuffle(names)
        for name in names:
            start = time.perf_counter()
            variants[name]()
            samples[name].append((time.perf_counter() - start) * 1e3)
    return samples


def ratio(samples: Mapping[str, list[float]], name: str, base: str) -> float:
    """Return the median of one variant over that of another."""
    return float(np.median(samples[name]) / np.median(samples[base]))
