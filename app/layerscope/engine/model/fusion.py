"""What onnxruntime made of a graph: which nodes became one, which tensors survive.

The optimised graphs, as onnxruntime writes them, are compared with the file's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx

from layerscope.engine.model.extract import names_used

MARK = "@"
_LAYOUT_SUFFIXES = ("_nchwc", "_nhwc")
# What onnxruntime puts before a name where it computes in another precision.
_CAST_PREFIXES = ("InsertedPrecisionFreeCast_", "InsertedCast_")
# They hand their input on as it is, or are folded into a view.
_PASS_ON = frozenset(
    {"Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze"}
)


@dataclass
class FusedGroup:
    """Nodes of the file that run as one.

    Attributes
    ----------
    name : str
        Of the node as it runs before layouts are chosen.
    op : str
        Its operator.
    members : list of int
        Positions in the file's main graph.
    outputs : list of str
        Tensors that leave the group.
    aliases : set of str
        Names under which a profile may list it.
    """

    name: str
    op: str
    members: list[int]
    outputs: list[str]
    aliases: set[str] = field(default_factory=set)


class FusionMap:
    """Which nodes of the main graph run together.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Of the file's main graph.
    extended : sequence of NodeProto
        Of the graph after all fusions, where tensors still have their names.
    final : sequence of NodeProto
        Of the graph as it runs, where layouts were changed too.
    """

    def __init__(
        self,
        nodes: Sequence[onnx.NodeProto],
        extended: Sequence[onnx.NodeProto],
        final: Sequence[onnx.NodeProto],
    ) -> None:
        self._nodes = nodes
        self._producer = {
            name: i for i, node in enumerate(nodes) for name in node.output if name
        }
        self._consumers: dict[str, list[int]] = {}
        for i, node in enumerate(nodes):
            for name in node.input:
                self._consumers.setdefault(name, []).append(i)
        self.groups = self._merged(extended, self._cover(extended), final)
        self._group_of = {i: g for g in self.groups for i in g.members}
        self._by_alias = {alias: g for g in self.groups for alias in g.aliases}
        self.surviving = {name for g in self.groups for name in g.outputs}

    def group_named(self, name: str) -> FusedGroup | None:
        """Return the group that a profile lists as `name`."""
        return self._by_alias.get(name)

    def stands_for(self, tensor: str) -> str:
        """Return the surviving tensor that is nearest to `tensor`.

        That is the tensor itself, the output of the group it vanished in, or a
        neighbour it was only passed on from or to; empty where there is none.
        """
        seen: set[str] = set()
        name = tensor
        while name and name not in seen:
            if name in self.surviving:
                return name
            seen.add(name)
            index = self._producer.get(name)
            if index is not None and self._nodes[index].op_type in _PASS_ON:
                name = self._nodes[index].input[0]
                continue
            group = None if index is None else self._group_of.get(index)
            if group is not None and group.outputs:
                return group.outputs[-1]
            following = self._consumers.get(name, [])
            name = self._nodes[following[0]].output[0] if following else ""
        return ""

    def _own_name(self, name: str) -> str:
        """Return the file's name of a tensor, empty where it has none."""
        if name in self._producer:
            return name
        for prefix in _CAST_PREFIXES:
            if name.startswith(prefix) and name[len(prefix) :] in self._producer:
                return name[len(prefix) :]
        return ""

    def _cover(self, extended: Sequence[onnx.NodeProto]) -> list[FusedGroup]:
        """Find the file's nodes behind each node of the fused graph."""
        made = {
            self._own_name(name) or name for node in extended for name in node.output
        }
        groups = []
        for node in extended:
            kept = [self._own_name(name) for name in node.output]
            kept = [name for name in kept if name]
            stop = made | {self._own_name(name) or name for name in node.input}
            waiting = [self._producer[name] for name in kept]
            members: set[int] = set()
            while waiting:
                index = waiting.pop()
                if index in members:
                    continue
                members.add(index)
                for name in names_used(self._nodes[index]) - stop:
                    if name in self._producer:
                        waiting.append(self._producer[name])
            if not members:
                marked = node.name.split(MARK)
                members = {int(m) for m in marked[1::2] if m.isdigit()}
            groups.append(
                FusedGroup(
                    name=node.name,
                    op=node.op_type,
                    members=sorted(i for i in members if i < len(self._nodes)),
                    outputs=kept,
                    aliases={node.name} if node.name else set(),
                )
            )
        return groups

    def _merged(
        self,
        extended: Sequence[onnx.NodeProto],
        groups: list[FusedGroup],
        final: Sequence[onnx.NodeProto],
    ) -> list[FusedGroup]:
        """Join groups that the choice of layouts fused further."""
        by_name = {node.name: node for node in final if node.name}
        by_output = {name: node for node in final for name in node.output if name}
        places = [_in_final(node, by_name, by_output) for node in extended]
        takers: dict[str, list[int]] = {}
        for i, node in enumerate(extended):
            for name in node.input:
                takers.setdefault(name, []).append(i)
        owner: dict[str, FusedGroup] = {}
        has_sum: dict[int, bool] = {}
        kept: list[FusedGroup] = []
        ahead: dict[int, list[FusedGroup]] = {}
        for i, (node, group, place) in enumerate(
            zip(extended, groups, places, strict=True)
        ):
            for earlier in ahead.pop(i, ()):
                _absorb(group, earlier, outputs=group.outputs)
            after = takers.get(node.output[0], []) if node.output else []
            sources = [owner[name] for name in node.input if name in owner]
            if place is None and len(after) == 1 and _changed(extended, places, after):
                ahead.setdefault(after[0], []).append(group)
                continue
            if place is None and sources and final:
                source = next((s for s in sources if has_sum.pop(id(s), False)), None)
                source = source or sources[-1]
                _absorb(source, group, outputs=group.outputs or source.outputs)
                group = source
            else:
                kept.append(group)
                if place is not None:
                    group.aliases.add(place.name)
                    # input 3 of such a convolution is added to what it computes
                    has_sum[id(group)] = (
                        place.domain == "com.microsoft.nchwc"
                        and place.op_type == "Conv"
                        and len(place.input) > 3
                        and bool(place.input[3])
                    )
            for name in node.output:
                owner[name] = group
        return [group for group in kept if group.members]


def _absorb(group: FusedGroup, other: FusedGroup, outputs: list[str]) -> None:
    group.members = sorted({*group.members, *other.members})
    group.outputs = outputs
    group.aliases |= other.aliases


def _changed(
    extended: Sequence[onnx.NodeProto],
    places: Sequence[onnx.NodeProto | None],
    after: Sequence[int],
) -> bool:
    """Whether the node that follows became another operator: it took this one in."""
    place = places[after[0]]
    return place is not None and place.op_type != extended[after[0]].op_type


def _in_final(
    node: onnx.NodeProto,
    by_name: dict[str, onnx.NodeProto],
    by_output: dict[str, onnx.NodeProto],
) -> onnx.NodeProto | None:
    """Find a node of the fused graph in the graph as it runs."""
    if node.name in by_name:
        return by_name[node.name]
    for output in node.output:
        for suffix in _LAYOUT_SUFFIXES:
            if output and output + suffix in by_name:
                return by_name[output + suffix]
        made = by_output.get(output)
        if made is not None and not made.op_type.startswith("Reorder"):
            return made
    return None


def mark_nodes(proto: onnx.ModelProto) -> None:
    """Name each node of the main graph by its position, in place."""
    for index, node in enumerate(proto.graph.node):
        node.name = f"{MARK}{index}{MARK}"
