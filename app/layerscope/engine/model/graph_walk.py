"""All graphs of a model: the main one, bodies of control flow, local functions."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import onnx

_HAS_BODY = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_GRAPH = onnx.AttributeProto.GRAPH
_GRAPHS = onnx.AttributeProto.GRAPHS


@dataclass(frozen=True)
class GraphSource:
    """One graph and where it hangs.

    Attributes
    ----------
    kind : str
        ``"main"``, ``"subgraph"`` or ``"function"``.
    owner : int
        Index of the node it belongs to among all nodes, -1 for none.
    nodes : list of NodeProto
    results : tuple of str
        Names of its outputs.
    graph : GraphProto, optional
        None for a function.
    """

    index: int
    name: str
    kind: str
    owner: int
    nodes: list[onnx.NodeProto]
    results: tuple[str, ...]
    graph: onnx.GraphProto | None


def walk(
    model: onnx.ModelProto,
) -> tuple[list[GraphSource], dict[int, tuple[int, ...]]]:
    """Return every graph, the main one first, and the graphs in each node.

    Nodes are numbered through all graphs in the order in which these are listed.
    """
    sources: list[GraphSource] = []
    bodies: dict[int, list[int]] = {}
    functions = {
        (function.domain, function.name): at
        for at, function in enumerate(model.functions)
    }
    callers: dict[int, list[int]] = {}
    waiting: deque[tuple[onnx.GraphProto | int, int, str]] = deque(
        [(model.graph, -1, model.graph.name)]
    )
    waiting.extend((at, -1, "") for at in range(len(model.functions)))
    n_nodes = 0
    function_index: dict[int, int] = {}
    while waiting:
        body, owner, name = waiting.popleft()
        index = len(sources)
        if isinstance(body, int):
            function = model.functions[body]
            function_index[body] = index
            source = GraphSource(
                index=index,
                name=function.name,
                kind="function",
                owner=-1,
                nodes=list(function.node),
                results=tuple(function.output),
                graph=None,
            )
        else:
            source = GraphSource(
                index=index,
                name=name,
                kind="main" if index == 0 else "subgraph",
                owner=owner,
                nodes=list(body.node),
                results=tuple(value.name for value in body.output),
                graph=body,
            )
            if owner >= 0:
                bodies.setdefault(owner, []).append(index)
        sources.append(source)
        for at, node in enumerate(source.nodes):
            domain, op = node.domain, node.op_type
            if functions and (domain, op) in functions:
                callers.setdefault(functions[domain, op], []).append(n_nodes + at)
            if op in _HAS_BODY or domain not in ("", "ai.onnx"):
                waiting.extend(
                    (graph, n_nodes + at, label) for label, graph in _bodies(node)
                )
        n_nodes += len(source.nodes)
    for function_at, nodes in callers.items():
        at = function_index[function_at]
        old = sources[at]
        sources[at] = GraphSource(
            at, old.name, old.kind, min(nodes), old.nodes, old.results, None
        )
        for node_index in nodes:
            bodies.setdefault(node_index, []).append(at)
    return sources, {node: tuple(found) for node, found in bodies.items()}


def _bodies(node: onnx.NodeProto) -> list[tuple[str, onnx.GraphProto]]:
    """Return name and graph of each attribute of `node` that holds one."""
    found = []
    for attribute in node.attribute:
        if attribute.type == _GRAPH or attribute.HasField("g"):
            found.append((attribute.name, attribute.g))
        elif attribute.type == _GRAPHS:
            found.extend(
                (f"{attribute.name} {serial}", graph)
                for serial, graph in enumerate(attribute.graphs)
            )
    found.sort(key=lambda body: body[0] == "else_branch")  # "then" reads first
    return found
