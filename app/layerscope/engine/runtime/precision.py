"""Half precision by conversion, on devices that gain by it."""

from __future__ import annotations

import warnings
from dataclasses import replace

import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.model.external_data import is_external
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.weight_arrays import (
    all_graphs,
    as_array,
    named_weights,
    stated_bytes,
)
from layerscope.protocol.values import DeviceInfo

MAX_CONVERTED_BYTES = 1 << 30
_GAINING = frozenset(
    {
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        "CoreMLExecutionProvider",
        "DmlExecutionProvider",
        "MIGraphXExecutionProvider",
        "WebGpuExecutionProvider",
    }
)
_NAMES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.DOUBLE: "fp64",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.BFLOAT16: "bf16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT4: "q4",
    onnx.TensorProto.UINT4: "q4",
}


def gains_by_half(device: DeviceInfo) -> bool:
    """Whether `device` computes faster in half precision."""
    return device.provider in _GAINING


def precision_of(model: OnnxModel) -> str:
    """Return the precision most bytes of the weights have, ``"fp32"`` for none."""
    sums: dict[str, int] = {}
    for graph in all_graphs(model.proto):
        for _, tensor in named_weights(graph):
            name = _NAMES.get(tensor.data_type)
            if name is not None:
                sums[name] = sums.get(name, 0) + stated_bytes(tensor)
    return max(sums, key=lambda name: sums[name]) if sums else "fp32"


def to_half(model: OnnxModel) -> OnnxModel:
    """Convert a model to half precision; its inputs and outputs keep their types.

    Returns
    -------
    OnnxModel
        With all weights in its message.

    Raises
    ------
    BadInputError
        The model is too large for that, or has operators that cannot be converted.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    if model.weight_bytes > MAX_CONVERTED_BYTES:
        raise BadInputError(
            "Half precision was asked for; models above 1 GB are not converted here, "
            "so open a variant that is stored in fp16."
        )
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for tensor in proto.graph.initializer:
        if is_external(tensor):
            array = as_array(tensor, model.files)
            name = tensor.name
            tensor.CopyFrom(onnx.numpy_helper.from_array(array.copy(), name))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights below half's range
            proto = convert_float_to_float16(
                proto, keep_io_types=True, disable_shape_infer=True
            )
    except Exception as error:
        raise BadInputError(
            "Half precision was asked for, but this model cannot be converted "
            f"({' '.join(str(error).split())[:120]}); run it as it is."
        ) from error
    weight_bytes = sum(len(t.raw_data) for t in proto.graph.initializer)
    return replace(model, proto=proto, external_files=(), weight_bytes=weight_bytes)
