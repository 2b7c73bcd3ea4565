"""Weights of a model as arrays, without copying files into memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from layerscope.core.errors import BadInputError
from layerscope.engine.model.external_data import ExternalFiles, is_external
from layerscope.engine.model.wording import dimensions, shown, size

Array = npt.NDArray[np.generic]
AnyGraph = onnx.GraphProto | onnx.FunctionProto

_NUMPY: dict[int, Any] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
    onnx.TensorProto.FLOAT16: np.float16,
    onnx.TensorProto.BFLOAT16: ml_dtypes.bfloat16,
    onnx.TensorProto.FLOAT8E4M3FN: ml_dtypes.float8_e4m3fn,
    onnx.TensorProto.FLOAT8E4M3FNUZ: ml_dtypes.float8_e4m3fnuz,
    onnx.TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2,
    onnx.TensorProto.FLOAT8E5M2FNUZ: ml_dtypes.float8_e5m2fnuz,
    onnx.TensorProto.INT8: np.int8,
    onnx.TensorProto.INT16: np.int16,
    onnx.TensorProto.INT32: np.int32,
    onnx.TensorProto.INT64: np.int64,
    onnx.TensorProto.UINT8: np.uint8,
    onnx.TensorProto.UINT16: np.uint16,
    onnx.TensorProto.UINT32: np.uint32,
    onnx.TensorProto.UINT64: np.uint64,
    onnx.TensorProto.BOOL: np.bool_,
    onnx.TensorProto.COMPLEX64: np.complex64,
    onnx.TensorProto.COMPLEX128: np.complex128,
}
_OPERANDS = (
    onnx.TensorProto.STRING,
    onnx.TensorProto.BOOL,
    onnx.TensorProto.INT64,
)
_BITS: dict[int, int] = {
    onnx.TensorProto.UINT4: 4,
    onnx.TensorProto.INT4: 4,
    onnx.TensorProto.FLOAT4E2M1: 4,
    onnx.TensorProto.UINT2: 2,
    onnx.TensorProto.INT2: 2,
    onnx.TensorProto.FLOAT6E2M3: 6,
    onnx.TensorProto.FLOAT6E3M2: 6,
}


def bits_per_element(data_type: int) -> int:
    """Return the size of one packed element in bits, 0 for strings."""
    if data_type in _NUMPY:
        return int(np.dtype(_NUMPY[data_type]).itemsize * 8)
    if data_type == onnx.TensorProto.STRING:
        return 0
    return _BITS.get(data_type, 8)


def n_elements(tensor: onnx.TensorProto) -> int:
    """Return the number of elements by its stated sizes, 0 if one is negative."""
    dims = tuple(tensor.dims)
    return 0 if any(d < 0 for d in dims) else math.prod(dims)


def stated_bytes(tensor: onnx.TensorProto) -> int:
    """Return the size in bytes that type and sizes of `tensor` ask for."""
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(len(text) for text in tensor.string_data)
    return -(-n_elements(tensor) * bits_per_element(tensor.data_type) // 8)


def is_parameter(tensor: onnx.TensorProto) -> bool:
    """Whether the elements of `tensor` are learnt, so far as its type can tell.

    Strings, truth values and 64-bit integers are operands of Reshape, Gather and the
    like.
    """
    return tensor.data_type not in _OPERANDS


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the bodies of a control-flow node in the order of its attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_graphs(proto: onnx.ModelProto) -> Iterator[AnyGraph]:
    """Yield the main graph, the bodies inside it and the local functions."""
    waiting: list[AnyGraph] = [*reversed(proto.functions), proto.graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        bodies = [body for node in graph.node for body in subgraphs(node)]
        waiting.extend(reversed(bodies))


def constant_tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """Return the tensor that a Constant node holds; None for plain numbers."""
    for attribute in node.attribute:
        if attribute.name == "value" and attribute.HasField("t"):
            tensor: onnx.TensorProto = attribute.t
            return tensor
        if attribute.name == "sparse_value" and attribute.HasField("sparse_tensor"):
            sparse: onnx.TensorProto = attribute.sparse_tensor.values
            return sparse
    return None


def named_weights(
    graph: AnyGraph,
) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Yield name and tensor of initializers and Constant nodes of one graph.

    Of a sparse tensor that is the list of its values.
    """
    if isinstance(graph, onnx.GraphProto):
        for tensor in graph.initializer:
            yield tensor.name, tensor
        for sparse in graph.sparse_initializer:
            yield sparse.values.name, sparse.values
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            held = constant_tensor(node)
            if held is not None:
                yield node.output[0], held


def every_tensor(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model, wherever the format allows one."""
    for training in proto.training_info:
        yield from training.initialization.initializer
        yield from training.algorithm.initializer
    for function in proto.functions:
        for attribute in function.attribute_proto:
            yield from _in_attribute(attribute)
    for graph in all_graphs(proto):
        if isinstance(graph, onnx.GraphProto):
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield sparse.values
                yield sparse.indices
        for node in graph.node:
            for attribute in node.attribute:
                yield from _in_attribute(attribute)


def _in_attribute(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    sparse = list(attribute.sparse_tensors)
    if attribute.HasField("sparse_tensor"):
        sparse.append(attribute.sparse_tensor)
    for each in sparse:
        yield each.values
        yield each.indices


def as_array(tensor: onnx.TensorProto, files: ExternalFiles) -> Array:
    """Return the elements of `tensor`, read-only.

    Elements in a weight file are mapped, not read; other elements are copied out
    of the message.

    Parameters
    ----------
    tensor : TensorProto
        An initializer or the value of a Constant node.
    files : ExternalFiles
        Of the model it belongs to.

    Returns
    -------
    array
        Of the tensor's own type; strings as objects.

    Raises
    ------
    BadInputError
        The stored bytes do not fit the stated sizes, or may not be read.
    """
    shape = tuple(tensor.dims)
    if any(d < 0 for d in shape):
        raise BadInputError(
            f'The weight "{shown(tensor.name)}" states the negative size '
            f"{dimensions(shape)}; export the model again."
        )
    dtype = _NUMPY.get(tensor.data_type)
    if is_external(tensor):
        part = files.part(tensor)
        _check_size(tensor, part.length)
        if math.prod(shape) == 0:
            return np.zeros(shape, dtype or np.uint8)
        if dtype is not None:
            return np.memmap(part.path, dtype, "r", part.offset, shape)
        with part.path.open("rb") as file:
            file.seek(part.offset)
            raw = file.read(stated_bytes(tensor))
        copy = onnx.TensorProto(
            name=tensor.name, data_type=tensor.data_type, dims=shape, raw_data=raw
        )
        return _unpacked(copy)
    if tensor.HasField("raw_data"):
        _check_size(tensor, len(tensor.raw_data))
        if dtype is not None:
            return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    elif n_elements(tensor) > (1 << 20) + 8 * tensor.ByteSize():
        _check_size(tensor, tensor.ByteSize())
    return _unpacked(tensor)


def _check_size(tensor: onnx.TensorProto, there: int) -> None:
    asked = stated_bytes(tensor)
    if there < asked:
        raise BadInputError(
            f'The weight "{shown(tensor.name)}" of {dimensions(tuple(tensor.dims))} '
            f"needs {size(asked)}, but the file holds {size(there)} of it; get the "
            "model again with its weights."
        )


def _unpacked(tensor: onnx.TensorProto) -> Array:
    try:
        array: Array = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadInputError(
            f'The weight "{shown(tensor.name)}" cannot be read as '
            f"{dimensions(tuple(tensor.dims))}: {shown(str(error), 120)}"
        ) from error
    array.flags.writeable = False
    return array
