"""What a model consists of: graphs, groups, nodes and the tensors between them."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.engine.model import module_groups, module_tree
from layerscope.engine.model.graph_walk import GraphSource, walk
from layerscope.engine.model.module_paths import HEAVY, GraphSketch
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure_pages import pages
from layerscope.engine.model.value_types import (
    describe_value,
    dtype_name,
    n_bytes,
    tensor_shape,
)
from layerscope.protocol.values import (
    GraphInfo,
    GroupInfo,
    NodeInfo,
    TensorShape,
)

__all__ = ["ModelStructure", "describe", "pages"]

_NOT_WEIGHTS = frozenset({"int64", "bool", "string"})
_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
     "Multinomial", "Bernoulli", "If", "Loop", "Scan"}
)  # fmt: skip


@dataclass(frozen=True)
class ModelStructure:
    """Everything that can be drawn and pointed at.

    Attributes
    ----------
    graphs, groups, nodes, tensors : tuple
        As sent to the window.
    node_protos : list of NodeProto
        In the order of `nodes`.
    producer : dict
        Index of the main graph's node that makes a tensor.
    consumers : dict
        Indices of the main graph's nodes that take a tensor.
    hidden : (n_nodes,) bool array
        Nodes that only prepare weights.
    """

    graphs: tuple[GraphInfo, ...]
    groups: tuple[GroupInfo, ...]
    nodes: tuple[NodeInfo, ...]
    tensors: tuple[TensorShape, ...]
    node_protos: list[onnx.NodeProto]
    producer: dict[str, int]
    consumers: dict[str, tuple[int, ...]]
    hidden: npt.NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Weight:
    """Size of one weight tensor."""

    name: str
    rank: int
    n_elements: int
    nbytes: int


def describe(model: OnnxModel) -> ModelStructure:
    """Return the structure of `model`.

    Any proto that could be read has one, whether or not it makes sense.
    """
    with _collection_later():
        return _describe(model.proto)


@contextmanager
def _collection_later() -> Iterator[None]:
    """Keep the garbage collector from walking what is being built, again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _describe(proto: onnx.ModelProto) -> ModelStructure:
    sources, bodies = walk(proto)
    graphs: list[GraphInfo] = []
    groups: list[GroupInfo] = []
    nodes: list[NodeInfo] = []
    protos: list[onnx.NodeProto] = []
    tensors: dict[str, TensorShape] = {}
    for source in sources:
        first = len(nodes)
        sketch, sizes = _sketch(source)
        root, labels = module_tree.build(sketch)
        found, group_of = module_groups.number(
            root, sketch, graph=source.index, first_group=len(groups)
        )
        groups.extend(found)
        graphs.append(_graph_info(source))
        for at, node in enumerate(source.nodes):
            elements, nbytes = sizes[at]
            nodes.append(
                NodeInfo(
                    index=first + at,
                    name=sketch.names[at] or f"{sketch.ops[at]}_{at}",
                    op=sketch.ops[at],
                    domain=node.domain,
                    inputs=sketch.inputs[at],
                    outputs=sketch.outputs[at],
                    group=group_of[at],
                    graph=source.index,
                    bodies=bodies.get(first + at, ()),
                    n_parameters=elements,
                    parameter_bytes=nbytes,
                    label=labels.get(at, ""),
                    hidden=sketch.hidden[at],
                )
            )
        protos.extend(source.nodes)
        for shape in _stored_shapes(source):
            tensors.setdefault(shape.name, shape)
    producer, consumers = _links(nodes)
    return ModelStructure(
        graphs=tuple(graphs),
        groups=tuple(groups),
        nodes=tuple(nodes),
        tensors=tuple(tensors.values()),
        node_protos=protos,
        producer=producer,
        consumers=consumers,
        hidden=np.fromiter((node.hidden for node in nodes), bool, len(nodes)),
    )


def _links(
    nodes: list[NodeInfo],
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    producer: dict[str, int] = {}
    consumers: dict[str, list[int]] = {}
    for node in nodes:
        if node.graph:
            continue
        for name in node.outputs:
            if name:
                producer[name] = node.index
        for name in dict.fromkeys(node.inputs):
            if name:
                consumers.setdefault(name, []).append(node.index)
    return producer, {name: tuple(indices) for name, indices in consumers.items()}


def _graph_info(source: GraphSource) -> GraphInfo:
    if source.graph is None:
        return GraphInfo(
            index=source.index,
            name=source.name,
            kind=source.kind,
            owner=source.owner,
        )
    initializers = {weight.name for weight in source.graph.initializer}
    return GraphInfo(
        index=source.index,
        name=source.name,
        kind=source.kind,
        owner=source.owner,
        inputs=tuple(
            describe_value(value)
            for value in source.graph.input
            if value.name not in initializers
        ),
        outputs=tuple(describe_value(value) for value in source.graph.output),
    )


def _stored_shapes(source: GraphSource) -> list[TensorShape]:
    if source.graph is None:
        return []
    shapes = []
    for values in (source.graph.input, source.graph.output, source.graph.value_info):
        for value in values:
            if value.type.WhichOneof("value") != "tensor_type":
                continue
            shape = tensor_shape(value.type.tensor_type)
            if shape is not None:
                dtype = dtype_name(value.type.tensor_type.elem_type)
                shapes.append(TensorShape(name=value.name, dtype=dtype, shape=shape))
    return shapes


def _sketch(source: GraphSource) -> tuple[GraphSketch, list[tuple[int, int]]]:
    """Return the sketch of a graph, and elements and bytes of each node's weights."""
    weights = _initializers(source.graph)
    constant: dict[str, tuple[_Weight, ...]] = {
        name: (weight,) for name, weight in weights.items()
    }
    values = source.graph.input if source.graph is not None else ()
    sketch = GraphSketch(
        protos=source.nodes,
        results=frozenset(source.results),
        feeds=frozenset(v.name for v in values if v.name not in weights),
    )
    maker: dict[str, int] = {}
    sizes: list[tuple[int, int]] = []
    for at, proto in enumerate(source.nodes):
        op, inputs, outputs = proto.op_type, tuple(proto.input), tuple(proto.output)
        own: tuple[_Weight, ...] = ()
        n_fixed = 0
        for name in inputs:
            if name in constant:
                own += constant[name]
                n_fixed += 1
            elif not name:
                n_fixed += 1
        fixed = n_fixed == len(inputs) and op not in _RANDOM
        if fixed and (inputs or op == "Constant"):
            if op == "Constant":
                own = _constant_weight(proto)
            for name in outputs:
                constant[name] = own
        else:
            fixed = False
        is_result = not sketch.results.isdisjoint(outputs)
        sketch.ops.append(op)
        sketch.names.append(proto.name)
        sketch.inputs.append(inputs)
        sketch.outputs.append(outputs)
        sketch.hidden.append(fixed and not is_result)
        makers = [maker[name] for name in inputs if name in maker]
        sketch.producers.append(sorted(set(makers)) if len(makers) > 1 else makers)
        elements = nbytes = 0
        real: list[str] = []
        if own:
            found = sorted(set(own), key=lambda weight: -weight.rank)
            real = [weight.name for weight in found if weight.n_elements]
            elements = sum(weight.n_elements for weight in found)
            nbytes = sum(weight.nbytes for weight in found)
        sketch.weights.append(real)
        sketch.heavy.append(op in HEAVY or (op == "Gather" and bool(real)))
        if sketch.hidden[at]:
            sizes.append((0, 0))
        else:
            sizes.append((elements, nbytes))
            for name in outputs:
                maker[name] = at
    return sketch, sizes


def _weight(name: str, data_type: int, dims: tuple[int, ...]) -> _Weight:
    dtype = dtype_name(data_type)
    elements = (
        0 if dtype in _NOT_WEIGHTS or min(dims, default=1) < 0 else (math.prod(dims))
    )
    return _Weight(name, len(dims), elements, n_bytes(dtype, elements))


def _initializers(graph: onnx.GraphProto | None) -> dict[str, _Weight]:
    if graph is None:
        return {}
    weights = {
        tensor.name: _weight(tensor.name, tensor.data_type, tuple(tensor.dims))
        for tensor in graph.initializer
    }
    for sparse in graph.sparse_initializer:
        values = sparse.values
        weights[values.name] = _weight(
            values.name, values.data_type, tuple(values.dims)
        )
    return weights


def _constant_weight(node: onnx.NodeProto) -> tuple[_Weight, ...]:
    name = node.output[0] if node.output else ""
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = attribute.t
            return (_weight(name, tensor.data_type, tuple(tensor.dims)),)
        if attribute.name == "value_floats":
            return (_Weight(name, 1, len(attribute.floats), 4 * len(attribute.floats)),)
    return (_Weight(name, 0, 0, 0),)
