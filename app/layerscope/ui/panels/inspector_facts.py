"""What the inspector writes of a tensor, a node or a block, line by line."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from layerscope.protocol.frames import LayerSummary
from layerscope.protocol.messages import ReceptiveFieldFound
from layerscope.protocol.values import GroupInfo, LayerTime, NodeInfo, Statistics
from layerscope.state.session import Session
from layerscope.ui.panels.naming import node_label, producer, provider_name
from layerscope.ui.widgets.property_list import Property
from layerscope.ui.widgets.readable import (
    count,
    milliseconds,
    number,
    shape_of,
    share,
    size_of,
)

_MOST_OPERATORS = 6
_ITEM_BYTES = {"bfloat16": 2, "float8_e4m3fn": 1, "float8_e5m2": 1}


def maximum_place(picture: npt.NDArray[np.uint8] | None) -> tuple[int, int] | None:
    """Return row and column of the brightest pixel, None where there is no single one.

    Parameters
    ----------
    picture : (h, w) uint8 array
        Levels of the colour map.
    """
    if picture is None or picture.ndim != 2 or not picture.size:
        return None
    row, column = divmod(int(picture.argmax()), picture.shape[1])
    return (row, column) if picture[row, column] > picture.min() else None


def statistics_lines(
    statistics: Statistics, top: tuple[int, int] | None = None
) -> list[Property]:
    """Return mean, deviation, ends and share of active elements."""
    where = f" at x {top[1]}, y {top[0]}" if top is not None else ""
    lines = [
        Property(
            "mean",
            f"{number(statistics.mean)} ± {number(statistics.std, 3)}",
            "Mean and standard deviation",
        ),
        Property("min", number(statistics.minimum)),
        Property("max", number(statistics.maximum) + where),
        Property("active", share(statistics.active), "Share of elements not zero"),
    ]
    if statistics.n_nonfinite:
        lines.append(
            Property("not finite", count(statistics.n_nonfinite), "NaN or Inf", "bad")
        )
    return lines


def tensor_lines(session: Session, tensor: str) -> list[Property]:
    """Return shape, type and size of a tensor, measured where it has run."""
    stored = session.structure.shapes.get(tensor)
    if stored is None:
        return []
    measured = tensor in session.structure.measured
    source = "As measured in the last run" if measured else "As stored in the file"
    sizes = [size for size in stored.shape if isinstance(size, int)]
    known = len(sizes) == len(stored.shape)
    size = f" · {size_of(_n_bytes(stored.dtype, sizes))}" if known else ""
    return [
        Property("shape", shape_of(stored.shape), source),
        Property("type", stored.dtype + size),
    ]


def summary_lines(summary: LayerSummary) -> list[Property]:
    """Return shape, type and size of a tensor as it ran."""
    return [
        Property("shape", shape_of(summary.shape), "As measured in the last run"),
        Property(
            "type",
            f"{summary.dtype} · {size_of(_n_bytes(summary.dtype, summary.shape))}",
        ),
    ]


def field_line(found: ReceptiveFieldFound | None) -> list[Property]:
    """Return the receptive field of the middle of a tensor."""
    if found is None:
        return []
    width, height = found.right - found.left + 1, found.bottom - found.top + 1
    whole = width >= found.width and height >= found.height
    text = "the whole input" if whole else f"{width} × {height} px"
    return [
        Property(
            "receptive field", text, "Input pixels that reach the middle of the map"
        )
    ]


def time_lines(session: Session, node: int) -> list[Property]:
    """Return time, share, device and fusion of the layer that `node` ran in."""
    layer = layer_of(session, node)
    if layer is None:
        return []
    total = sum(each.ms for each in session.profile) or 1.0
    portion = layer.ms / total
    lines = [
        Property(
            "time of layer",
            f"{milliseconds(layer.ms)} ms · {share(portion)}",
            "Median of a profiled run, and its share of all layers",
        ),
        Property("runs on", provider_name(layer.provider)),
    ]
    nodes = session.structure.nodes
    others = [
        nodes[index] for index in layer.nodes if index != node and index < len(nodes)
    ]
    if others:
        names = ", ".join(node_label(other) for other in others)
        help_text = f"Ran as one {layer.op} with {names}"
        operators = ", ".join(other.op for other in others)
        lines.append(Property("fused with", operators, help_text))
    if layer.flops:
        lines.append(
            Property(
                "operations",
                count(layer.flops),
                "Multiplications and additions",
            )
        )
    return lines


def layer_of(session: Session, node: int) -> LayerTime | None:
    """Return the profiled layer that `node` is part of."""
    return next((layer for layer in session.profile if node in layer.nodes), None)


def node_lines(node: NodeInfo) -> list[Property]:
    """Return what a node is."""
    operator = node.op if not node.domain else f"{node.domain}::{node.op}"
    lines = [Property("operator", operator), Property("name", node.name)]
    if node.n_parameters:
        lines += [
            Property("parameters", count(node.n_parameters)),
            Property("weights", size_of(node.parameter_bytes)),
        ]
    if node.error:
        lines.append(Property("cannot run", node.error, node.error, "bad"))
    return lines


def group_lines(session: Session, group: GroupInfo) -> list[Property]:
    """Return the counts of a block: nodes, parameters, operators, time."""
    inside = _groups_inside(session.structure.groups, group.index)
    nodes = [node for node in session.structure.nodes if node.group in inside]
    twins = sum(
        other.twin_of == group.twin_of and group.twin_of >= 0
        for other in session.structure.groups
    )
    lines = [Property("block", group.path or group.name)]
    if group.type_name:
        lines.append(Property("class", group.type_name))
    lines.append(Property("nodes", count(group.n_nodes or len(nodes))))
    n_parameters = sum(node.n_parameters for node in nodes)
    if n_parameters:
        lines += [
            Property("parameters", count(n_parameters)),
            Property("weights", size_of(sum(node.parameter_bytes for node in nodes))),
        ]
    if twins > 1:
        lines.append(Property("alike", f"{twins} blocks", "Blocks of the same form"))
    indices = {node.index for node in nodes}
    ms = sum(layer.ms for layer in session.profile if indices & set(layer.nodes[:1]))
    if ms:
        total = sum(layer.ms for layer in session.profile) or 1.0
        lines.append(Property("time", f"{milliseconds(ms)} ms · {share(ms / total)}"))
    operators = Counter(node.op for node in nodes).most_common(_MOST_OPERATORS)
    if operators:
        lines.append(Property("Operators", ""))
        lines += [Property(op, count(n)) for op, n in operators]
    return lines


def selected_node(session: Session) -> NodeInfo | None:
    """Return the chosen node, or the one that makes the chosen tensor."""
    chosen = session.selection
    nodes = session.structure.nodes
    if 0 <= chosen.node < len(nodes):
        return nodes[chosen.node]
    return producer(session.structure, chosen.tensor)


def selected_group(session: Session) -> GroupInfo | None:
    """Return the chosen block, if one is."""
    groups = session.structure.groups
    index = session.selection.group
    return groups[index] if 0 <= index < len(groups) else None


def _groups_inside(groups: list[GroupInfo], top: int) -> set[int]:
    """Return `top` and all groups below it; parents come before their children."""
    inside = {top}
    for group in groups:
        if group.parent in inside:
            inside.add(group.index)
    return inside


def _n_bytes(dtype: str, shape: list[int] | tuple[int, ...]) -> float:
    try:
        item = np.dtype(dtype).itemsize
    except TypeError:
        item = _ITEM_BYTES.get(dtype, 1)
    return float(np.prod(shape, dtype=np.float64)) * item
