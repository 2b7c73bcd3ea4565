"""What one run gave, before it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.protocol.arrays import dtype_name
from layerscope.protocol.frames import LayerSummary
from layerscope.protocol.values import TensorInfo

Pictures = dict[str, npt.NDArray[np.uint8]]


class Looked:
    """What one run gave, before it is told."""

    def __init__(self) -> None:
        self.outputs: dict[str, Any] = {}
        self.pictures: Pictures = {}
        self.layers: tuple[LayerSummary, ...] = ()
        self.kept: dict[str, npt.NDArray[np.generic]] = {}
        self.samples_ms: tuple[float, ...] = ()
        self.model_ms = 0.0
        self.live_ms = -1.0
        self.drift = -1.0
        self.summarise_ms = 0.0
        self.warm_up_ms = -1.0
        self.notes: tuple[str, ...] = ()


def tensor_info(name: str, value: object) -> TensorInfo:
    """Describe an output as it came."""
    if isinstance(value, np.ndarray):
        return TensorInfo(name=name, dtype=dtype_name(value.dtype), shape=value.shape)
    kind = "map" if isinstance(value, dict) else "sequence"
    length = len(value) if isinstance(value, list | dict) else None
    return TensorInfo(name=name, dtype=kind, shape=(length,))


def largest_difference(first: dict[str, Any], second: dict[str, Any]) -> float:
    """Return the largest absolute difference between two sets of outputs.

    Only floating-point arrays count; equal infinities and paired NaN differ by 0.
    """
    largest = 0.0
    for name, left in first.items():
        right = second.get(name)
        if not isinstance(left, np.ndarray) or not isinstance(right, np.ndarray):
            continue
        if left.dtype.kind != "f" or left.shape != right.shape or not left.size:
            continue
        if np.array_equal(left, right, equal_nan=True):
            continue
        with np.errstate(invalid="ignore"):
            gaps = np.abs(left.astype(np.float64) - right.astype(np.float64))
        gaps = gaps[~((left == right) | (np.isnan(left) & np.isnan(right)))]
        if gaps.size:
            largest = max(largest, float(np.nan_to_num(gaps, nan=np.inf).max()))
    return largest
