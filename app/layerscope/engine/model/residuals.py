"""The residual stream of a transformer, found by the shape of its graph.

Each block adds what it found out to the stream; the last norm and one product turn the
stream into logits. The walk goes back from the logits to the last sum that everything
after it depends on, and from there from sum to sum along what was there before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnx

from layerscope.engine.model.extract import cut_at
from layerscope.engine.model.structure import ModelStructure

_FUSED_NORMS = {
    "SkipLayerNormalization": "LayerNormalization",
    "SkipSimplifiedLayerNormalization": "SimplifiedLayerNormalization",
}
_FIRST_ONLY = frozenset(
    {"Reshape", "Expand", "Slice", "Squeeze", "Unsqueeze", "Gather", "GatherND",
     "Cast", "Transpose", "Identity", "Dropout"}
)  # fmt: skip
_PASSES = frozenset({"Identity", "Cast", "Dropout"})
_SUM_AT = 3  # the output of a fused norm that is the sum itself
_MOST_NODES = 400  # between the last sum and the logits
_BLOCK = re.compile(r"^(.*?\d+)(?:[./]|$)")
_OWN = "layerscope_residual_sum"


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the residual stream can be looked at.

    Attributes
    ----------
    tensors : tuple of str
        The embedding first, then the stream after each block.
    names : tuple of str
        For people, one for each.
    logits : str
        The output that the last of them is turned into.
    """

    tensors: tuple[str, ...]
    names: tuple[str, ...]
    logits: str


def find(structure: ModelStructure, logits: str) -> Stream | None:
    """Return the stream, None where the graph has none that is understood.

    Parameters
    ----------
    structure : ModelStructure
        Of the model.
    logits : str
        Its output of logits.
    """
    walker = _Walker(structure)
    last = walker.last_sum(logits)
    if last is None:
        return None
    tensors, sums = [last], []
    while True:
        step = walker.before(tensors[-1])
        if step is None:
            break
        sums.append(tensors[-1])
        tensors.append(step)
    tensors.reverse()
    sums.reverse()
    if len(sums) < 2:
        return None
    names = [walker.block_of(tensor) for tensor in sums]
    # A block adds twice, what it attended to and what it made of that; the stream is
    # shown after the second.
    if len(sums) % 2 == 0 and all(
        a == b or not a or not b for a, b in zip(names[::2], names[1::2], strict=True)
    ):
        tensors, names = [tensors[0], *tensors[2::2]], names[1::2]
    shown = [name or f"layer {at + 1}" for at, name in enumerate(names)]
    if len(set(shown)) < len(shown):
        shown = [f"layer {at + 1}" for at in range(len(shown))]
    return Stream(tuple(tensors), ("embedding", *shown), logits)


def expose(proto: onnx.ModelProto, tensors: tuple[str, ...]) -> None:
    """Make a model end at tensors of a stream, in place."""
    name_sums(proto, tensors)
    cut_at(proto, tensors)


def name_sums(proto: onnx.ModelProto, tensors: tuple[str, ...]) -> None:
    """Make fused sums and norms give those of their sums that are named, in place."""
    for node in proto.graph.node:
        if node.op_type in _FUSED_NORMS and f"{_OWN}:{node.output[0]}" in tensors:
            _name_sum(node)


def tail(proto: onnx.ModelProto, stream: Stream, data_type: int) -> None:
    """Make a model begin at the end of the stream, in place.

    Parameters
    ----------
    proto : ModelProto
        A copy of the whole model.
    stream : Stream
        Its stream; the last tensor becomes the only input.
    data_type : int
        ONNX element type of the stream.
    """
    last = stream.tensors[-1]
    graph = proto.graph
    for at, node in enumerate(graph.node):
        fused = node.op_type in _FUSED_NORMS
        if fused and last in (f"{_OWN}:{node.output[0]}", *node.output[_SUM_AT:]):
            graph.node[at].CopyFrom(_plain_norm(node, last))
        elif last in node.output:
            kept = [name if name != last else f"{last}:unused" for name in node.output]
            del node.output[:]
            node.output.extend(kept)
    graph.input.append(
        onnx.helper.make_tensor_value_info(last, data_type, [1, "n", None])
    )
    cut_at(proto, (stream.logits,))
    # What is stated of the output's shape held for the whole model.
    del graph.output[:]
    graph.output.append(onnx.ValueInfoProto(name=stream.logits))


class _Walker:
    """Walks from sum to sum, backwards."""

    def __init__(self, structure: ModelStructure) -> None:
        self._structure = structure
        self._inputs = {info.name for info in structure.graphs[0].inputs}
        weights = {
            name
            for node in structure.node_protos
            for name in node.input
            if name not in structure.producer
        }
        self._weights = weights - self._inputs

    def node(self, tensor: str) -> onnx.NodeProto | None:
        tensor = tensor.removeprefix(f"{_OWN}:")
        index = self._structure.producer.get(tensor)
        return None if index is None else self._structure.node_protos[index]

    def last_sum(self, logits: str) -> str | None:
        """Return the last sum that all of the logits depend on."""
        front = {logits}
        for _ in range(_MOST_NODES):
            if len(front) == 1:
                found = self._sum(next(iter(front)))
                if found is not None and self.before(found) is not None:
                    return found
            if not front:
                return None
            newest = max(front, key=self._place)
            node = self.node(newest)
            if node is None:
                return None
            front = {name for name in front if self.node(name) is not node}
            front |= set(self._followed(node))
        return None

    def before(self, tensor: str) -> str | None:
        """Return the stream before the block whose sum `tensor` is; None for none."""
        node = self.node(tensor)
        operands = [] if node is None else self._operands(node)
        if len(operands) != 2:
            return None
        old, new = sorted((self._through(name) for name in operands), key=self._place)
        if not self._depends(new, old):
            return None
        maker = self.node(old)
        fused = maker is not None and maker.op_type in _FUSED_NORMS
        if maker is not None and fused and old == maker.output[0]:
            return None  # what goes on is normed, so there is no plain stream
        return self._sum(old) or old

    def block_of(self, tensor: str) -> str:
        """Return the path of the block that adds to the stream at `tensor`."""
        node = self.node(tensor)
        if node is None:
            return ""
        newest = max(self._operands(node), key=self._place)
        for name in (newest, tensor.removeprefix(f"{_OWN}:")):
            index = self._structure.producer.get(name)
            group = -1 if index is None else self._structure.nodes[index].group
            if group >= 0 and self._structure.groups[group].kind == "module":
                path = self._structure.groups[group].path.replace("/", ".")
                found = _BLOCK.match(path)
                if found:
                    return found[1]
        return ""

    def _place(self, tensor: str) -> int:
        return self._structure.producer.get(tensor.removeprefix(f"{_OWN}:"), -1)

    def _through(self, tensor: str) -> str:
        """Return what a tensor is a mere copy of."""
        node = self.node(tensor)
        while node is not None and node.op_type in _PASSES:
            tensor = node.input[0]
            node = self.node(tensor)
        return tensor

    def _sum(self, tensor: str) -> str | None:
        """Return the sum that a tensor is, or that is inside the norm that it is."""
        node = self.node(tensor)
        if node is None:
            return None
        if node.op_type in _FUSED_NORMS:
            stated = [name for name in node.output[_SUM_AT:] if name]
            return stated[0] if stated else f"{_OWN}:{node.output[0]}"
        return tensor if len(self._operands(node)) == 2 else None

    def _operands(self, node: onnx.NodeProto) -> list[str]:
        """Return what a node adds up, weights left out; nothing for other nodes."""
        if node.op_type in _FUSED_NORMS:
            return list(node.input[:2])
        if node.op_type != "Add":
            return []
        return [name for name in node.input if self._active(name)]

    def _active(self, name: str) -> bool:
        node = self.node(name)
        return (
            bool(name)
            and name not in self._weights
            and (node is None or node.op_type != "Constant")
        )

    def _followed(self, node: onnx.NodeProto) -> list[str]:
        names = node.input[:1] if node.op_type in _FIRST_ONLY else node.input
        return [name for name in names if name and self._active(name)]

    def _depends(self, tensor: str, on: str) -> bool:
        """Whether a tensor is computed from `on`, or from the norm it is summed in."""
        node = self.node(on)
        targets = {on, *(node.output if node is not None else ())}
        floor = self._place(on)
        waiting, seen = [tensor], {tensor}
        while waiting:
            maker = self.node(waiting.pop())
            for name in maker.input if maker is not None else ():
                if name in targets:
                    return True
                if name not in seen and self._place(name) > floor:
                    seen.add(name)
                    waiting.append(name)
        return False


def _name_sum(node: onnx.NodeProto) -> None:
    while len(node.output) <= _SUM_AT:
        node.output.append("")
    node.output[_SUM_AT] = f"{_OWN}:{node.output[0]}"


def _plain_norm(node: onnx.NodeProto, tensor: str) -> onnx.NodeProto:
    """Return the norm inside a fused sum and norm, of the sum as it is."""
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-12)
    simplified = "Simplified" in node.op_type
    weights = node.input[2:3] if simplified else node.input[2:4]
    return onnx.helper.make_node(
        _FUSED_NORMS[node.op_type],
        [tensor, *weights],
        [node.output[0]],
        name=node.name,
        axis=-1,
        epsilon=epsilon,
    )
