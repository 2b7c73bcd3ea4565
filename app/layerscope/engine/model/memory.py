"""How much memory a run will need, estimated before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx

from layerscope.engine.model.reading import MAX_COUNT, OnnxModel
from layerscope.engine.model.value_types import dtype_name, n_bytes, tensor_shape
from layerscope.engine.model.weight_arrays import all_graphs, n_elements, subgraphs
from layerscope.protocol.values import Dimension

# Shape inference beyond these costs more than the estimate is worth.
MAX_INFERRED_NODES = 5_000
MAX_GRAPHS = 64
SMALL_ELEMENTS = 1024
# Assumed where the model leaves it open; a picture of the usual size.
PICTURE_SIDE = 224
PICTURE_CHANNELS = (1, 3, 4)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class RunEstimate:
    """What a run would take.

    Attributes
    ----------
    n_bytes : int
        Weights, and the tensors that live at the same time at the worst moment.
    lies : tuple of (str, Shape, Shape)
        Tensors whose stored size cannot be right: name, stored, worked out.
    """

    n_bytes: int
    lies: tuple[tuple[str, Shape, Shape], ...] = ()


def assumed(shape: Sequence[Dimension]) -> Shape:
    """Return `shape` with a size for every one that is left open.

    Open sizes are 1, but the height and width of a picture input (rank 4 with 1, 3
    or 4 channels) are `PICTURE_SIDE`.
    """
    picture = len(shape) == 4 and any(
        shape[axis] in PICTURE_CHANNELS for axis in (1, 3)
    )
    open_side = PICTURE_SIDE if picture else 1
    return tuple(
        d if isinstance(d, int) and d >= 0 else 1 if i == 0 else open_side
        for i, d in enumerate(shape)
    )


def estimate(
    model: OnnxModel, shapes: Mapping[str, Sequence[int]] | None = None
) -> RunEstimate:
    """Estimate the memory of one run.

    Counted are the weights and the live tensors of the main graph, node by node in
    file order; buffers inside operators and the bodies of control flow are not.

    Parameters
    ----------
    model : OnnxModel
        As read.
    shapes : dict, optional
        Sizes of graph inputs; `assumed` ones for those left out.
    """
    graph = model.proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs: dict[str, Shape] = {}
    for value in graph.input:
        stored = _stored(value)
        if stored is not None and value.name not in weights:
            given = None if shapes is None else shapes.get(value.name)
            inputs[value.name] = tuple(given) if given else assumed(stored)
    known, lies = _known_shapes(model, inputs)
    sizes = {name: n_bytes(*entry) for name, entry in known.items()}
    total = model.weight_bytes + _peak(graph, sizes, weights)
    return RunEstimate(min(total, MAX_COUNT), lies)


def _stored(value: onnx.ValueInfoProto) -> tuple[Dimension, ...] | None:
    if value.type.WhichOneof("value") != "tensor_type":
        return None
    return tensor_shape(value.type.tensor_type)


def _peak(graph: onnx.GraphProto, sizes: Mapping[str, int], weights: set[str]) -> int:
    """Return the largest sum of `sizes` of tensors that live at the same time."""
    last_use: dict[str, int] = {}
    for i, node in enumerate(graph.node):
        for name in node.input:
            last_use[name] = i
        for body in subgraphs(node):
            for inner in body.node:
                for name in inner.input:
                    last_use[name] = i
    kept = {value.name for value in graph.output}
    kept |= {value.name for value in graph.input}
    live = sum(sizes.get(value.name, 0) for value in graph.input)
    peak = live
    for i, node in enumerate(graph.node):
        live += sum(sizes.get(name, 0) for name in node.output)
        peak = max(peak, live)
        for name in {*node.input, *node.output} - kept - weights:
            if last_use.get(name, i) == i:
                live -= sizes.get(name, 0)
    return max(peak, 0)


def _known_shapes(
    model: OnnxModel, inputs: Mapping[str, Shape]
) -> tuple[dict[str, tuple[str, int]], tuple[tuple[str, Shape, Shape], ...]]:
    """Return type and number of elements by tensor, and the shapes that lie."""
    graph = model.proto.graph
    known: dict[str, tuple[str, int]] = {}
    stored: dict[str, tuple[Dimension, ...]] = {}
    for values in (graph.value_info, graph.output, graph.input):
        for value in values:
            shape = _stored(value)
            if shape is None:
                continue
            stored[value.name] = shape
            sizes = inputs.get(value.name) or assumed(shape)
            dtype = dtype_name(value.type.tensor_type.elem_type)
            known[value.name] = (dtype, math.prod(sizes))
    lies = []
    for value in _inferred(model, inputs):
        shape = _stored(value)
        if shape is None or not all(isinstance(d, int) for d in shape):
            continue
        sizes = tuple(d for d in shape if isinstance(d, int))
        dtype = dtype_name(value.type.tensor_type.elem_type)
        known[value.name] = (dtype, math.prod(sizes))
        said = stored.get(value.name)
        if said is not None and _lies(said, sizes):
            lies.append((value.name, assumed(said), sizes))
    return known, tuple(lies)


def _lies(stored: Sequence[Dimension], worked_out: Shape) -> bool:
    if not stored:
        return False  # some exporters write a scalar where they do not know the rank
    if len(stored) != len(worked_out):
        return True
    # A stored 0 or -1 is how some exporters spell "unknown".
    pairs = zip(stored, worked_out, strict=True)
    return any(isinstance(a, int) and a > 0 and a != b for a, b in pairs)


def _inferred(
    model: OnnxModel, inputs: Mapping[str, Shape]
) -> list[onnx.ValueInfoProto]:
    """Return what shape inference works out from the inputs alone.

    Works on a copy without large weights and without the stored shapes.
    """
    proto = model.proto
    # Inference of nested bodies and functions can take exponential time.
    n_graphs = sum(1 for _ in all_graphs(proto))
    n_nodes = len(proto.graph.node)
    if proto.functions or n_graphs > MAX_GRAPHS or n_nodes > MAX_INFERRED_NODES:
        return []
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import)
    bare.graph.name = "g"
    bare.graph.node.extend(proto.graph.node)
    for tensor in proto.graph.initializer:
        copy = bare.graph.initializer.add()
        if n_elements(tensor) <= SMALL_ELEMENTS and tensor.ByteSize() < 1 << 16:
            copy.CopyFrom(tensor)
        else:
            copy.name, copy.data_type = tensor.name, tensor.data_type
            copy.dims.extend(tensor.dims)
            copy.data_location = onnx.TensorProto.EXTERNAL
    for value in proto.graph.input:
        copy_value = bare.graph.input.add()
        copy_value.CopyFrom(value)
        if value.name in inputs:
            dims = copy_value.type.tensor_type.shape
            dims.ClearField("dim")
            for size in inputs[value.name]:
                dims.dim.add().dim_value = size
    for value in proto.graph.output:
        bare.graph.output.add(name=value.name)
    try:
        done = onnx.shape_inference.infer_shapes(bare)
    except Exception:  # noqa: BLE001 - a broken graph only makes the estimate rougher
        return []
    return [*done.graph.value_info, *done.graph.output]
