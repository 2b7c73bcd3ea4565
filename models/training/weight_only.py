"""Store the weights of a published graph as int8 and compute with them as float32.

Each large matrix becomes int8 with a scale for every output channel, and a
``DequantizeLinear`` in front of its use, which keeps the name of the weight. The file
shrinks to a quarter, every activation stays float32 and every operator has a gradient.
Wu et al., "Integer Quantization for Deep Learning Inference", 2020
(https://arxiv.org/abs/2004.09602).
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

SMALLEST = 16_384  # elements; what is smaller stays as it is


def with_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of `model` with int8 weights.

    Parameters
    ----------
    model : ModelProto
        The weights of ``MatMul`` and ``Gemm``, and tables that ``Gather`` looks
        things up in, are stored as int8 where they are float32 and have `SMALLEST`
        elements or more. A table is dequantised after the look-up.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    done: set[str] = set()
    for node in graph.node:
        position = {"MatMul": 1, "Gemm": 1, "Gather": 0}.get(node.op_type)
        name = node.input[position] if position is not None else ""
        tensor = stored.get(name)
        if tensor is None or not _is_large(tensor):
            nodes.append(node)
            continue
        axis = 0 if _is_transposed(node) else 1
        if name not in done:
            done.add(name)
            _store_int8(graph, tensor, axis)
            if node.op_type != "Gather":
                nodes.append(_dequantised(node, name, f"{name}_int8", name, axis))
        if node.op_type != "Gather":
            nodes.append(node)
            continue
        wanted = node.output[0]
        node.output[0] = node.name = f"{wanted}_int8"
        node.input[0] = f"{name}_int8"
        nodes += [node, _dequantised(node, name, node.output[0], wanted, -1)]
    del graph.node[:]
    graph.node.extend(nodes)
    for name in done:
        graph.initializer.remove(stored[name])
    left = [info for info in graph.value_info if info.name not in done]
    del graph.value_info[:]
    graph.value_info.extend(left)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _is_large(tensor: onnx.TensorProto) -> bool:
    return (
        tensor.data_type == onnx.TensorProto.FLOAT
        and len(tensor.dims) == 2
        and int(np.prod(tensor.dims)) >= SMALLEST
    )


def _is_transposed(node: onnx.NodeProto) -> bool:
    return node.op_type == "Gemm" and any(
        attribute.name == "transB" and attribute.i for attribute in node.attribute
    )


def _store_int8(graph: onnx.GraphProto, tensor: onnx.TensorProto, axis: int) -> None:
    values = numpy_helper.to_array(tensor)
    largest = np.abs(values).max(axis=1 - axis, keepdims=True)
    scale = np.maximum(largest, 1e-12) / 127
    rounded = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    flat = scale.reshape(-1).astype(np.float32)
    graph.initializer.append(numpy_helper.from_array(rounded, f"{tensor.name}_int8"))
    graph.initializer.append(numpy_helper.from_array(flat, f"{tensor.name}_scale"))


def _dequantised(
    user: onnx.NodeProto, weight: str, source: str, target: str, axis: int
) -> onnx.NodeProto:
    node = helper.make_node(
        "DequantizeLinear", [source, f"{weight}_scale"], [target], target, axis=axis
    )
    node.metadata_props.extend(user.metadata_props)
    return node
