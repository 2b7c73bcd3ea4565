"""Which node of a model an error text is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

from layerscope.engine.model.ort_words import Words
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.wording import shown
from layerscope.protocol.values import NodeInfo

_TENSOR = re.compile(
    r"(?:Initializer|Node input|Tensor) '(?P<a>.*?)'"
    r"|for initializer: (?P<b>.*?)\. Error"
    r"|Duplicate definition(?:-site for| of name) \((?P<c>.*?)\)"
    r"|same node name \((?P<d>.*?)\)"
)
# What onnxruntime appends to names when it rewrites nodes: conv_nchwc, Reshape_token_3.
_REWRITTEN = re.compile(r"(_nchwc|_token_\d+|_fused|_quant|/\w+Fusion/?|_Cast_\d+)+$")


@dataclass(frozen=True)
class Concerned:
    """The node an error is about.

    Attributes
    ----------
    name : str
        As `NodeInfo.name` spells it; empty where the model has no such node, which
        happens when onnxruntime made it.
    text : str
        Name and operator in words.
    """

    name: str
    text: str


def find(words: Words, text: str, structure: ModelStructure) -> Concerned | None:
    """Return the node that an error text is about.

    Parameters
    ----------
    words : Words
        The text, taken apart.
    text : str
        The text itself, which may name a tensor.
    structure : ModelStructure
        Of the model.

    Returns
    -------
    Concerned or None
        None where the text tells no node.
    """
    return _by_words(words, structure) or _by_tensor(text, structure)


def _by_words(words: Words, structure: ModelStructure) -> Concerned | None:
    index = -1
    for output in words.outputs:
        index = structure.producer.get(output, -1)
        if index >= 0:
            break
    if index < 0 and words.node:
        index = _by_name(words.node, structure)
    if index >= 0:
        return _of(structure.nodes[index])
    if words.node:
        return Concerned("", node_text(words.node, words.op))
    return by_operator(words.op, structure, only=True) if words.op else None


def _by_tensor(text: str, structure: ModelStructure) -> Concerned | None:
    """Return the node that makes or takes the tensor an error text names."""
    match = _TENSOR.search(text)
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
    return _of(structure.nodes[index])


def _by_name(name: str, structure: ModelStructure) -> int:
    """Return the node called `name`, or the one a fused node was made of."""
    stripped = _REWRITTEN.sub("", name)
    for wanted in dict.fromkeys((name, stripped)):
        for node in structure.nodes:
            if wanted and wanted in (node.name, *node.outputs):
                return node.index
    return -1


def by_operator(
    op: str, structure: ModelStructure, *, only: bool = False
) -> Concerned | None:
    """Return the first node of an operator.

    Parameters
    ----------
    op : str
        The operator's name.
    structure : ModelStructure
        Of the model.
    only : bool
        Return None where there are several.
    """
    found = [node for node in structure.nodes if node.op == op]
    if not found or (only and len(found) > 1):
        return None
    return _of(found[0])


def _of(node: NodeInfo) -> Concerned:
    return Concerned(node.name, node_text(node.name, node.op))


def node_text(name: str, op: str) -> str:
    """Return ``"node conv1 (Conv)"``."""
    return f"node {shown(name)} ({shown(op)})" if op else f"node {shown(name)}"
