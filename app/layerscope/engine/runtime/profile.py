"""What onnxruntime's own profile says: run-time shapes, and the time of each node.

Profiling slows a network of small operators by a tenth, so it gets sessions of its
own and its times are never shown as the model's latency.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from layerscope.engine.model.costs import n_operations
from layerscope.engine.model.extract import LeanModel
from layerscope.engine.model.fusion import MARK, FusionMap, mark_nodes
from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.sessions import (
    ProviderList,
    session_of_lean,
    session_options,
)
from layerscope.protocol.values import LayerTime

Feeds = Mapping[str, npt.NDArray[Any]]
TypedShape = tuple[str, tuple[int, ...]]

_NUMPY_NAMES = {"float": "float32", "double": "float64"}
_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class NodeRun:
    """One execution of one node, as the profile lists it."""

    name: str
    op: str
    provider: str
    us: float
    inputs: tuple[TypedShape, ...]
    outputs: tuple[TypedShape, ...]
    output_bytes: int
    parameter_bytes: int


def profiled_runs(
    lean: LeanModel,
    feeds: Feeds,
    providers: ProviderList,
    *,
    runs: int,
    cancel: CancelToken,
    level: Any = None,
) -> list[list[NodeRun]]:
    """Run a model with onnxruntime's profiler on.

    Parameters
    ----------
    lean : LeanModel
        What to run.
    feeds : mapping of str to array
        Inputs by name.
    providers : sequence
        As onnxruntime takes them.
    runs : int
        After one that does not count, if there is more than one.
    cancel : CancelToken
        Of the job.
    level : GraphOptimizationLevel, optional
        None for all optimisations.

    Returns
    -------
    list of list of NodeRun
        One list for each run, in order of execution.
    """
    with tempfile.TemporaryDirectory(prefix="layerscope-") as folder:
        options = session_options(
            prepack=level is None,
            level=level,
            profile_to=Path(folder) / "profile",
        )
        session = session_of_lean(lean, options, providers)
        path = None
        try:
            for _ in range(runs if runs == 1 else runs + 1):
                with run_options(cancel) as run:
                    session.run(None, dict(feeds), run)
        finally:
            path = session.end_profiling()
        events = json.loads(Path(path).read_text(errors="replace"))
    found: list[list[NodeRun]] = [[]]
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX):
            found[-1].append(_node_run(event))
        elif event.get("name") == "model_run":
            found.append([])
    found = [run for run in found if run]
    return found[1:] if runs > 1 else found


def measure_shapes(
    lean: LeanModel, feeds: Feeds, providers: ProviderList, cancel: CancelToken
) -> dict[str, TypedShape]:
    """Return type and shape of every tensor of the main graph, by one plain run.

    Nothing is fused in it, and it keeps no tensor. What the file states of shapes
    plays no part: some files lie.

    Parameters
    ----------
    lean : LeanModel
        Made without stored shapes; its nodes are renamed.
    feeds : mapping of str to array
        Inputs by name.
    providers : sequence
        As onnxruntime takes them.
    cancel : CancelToken
        Of the job.
    """
    nodes = lean.proto.graph.node
    outputs = [tuple(node.output) for node in nodes]
    mark_nodes(lean.proto)
    level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    runs = profiled_runs(lean, feeds, providers, runs=1, cancel=cancel, level=level)
    found: dict[str, TypedShape] = {
        name: (array.dtype.name, array.shape)
        for name, array in feeds.items()
        if isinstance(array, np.ndarray)
    }
    for node_run in runs[0] if runs else []:
        index = _marked(node_run.name)
        if index is None or index >= len(outputs):
            continue
        names = [name for name in outputs[index] if name]
        if len(names) == len(node_run.outputs):
            found.update(zip(names, node_run.outputs, strict=True))
    return found


def time_layers(
    lean: LeanModel,
    feeds: Feeds,
    providers: ProviderList,
    *,
    runs: int,
    cancel: CancelToken,
    fusion: FusionMap | None,
    shapes: Mapping[str, tuple[int, ...]],
) -> tuple[LayerTime, ...]:
    """Time every group of nodes that runs as one.

    Parameters
    ----------
    lean : LeanModel
        Its nodes are renamed.
    feeds : mapping of str to array
        Inputs by name.
    providers : sequence
        As onnxruntime takes them.
    runs : int
        Of which the median is taken.
    cancel : CancelToken
        Of the job.
    fusion : FusionMap, optional
        None where it is not known; then names alone tell.
    shapes : mapping of str to tuple of int
        Run-time shapes of all tensors, weights too.

    Returns
    -------
    tuple of LayerTime
        In order of execution; copies between layouts count for the layer before.
    """
    nodes = list(lean.proto.graph.node)
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    original = [onnx.NodeProto.FromString(n.SerializeToString()) for n in nodes]
    mark_nodes(lean.proto)
    profiled = profiled_runs(lean, feeds, providers, runs=runs, cancel=cancel)
    order: list[tuple[int, ...]] = []
    samples: dict[tuple[int, ...], list[float]] = {}
    sample: dict[tuple[int, ...], NodeRun] = {}
    for run in profiled:
        totals: dict[tuple[int, ...], float] = {}
        last: tuple[int, ...] = ()
        for node in run:
            members = _members(node.name, fusion, producer) or last
            if not members:
                continue
            last = members
            totals[members] = totals.get(members, 0.0) + node.us
            if members not in sample:
                order.append(members)
                sample[members] = node
            elif node.output_bytes > sample[
                members
            ].output_bytes and not node.op.startswith("Reorder"):
                sample[members] = node
        for members, total in totals.items():
            samples.setdefault(members, []).append(total)
    layers = []
    for members in order:
        node = sample[members]
        flops = sum(n_operations(original[i], shapes) for i in members)
        layers.append(
            LayerTime(
                nodes=members,
                op=node.op,
                provider=node.provider,
                ms=median(samples[members]) / 1e3,
                output_bytes=node.output_bytes,
                parameter_bytes=node.parameter_bytes,
                flops=flops,
            )
        )
    return tuple(layers)


def _members(
    name: str, fusion: FusionMap | None, producer: Mapping[str, int]
) -> tuple[int, ...]:
    if fusion is not None:
        group = fusion.group_named(name)
        if group is not None:
            return tuple(group.members)
    index = _marked(name)
    if index is not None:
        return (index,)
    stem = name.rsplit("_nchwc", 1)[0].rsplit("_nhwc", 1)[0]
    return (producer[stem],) if stem in producer else ()


def _marked(name: str) -> int | None:
    parts = name.split(MARK)
    return int(parts[1]) if len(parts) > 2 and parts[1].isdigit() else None


def _node_run(event: Mapping[str, Any]) -> NodeRun:
    args = event.get("args", {})
    return NodeRun(
        name=event["name"][: -len(_SUFFIX)],
        op=str(args.get("op_name", "")),
        provider=str(args.get("provider", "")),
        us=float(event.get("dur", 0)),
        inputs=_typed_shapes(args.get("input_type_shape")),
        outputs=_typed_shapes(args.get("output_type_shape")),
        output_bytes=_count(args.get("output_size")),
        parameter_bytes=_count(args.get("parameter_size")),
    )


def _typed_shapes(listed: object) -> tuple[TypedShape, ...]:
    found: list[TypedShape] = []
    for item in listed if isinstance(listed, list) else []:
        for dtype, shape in item.items():
            found.append((_NUMPY_NAMES.get(dtype, dtype), tuple(shape)))
    return tuple(found)


def _count(text: object) -> int:
    with contextlib.suppress(TypeError, ValueError):
        return int(str(text))
    return 0
