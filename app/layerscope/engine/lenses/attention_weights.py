"""Attention weights of one head, computed again from what the graph computes them from.

Only the shown head is computed, so that long texts stay fluid: its queries and keys
are multiplied and put through the same steps as in the graph, in float32. Scaled
dot-product attention: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.core.sampling import softmax
from layerscope.engine.lenses.fused_attention import fused_head, n_fused_heads
from layerscope.engine.model.attention_sites import FUSED, AttentionSite

Array = npt.NDArray[Any]
Values = Mapping[str, Array]
Rows = slice | npt.NDArray[np.int64]


def n_heads(site: AttentionSite, values: Values) -> int:
    """Return how many heads attend at a site.

    Parameters
    ----------
    site : AttentionSite
        The place.
    values : mapping of str to array
        Of `site.tensors`.
    """
    if site.chain[0].op_type in FUSED:
        return n_fused_heads(site.chain[0], values)
    query = values[site.query]
    return int(query.shape[-3]) if query.ndim >= 3 else 1


def head_weights(
    site: AttentionSite, values: Values, head: int, rows: Rows | None = None
) -> npt.NDArray[np.float32]:
    """Return the weights of one head.

    Parameters
    ----------
    site : AttentionSite
        The place.
    values : mapping of str to array
        Of `site.tensors`; of a batch, the first element counts.
    head : int
        Counted from 0.
    rows : slice or array of int, optional
        Of which queries; of all where it is left out.

    Returns
    -------
    (n_queries, n_keys) float32 array
        Rows add up to 1; NaN where the graph has none to attend to.
    """
    wanted = slice(None) if rows is None else rows
    if site.chain[0].op_type in FUSED:
        found = fused_head(site.chain[0], values, head)
        scores = found.scores(wanted)
        return np.asarray(softmax(scores), dtype=np.float32)
    return _follow(site, values, head, wanted)


def vectors(site: AttentionSite, values: Values, head: int) -> tuple[Array, Array]:
    """Return queries and keys of one head, (n_queries, d) and (n_keys, d) float32."""
    if site.chain[0].op_type in FUSED:
        found = fused_head(site.chain[0], values, head)
        return found.query, found.key
    query = _of_head(values[site.query], head)
    key = _of_head(values[site.key], head).T
    return _single(query), _single(key)


def _follow(
    site: AttentionSite, values: Values, head: int, rows: Rows
) -> npt.NDArray[np.float32]:
    """Go through the steps from the product to the softmax for one head."""
    product = site.chain[0]
    query = _of_head(values[site.query], head)
    key = _of_head(values[site.key], head)
    n_queries = len(query)
    made = {product.output[0]: _single(query[rows]) @ _single(key)}

    def operand(name: str) -> Array:
        if name in made:
            return made[name]
        value = _of_head(values[name], head)
        if value.ndim == 2 and value.shape[0] == n_queries > 1:
            value = value[rows]
        return _single(value) if value.dtype == np.float16 else value

    result = made[product.output[0]]
    for node in site.chain[1:]:
        operands = [operand(name) for name in node.input if name]
        with np.errstate(all="ignore"):
            result = _step(node, operands)
        made[node.output[0]] = result
    return np.asarray(result, dtype=np.float32)


def _step(node: onnx.NodeProto, operands: list[Array]) -> Array:
    if node.op_type == "Softmax":
        scores = _single(operands[0])
        return np.asarray(softmax(scores))
    if node.op_type in ("Cast", "Identity"):
        return operands[0]
    return np.asarray(_ELEMENTWISE[node.op_type](*operands))


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Where": np.where,
    "Max": np.maximum,
    "Min": np.minimum,
    "Tanh": np.tanh,
    "Clip": lambda value, low=None, high=None: np.clip(value, low, high),
}


def _of_head(value: Array, head: int) -> Array:
    """Return the part of a tensor that one head of the first text sees."""
    if value.ndim >= 4:
        value = value[(0,) * (value.ndim - 3)]
    if value.ndim == 3:
        value = value[min(head, value.shape[0] - 1) if value.shape[0] > 1 else 0]
    return value


def _single(value: Array) -> npt.NDArray[np.float32]:
    return np.asarray(value, dtype=np.float32)


def check_head(head: int, n: int, name: str) -> None:
    """Refuse a head that is not there.

    Raises
    ------
    BadInputError
    """
    if not 0 <= head < n:
        raise BadInputError(
            f"Head {head} of {name} was asked for; it has heads 0 to {n - 1}."
        )
