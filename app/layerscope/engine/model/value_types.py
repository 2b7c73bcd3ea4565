"""Words for the types of ONNX values."""

from __future__ import annotations

import onnx

from layerscope.protocol.values import Dimension, TensorInfo

_NUMPY: dict[int, str] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.COMPLEX64: "complex64",
    onnx.TensorProto.COMPLEX128: "complex128",
}
_BITS = {
    "float64": 64, "int64": 64, "uint64": 64, "complex64": 64, "complex128": 128,
    "float32": 32, "int32": 32, "uint32": 32, "float16": 16, "bfloat16": 16,
    "int16": 16, "uint16": 16, "int4": 4, "uint4": 4, "float4e2m1": 4,
    "int2": 2, "uint2": 2,
}  # fmt: skip


def dtype_name(data_type: int) -> str:
    """Return numpy's name of an ONNX element type, or ONNX's own in lower case."""
    if data_type in _NUMPY:
        return _NUMPY[data_type]
    try:
        return str(onnx.TensorProto.DataType.Name(data_type)).lower()
    except ValueError:
        return f"type {data_type}"


def n_bytes(dtype: str, n_elements: int) -> int:
    """Return the size in bytes of `n_elements` packed elements of `dtype`."""
    return -(-n_elements * _BITS.get(dtype, 8) // 8)


def tensor_shape(proto: onnx.TypeProto.Tensor) -> tuple[Dimension, ...] | None:
    """Return sizes, names of symbolic sizes and None for unknown ones.

    A tensor whose rank is not stored gives None.
    """
    if not proto.HasField("shape"):
        return None
    sizes: list[Dimension] = []
    for dim in proto.shape.dim:
        kind = dim.WhichOneof("value")
        if kind == "dim_value":
            sizes.append(dim.dim_value)
        elif kind == "dim_param" and dim.dim_param:
            sizes.append(dim.dim_param)
        else:
            sizes.append(None)
    return tuple(sizes)


def type_text(proto: onnx.TypeProto, depth: int = 8) -> str:
    """Return a type in words: ``"float32"``, ``"sequence(map(int64,float32))"``.

    Parameters
    ----------
    proto : TypeProto
        The type.
    depth : int
        Levels of nesting that are still spelt out.
    """
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        return dtype_name(proto.tensor_type.elem_type)
    if kind == "sparse_tensor_type":
        return f"sparse({dtype_name(proto.sparse_tensor_type.elem_type)})"
    if depth == 0:
        return "…"
    if kind == "sequence_type":
        return f"sequence({type_text(proto.sequence_type.elem_type, depth - 1)})"
    if kind == "optional_type":
        return f"optional({type_text(proto.optional_type.elem_type, depth - 1)})"
    if kind == "map_type":
        key = dtype_name(proto.map_type.key_type)
        return f"map({key},{type_text(proto.map_type.value_type, depth - 1)})"
    return "unknown"


def describe_value(value: onnx.ValueInfoProto) -> TensorInfo:
    """Return name, type and shape of a graph's input or output."""
    shape = None
    if value.type.WhichOneof("value") == "tensor_type":
        shape = tensor_shape(value.type.tensor_type)
    return TensorInfo(name=value.name, dtype=type_text(value.type), shape=shape)
