"""Tensors on their way from the engine to a file or a line of statistics."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.cli.opening import MODEL_NUMBER
from layerscope.client.engine_client import EngineClient
from layerscope.core.errors import EngineLostError
from layerscope.protocol.messages import FetchTensor, TensorFetched

FIRST_ELEMENTS = 4 << 20
PIECE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorStatistics:
    """Moments of all elements of one tensor.

    Attributes
    ----------
    mean, std, minimum, maximum : float
        Over the finite elements; NaN where there is none, 0 without elements.
    active : float
        Share of the elements that are not zero, 0 to 1.
    n_nonfinite : int
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    active: float
    n_nonfinite: int

    def as_dict(self) -> dict[str, float | int]:
        """Return the fields by name."""
        return asdict(self)


def statistics(array: npt.NDArray[np.generic]) -> TensorStatistics | None:
    """Summarise `array`; None for text, which has no moments."""
    if array.dtype.kind not in "biufc":
        return None
    numbers = np.abs(array) if array.dtype.kind == "c" else array
    finite = numbers[np.isfinite(numbers)]
    n_nonfinite = int(array.size - finite.size)
    if finite.size == 0:
        nothing = math.nan if array.size else 0.0
        return TensorStatistics(
            mean=nothing,
            std=nothing,
            minimum=nothing,
            maximum=nothing,
            active=float(array.size > 0),
            n_nonfinite=n_nonfinite,
        )
    return TensorStatistics(
        mean=float(finite.mean(dtype=np.float64)),
        std=float(finite.std(dtype=np.float64)),
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        active=float(np.count_nonzero(array) / array.size),
        n_nonfinite=n_nonfinite,
    )


def fetch(client: EngineClient, tensor: str) -> npt.NDArray[np.generic] | Any:
    """Return a whole tensor of the last run, fetched in pieces.

    Returns
    -------
    array or object
        For a sequence or a map, what its JSON says.

    Raises
    ------
    LayerscopeError
        If the engine cannot give it.
    """
    first = _piece(client, tensor, 0, FIRST_ELEMENTS)
    if first.text:
        return json.loads(first.text)
    head = client.arrays_in.get(first.array).ravel()
    whole = np.empty(first.shape, dtype=head.dtype)
    flat = whole.reshape(-1)
    flat[: head.size] = head
    step = max(1, PIECE_BYTES // max(1, head.dtype.itemsize))
    start = head.size
    while start < flat.size:
        piece = _piece(client, tensor, start, min(flat.size, start + step))
        elements = client.arrays_in.get(piece.array).ravel()
        if elements.size == 0:
            raise EngineLostError(f"The engine gave only a part of '{tensor}'.")
        flat[start : start + elements.size] = elements
        start += elements.size
    return whole


def _piece(client: EngineClient, tensor: str, start: int, stop: int) -> TensorFetched:
    command = FetchTensor(
        job=client.next_job(), model=MODEL_NUMBER, tensor=tensor, start=start, stop=stop
    )
    fetched = None
    for event in client.call(command):
        if isinstance(event, TensorFetched):
            fetched = event
    if fetched is None:
        raise EngineLostError(f"The engine did not give the tensor '{tensor}'.")
    return fetched
