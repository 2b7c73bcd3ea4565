"""What a run leaves for a lens: tensors by name, and the meaning of their axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

Roles = tuple[str, ...]

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_CHANNELS_FIRST = frozenset(
    {
        "Conv", "FusedConv", "ConvTranspose", "MaxPool", "AveragePool", "QLinearConv",
        "BatchNormalization", "InstanceNormalization", "GlobalAveragePool", "Resize",
        "Upsample", "DepthToSpace", "LRN",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Trace:
    """What one step of a run left.

    Attributes
    ----------
    step : int
        Number of the denoising step or token, 0 for a run in one step.
    tensors : dict of str to array
        Elements that left by the taps: all of them, or every so many.
    roles : dict of str to tuple of str
        Meaning of each axis: ``"batch"``, ``"channel"``, ``"height"``,
        ``"width"``, ``"head"``, ``"query"``, ``"key"``, ``"time"`` or
        ``"feature"``.
    shapes : dict of str to tuple of int
        Of the whole tensors; missing where the array is the whole tensor.
    """

    step: int
    tensors: dict[str, npt.NDArray[Any]]
    roles: dict[str, Roles] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, tensors: Mapping[str, npt.NDArray[Any]], step: int = 0) -> Trace:
        """Return a trace of whole tensors whose axes are to be guessed."""
        return cls(step=step, tensors=dict(tensors))

    def shape_of(self, tensor: str) -> tuple[int, ...]:
        """Return the shape of the whole tensor."""
        return self.shapes.get(tensor, self.tensors[tensor].shape)

    def roles_of(self, tensor: str) -> Roles:
        """Return the meaning of each axis of a tensor."""
        roles = self.roles.get(tensor, ())
        shape = self.shape_of(tensor)
        return roles if len(roles) == len(shape) else axis_roles(shape)


def axis_roles(shape: tuple[int, ...], op: str = "") -> Roles:
    """Guess what each axis of a tensor means.

    Parameters
    ----------
    shape : tuple of int
        Of the whole tensor.
    op : str
        The operator that makes it, where known.

    Returns
    -------
    tuple of str
        One role for each axis.
    """
    rank = len(shape)
    if rank == 0:
        return ()
    if rank == 1:
        return ("feature",)
    if rank == 2:
        return ("batch", "feature") if shape[0] == 1 else ("time", "feature")
    if op in _RECURRENT and rank in (3, 4):  # [T, B, D], or [T, directions, B, D]
        return ("time", *("batch",) * (rank - 2), "feature")
    if rank == 3:
        return ("batch", "time", "feature")
    if rank == 4:
        if op == "Softmax":
            return ("batch", "head", "query", "key")
        if op not in _CHANNELS_FIRST and shape[1] == shape[2] != shape[3]:
            return ("batch", "height", "width", "channel")
        return ("batch", "channel", "height", "width")
    return (*("batch",) * (rank - 3), "channel", "height", "width")
