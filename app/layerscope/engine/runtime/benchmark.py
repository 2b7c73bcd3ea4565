"""Fast, live and raw onnxruntime in one process, interleaved."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.sessions import Session

WARM_UP = 3


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Time functions in turn, in a new random order in each round.

    Parameters
    ----------
    variants : mapping of str to callable
        By name.
    rounds : int
        Calls of each that count.

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


def raw_run(
    session: Session, feeds: Mapping[str, npt.NDArray[Any]], cancel: CancelToken
) -> Callable[[], None]:
    """Return a call of plain onnxruntime.

    Parameters
    ----------
    session : Session
        The untouched model's.
    feeds : mapping of str to array
        Inputs by name.
    cancel : CancelToken
        Of the job.
    """
    given = dict(feeds)

    def run() -> None:
        with run_options(cancel) as options:
            session.run(None, given, options)

    return run


def ratio(samples: Mapping[str, list[float]], name: str, base: str) -> float:
    """Return the median of one variant over that of another."""
    return float(np.median(samples[name]) / np.median(samples[base]))


@dataclass(frozen=True)
class Comparison:
    """Medians of an interleaved comparison.

    Attributes
    ----------
    raw_ms : float
        Of raw onnxruntime.
    fast_ratio, live_ratio : float
        Of the untouched and of the tapped session over raw.
    n : int
        Rounds measured.
    """

    raw_ms: float
    fast_ratio: float
    live_ratio: float
    n: int


def compare(
    raw: Callable[[], object],
    fast: Callable[[], object],
    live: Callable[[], object],
    rounds: int,
) -> Comparison:
    """Compare the untouched and the tapped session with raw onnxruntime."""
    rounds = max(1, rounds)
    samples = interleaved({"raw": raw, "fast": fast, "live": live}, rounds)
    return Comparison(
        raw_ms=float(np.median(samples["raw"])),
        fast_ratio=ratio(samples, "fast", "raw"),
        live_ratio=ratio(samples, "live", "raw"),
        n=rounds,
    )
