"""Find nodes by name, operator or shape."""

from __future__ import annotations

import re
from collections.abc import Callable

from layerscope.protocol.values import NodeInfo
from layerscope.state.session import Structure

_SHAPE = re.compile(r"^\s*(\?|\d+)(\s*[x×*]\s*(\?|\d+))+\s*$", re.IGNORECASE)


def matcher(query: str) -> Callable[[str], bool]:
    """Return what tells whether a text is meant by `query`.

    A regular expression if it is one, else the words as they are; case does not
    matter.
    """
    try:
        return re.compile(query, re.IGNORECASE).search  # type: ignore[return-value]
    except re.error:
        plain = query.casefold()
        return lambda text: plain in text.casefold()


def find_nodes(structure: Structure, query: str) -> list[int]:
    """Return the indices of nodes that `query` finds, in the order of the file.

    Parameters
    ----------
    structure : Structure
        Of the open model.
    query : str
        ``"conv"`` looks at names, operators and modules; ``"64x56"`` at shapes of
        what a node makes.
    """
    query = query.strip()
    if not query:
        return []
    if _SHAPE.match(query):
        wanted = [part.strip() for part in re.split(r"[x×*]", query.lower())]
        return [
            node.index
            for node in structure.nodes
            if not node.hidden and _has_sizes(structure, node, wanted)
        ]
    matches = matcher(query)
    inside = {
        group.index: matches(f"{group.path} {group.type_name}")
        for group in structure.groups
    }
    return [
        node.index
        for node in structure.nodes
        if not node.hidden
        and (
            inside.get(node.group)
            or any(map(matches, (node.name, node.op, node.label, *node.outputs[:4])))
        )
    ]


def _has_sizes(structure: Structure, node: NodeInfo, wanted: list[str]) -> bool:
    """Return whether an output has these sizes side by side."""
    for name in node.outputs:
        shape = structure.shapes.get(name)
        if shape is None:
            continue
        sizes = ["?" if size is None else str(size).lower() for size in shape.shape]
        for start in range(len(sizes) - len(wanted) + 1):
            if sizes[start : start + len(wanted)] == wanted:
                return True
    return False
