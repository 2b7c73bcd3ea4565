"""What this onnxruntime can run, asked of its own registries.

A schema says that an operator exists, a kernel that the CPU provider computes it;
where there is no kernel, an operator may still be spelt out as a function. Local
functions of the model are written out by onnxruntime and count as supported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as registry

from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.wording import shown

VERSION: str = onnxruntime.__version__
_NO_END = (1 << 31) - 1
# Constants become initializers before anything is asked for a kernel.
_NEEDS_NO_KERNEL = {("", "Constant")}
# Writing out functions beyond this takes longer than anyone waits.
MAX_EXPANDED_NODES = 2_000_000


def plain_domain(domain: str) -> str:
    """Return the empty string for ONNX's own domain, else `domain`."""
    return "" if domain == "ai.onnx" else domain


def qualified(domain: str, op: str) -> str:
    """Return ``"domain::Op"``; ONNX's own domain is spelt ``ai.onnx``."""
    return f"{shown(plain_domain(domain) or 'ai.onnx')}::{shown(op)}"


@dataclass(frozen=True)
class _Schema:
    since: int
    removed: bool


@cache
def _schemas() -> dict[tuple[str, str], list[_Schema]]:
    found: dict[tuple[str, str], list[_Schema]] = {}
    for schema in registry.get_all_operator_schema():
        key = (plain_domain(schema.domain), schema.name)
        entry = _Schema(schema.since_version, schema.deprecated)
        found.setdefault(key, []).append(entry)
    for versions in found.values():
        versions.sort(key=lambda schema: schema.since)
    return found


@cache
def _kernels() -> dict[tuple[str, str], set[tuple[int, int]]]:
    found: dict[tuple[str, str], set[tuple[int, int]]] = {}
    # get_all_opkernel_def() would load every provider library that is installed and
    # ends the process where one of them lacks its own libraries.
    for kernel in registry.get_registered_ep_kernel_defs("CPUExecutionProvider"):
        key = (plain_domain(kernel.domain), kernel.op_name)
        found.setdefault(key, set()).add(kernel.version_range)
    return found


@cache
def known_domains() -> frozenset[str]:
    """Return the domains that onnxruntime has any operator of."""
    return frozenset(domain for domain, _ in _schemas())


def _is_function(domain: str, op: str, since: int) -> bool:
    try:
        schema = onnx.defs.get_schema(op, since, domain)
    except onnx.defs.SchemaError:
        return False
    # Both are properties of the C++ class that its stub leaves out.
    return any(
        getattr(schema, kind)
        for kind in ("has_function", "has_context_dependent_function")
    )


@cache
def why_unsupported(domain: str, op: str, opset: int) -> str:
    """Return why onnxruntime's CPU provider cannot run an operator, or nothing.

    Parameters
    ----------
    domain : str
        Empty for ONNX's own.
    op : str
        The operator's name.
    opset : int
        Version of the domain that the model imports; 0 where it imports none, for
        which onnxruntime takes the newest it knows, if it knows the domain.
    """
    name = qualified(domain, op)
    if domain not in known_domains():
        return (
            f"{name} is a custom operator, and onnxruntime {VERSION} has no operators "
            f'of the domain "{shown(domain)}".'
        )
    versions = _schemas().get((domain, op), [])
    if not versions:
        return f"{name} is no operator that onnxruntime {VERSION} knows."
    usable = [v for v in versions if not opset or v.since <= opset]
    if not usable:
        return (
            f"{name} exists from opset {versions[0].since} on, and the model imports "
            f"opset {opset}."
        )
    newest = usable[-1]
    if newest.removed:
        return f"{name} was removed from ONNX in opset {newest.since}."
    if (domain, op) in _NEEDS_NO_KERNEL:
        return ""
    for start, end in _kernels().get((domain, op), ()):
        # A kernel without an end is only known to fit the version it was made for.
        reaches = end != _NO_END and start < newest.since <= end
        if start == newest.since or reaches:
            return ""
    if _is_function(domain, op, newest.since):
        return ""
    return (
        f"{name}, version {newest.since}, has no implementation for the CPU in "
        f"onnxruntime {VERSION}."
    )


def imports(entries: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Return the version that a model or function imports of each domain."""
    return {plain_domain(entry.domain): entry.version for entry in entries}


def unsupported_nodes(model: OnnxModel, structure: ModelStructure) -> dict[int, str]:
    """Return why onnxruntime cannot run them, by index of the node."""
    proto = model.proto
    local = {(plain_domain(f.domain), f.name) for f in proto.functions}
    of_model = imports(proto.opset_import)
    of_graph: list[Mapping[str, int]] = []
    functions = iter(proto.functions)
    for graph in structure.graphs:
        if graph.kind == "function":
            of_graph.append(imports(next(functions).opset_import) or of_model)
        else:
            owner = graph.owner
            inside = of_graph[structure.nodes[owner].graph] if owner >= 0 else of_model
            of_graph.append(inside)
    unused: set[int] = set()
    for graph in structure.graphs[1:]:
        if graph.owner < 0 or structure.nodes[graph.owner].graph in unused:
            unused.add(graph.index)
    found: dict[int, str] = {}
    for node in structure.nodes:
        domain = plain_domain(node.domain)
        if node.graph in unused or (domain, node.op) in local:
            continue
        why = why_unsupported(domain, node.op, of_graph[node.graph].get(domain, 0))
        if why:
            found[node.index] = why
    return found


@cache
def _header_error(ir_version: int, versions: tuple[tuple[str, int], ...]) -> str:
    """Return what onnxruntime says to one Identity with this header."""
    helper = onnx.helper
    value = [helper.make_tensor_value_info(name, 1, [1]) for name in ("x", "y")]
    identity = helper.make_node("Identity", ["x"], ["y"])
    proto = onnx.ModelProto(
        ir_version=ir_version,
        graph=helper.make_graph([identity], "header", value[:1], value[1:]),
        opset_import=[helper.make_opsetid(*version) for version in versions],
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        onnxruntime.InferenceSession(
            proto.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,
        )
    except Exception as error:  # noqa: BLE001 - its classes share no base but this
        return str(error)
    return ""


def header_error(proto: onnx.ModelProto) -> str:
    """Return onnxruntime's own words on the versions a model states, or nothing.

    It is asked with a one-node model, so that a large one need not be loaded to
    learn that its opset is too new.
    """
    known = known_domains() | {"", "ai.onnx"}
    versions = dict.fromkeys(
        (entry.domain, entry.version)
        for entry in proto.opset_import
        if entry.domain in known
    )
    ours = any(plain_domain(domain) == "" for domain, _ in versions)
    if proto.opset_import and not ours:
        versions[("", 13)] = None  # for the Identity; the model itself needs none
    return _header_error(proto.ir_version, tuple(versions))


def expansion_error(proto: onnx.ModelProto) -> str:
    """Return why the local functions of a model cannot be written out, or nothing.

    onnxruntime puts the body in the place of every call and does not stop when
    functions that double one another make millions of nodes of it.
    """
    functions = {(plain_domain(f.domain), f.name): f for f in proto.functions}
    if not functions:
        return ""
    sizes: dict[tuple[str, str], int] = {}
    path: list[tuple[str, str]] = []
    on_path: set[tuple[str, str]] = set()
    waiting = [(key, False) for key in functions]
    while waiting:
        key, done = waiting.pop()
        if done:
            path.pop()
            on_path.discard(key)
            calls = [_call(node) for node in functions[key].node]
            sizes[key] = 1 + sum(sizes.get(call, 1) for call in calls)
            continue
        if key in sizes or key in on_path:
            continue
        path.append(key)
        on_path.add(key)
        waiting.append((key, True))
        for call in map(_call, functions[key].node):
            if call in on_path:
                return (
                    f"The local function {qualified(*call)} calls itself, which ONNX "
                    "does not allow; export the model again."
                )
            if call in functions and call not in sizes:
                waiting.append((call, False))
    total = sum(sizes.get(_call(node), 1) for node in proto.graph.node)
    if total > MAX_EXPANDED_NODES:
        return (
            f"The local functions of this model stand for {total:,} nodes once they "
            f"are written out, more than the {MAX_EXPANDED_NODES:,} that can be "
            "loaded in reasonable time; it can only be drawn."
        )
    return ""


def _call(node: onnx.NodeProto) -> tuple[str, str]:
    return plain_domain(node.domain), node.op_type
