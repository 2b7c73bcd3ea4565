"""Moments, histograms and health of tensors, fast enough to be taken live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_Row = npt.NDArray[np.float64]

N_BINS = 64
SAMPLE = 1 << 16
CHUNK = 1 << 16
# Half precision ends at 65,504; what comes near it soon ends in infinities.
EXPLODING = 3e4
SATURATED_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Moments:
    """What is known of the elements of a tensor.

    Attributes
    ----------
    mean, std, minimum, maximum : float
        Over the finite elements; 0 where there is none.
    active : float
        Share of the elements that are not zero, 0 to 1.
    n_nonfinite : int
    counts : tuple of int
        Histogram over equal bins from `minimum` to `maximum`, of at most 65,536
        evenly spread elements; may be empty.
    flags : tuple of str
        Of ``"dead"``, ``"saturated"``, ``"nan"``, ``"inf"``, ``"exploding"``.
    """

    mean: float = 0.0
    std: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    active: float = 0.0
    n_nonfinite: int = 0
    counts: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Range and strength of each row of a matrix.

    Attributes
    ----------
    low, high, strength : (n,) float64 array
        Smallest and largest finite element, and root of the mean square.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    strength: npt.NDArray[np.float64]


def as_float(array: Array) -> npt.NDArray[np.float32]:
    """Return the elements as float32, without a copy where they are already."""
    if array.dtype == np.float32:
        return array
    if array.dtype.kind == "c":
        array = np.abs(array)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(array, dtype=np.float32)


def measure(array: Array, *, histogram: bool = False) -> Moments:
    """Return moments and health of all elements.

    Parameters
    ----------
    array : array
        Of numbers or truth values.
    histogram : bool
        Count elements in `N_BINS` bins too.

    Returns
    -------
    Moments
    """
    return measure_rows(array.reshape(1, -1), histogram=histogram)[0]


def measure_rows(matrix: Array, *, histogram: bool = False) -> tuple[Moments, Rows]:
    """Return moments of all elements, and range and strength of each row.

    Parameters
    ----------
    matrix : (n, m) array
        Of numbers or truth values.
    histogram : bool
        Count elements in `N_BINS` bins too.

    Returns
    -------
    Moments
    Rows
    """
    values = as_float(matrix)
    n_rows, n_columns = values.shape
    if values.size == 0:
        nothing = np.zeros(n_rows)
        return Moments(), Rows(nothing, nothing, nothing)
    low, high, sums, squares = _passes(values)
    kinds: tuple[str, ...] = ()
    n_nonfinite = 0
    # NaN and infinities show in the ranges, so finite tensors are read no further.
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        finite = np.isfinite(values)
        n_nonfinite = int(values.size - np.count_nonzero(finite))
        kinds = ("nan",) if np.isnan(values).any() else ()
        kinds += ("inf",) if np.isinf(values).any() else ()
        low = np.where(finite, values, np.inf).min(axis=1).astype(np.float64)
        high = np.where(finite, values, -np.inf).max(axis=1).astype(np.float64)
        empty = ~finite.any(axis=1)
        # such rows have no range of their own and take the tensor's
        low[empty] = low.min() if not empty.all() else 0.0
        high[empty] = high.max() if not empty.all() else 0.0
        values = np.where(finite, values, np.float32(0))
    if n_nonfinite:
        _, _, sums, squares = _passes(values)
    if not (np.isfinite(squares).all() and np.isfinite(sums).all()):
        squares = np.square(values, dtype=np.float64).sum(axis=1)
        sums = values.sum(axis=1, dtype=np.float64)
    n_finite = max(values.size - n_nonfinite, 1)
    mean = float(sums.sum() / n_finite)
    sample = spread(values)
    variance = max(float(squares.sum() / n_finite) - mean * mean, 0.0)
    if variance < 1e-4 * mean * mean:
        # the difference of two nearly equal numbers tells nothing
        variance = float(sample.var(dtype=np.float64))
    moments = Moments(
        mean=mean,
        std=variance**0.5,
        minimum=float(low.min()),
        maximum=float(high.max()),
    )
    active = 1.0 - np.count_nonzero(sample == 0) / sample.size
    if active == 0.0 and squares.any():
        active = np.count_nonzero(values) / values.size
    flags = _health(moments, sample, active, kinds)
    counts = _histogram(sample, moments) if histogram else ()
    strength = np.sqrt(squares / n_columns)
    return (
        Moments(
            mean=moments.mean,
            std=moments.std,
            minimum=moments.minimum,
            maximum=moments.maximum,
            active=float(active),
            n_nonfinite=n_nonfinite,
            counts=counts,
            flags=flags,
        ),
        Rows(low, high, strength),
    )


def _passes(values: npt.NDArray[np.float32]) -> tuple[_Row, _Row, _Row, _Row]:
    """Return minimum, maximum, sum and sum of squares of each row."""
    n_rows, n_columns = values.shape
    found = np.empty((4, n_rows), dtype=np.float64)
    # A few rows at a time, so that each pass finds them in the cache.
    step = max(1, CHUNK // max(n_columns, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(0, n_rows, step):
            part = values[i : i + step]
            rows = slice(i, i + step)
            found[0, rows] = part.min(axis=1)
            found[1, rows] = part.max(axis=1)
            found[2, rows] = part.sum(axis=1)
            found[3, rows] = np.einsum("ij,ij->i", part, part)
    return found[0], found[1], found[2], found[3]


def spread(array: Array, most: int = SAMPLE) -> Array:
    """Return at most `most` evenly spread elements of an array, flat."""
    flat = array.reshape(-1)
    return flat[:: max(1, -(-flat.size // most))]


def _health(
    moments: Moments, sample: Array, active: float, kinds: tuple[str, ...]
) -> tuple[str, ...]:
    flags = list(kinds)
    if kinds:
        pass  # zeros stand in for what is not finite, so shares tell nothing
    elif moments.minimum == moments.maximum == 0.0:
        flags.append("dead")
    elif moments.std > 0.0 and moments.minimum != 0.0 and moments.maximum != 0.0:
        # at a bound other than the zero that a Relu gives
        width = moments.maximum - moments.minimum
        near = width * 1e-3
        at_end = (sample <= moments.minimum + near) | (sample >= moments.maximum - near)
        if np.count_nonzero(at_end) > SATURATED_SHARE * sample.size:
            flags.append("saturated")
    elif active > SATURATED_SHARE and moments.maximum > 0.0 == moments.minimum:
        near = moments.maximum * (1 - 1e-3)
        if np.count_nonzero(sample >= near) > SATURATED_SHARE * sample.size:
            flags.append("saturated")
    if max(-moments.minimum, moments.maximum) > EXPLODING:
        flags.append("exploding")
    return tuple(flags)


def _histogram(sample: Array, moments: Moments) -> tuple[int, ...]:
    width = moments.maximum - moments.minimum
    if not np.isfinite(width):
        return ()
    if width <= 0.0:
        counts = np.zeros(N_BINS, dtype=np.int64)
        counts[N_BINS // 2] = sample.size
    else:
        share = (sample - np.float64(moments.minimum)) * (N_BINS / width)
        bins = np.clip(share, 0, N_BINS - 1).astype(np.intp)
        counts = np.bincount(bins, minlength=N_BINS)
    return tuple(counts.tolist())
