"""The module tree of a graph: what is drawn as one block, and what it is called.

Paths from names make the tree; blocks of one node become that node's label,
wrappers around everything go, and where a level still has more cards than anyone
can read, blocks are found in the structure (`repeated_blocks`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from layerscope.engine.model.module_names import Path, from_weights
from layerscope.engine.model.module_paths import GraphSketch, find_paths
from layerscope.engine.model.repeated_blocks import MANY, Nested, find_blocks

FEW = 9  # fewer cards than this at the top, and the largest are opened for good
COMFORTABLE = 8
_LONE_AT_THE_TOP = 8
_HARDLY_ANY = 3


@dataclass
class Block:
    """A group in the making.

    Attributes
    ----------
    members : list
        Nodes (positions) and blocks, in order.
    has_tail : bool
        Whether poolings and the like after it were taken in.
    """

    name: str
    path: Path
    kind: str = "module"
    type_name: str = ""
    members: list[int | Block] = field(default_factory=list)
    has_tail: bool = False

    def blocks(self) -> list[Block]:
        """Return the members that are blocks."""
        return [member for member in self.members if isinstance(member, Block)]

    def nodes(self) -> list[int]:
        """Return the positions of all nodes inside, nested ones included."""
        found: list[int] = []
        for member in self.members:
            if isinstance(member, int):
                found.append(member)
            else:
                found.extend(member.nodes())
        return found


def build(sketch: GraphSketch) -> tuple[Block, dict[int, str]]:
    """Return the tree of a graph and the labels of nodes that are a module each."""
    paths, kinds = find_paths(sketch)
    labels: dict[int, str] = {}
    root = _from_paths(sketch, paths, kinds)
    _simplify(root, sketch, labels)
    named = any(paths)
    if not named:
        _label_by_weights(sketch, labels)
    _promote(root)
    if named and len(root.members) > COMFORTABLE:
        _absorb_tails(root, sketch)
    pending = [root]
    while pending:
        block = pending.pop()
        n_lone = sum(isinstance(member, int) for member in block.members)
        if len(block.members) > MANY or (block is root and n_lone > _LONE_AT_THE_TOP):
            _gather(block, sketch, labels)
        pending.extend(child for child in block.blocks() if len(child.members) > MANY)
    _name_found(root, sketch, labels)
    _spell_out(root)
    return root, labels


def _from_paths(
    sketch: GraphSketch, paths: list[Path | None], kinds: dict[Path, str]
) -> Block:
    root = Block("", ())
    known: dict[Path, Block] = {(): root}
    for at, path in enumerate(paths):
        if path is None:
            continue
        if path not in known:
            for depth in range(1, len(path) + 1):
                part = path[:depth]
                if part not in known:
                    block = Block(part[-1], part, type_name=kinds.get(part, ""))
                    known[part] = block
                    known[part[:-1]].members.append(block)
        known[path].members.append(at)
    return root


def _simplify(block: Block, sketch: GraphSketch, labels: dict[int, str]) -> None:
    """Dissolve blocks of one member, from the inside out."""
    kept: list[int | Block] = []
    for member in block.members:
        if isinstance(member, int):
            kept.append(member)
            continue
        _simplify(member, sketch, labels)
        if len(member.members) != 1:
            kept.append(member)
            continue
        only = member.members[0]
        if isinstance(only, int):
            labels.setdefault(
                only,
                # Alone, the number in a list says nothing: ``Conv 0``.
                f"{sketch.ops[only]} {member.name}"
                if member.name.isdigit()
                else member.name,
            )
            kept.append(only)
        else:
            only.name, only.path = member.name, member.path
            only.type_name = only.type_name or member.type_name
            kept.append(only)
    block.members = kept


def _label_by_weights(sketch: GraphSketch, labels: dict[int, str]) -> None:
    """Keep the few names there are where they are too few to make a tree."""
    for at, names in enumerate(sketch.weights):
        if names and sketch.heavy[at] and not sketch.hidden[at]:
            path = from_weights(names)
            if path and not path[-1].isdigit():
                labels.setdefault(at, path[-1])


def _readable(name: str, parent: str) -> str:
    return f"{parent}.{name}" if name.isdigit() and parent else name


def _promote(root: Block) -> None:
    """Open wrappers and lists for good while the top would show only a few cards."""
    while True:
        total = len(root.nodes())
        opened = [
            block
            for block in root.blocks()
            if len(block.members) >= 2 and len(block.nodes()) > 0.6 * total
        ]
        single = len(root.members) <= _HARDLY_ANY  # a huge level is gathered later
        if not opened or not (single or _size_with(root, opened) <= MANY):
            lists = [block for block in root.blocks() if _is_list(block)]
            lists.sort(key=lambda block: -len(block.nodes()))
            choices = [lists, lists[:1]] if len(root.members) < FEW else []
            fitting = [
                choice
                for choice in choices
                if choice and _size_with(root, choice) <= 2 * FEW
            ]
            if not fitting:
                return
            opened = fitting[0]
        members: list[int | Block] = []
        for member in root.members:
            if isinstance(member, Block) and any(member is b for b in opened):
                for child in member.blocks():
                    child.name = _readable(child.name, member.name)
                members.extend(member.members)
            else:
                members.append(member)
        root.members = members


def _size_with(root: Block, opened: list[Block]) -> int:
    return len(root.members) + sum(len(block.members) - 1 for block in opened)


def _is_list(block: Block) -> bool:
    """Return whether a block is a mere list of numbered blocks."""
    children = block.blocks()
    return len(children) >= 2 and all(child.path[-1].isdigit() for child in children)


def _item_edges(
    block: Block, sketch: GraphSketch
) -> tuple[set[tuple[int, int]], list[tuple[int, int]]]:
    """Return the edges between members, and the spans of tensors from outside."""
    item_of: dict[int, int] = {}
    for item, member in enumerate(block.members):
        for at in [member] if isinstance(member, int) else member.nodes():
            item_of[at] = item
    edges = set()
    spans: dict[int | str, tuple[int, int]] = {}
    for at, item in item_of.items():
        outside: list[int | str] = []
        for producer in sketch.producers[at]:
            origin = item_of.get(producer)
            if origin is None:
                outside.append(producer)
            elif origin != item:
                edges.add((origin, item))
        if sketch.feeds:
            outside.extend(name for name in sketch.inputs[at] if name in sketch.feeds)
        for source in outside:
            first, last = spans.get(source, (item, item))
            spans[source] = (min(first, item), max(last, item))
    return edges, list(spans.values())


def _absorb_tails(root: Block, sketch: GraphSketch) -> None:
    """Let activations, poolings and the like join the block they follow."""
    edges, _ = _item_edges(root, sketch)
    sources: dict[int, set[int]] = {}
    fan_out = Counter(origin for origin, _ in edges)
    for origin, target in edges:
        sources.setdefault(target, set()).add(origin)
    home: dict[int, Block] = {}
    kept: dict[int, int | Block] = dict(enumerate(root.members))
    for item, member in enumerate(root.members):
        if isinstance(member, Block):
            home[item] = member
            continue
        before = sources.get(item, set())
        fed = not sketch.feeds.isdisjoint(sketch.inputs[member])
        if sketch.heavy[member] or fed or len(before) != 1:
            continue
        origin = next(iter(before))
        if fan_out[origin] != 1 or origin > item:
            continue
        if origin not in home:
            first = root.members[origin]
            if isinstance(first, Block) or not sketch.heavy[first]:
                continue
            home[origin] = Block("", (), kind="block", members=[first])
            kept[origin] = home[origin]
        home[origin].members.append(member)
        home[origin].has_tail = True
        home[item] = home[origin]
        del kept[item]
    root.members = list(kept.values())


def _gather(block: Block, sketch: GraphSketch, labels: dict[int, str]) -> None:
    """Replace the members of `block` by blocks found in its structure."""
    edges, spans = _item_edges(block, sketch)
    words: dict[tuple[str, ...], int] = {}
    tokens, heavy = [], []
    for member in block.members:
        nodes = [member] if isinstance(member, int) else member.nodes()
        ops = tuple(sketch.ops[at] for at in nodes)
        tokens.append(words.setdefault(ops, len(words)))
        heavy.append(any(sketch.heavy[at] for at in nodes))
    nested = find_blocks(tokens, heavy, sorted(edges), spans)
    if len(nested) > 1:
        members = block.members
        block.members = [_as_block(entry, members, block.path) for entry in nested]


def _as_block(entry: Nested, members: list[int | Block], path: Path) -> int | Block:
    if isinstance(entry, int):
        return members[entry]
    inner = [_as_block(part, members, path) for part in entry]
    return Block("", path, kind="block", members=inner)


def _name_found(block: Block, sketch: GraphSketch, labels: dict[int, str]) -> None:
    """Name blocks without a name after the work they do, numbered in each block."""
    pending = [block]
    while pending:
        parent = pending.pop()
        counts: Counter[str] = Counter()
        for found in parent.blocks():
            pending.append(found)
            if found.name:
                continue
            nodes = found.nodes()
            work = [at for at in nodes if sketch.heavy[at]]
            named = next((labels[at] for at in work if at in labels), "")
            if len(work) == 1 and named:
                found.name = named
                continue
            base = _base_name(found, [sketch.ops[at] for at in nodes], work, sketch)
            counts[base] += 1
            found.name = f"{base}{counts[base]}"


def _base_name(
    block: Block, ops: list[str], work: list[int], sketch: GraphSketch
) -> str:
    if len(work) == 1:
        return sketch.ops[work[0]].lower()
    if not work:
        return "part" if block.blocks() else ops[0].lower()
    kinds = {sketch.ops[at] for at in work}
    if len(kinds) == 1 and not block.blocks() and kinds & {"LSTM", "GRU", "RNN"}:
        return kinds.pop().lower()
    if "Softmax" in ops and len(work) <= 8 and "MatMul" in kinds:
        return "attention"
    return "block"


def _spell_out(root: Block) -> None:
    """Give every block a readable name and a path unique in the graph."""
    pending = [(root, "")]
    while pending:
        parent, prefix = pending.pop()
        taken: set[str] = set()
        for block in parent.blocks():
            own = block.name or "block"
            part = own if block.kind == "block" else "/".join(block.path) or own
            path = part if block.kind == "module" else f"{prefix}{part}"
            serial = 2
            while path in taken:
                path = f"{prefix}{part}_{serial}"
                serial += 1
            taken.add(path)
            block.path = (path,)
            block.name = _readable(own, parent.name)
            pending.append((block, f"{path}/"))
