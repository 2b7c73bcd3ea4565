"""How many operations a node takes, from the shapes it really ran with."""

from __future__ import annotations

import math
from collections.abc import Mapping

import onnx

Shape = tuple[int, ...]

_FREE = frozenset(
    {
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Constant", "Shape",
        "Transpose", "Concat", "Split", "Slice", "Gather", "Cast", "Expand", "Tile",
        "Pad", "Size", "ConstantOfShape", "DepthToSpace", "SpaceToDepth", "Dropout",
    }
)  # fmt: skip
# Operations for each element of the output, where it is more than one.
_PER_ELEMENT = {
    "Sigmoid": 4, "Tanh": 4, "Gelu": 8, "Erf": 8, "Softmax": 5, "LogSoftmax": 5,
    "LayerNormalization": 8, "BatchNormalization": 2, "InstanceNormalization": 8,
    "SimplifiedLayerNormalization": 5, "SkipLayerNormalization": 9, "HardSwish": 4,
    "Exp": 4, "Log": 4, "Pow": 4, "Sqrt": 2, "RMSNormalization": 5, "Resize": 4,
}  # fmt: skip


def n_operations(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Return the operations of one run of a node, a multiply-add being two.

    Parameters
    ----------
    node : NodeProto
        Of any domain.
    shapes : mapping of str to tuple of int
        Of its inputs and outputs, by tensor.

    Returns
    -------
    int
        0 where a shape that is needed is missing.
    """
    outputs = [shapes[name] for name in node.output if name in shapes]
    inputs = [shapes.get(name) for name in node.input]
    if not outputs or node.op_type in _FREE:
        return 0
    made = math.prod(outputs[0])
    first = inputs[0] if inputs else None
    second = inputs[1] if len(inputs) > 1 else None
    op = node.op_type
    if op in ("Conv", "FusedConv", "ConvInteger"):
        return 2 * made * math.prod(second[1:]) if second else 0
    if op == "QLinearConv":
        weights = inputs[3] if len(inputs) > 3 else None
        return 2 * made * math.prod(weights[1:]) if weights else 0
    if op == "ConvTranspose":
        if first is None or second is None:
            return 0
        return 2 * math.prod(first) * math.prod(second[1:])
    if op in ("MatMul", "FusedMatMul", "MatMulInteger", "QLinearMatMul"):
        return 2 * made * (first[-1] if first else 0)
    if op in ("Gemm", "FusedGemm"):
        if not first or len(first) != 2:
            return 0
        flipped = any(a.name == "transA" and a.i for a in node.attribute)
        return 2 * made * first[0 if flipped else 1]
    if op in ("LSTM", "GRU", "RNN"):
        return _recurrent(first, second, inputs[2] if len(inputs) > 2 else None)
    if op in ("Attention", "MultiHeadAttention", "GroupQueryAttention"):
        return _attention(node, first, second)
    if op in ("MaxPool", "AveragePool"):
        window = next((a.ints for a in node.attribute if a.name == "kernel_shape"), [1])
        return made * math.prod(window)
    if op.startswith(("Reduce", "Global")):
        return math.prod(first) if first else 0
    return made * _PER_ELEMENT.get(op, 1)


def _recurrent(x: Shape | None, w: Shape | None, r: Shape | None) -> int:
    """Count [T, B, D] through weights [directions, gates, D] and [.., .., H]."""
    if not x or not w or not r or len(x) != 3:
        return 0
    steps = x[0] * x[1]
    return 2 * steps * (math.prod(w) + math.prod(r))


def _attention(node: onnx.NodeProto, first: Shape | None, second: Shape | None) -> int:
    """Count the two products of attention, and the projection where it is inside."""
    if not first or len(first) < 3:
        return 0
    batch, length, width = first[0], first[-2], first[-1]
    if len(first) == 4:
        batch *= first[1]
    keys = second[-2] if second and len(second) >= 3 else length
    flops = 4 * batch * length * keys * width
    if node.op_type == "Attention" and node.domain == "com.microsoft" and second:
        flops += 2 * batch * length * width * second[-1]
    return flops
