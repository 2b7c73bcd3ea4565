"""The muted words after the network view's title."""

from __future__ import annotations

from layerscope.state.session import Session
from layerscope.ui.widgets.readable import count


def clause(session: Session, graph: int, n_found: int | None) -> str:
    """Say what one graph holds: ``"11 blocks · 66 nodes · 1.24 M parameters"``.

    Parameters
    ----------
    session : Session
        With the open model.
    graph : int
        Index of the graph shown.
    n_found : int, optional
        Nodes that a search found; None where nothing is searched for.
    """
    structure, report = session.structure, session.preflight
    words = []
    if graph == 0:
        tops = (group.graph == 0 and group.parent < 0 for group in structure.groups)
        n_blocks = sum(tops)
        if n_blocks:
            words.append(_counted(n_blocks, "block"))
    words.append(_counted(sum(node.graph == graph for node in structure.nodes), "node"))
    if graph == 0 and report is not None and report.n_parameters:
        words.append(f"{count(report.n_parameters)} parameters")
    if graph:
        words.append("runs inside its node, so without pictures")
    if n_found is not None:
        words.append(f"{n_found} found")
    if session.refusal and not session.runnable:
        words.append("cannot run")
    return " · ".join(words)


def _counted(n: int, word: str) -> str:
    return f"{count(n)} {word}{'' if n == 1 else 's'}"
