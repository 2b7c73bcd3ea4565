"""Everything known of one item of the network view, for its tooltip."""

from __future__ import annotations

import html

from layerscope.protocol.values import NodeInfo
from layerscope.state.session import Session
from layerscope.ui.panels.naming import provider_name
from layerscope.ui.panels.network_cards import NetworkCards
from layerscope.ui.panels.network_looks import shown
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, NODE
from layerscope.ui.widgets.readable import count, milliseconds, share, size_of

_MOST_TROUBLES = 3


def tooltip(session: Session, cards: NetworkCards, row: int) -> str:
    """Return rich text about a row: names in full, shape, time, what is wrong."""
    kind, index = cards.item(row)
    structure = session.structure
    tensor = cards.tensor_of(row)
    lines: list[str] = []
    if kind == NODE:
        node = structure.nodes[index]
        lines += [f"<b>{_safe(node.name)}</b>", _kind_line(node)]
    elif kind in (CLOSED, FRAME):
        group = structure.groups[index]
        what = group.type_name or "block"
        lines += [
            f"<b>{_safe(group.path)}</b>",
            _safe(f"{what} · {group.n_nodes} nodes"),
        ]
        if group.twin_of != group.index:
            twin = structure.groups[group.twin_of].path
            lines.append(_safe(f"built like {twin}"))
    else:
        lines.append(f"<b>{_safe(tensor)}</b>")
    known = structure.shapes.get(tensor)
    if known is not None:
        sizes = " × ".join("?" if size is None else str(size) for size in known.shape)
        how = "" if tensor in structure.measured else " (as stored)"
        lines.append(_safe(f"{known.dtype} {sizes or 'one number'}{how}"))
    lines.append(_safe(_time_line(cards, row, single=kind == NODE)))
    if kind == NODE:
        lines.append(_safe(_fused_line(cards, row, index)))
    lines += [f"<b>{_safe(text)}</b>" for text in cards.troubles(row)[:_MOST_TROUBLES]]
    return "<br>".join(line for line in lines if line)


def _kind_line(node: NodeInfo) -> str:
    words = [f"{node.domain}::{node.op}" if node.domain else node.op]
    if node.n_parameters:
        words.append(f"{count(node.n_parameters)} parameters")
        words.append(size_of(node.parameter_bytes))
    if node.bodies:
        words.append("double-click to enter")
    return _safe(" · ".join(words))


def _time_line(cards: NetworkCards, row: int, *, single: bool) -> str:
    nodes = cards.nodes_of(row)
    ms = cards.times.ms_of(nodes, single=single)
    if ms != ms:
        return ""
    words = [f"{milliseconds(ms)} ms"]
    if cards.times.total_ms > 0:
        words.append(share(ms / cards.times.total_ms))
    provider = cards.times.provider_of(nodes)
    if provider:
        words.append(provider_name(provider))
    return " · ".join(words)


def _fused_line(cards: NetworkCards, row: int, node: int) -> str:
    """Say of a node that was fused away whose time and picture it shows."""
    fused = cards.times.fused_text(node)
    standing = cards.thumbnail_of(row)
    if not fused and standing and standing != cards.tensor_of(row):
        return f"fused away when optimised: the picture is that of {standing}"
    return fused


def _safe(text: str) -> str:
    return html.escape(shown(text))
