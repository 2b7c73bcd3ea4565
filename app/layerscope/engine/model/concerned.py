"""Which node of a model an error text is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from layerscope.engine.model.ort_words import Words
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.wording import shown

_TENSOR = re.compile(
    r"(?:Initializer|Node input|Tensor) '(?P<a>.*?)'|for initializer: (?P<b>.*?)\. Error"
    r"|Duplicate definition(?:-site for| of name) \((?P<c>.*?)\)"
    r"|same node name \((?P<d>.*?)\)"
)
# What onnxruntime appends to names when it rewrites nodes: conv_nchwc, Reshape_token_3.
_REWRITTEN = re.compile(r"(_nchwc|_token_\d+|_fused|_quant|/\w+Fusion/?|_Cast_\d+)+$")


@dataclass(frozen=True)
class _Concerned:
    """The node an error is about."""

    index: int
    name: str
    text: str


def _concerned(words: Words, structure: ModelStructure) -> _Concerned | None:
    """Return the node that an error text is about, if the model has it."""
    index = -1
    for output in words.outputs:
        index = structure.producer.get(output, -1)
        if index >= 0:
            break
    if index < 0 and words.node:
        index = _by_name(words.node, structure)
    if index >= 0:
        node = structure.nodes[index]
        return _Concerned(index, node.name, _node_text(node.name, node.op))
    if words.node:
        return _Concerned(-1, "", _node_text(words.node, words.op))
    return _first_of(words.op, structure, only=True) if words.op else None


def _by_tensor(text: str, structure: ModelStructure) -> _Concerned | None:
    """Return the node that makes or takes the tensor an error text names."""
    match = _TENSOR.search(text[:20_000])
    if match is None:
        return None
    name = next(part for part in match.groups() if part is not None)
    index = structure.producer.get(name, -1)
    if index < 0:
        index = next(iter(structure.consumers.get(name, ())), -1)
    if index < 0:
        index = _by_name(name, structure)
    if index < 0:
        return None
    node = structure.nodes[index]
    return _Concerned(index, node.name, _node_text(node.name, node.op))


def _by_name(name: str, structure: ModelStructure) -> int:
    """Return the node called `name`, or the one a fused node was made of."""
    stripped = _REWRITTEN.sub("", name)
    for wanted in dict.fromkeys((name, stripped)):
        for node in structure.nodes:
            if wanted and wanted in (node.name, *node.outputs):
                return node.index
    return -1


def _first_of(
    op: str, structure: ModelStructure, *, only: bool = False
) -> _Concerned | None:
    found = [node for node in structure.nodes if node.op == op]
    if not found or (only and len(found) > 1):
        return None
    return _Concerned(found[0].index, found[0].name, _node_text(found[0].name, op))


def _node_text(name: str, op: str) -> str:
    return f"node {shown(name)} ({shown(op)})" if op else f"node {shown(name)}"


