"""Store the weights of a published graph as int8 and compute with them as float32.

Each large matrix becomes int8 with a scale for every output channel, and a
``DequantizeLinear`` in front of its use, which keeps the name of the weight; a table
that things are looked up in has a scale for every row. The file shrinks to a quarter,
every activation stays float32 and every operator has a gradient. Wu et al., "Integer
Quantization for Deep Learning Inference", 2020 (https://arxiv.org/abs/2004.09602).
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
        elements or more and are looked up along their first axis.
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
        is_table = node.op_type == "Gather"
        axis = 0 if is_table or _is_transposed(node) else 1
        if name not in done:
            done.add(name)
            _store_int8(graph, tensor, axis, keep_dims=is_table)
            if not is_table:
                nodes.append(_dequantised(node, name, axis))
        nodes += _looked_up(node, name) if is_table else [node]
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


def _store_int8(
    graph: onnx.GraphProto, tensor: onnx.TensorProto, axis: int, *, keep_dims: bool
) -> None:
    values = numpy_helper.to_array(tensor)
    largest = np.abs(values).max(axis=1 - axis, keepdims=True)
    scale = (np.maximum(largest, 1e-12) / 127).astype(np.float32)
    rounded = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
    kept = scale if keep_dims else scale.reshape(-1)
    graph.initializer.append(numpy_helper.from_array(rounded, f"{tensor.name}_int8"))
    graph.initializer.append(numpy_helper.from_array(kept, f"{tensor.name}_scale"))


def _dequantised(user: onnx.NodeProto, weight: str, axis: int) -> onnx.NodeProto:
    """Return the node that makes a matrix of its int8 form."""
    stored = [f"{weight}_int8", f"{weight}_scale"]
    return _like(user, "DequantizeLinear", stored, weight, axis=axis)


def _looked_up(gather: onnx.NodeProto, table: str) -> list[onnx.NodeProto]:
    """Return the nodes that look up int8 rows and multiply each by its scale.

    ``DequantizeLinear`` cannot say this: its scales belong to places in a tensor, and
    here each row that is looked up brings its own.
    """
    wanted, ids = gather.output[0], gather.input[1]
    rows, floats, scale = (f"{wanted}_{word}" for word in ("int8", "float", "scale"))
    return [
        _like(gather, "Gather", [f"{table}_int8", ids], rows, axis=0),
        _like(gather, "Cast", [rows], floats, to=onnx.TensorProto.FLOAT),
        _like(gather, "Gather", [f"{table}_scale", ids], scale, axis=0),
        _like(gather, "Mul", [floats, scale], wanted),
    ]


def _like(
    user: onnx.NodeProto, kind: str, inputs: list[str], output: str, **attributes: int
) -> onnx.NodeProto:
    """Return a node that belongs to the module of `user`."""
    node = helper.make_node(kind, inputs, [output], output, **attributes)
    node.metadata_props.extend(user.metadata_props)
    return node
