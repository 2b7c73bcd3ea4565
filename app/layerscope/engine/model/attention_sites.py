"""Where a graph attends, by its patterns: softmax of a product, or one fused operator.

Nothing is read from names. Exports of torch from 2.9 on put IsNaN and Where between
the softmax and the product with the values, so the walk goes through these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import onnx

from layerscope.engine.model.structure import ModelStructure

FUSED = frozenset({"Attention", "MultiHeadAttention", "GroupQueryAttention"})
_PASSES = frozenset({"Where", "IsNaN", "Cast", "Identity", "Dropout", "Reshape"})
_CHAIN = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Cast", "Identity", "Softmax", "Max", "Min",
     "Clip", "Tanh"}
)  # fmt: skip
_PRODUCTS = frozenset({"MatMul", "FusedMatMul"})
_LONGEST_WALK = 8


@dataclass(frozen=True, slots=True)
class AttentionSite:
    """One place where a graph attends.

    Attributes
    ----------
    node : int
        Index of the Softmax or the fused operator among the structure's nodes.
    op : str
        ``"Softmax"``, or the fused operator with its domain where it has one.
    chain : tuple of NodeProto
        From the product of queries and keys to the softmax, in order; for a fused
        operator, the operator alone.
    tensors : tuple of str
        What the weights are computed from; inputs and weights of the graph too.
    query, key : str
        The operands of the product.
    name : str
        For people.
    cross : bool
        Whether the keys come from another input than the queries.
    """

    node: int
    op: str
    chain: tuple[onnx.NodeProto, ...]
    tensors: tuple[str, ...]
    query: str
    key: str
    name: str
    cross: bool


def find(structure: ModelStructure) -> tuple[AttentionSite, ...]:
    """Return all places of the main graph, in the order of computation.

    Parameters
    ----------
    structure : ModelStructure
        Of the model.
    """
    found = []
    reach = _reaching(structure)
    for index, info in enumerate(structure.nodes):
        if info.graph != 0:
            continue
        node = structure.node_protos[index]
        site: tuple[tuple[onnx.NodeProto, ...], str, str] | None = None
        op = node.op_type
        if op == "Softmax" and _multiplies_values(structure, node.output[0]):
            site = _unfused(structure, node)
        elif op in FUSED and node.domain in ("", "ai.onnx", "com.microsoft"):
            site = ((node,), node.input[0], node.input[_key_at(node)] or node.input[0])
            op = f"{node.domain}.{op}" if node.domain == "com.microsoft" else op
        if site is None:
            continue
        chain, query, key = site
        made = {name for step in chain for name in step.output}
        tensors = [
            name for step in chain for name in step.input if name and name not in made
        ]
        inputs_of_query, inputs_of_key = reach(query), reach(key)
        found.append(
            AttentionSite(
                node=index,
                op=op,
                chain=chain,
                tensors=tuple(dict.fromkeys(tensors)),
                query=query,
                key=key,
                name=_label(structure, index),
                cross=bool(inputs_of_query) and not inputs_of_query <= inputs_of_key,
            )
        )
    names = [site.name for site in found]
    if all(names) and len(set(names)) == len(names):
        return tuple(found)
    return tuple(replace(site, name=f"layer {at + 1}") for at, site in enumerate(found))


def _key_at(node: onnx.NodeProto) -> int:
    fused_projection = node.op_type == "Attention" and node.domain == "com.microsoft"
    return 0 if fused_projection or len(node.input) < 2 else 1


def _multiplies_values(structure: ModelStructure, tensor: str) -> bool:
    """Whether a product takes the weights `tensor` as its left side."""
    waiting = [tensor]
    for _ in range(_LONGEST_WALK):
        following = []
        for name in waiting:
            for index in structure.consumers.get(name, ()):
                node = structure.node_protos[index]
                if node.op_type in _PRODUCTS and node.input[0] == name:
                    return True
                if node.op_type in _PASSES:
                    following += [out for out in node.output if out]
        waiting = following
    return False


def _unfused(
    structure: ModelStructure, softmax: onnx.NodeProto
) -> tuple[tuple[onnx.NodeProto, ...], str, str] | None:
    """Follow the scores back to the product they come from."""
    axis = next((item.i for item in softmax.attribute if item.name == "axis"), -1)
    if axis not in (-1, 2, 3):
        return None
    found: list[onnx.NodeProto] = []

    def follow(tensor: str, depth: int) -> onnx.NodeProto | None:
        index = structure.producer.get(tensor)
        if index is None or depth > _LONGEST_WALK:
            return None
        node = structure.node_protos[index]
        if node.op_type in _PRODUCTS:
            return None if node.op_type == "FusedMatMul" else node
        if node.op_type not in _CHAIN:
            return None
        for name in node.input:
            product = follow(name, depth + 1) if name else None
            if product is not None:
                found.append(node)
                return product
        return None

    product = follow(softmax.input[0], 0)
    if product is None or len(product.input) != 2:
        return None
    return (product, *found, softmax), product.input[0], product.input[1]


def _reaching(structure: ModelStructure) -> Callable[[str], frozenset[str]]:
    """Return a function that tells which graph inputs a tensor is made of.

    Masks, positions and caches do not count: they tell nothing of what is attended to.
    """
    weights: dict[str, frozenset[str]] = {}
    aside = ("mask", "past", "position", "type", "cache", "branch")
    for info in structure.graphs[0].inputs:
        counts = not any(word in info.name.lower() for word in aside)
        weights[info.name] = frozenset({info.name} if counts else ())
    for index, node in enumerate(structure.node_protos):
        if structure.nodes[index].graph != 0:
            continue
        together = frozenset[str]()
        for name in node.input:
            together |= weights.get(name, frozenset())
        for name in node.output:
            weights[name] = frozenset() if node.op_type == "Shape" else together
    return lambda tensor: weights.get(tensor, frozenset())


def _label(structure: ModelStructure, index: int) -> str:
    """Return the path of the module that attends, empty where the file has none."""
    group = structure.nodes[index].group
    info = structure.groups[group] if group >= 0 else None
    if info is not None and info.n_nodes <= 2 and info.parent >= 0:
        info = structure.groups[info.parent]  # a module for the softmax alone
    if info is None or info.kind != "module":
        return ""
    return info.path.replace("/", ".")
