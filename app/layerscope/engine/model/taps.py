"""Taps: where a network can be watched live, and the nodes that let values out.

Every tap is a gate worked by small integer inputs: nothing, some elements, or the
whole tensor leaves by it, and no session is made anew for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from layerscope.engine.model.weight_arrays import subgraphs

MAX_TAPS = 160
PREFIX = "layerscope"
# A step of Slice came with this version; older models get a chain of Gather.
SLICE_SINCE = 10

Int64s = npt.NDArray[np.int64]
Window = tuple[tuple[int, int, int], ...]

_PLUMBING = frozenset(
    {
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast", "CastLike",
        "Shape", "Size", "Constant", "ConstantOfShape", "Range", "Expand", "NonZero",
        "SequenceConstruct", "SequenceEmpty", "SplitToSequence", "ZipMap",
        "DequantizeLinear", "QuantizeLinear", "DynamicQuantizeLinear", "Dropout",
        "Equal", "Less", "Greater", "Not", "And", "Or", "Where", "IsNaN", "If", "Loop",
        "Scan", "Optional", "OptionalGetElement", "Tile", "TreeEnsembleClassifier",
        "GatherElements", "ScatterND", "OneHot", "Transpose", "Slice", "Split", "Pad",
        "Gather",
    }
)  # fmt: skip
_TELLING = frozenset(
    {
        "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "Gelu", "FastGelu",
        "BiasGelu", "HardSwish", "HardSigmoid", "Elu", "Selu", "Mish", "Softplus",
        "QuickGelu", "FusedConv", "MaxPool", "AveragePool", "GlobalAveragePool",
        "Softmax", "LayerNormalization", "SkipLayerNormalization",
        "SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization",
        "EmbedLayerNormalization", "Attention", "MultiHeadAttention",
        "GroupQueryAttention", "LSTM", "GRU", "RNN", "Concat", "Conv", "QLinearConv",
        "ConvTranspose", "FusedGemm", "Resize", "Upsample", "RMSNormalization",
        "InstanceNormalization", "GroupNorm", "BatchNormalization",
        "DepthToSpace",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Tap:
    """The names one tap has in a tapped model.

    Attributes
    ----------
    tensor : str
        What is tapped.
    gates : tuple of str
        Inputs that work it: starts, ends and steps of a Slice, or one list of
        places for each axis of a chain of Gather.
    output : str
        Where its values leave.
    axes : tuple of int
        Axis of each Gather, empty for a Slice.
    """

    tensor: str
    gates: tuple[str, ...]
    output: str
    axes: tuple[int, ...] = ()

    def gate_values(self, window: Window) -> list[Int64s]:
        """Return what the gates take so that `window` leaves.

        Parameters
        ----------
        window : tuple of (start, stop, step)
            One for each axis of the tensor.
        """
        if self.axes:
            return [np.arange(*window[axis], dtype=np.int64) for axis in self.axes]
        return [np.array(part, dtype=np.int64) for part in zip(*window, strict=True)]

    def shut_values(self) -> list[Int64s]:
        """Return what the gates take so that nothing leaves."""
        if self.axes:
            nothing = np.zeros(0, dtype=np.int64)
            one = np.zeros(1, dtype=np.int64)
            return [nothing, *([one] * (len(self.axes) - 1))]
        return self.gate_values(((0, 0, 1),))

    def shut_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what leaves a shut tap on a tensor of `shape`."""
        if self.axes:
            return tuple(0 if a == self.axes[0] else 1 for a in range(len(shape)))
        return (0, *shape[1:])


def opset_of(proto: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators, 1 where none is stated."""
    versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
    return max(versions, default=1)


def add_taps(
    proto: onnx.ModelProto, tensors: Sequence[tuple[str, int]]
) -> tuple[Tap, ...]:
    """Build taps into a model, in place.

    Parameters
    ----------
    proto : ModelProto
        Free to be changed.
    tensors : sequence of (str, int)
        Name and rank, 1 or more, in the order of computation.

    Returns
    -------
    tuple of Tap
        In the order of `tensors`.
    """
    graph = proto.graph
    sliced = opset_of(proto) >= SLICE_SINCE
    taps, chains = [], []
    for number, (tensor, rank) in enumerate(tensors):
        stem = f"{PREFIX}/{number}"
        output = f"{stem}/tap"
        if sliced:
            starts, ends, steps = f"{stem}/starts", f"{stem}/ends", f"{stem}/steps"
            gates: tuple[str, ...] = (starts, ends, steps)
            axes: tuple[int, ...] = ()
            inputs = [tensor, starts, ends, "", steps]
            chain = [helper.make_node("Slice", inputs, [output], name=stem)]
        else:
            # the channel axis goes first, since it leaves least to copy
            axes = tuple(sorted(range(rank), key=lambda a: (a == 0, a)))
            gates = tuple(f"{stem}/axis{axis}" for axis in axes)
            chain, last = [], tensor
            for k, (axis, gate) in enumerate(zip(axes, gates, strict=True)):
                name = output if k == rank - 1 else f"{stem}/{k}"
                node = helper.make_node(
                    "Gather", [last, gate], [name], name=f"{stem}/{k}", axis=axis
                )
                chain.append(node)
                last = name
        chains.append(chain)
        for gate in gates:
            graph.input.append(
                helper.make_tensor_value_info(gate, onnx.TensorProto.INT64, [None])
            )
        graph.output.append(onnx.ValueInfoProto(name=output))
        taps.append(Tap(tensor=tensor, gates=gates, output=output, axes=axes))
    # onnxruntime visits what ends last in the file first. With the deepest tap
    # first in the file, each tap runs as soon as its tensor is there, while it is
    # still in the cache, and no tensor has to be kept until the end.
    for chain in reversed(chains):
        graph.node.extend(chain)
    return tuple(taps)


def choose_taps(
    candidates: Iterable[tuple[str, str]],
    dtypes: dict[str, str],
    limit: int = MAX_TAPS,
) -> tuple[str, ...]:
    """Choose the tensors to watch.

    Parameters
    ----------
    candidates : iterable of (str, str)
        Tensor and the operator that makes it as it runs, in order.
    dtypes : dict
        Element type by tensor, where it is known.
    limit : int
        More are thinned out, those after activations and norms kept longest.

    Returns
    -------
    tuple of str
        In the order of `candidates`.
    """
    found = [
        (tensor, op)
        for tensor, op in candidates
        if op not in _PLUMBING and _is_number(dtypes.get(tensor, "float32"))
    ]
    if len(found) > limit:
        telling = [item for item in found if item[1] in _TELLING]
        if len(telling) >= limit // 4:
            found = telling
    if len(found) > limit:
        picks = np.unique(np.linspace(0, len(found) - 1, limit).round().astype(int))
        found = [found[int(i)] for i in picks]
    return tuple(dict.fromkeys(tensor for tensor, _ in found))


def likely_survivors(graph: onnx.GraphProto) -> list[tuple[str, str]]:
    """Guess which tensors survive fusion, without asking onnxruntime.

    For models whose optimised graph would be too large to write. A tensor that an
    activation or addition alone takes further is taken for fused away.

    Returns
    -------
    list of (str, str)
        Tensor and the operator that makes it.
    """
    takers: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node.op_type)
        for body in subgraphs(node):
            for inner in body.node:
                for name in inner.input:
                    takers.setdefault(name, []).append(inner.op_type)
    absorbed = {
        "Conv": {"Relu", "BatchNormalization", "Add", "Clip", "Sigmoid", "LeakyRelu"},
        "BatchNormalization": {"Relu", "Add", "Clip"},
        "MatMul": {"Add", "Mul", "Div", "Gelu"},
        "Gemm": {"Relu"},
        "ReduceMean": {"Sub", "Add", "Pow", "Sqrt"},
        "Pow": {"ReduceMean"},
        "Sqrt": {"Div"},
        "Sub": {"Pow", "Div"},
        "Erf": {"Add"},
        "Tanh": {"Add", "Mul"},
    }
    found = []
    for node in graph.node:
        for name in node.output[:1]:
            after = takers.get(name, [])
            if name and not (after and set(after) <= absorbed.get(node.op_type, set())):
                found.append((name, node.op_type))
    return found


def _is_number(dtype: str) -> bool:
    return dtype in ("float32", "float16", "float64", "int8", "uint8")
