"""From a tree of blocks to the numbered groups that the window gets."""

from __future__ import annotations

from dataclasses import dataclass, field

from layerscope.engine.model.module_paths import GraphSketch
from layerscope.engine.model.module_tree import Block
from layerscope.protocol.values import GroupInfo

_TAIL = frozenset(
    {
        "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool",
        "ReduceMean", "Flatten", "Reshape", "Squeeze", "Softmax", "LogSoftmax",
        "Dropout", "Identity", "Cast",
    }
)  # fmt: skip


@dataclass
class _Numbered:
    """A block with its number, its parent's, and the span of its descendants."""

    block: Block
    parent: int
    end: int = 0
    nodes: list[int] = field(default_factory=list)


def number(
    root: Block, sketch: GraphSketch, *, graph: int, first_group: int
) -> tuple[list[GroupInfo], list[int]]:
    """Return the groups of one graph and the innermost group of each node.

    Parameters
    ----------
    root : Block
        Its members are at the top; it is no group itself.
    sketch : GraphSketch
        The graph it was built from.
    graph : int
        Index of that graph.
    first_group : int
        Index of the first group returned.

    Returns
    -------
    groups : list of GroupInfo
        Parents come before their children.
    group_of : list of int
        -1 for nodes in no group.
    """
    numbered, home = _enumerate(root, len(sketch))
    _place_hidden(sketch, home)
    for at, inner in enumerate(home):
        while inner >= 0:
            numbered[inner].nodes.append(at)
            inner = numbered[inner].parent
    outputs = _standing_outputs(numbered, home, sketch)
    twins: dict[tuple[object, ...], int] = {}
    groups = []
    for serial, entry in enumerate(numbered):
        twin = twins.setdefault(_shape_of(entry.nodes, sketch), serial)
        groups.append(
            GroupInfo(
                index=first_group + serial,
                name=entry.block.name,
                path="/".join(entry.block.path),
                parent=first_group + entry.parent if entry.parent >= 0 else -1,
                graph=graph,
                kind=entry.block.kind,
                type_name=entry.block.type_name,
                n_nodes=len(entry.nodes),
                twin_of=first_group + twin,
                output=outputs[serial],
            )
        )
    return groups, [first_group + inner if inner >= 0 else -1 for inner in home]


def _enumerate(root: Block, n_nodes: int) -> tuple[list[_Numbered], list[int]]:
    """Number all blocks, depth first; return them and the block of each node."""
    numbered: list[_Numbered] = []
    home = [-1] * n_nodes

    def descend(block: Block, serial: int) -> None:
        for member in block.members:
            if isinstance(member, int):
                home[member] = serial
            else:
                child = len(numbered)
                numbered.append(_Numbered(member, serial))
                descend(member, child)
                numbered[child].end = len(numbered)

    descend(root, -1)
    return numbered, home


def _place_hidden(sketch: GraphSketch, home: list[int]) -> None:
    """Put nodes that prepare weights where the first node that takes them is."""
    taker: dict[str, int] = {}
    for at in range(len(sketch) - 1, -1, -1):
        if sketch.hidden[at]:
            takers = [taker[name] for name in sketch.outputs[at] if name in taker]
            if takers:
                home[at] = home[min(takers)]
        for name in sketch.inputs[at]:
            taker[name] = at


def _standing_outputs(
    numbered: list[_Numbered], home: list[int], sketch: GraphSketch
) -> list[str]:
    """Return for each block the last tensor that leaves it."""
    best: list[tuple[int, str]] = [(-1, "")] * len(numbered)
    maker: dict[str, int] = {}
    for at, names in enumerate(sketch.outputs):
        if sketch.hidden[at]:
            continue
        for name in names:
            maker[name] = at
            if name in sketch.results:
                _leaves(at, name, home[at], -1, numbered, best)
    for at, names in enumerate(sketch.inputs):
        for name in names:
            origin = maker.get(name, -1)
            if origin >= 0 and home[origin] != home[at]:
                _leaves(origin, name, home[origin], home[at], numbered, best)
    found = []
    for (origin, name), entry in zip(best, numbered, strict=True):
        if origin < 0:
            found.append(_last_output(entry.nodes, sketch))
        elif entry.block.has_tail or entry.block.kind == "block":
            found.append(_before_tail(origin, name, entry.nodes, sketch))
        else:
            found.append(name)
    return found


def _before_tail(origin: int, name: str, nodes: list[int], sketch: GraphSketch) -> str:
    """Return the last tensor before poolings and the like: what a layer makes."""
    at, inside = origin, set(nodes)
    while sketch.ops[at] in _TAIL:
        producers = [p for p in sketch.producers[at] if p in inside]
        if len(producers) != 1 or not sketch.outputs[producers[0]]:
            return name
        at = producers[0]
    return name if at == origin else sketch.outputs[at][0]


def _leaves(
    origin: int,
    name: str,
    inner: int,
    target: int,
    numbered: list[_Numbered],
    best: list[tuple[int, str]],
) -> None:
    """Note a tensor at every block it leaves on the way to the block `target`."""
    while inner >= 0 and not inner <= target < numbered[inner].end:
        if origin > best[inner][0]:
            best[inner] = (origin, name)
        inner = numbered[inner].parent


def _last_output(nodes: list[int], sketch: GraphSketch) -> str:
    for at in reversed(nodes):
        if sketch.outputs[at] and not sketch.hidden[at]:
            return sketch.outputs[at][0]
    return ""


def _shape_of(nodes: list[int], sketch: GraphSketch) -> tuple[object, ...]:
    """Return what two blocks of identical structure have in common."""
    place: dict[int, int] = {}
    shape: list[object] = []
    for at in nodes:
        if sketch.hidden[at]:
            continue
        shape.append(sketch.ops[at])
        inside = (p for p in sketch.producers[at] if p in place)
        shape.extend(place[producer] for producer in inside)
        place[at] = len(place)
    return tuple(shape)
