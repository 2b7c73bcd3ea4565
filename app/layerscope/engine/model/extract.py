"""Graph surgery: a model without its weights, and a model cut at a tensor.

Sessions that only look (live, deep, profiled) are made from a message of a few
kilobytes; the weights are handed over beside it, or stay in their own files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.engine.model.external_data import is_external
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.weight_arrays import as_array, subgraphs

MIN_STUB_BYTES = 1024
_IN_MEMORY = "__mem__"
# onnxruntime takes arrays of these types as they are; others stay in the message.
_PLAIN = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.INT8,
        onnx.TensorProto.INT16,
        onnx.TensorProto.INT32,
        onnx.TensorProto.INT64,
        onnx.TensorProto.UINT8,
        onnx.TensorProto.UINT16,
        onnx.TensorProto.UINT32,
        onnx.TensorProto.UINT64,
    }
)


@dataclass(frozen=True)
class LeanModel:
    """A model whose large weights are not in its message.

    Attributes
    ----------
    proto : ModelProto
        A copy, free to be changed.
    source : OnnxModel
        Where the weights are.
    handed : frozenset of str
        Initializers to be given to the session as arrays.
    """

    proto: onnx.ModelProto
    source: OnnxModel
    handed: frozenset[str]

    @property
    def folder(self) -> Path:
        """Where the other weight files lie."""
        return self.source.path.parent

    @property
    def has_files(self) -> bool:
        """Whether weights stay in files of their own."""
        return any(
            is_external(tensor) and tensor.name not in self.handed
            for tensor in self.proto.graph.initializer
        )

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the weights to be given to the session that the graph still uses."""
        used = {tensor.name for tensor in self.proto.graph.initializer}
        return {
            tensor.name: as_array(tensor, self.source.files)
            for tensor in self.source.proto.graph.initializer
            if tensor.name in self.handed and tensor.name in used
        }


def without_weights(model: OnnxModel, *, keep_shapes: bool = True) -> LeanModel:
    """Copy a model's message without its large weights.

    Parameters
    ----------
    model : OnnxModel
        It stays as it is.
    keep_shapes : bool
        Keep the stored shapes of inner tensors, which some files get wrong.

    Returns
    -------
    LeanModel
    """
    source, lean = model.proto, onnx.ModelProto()
    for name in (
        "ir_version",
        "producer_name",
        "producer_version",
        "domain",
        "model_version",
    ):
        if source.HasField(name):
            setattr(lean, name, getattr(source, name))
    lean.opset_import.extend(source.opset_import)
    lean.functions.extend(source.functions)
    graph, old = lean.graph, source.graph
    graph.name = old.name or "graph"
    graph.node.extend(old.node)
    graph.input.extend(old.input)
    graph.output.extend(old.output)
    graph.sparse_initializer.extend(old.sparse_initializer)
    graph.quantization_annotation.extend(old.quantization_annotation)
    if keep_shapes:
        graph.value_info.extend(old.value_info)
    # onnxruntime refuses weight files that are links, as in a Hugging Face cache
    linked = any(path.is_symlink() for path in model.external_files)
    handed = set()
    for tensor in old.initializer:
        plain = tensor.data_type in _PLAIN and bool(tensor.dims)
        large = tensor.HasField("raw_data") and len(tensor.raw_data) >= MIN_STUB_BYTES
        if plain and (large or (is_external(tensor) and linked)):
            nbytes = as_array(tensor, model.files).nbytes
            stub = graph.initializer.add(
                name=tensor.name, data_type=tensor.data_type, dims=tensor.dims
            )
            stub.data_location = onnx.TensorProto.EXTERNAL
            stub.external_data.add(key="location", value=_IN_MEMORY)
            stub.external_data.add(key="length", value=str(nbytes))
            handed.add(tensor.name)
        else:
            graph.initializer.append(tensor)
    return LeanModel(proto=lean, source=model, handed=frozenset(handed))


def names_used(node: onnx.NodeProto) -> set[str]:
    """Return the tensors a node reads, those its bodies capture included."""
    used = {name for name in node.input if name}
    for body in subgraphs(node):
        for inner in body.node:
            used |= names_used(inner)
        used |= {value.name for value in body.output}
    return used


def cut_at(proto: onnx.ModelProto, tensors: Sequence[str]) -> None:
    """Reduce a model, in place, to what its tensors `tensors` need.

    They become its only outputs. Graph inputs that nothing needs go.

    Raises
    ------
    KeyError
        A tensor is neither made by a node nor an input of the main graph.
    """
    graph = proto.graph
    known = {name for node in graph.node for name in node.output}
    known |= {value.name for value in graph.input}
    for name in tensors:
        if name not in known:
            raise KeyError(name)
    needed = ancestors(graph.node, tensors)
    nodes = [node for i, node in enumerate(graph.node) if i in needed]
    used = set(tensors)
    for node in nodes:
        used |= names_used(node)
    _keep(graph.node, nodes)
    _keep(graph.initializer, [t for t in graph.initializer if t.name in used])
    _keep(
        graph.sparse_initializer,
        [s for s in graph.sparse_initializer if s.values.name in used],
    )
    _keep(graph.input, [value for value in graph.input if value.name in used])
    del graph.quantization_annotation[:]
    made = {name for node in nodes for name in node.output}
    _keep(graph.value_info, [v for v in graph.value_info if v.name in made])
    stated = {value.name: value for value in graph.output}
    outputs = [stated.get(name, onnx.ValueInfoProto(name=name)) for name in tensors]
    _keep(graph.output, outputs)


def ancestors(
    nodes: Sequence[onnx.NodeProto],
    tensors: Iterable[str],
    stop: Collection[str] = (),
) -> set[int]:
    """Return the positions of all nodes that `tensors` depend on.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Of one graph.
    tensors : iterable of str
        Where to begin.
    stop : collection of str
        Tensors behind which nothing is looked at.
    """
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    waiting = [producer[name] for name in tensors if name in producer]
    found: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index in found:
            continue
        found.add(index)
        for name in names_used(nodes[index]):
            if name in producer and name not in stop:
                waiting.append(producer[name])
    return found


def _keep(field: object, values: Sequence[object]) -> None:
    """Replace the content of a repeated field."""
    copies = list(values)
    del field[:]  # type: ignore[attr-defined]
    field.extend(copies)  # type: ignore[attr-defined]
