"""Cross-attention: how much each place of a picture looks at each word.

The maps are those of Tang et al., "What the DAAM: Interpreting Stable Diffusion Using
Cross Attention", 2022 (https://arxiv.org/abs/2210.04885): the mean over heads, layers
and steps, each layer scaled to the largest map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from layerscope.engine.diffusion.prompts import Word
from layerscope.engine.model.extract import names_used
from layerscope.engine.pictures import resize

PREFIX = "layerscope_cross_attention"
# Between the softmax and the product with the values, exporters put these.
_PLUMBING = frozenset({"Where", "IsNaN", "Cast", "Identity", "Dropout", "Reshape"})
_SCORING = frozenset({"Mul", "Div", "Add", "Sub", "Cast", "Where", "Reshape"})
_MOST_STEPS_BACK = 8
_AXES_ARE_INPUTS_SINCE = 18

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """One layer that looks at the words: the tensor of its weights."""

    tensor: str


def found_in(proto: onnx.ModelProto, words: str, sample: str) -> list[CrossAttention]:
    """Return the cross-attention layers of a denoising graph, in order.

    A layer is one whose keys come of the words alone and whose queries do not.

    Parameters
    ----------
    proto : ModelProto
        Its weights are not looked at.
    words, sample : str
        Names of the graph inputs.
    """
    nodes = proto.graph.node
    reached: dict[str, int] = {words: 1, sample: 2}
    producer: dict[str, int] = {}
    for index, node in enumerate(nodes):
        seen = 0
        # A size that is read off a tensor says nothing of its values.
        if node.op_type not in ("Shape", "Size"):
            for name in names_used(node):
                seen |= reached.get(name, 0)
        for name in node.output:
            reached[name] = seen
            producer[name] = index
    found = []
    for node in nodes:
        if node.op_type != "Softmax":
            continue
        product = _scores(nodes, producer, reached, node.input[0])
        if product is None:
            continue
        sides = {reached.get(name, 0) for name in product.input[:2]}
        # Keys reach the words and not the picture; queries reach the picture.
        if 1 in sides and any(side & 2 for side in sides):
            found.append(CrossAttention(node.output[0]))
    return found


def add_outputs(
    proto: onnx.ModelProto, layers: Sequence[CrossAttention], ranks: Mapping[str, int]
) -> None:
    """Let the mean over heads of each layer's weights out of a graph, in place.

    Parameters
    ----------
    proto : ModelProto
        To be changed.
    layers : sequence of CrossAttention
        As `found_in` returned them.
    ranks : mapping of str to int
        4 for (batch, heads, places, tokens); of rank 3, heads and batch are one axis,
        and the weights are let out as they are.
    """
    graph = proto.graph
    version = max(
        (o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")),
        default=1,
    )
    by_input = version >= _AXES_ARE_INPUTS_SINCE
    if by_input and layers:
        axes = numpy_helper.from_array(np.array([1], dtype=np.int64), f"{PREFIX}_axes")
        graph.initializer.append(axes)
    for number, layer in enumerate(layers):
        name = f"{PREFIX}_{number}"
        if ranks[layer.tensor] == 4:
            inputs = [layer.tensor, f"{PREFIX}_axes"] if by_input else [layer.tensor]
            options: dict[str, Any] = {} if by_input else {"axes": [1]}
            node = helper.make_node("ReduceMean", inputs, [name], keepdims=0, **options)
        else:
            node = helper.make_node("Identity", [layer.tensor], [name])
        graph.node.append(node)
        graph.output.append(onnx.ValueInfoProto(name=name))


def by_word(weights: Array, words: Sequence[Word], n: int, *, guided: bool) -> Array:
    """Return the attention to each word, under the condition alone.

    Parameters
    ----------
    weights : array
        (batch, places, tokens), or (batch * heads, places, tokens).
    words : sequence of Word
        The mean over the tokens of each is taken.
    n : int
        Pictures in the batch.
    guided : bool
        Whether a first half of the batch is without the condition.

    Returns
    -------
    (n, places, words) float16 array
    """
    rows = n * (2 if guided else 1)
    heads = max(1, len(weights) // rows)
    kept = weights[: rows * heads][-n * heads :].astype(np.float32, copy=False)
    if heads > 1:
        kept = kept.reshape(n, heads, *weights.shape[1:]).mean(axis=1)
    n_tokens = kept.shape[-1]
    shares = np.zeros((n_tokens, len(words)), dtype=kept.dtype)
    for number, word in enumerate(words):
        if word.tokens and max(word.tokens) < n_tokens:
            shares[list(word.tokens), number] = 1 / len(word.tokens)
    return (kept @ shares).astype(np.float16)


def side_of(places: int, height: int, width: int) -> tuple[int, int] | None:
    """Return height and width of the map that has so many places.

    Parameters
    ----------
    places : int
        Height times width of the map.
    height, width : int
        Of the latent; each halving rounds up.
    """
    while height * width >= places:
        if height * width == places:
            return height, width
        if (height, width) == (1, 1):
            break
        height, width = -(-height // 2), -(-width // 2)
    return None


def merged(
    layers: Sequence[Array], height: int, width: int, index: int, side: int = 0
) -> tuple[npt.NDArray[np.float32], list[int]]:
    """Return one map for each word, and the sides that layers' maps have.

    Parameters
    ----------
    layers : sequence of (n, places, words) array
        As `by_word` returned them.
    height, width : int
        Of the latent.
    index : int
        Which picture of the batch.
    side : int
        Only the layers whose maps are so high; 0 for all.

    Returns
    -------
    maps : (words, h, w) float32 array
        Attention weights, empty where no layer has that side.
    sides : list of int
        From small to large.
    """
    known = []
    for layer in layers:
        shape = side_of(layer.shape[1], height, width)
        if shape is not None:
            known.append((shape, layer[index].astype(np.float32)))
    sides = sorted({shape[0] for shape, _ in known})
    chosen = [(s, layer) for s, layer in known if side in (0, s[0])]
    if not chosen:
        return np.zeros((0, 1, 1), dtype=np.float32), sides
    rows, columns = max(shape for shape, _ in chosen)
    total = None
    for shape, layer in chosen:
        maps = np.ascontiguousarray(layer.T.reshape(-1, *shape))
        if shape != (rows, columns):
            maps = np.stack([_enlarged(one, rows, columns) for one in maps])
        total = maps if total is None else total + maps
    assert total is not None
    return (total / len(chosen)).astype(np.float32), sides


def _enlarged(one: Array, rows: int, columns: int) -> Array:
    floats: Any = one
    return np.maximum(resize(floats, rows, columns, "bicubic"), 0)


def _scores(
    nodes: Sequence[onnx.NodeProto],
    producer: Mapping[str, int],
    reached: Mapping[str, int],
    name: str,
) -> onnx.NodeProto | None:
    """Walk back from a softmax to the product of queries and keys."""
    for _ in range(_MOST_STEPS_BACK):
        index = producer.get(name)
        if index is None:
            return None
        node = nodes[index]
        if node.op_type in ("MatMul", "Gemm", "Einsum", "FusedMatMul"):
            return node
        if node.op_type not in _SCORING | _PLUMBING:
            return None
        # Masks and scales do not come of the picture; the scores do.
        ways = [one for one in node.input if reached.get(one, 0) & 2]
        if not ways:
            return None
        name = ways[0]
    return None
