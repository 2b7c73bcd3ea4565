"""Queries, keys and masks of one head of a fused attention operator.

What each operator means: https://onnx.ai/onnx/operators/onnx__Attention.html and
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Values = Mapping[str, Array]
_MASKED = -np.inf


@dataclass(slots=True)
class FusedHead:
    """One head of a fused operator.

    Attributes
    ----------
    query : (n_queries, d) float32 array
    key : (n_keys, d) float32 array
    scale : float
    bias : array, optional
        Added to the scores; broadcasts to (n_queries, n_keys).
    allowed : bool array, optional
        What may be attended to; broadcasts to (n_queries, n_keys).
    causal : bool
        Whether queries see no keys after them; the last query sees the last key.
    window : int
        How many keys back a query sees, -1 for all.
    softcap : float
        Scores are squeezed below it, 0 for none.
    """

    query: Floats
    key: Floats
    scale: float
    bias: Array | None = None
    allowed: Array | None = None
    causal: bool = False
    window: int = -1
    softcap: float = 0.0

    def scores(self, rows: slice | npt.NDArray[np.int64]) -> Floats:
        """Return what the softmax is taken of, for the queries `rows`."""
        n_queries, n_keys = len(self.query), len(self.key)
        found: Floats = (self.query[rows] @ self.key.T) * np.float32(self.scale)
        if self.softcap > 0:
            found = np.float32(self.softcap) * np.tanh(found / np.float32(self.softcap))
        if self.bias is not None:
            found = found + _rows(self.bias, rows, n_queries)
        places = np.arange(n_queries)[rows][:, None] + (n_keys - n_queries)
        if self.causal:
            found = np.where(np.arange(n_keys)[None] <= places, found, _MASKED)
        if self.window >= 0:
            near = np.arange(n_keys)[None] > places - self.window
            found = np.where(near, found, _MASKED)
        if self.allowed is not None:
            found = np.where(_rows(self.allowed, rows, n_queries), found, _MASKED)
        return np.asarray(found, dtype=np.float32)


def n_fused_heads(node: onnx.NodeProto, values: Values) -> int:
    """Return how many heads a fused operator has."""
    stated = _integer(node, "num_heads", 0) or _integer(node, "q_num_heads", 0)
    if stated:
        return stated
    query = values[node.input[0]]
    return int(query.shape[1]) if query.ndim == 4 else 1


def fused_head(node: onnx.NodeProto, values: Values, head: int) -> FusedHead:
    """Return what one head attends with.

    Parameters
    ----------
    node : NodeProto
        ai.onnx Attention, or com.microsoft's Attention, MultiHeadAttention or
        GroupQueryAttention.
    values : mapping of str to array
        Of its inputs; the first element of a batch counts.
    head : int
        Counted from 0.

    Raises
    ------
    BadInputError
        The operator is used in a way that is not understood.
    """
    given = [values.get(name) if name else None for name in node.input]
    given += [None] * (16 - len(given))
    if node.op_type == "GroupQueryAttention":
        return _grouped(node, given, head)
    if node.op_type == "MultiHeadAttention":
        return _multi_head(node, given, head)
    if node.domain == "com.microsoft":
        return _projected(node, given, head)
    return _standard(node, given, head)


def _standard(node: onnx.NodeProto, given: list[Array | None], head: int) -> FusedHead:
    n_query, n_key = _integer(node, "q_num_heads", 0), _integer(node, "kv_num_heads", 0)
    whole_query, whole_key = _there(given[0], node), _there(given[1], node)
    n_query = n_query or whole_query.shape[1]
    n_key = n_key or whole_key.shape[1]
    query = _head_of(whole_query, head, n_query)
    at = head * n_key // n_query
    key = _after(given[4], _head_of(whole_key, at, n_key), at)
    found = FusedHead(
        query=query,
        key=key,
        scale=_number(node, "scale", 0.0) or query.shape[-1] ** -0.5,
        causal=bool(_integer(node, "is_causal", 0)),
        softcap=_number(node, "softcap", 0.0),
    )
    mask = given[3]
    if mask is not None:
        part = _square(mask, head)
        if mask.dtype == np.bool_:
            found.allowed = part
        else:
            found.bias = part
    return found


def _multi_head(
    node: onnx.NodeProto, given: list[Array | None], head: int
) -> FusedHead:
    n = _integer(node, "num_heads", 1)
    packed = _there(given[0], node)
    whole_key = given[1]
    if packed.ndim == 5:  # [batch, time, heads, 3, size]
        query, key = _single(packed[0, :, head, 0]), _single(packed[0, :, head, 1])
    elif whole_key is not None and whole_key.ndim == 5:  # [batch, time, heads, 2, size]
        query = _head_of(packed, head, n)
        key = _single(whole_key[0, :, head, 0])
    else:
        query, key = (
            _head_of(packed, head, n),
            _head_of(_there(whole_key, node), head, n),
        )
    if given[3] is not None:
        size = query.shape[-1]
        bias = _single(given[3])
        query = query + bias[head * size : (head + 1) * size]
        start = n * size + head * size
        key = key + bias[start : start + size]
    key = _after(given[6], key, head)
    found = FusedHead(
        query=query,
        key=key,
        scale=_number(node, "scale", 0.0) or query.shape[-1] ** -0.5,
        causal=bool(_integer(node, "unidirectional", 0)),
    )
    _take_mask(found, given[4])
    if given[5] is not None:
        found.bias = _square(given[5], head)
    return found


def _projected(node: onnx.NodeProto, given: list[Array | None], head: int) -> FusedHead:
    n = _integer(node, "num_heads", 1)
    inside, weight = _there(given[0], node), _there(given[1], node)
    sizes = next(
        (list(a.ints) for a in node.attribute if a.name == "qkv_hidden_sizes"), []
    )
    width = sizes[0] if sizes else weight.shape[1] // 3
    size = width // n
    if _integer(node, "do_rotary", 0):
        raise BadInputError(
            "This attention turns its queries inside the operator, which is not "
            "computed again; open an export with MultiHeadAttention instead."
        )
    parts = []
    for start in (head * size, width + head * size):
        part = _single(inside[0]) @ _single(weight[:, start : start + size])
        if given[2] is not None:
            part = part + _single(given[2][start : start + size])
        parts.append(part)
    past = given[4][0] if given[4] is not None else None  # keys come first
    found = FusedHead(
        query=parts[0],
        key=_after(past, parts[1], head),
        scale=_number(node, "scale", 0.0) or size**-0.5,
        causal=bool(_integer(node, "unidirectional", 0)),
    )
    _take_mask(found, given[3])
    if given[5] is not None:
        found.bias = _square(given[5], head)
    return found


def _grouped(node: onnx.NodeProto, given: list[Array | None], head: int) -> FusedHead:
    n, n_key = _integer(node, "num_heads", 1), _integer(node, "kv_num_heads", 1)
    whole_query = _there(given[0], node)
    at = head * n_key // n
    if given[1] is None:  # queries, keys and values in one
        size = whole_query.shape[-1] // (n + 2 * n_key)
        query = _single(whole_query[0, :, head * size : (head + 1) * size])
        start = (n + at) * size
        key = _single(whole_query[0, :, start : start + size])
    else:
        query = _head_of(whole_query, head, n)
        key = _head_of(given[1], at, n_key)
    length = len(key)
    total = _valid(given[5], length)
    if _integer(node, "do_rotary", 0):
        places = np.arange(total - length, total)
        turning = (_there(given[7], node), _there(given[8], node))
        pairs = bool(_integer(node, "rotary_interleaved", 0))
        query, key = (turned(x, *turning, places, pairs) for x in (query, key))
    if given[3] is not None and total > length:
        key = _after(given[3][:, :, : total - length], key, at)
    window = _integer(node, "local_window_size", -1)
    found = FusedHead(
        query=query,
        key=key,
        scale=_number(node, "scale", 0.0) or query.shape[-1] ** -0.5,
        causal=True,
        window=window if window > 0 else -1,
        softcap=_number(node, "softcap", 0.0),
    )
    if given[10] is not None:
        found.bias = _square(given[10], head)
    return found


def turned(
    vectors: Floats, cosines: Array, sines: Array, places: Array, pairs: bool
) -> Floats:
    """Turn vectors by their places (Su et al., 2021, https://arxiv.org/abs/2104.09864).

    Parameters
    ----------
    vectors : (n, d) float32 array
        Of one head.
    cosines, sines : (places, r/2) arrays
        The first r of the d numbers are turned.
    places : (n,) array of int
        Position of each vector.
    pairs : bool
        Whether neighbours are turned together; else the two halves.
    """
    half = cosines.shape[-1]
    cosine, sine = _single(cosines[places]), _single(sines[places])
    found = np.array(vectors, dtype=np.float32)
    if pairs:
        first, second = vectors[:, 0 : 2 * half : 2], vectors[:, 1 : 2 * half : 2]
        found[:, 0 : 2 * half : 2] = first * cosine - second * sine
        found[:, 1 : 2 * half : 2] = second * cosine + first * sine
        return found
    first, second = vectors[:, :half], vectors[:, half : 2 * half]
    found[:, :half] = first * cosine - second * sine
    found[:, half : 2 * half] = second * cosine + first * sine
    return found


def _take_mask(found: FusedHead, mask: Array | None) -> None:
    """Read a key mask: ones and zeros of rank 2 or 3, or lengths of rank 1."""
    if mask is None:
        return
    n_keys = len(found.key)
    if mask.ndim == 1:
        found.allowed = np.arange(n_keys)[None] < int(mask[0])
    elif mask.ndim == 2:
        found.allowed = mask[0][None, :n_keys] != 0
    elif mask.ndim == 3:
        found.allowed = mask[0][-len(found.query) :, :n_keys] != 0


def _valid(last: Array | None, length: int) -> int:
    """Return how many keys there are, from ``seqlens_k``: the last one's place."""
    if last is None or not last.size:
        return length
    return max(int(last.reshape(-1)[0]) + 1, length)


def _head_of(value: Array, head: int, n: int) -> Floats:
    """Return (time, size) of one head from [b, heads, t, d] or [b, t, heads * d]."""
    if value.ndim == 4:
        return _single(value[0, head])
    size = value.shape[-1] // n
    return _single(value[0, :, head * size : (head + 1) * size])


def _after(past: Array | None, key: Floats, head: int) -> Floats:
    if past is None or not past.size:
        return key
    return np.concatenate([_single(past[0, head]), key])


def _square(mask: Array, head: int) -> Array:
    """Return the part of a mask or bias for one head, of two axes."""
    value = mask
    while value.ndim > 3:
        value = value[0]
    if value.ndim == 3:
        value = value[min(head, value.shape[0] - 1)]
    return value if value.dtype == np.bool_ else _single(value)


def _rows(value: Array, rows: slice | npt.NDArray[np.int64], n: int) -> Array:
    return value[rows] if value.ndim == 2 and value.shape[0] == n else value


def _there(value: Array | None, node: onnx.NodeProto) -> Array:
    if value is None:
        raise BadInputError(
            f"The operator {node.op_type} {node.name} lacks an input that its "
            "attention is computed from, so it cannot be shown."
        )
    return value


def _single(value: Array) -> Floats:
    return np.asarray(value, dtype=np.float32)


def _integer(node: onnx.NodeProto, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _number(node: onnx.NodeProto, name: str, default: float) -> float:
    return next((float(a.f) for a in node.attribute if a.name == name), default)
