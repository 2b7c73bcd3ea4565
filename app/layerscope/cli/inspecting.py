"""``layerscope inspect``: what a model file says, whether or not it can run."""

from __future__ import annotations

from typing import Any

from layerscope.cli import text
from layerscope.cli.arguments import InspectRequest
from layerscope.cli.opening import (
    OpenedModel,
    look_into,
    running_engine,
)
from layerscope.core.errors import EngineLostError
from layerscope.library.bundled import find_model
from layerscope.protocol.values import GroupInfo, NodeInfo, Preflight

LINES_A_LIST = 24


def inspect(request: InspectRequest) -> None:
    """Print a description of a model file.

    Raises
    ------
    LayerscopeError
        If the file cannot be read.
    """
    path = find_model(request.model)
    with running_engine() as client:
        opened = look_into(client, path)
    if opened.report is None:
        raise EngineLostError(f"The engine did not describe '{path}'; try again.")
    if request.json:
        text.say_json(as_json(opened, opened.report))
    else:
        for line in as_lines(opened, opened.report):
            text.say(line)


def as_json(opened: OpenedModel, report: Preflight) -> dict[str, Any]:
    """Return the fields of ``inspect --json``."""
    refusal = opened.refusal
    return {
        "model": report.name,
        "path": report.path,
        "sha256": report.sha256,
        "producer": report.producer,
        "ir_version": report.ir_version,
        "opsets": report.opsets,
        "inputs": [_tensor(info) for info in report.inputs],
        "outputs": [_tensor(info) for info in report.outputs],
        "nodes": report.n_nodes,
        "operators": _operators(opened.nodes),
        "parameters": report.n_parameters,
        "weight_bytes": report.weight_bytes,
        "file_bytes": report.file_bytes,
        "run_bytes": report.run_bytes,
        "free_bytes": report.free_bytes,
        "unsupported": report.unsupported,
        "problems": [text.one_line(problem) for problem in report.problems],
        "precisions": report.precisions,
        "licence": report.licence,
        "metadata": report.metadata,
        "task": opened.task.task if opened.task is not None else None,
        "runs": opened.ready is not None if not opened.cancelled else None,
        "refusal": None
        if refusal is None
        else {"reason": text.one_line(refusal.reason), "node": refusal.node},
        "modules": [
            {"name": group.path, "type": group.type_name, "nodes": group.n_nodes}
            for group in _top_groups(opened.groups)
        ],
    }


def as_lines(opened: OpenedModel, report: Preflight) -> list[str]:
    """Return what ``inspect`` prints for people."""
    opsets = ", ".join(f"{domain} {n}" for domain, n in report.opsets.items())
    lines = [
        report.name,
        text.field("file", f"{report.path} · {text.size(report.file_bytes)}"),
        text.field("opset", f"{opsets or 'none stated'} · IR {report.ir_version}"),
    ]
    if report.producer:
        lines.append(text.field("made by", text.one_line(report.producer)))
    if report.licence:
        lines.append(text.field("licence", report.licence))
    lines += [
        text.field("nodes", f"{report.n_nodes:,}"),
        text.field(
            "parameters",
            f"{text.count(report.n_parameters)} · {text.size(report.weight_bytes)}",
        ),
        text.field(
            "memory",
            f"about {text.size(report.run_bytes)} for a run, "
            f"{text.size(report.free_bytes)} free",
        ),
    ]
    if len(report.precisions) > 1:
        lines.append(text.field("precision", ", ".join(report.precisions)))
    if opened.task is not None:
        lines.append(text.field("task", opened.task.task.replace("-", " ")))
    lines.append(text.field("runs", _verdict(opened)))
    for title, infos in (("inputs", report.inputs), ("outputs", report.outputs)):
        rows = [text.tensor_row(info) for info in infos]
        lines += _section(title, text.table(rows))
    lines += _section("unsupported operators", [f"  {n}" for n in report.unsupported])
    problems = [f"  {text.one_line(problem)}" for problem in report.problems]
    problems += [f"  {text.one_line(note)}" for note in opened.notes]
    lines += _section("problems", problems)
    lines += _section("modules", _module_rows(opened.groups))
    operators = [(op, f"{n:,}") for op, n in _operators(opened.nodes).items()]
    lines += _section("operators", text.table(operators, right=(1,)))
    return lines


def _verdict(opened: OpenedModel) -> str:
    if opened.refusal is not None:
        reason = text.sentence(opened.refusal.reason)
        node = opened.refusal.node
        at_node = f" (at node '{node}')" if node and node not in reason else ""
        return f"no: {reason}{at_node}"
    if opened.cancelled:
        return "not tried, since the memory does not suffice"
    if opened.ready is not None:
        return f"yes, on {opened.ready.provider} as {opened.ready.precision}"
    return "not tried"


def _section(title: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    more = len(rows) - LINES_A_LIST
    shown = rows if more <= 0 else [*rows[:LINES_A_LIST], f"  … and {more:,} more"]
    return ["", title, *shown]


def _top_groups(groups: list[GroupInfo]) -> list[GroupInfo]:
    return [group for group in groups if group.parent < 0 and group.graph == 0]


def _module_rows(groups: list[GroupInfo]) -> list[str]:
    rows = []
    for group in _top_groups(groups):
        inside = sum(other.parent == group.index for other in groups)
        parts = f"{inside} blocks" if inside > 1 else "1 block" if inside else ""
        rows.append((group.name, group.type_name, f"{group.n_nodes:,} nodes", parts))
    return text.table(rows, right=(2,))


def _operators(nodes: list[NodeInfo]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        name = (
            node.op if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op}"
        )
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tensor(info: Any) -> dict[str, Any]:
    return {"name": info.name, "shape": info.shape, "dtype": info.dtype}
