"""Latencies of past runs, and their percentiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Percentiles of a set of latencies, in milliseconds; NaN where `n` is 0."""

    p50: float
    p95: float
    p99: float
    n: int

    @classmethod
    def of(cls, samples_ms: npt.ArrayLike) -> Percentiles:
        """Summarise any number of latencies."""
        samples = np.asarray(samples_ms, dtype=np.float64)
        if samples.size == 0:
            return cls(p50=float("nan"), p95=float("nan"), p99=float("nan"), n=0)
        p50, p95, p99 = np.percentile(samples, (50, 95, 99))
        return cls(p50=float(p50), p95=float(p95), p99=float(p99), n=samples.size)


class LatencyHistory:
    """The newest `capacity` latencies, oldest first.

    Attributes
    ----------
    revision : int
        Grows with every change, so that a view can tell whether it is stale.
    """

    def __init__(self, capacity: int = 600) -> None:
        self._samples = np.zeros(capacity, dtype=np.float64)
        self._count = 0
        self.revision = 0

    def append(self, latency_ms: float) -> None:
        """Add one latency in milliseconds."""
        self._samples[self._count % len(self._samples)] = latency_ms
        self._count += 1
        self.revision += 1

    def clear(self) -> None:
        """Forget everything."""
        self._count = 0
        self.revision += 1

    def samples_ms(self) -> npt.NDArray[np.float64]:
        """Return the kept latencies in milliseconds, oldest first."""
        capacity = len(self._samples)
        if self._count <= capacity:
            return self._samples[: self._count].copy()
        return np.roll(self._samples, -(self._count % capacity))

    def percentiles(self) -> Percentiles:
        """Summarise the kept latencies."""
        return Percentiles.of(self.samples_ms())
