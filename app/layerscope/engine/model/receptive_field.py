"""The pixels of the input that can change one place of an inner tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from layerscope.core.errors import BadInputError
from layerscope.core.receptive_field import (
    Span,
    pad_before,
    through_resize,
    through_transposed_window,
    through_window,
    whole,
)
from layerscope.engine.model.structure import ModelStructure

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Box = tuple[Span, ...]

_COLOURS = (1, 3, 4)
_SAME_PLACE = frozenset(
    {
        "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "Elu", "Selu",
        "HardSigmoid", "HardSwish", "Gelu", "Mish", "Softplus", "Softsign", "Abs",
        "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Pow", "Erf", "Floor", "Ceil",
        "Round", "Sign", "Not", "IsNaN", "Add", "Sub", "Mul", "Div", "Min", "Max",
        "Mean", "Sum", "Where", "Equal", "Less", "Greater", "And", "Or", "Xor", "Mod",
        "BatchNormalization", "Identity", "Dropout", "Cast", "LRN", "QuantizeLinear",
        "DequantizeLinear", "Celu", "ThresholdedRelu", "BitShift", "QuickGelu",
        "FastGelu", "BiasGelu",
    }
)  # fmt: skip
_WINDOWS = frozenset(
    {
        "Conv", "MaxPool", "AveragePool", "LpPool", "QLinearConv", "ConvInteger",
        "FusedConv", "QLinearAveragePool",
    }
)  # fmt: skip


@dataclass(frozen=True)
class ReceptiveField:
    """A box of input pixels, its ends included.

    Attributes
    ----------
    slot : str
        The graph input it lies on.
    left, top, right, bottom : int
    height, width : int
        Of that input.
    exact : bool
        False where an operator that mixes all places makes it the whole input.
    """

    slot: str
    left: int
    top: int
    right: int
    bottom: int
    height: int
    width: int
    exact: bool


@dataclass
class _Reach:
    """What of a tensor matters: a span for each axis."""

    box: Box
    exact: bool

    def join(self, other: _Reach) -> None:
        self.box = tuple(a.joined(b) for a, b in zip(self.box, other.box, strict=True))
        self.exact = self.exact and other.exact


def find(
    structure: ModelStructure, shapes: Shapes, tensor: str, y: int, x: int
) -> ReceptiveField:
    """Find the input pixels that reach one place of a tensor.

    Parameters
    ----------
    structure : ModelStructure
        Of the model.
    shapes : mapping of str to tuple of int
        Run-time shapes, of graph inputs too.
    tensor : str
        Of the main graph.
    y, x : int
        The place: along height and width of maps, time and feature of sequences.

    Raises
    ------
    BadInputError
        The shapes are not known yet, or no picture-like input is reached.
    """
    shape = shapes.get(tensor)
    if shape is None or not shape:
        raise BadInputError(
            f'Where "{tensor}" looks is known only after a run; run the model first.'
        )
    reached = {tensor: _Reach(_start(shape, y, x), exact=True)}
    main = structure.graphs[0].index if structure.graphs else 0
    top = structure.producer.get(tensor, -1)
    for index in range(top, -1, -1):
        node, proto = structure.nodes[index], structure.node_protos[index]
        if node.graph != main:
            continue
        for output in node.outputs:
            if output in reached and output in shapes:
                for name, reach in _inputs(proto, output, reached[output], shapes):
                    if name in reached:
                        reached[name].join(reach)
                    else:
                        reached[name] = reach
    for info in structure.graphs[0].inputs if structure.graphs else ():
        if info.name in reached and len(shapes.get(info.name, ())) >= 3:
            return _on_input(info.name, reached[info.name], shapes[info.name])
    raise BadInputError(
        f'No input of three or more axes reaches "{tensor}", so there is no picture '
        "to draw its field on."
    )


def _start(shape: Shape, y: int, x: int) -> Box:
    spans = [whole(size) for size in shape]
    if len(shape) == 4 and shape[1] == shape[2] != shape[3]:
        at_y, at_x = 1, 2
    elif len(shape) >= 2:
        at_y, at_x = len(shape) - 2, len(shape) - 1
    else:
        at_y, at_x = 0, 0
    for axis, place in ((at_y, y), (at_x, x)):
        spans[axis] = Span(place, place).clipped(shape[axis])
    return tuple(spans)


def _on_input(name: str, reach: _Reach, shape: Shape) -> ReceptiveField:
    rank = len(shape)
    channels_last = rank >= 3 and shape[-1] in _COLOURS and shape[-3] not in _COLOURS
    at_y, at_x = (rank - 3, rank - 2) if channels_last else (rank - 2, rank - 1)
    return ReceptiveField(
        slot=name,
        left=reach.box[at_x].first,
        top=reach.box[at_y].first,
        right=reach.box[at_x].last,
        bottom=reach.box[at_y].last,
        height=shape[at_y],
        width=shape[at_x],
        exact=reach.exact,
    )


def _inputs(
    node: onnx.NodeProto, output: str, reach: _Reach, shapes: Shapes
) -> list[tuple[str, _Reach]]:
    """Push what matters of one output back to the inputs of its node."""
    op, after = node.op_type, shapes[output]
    found = []
    for position, name in enumerate(node.input):
        before = shapes.get(name)
        if not before:
            continue
        box: Box | None = None
        if op in _SAME_PLACE:
            box = _broadcast(reach.box, before, after)
        elif op in _BACKWARDS and position == 0:
            box = _BACKWARDS[op](node, reach.box, before, after)
        elif op in _WINDOWS and position == 0:
            box = _window(node, reach.box, before, after)
        elif op == "Concat":
            box = _concat(node, reach.box, before, after)
        elif op == "Softmax" and len(before) == len(after):
            box = _mixed_along(node, reach.box, before)
        if box is None:
            everything = tuple(whole(size) for size in before)
            found.append((name, _Reach(everything, exact=False)))
        else:
            clipped = tuple(
                span.clipped(size) for span, size in zip(box, before, strict=True)
            )
            found.append((name, _Reach(clipped, reach.exact)))
    return found


def _broadcast(box: Box, before: Shape, after: Shape) -> Box | None:
    if len(before) > len(after):
        return None
    spans = box[len(after) - len(before) :]
    return tuple(
        whole(1) if size == 1 else span
        for span, size in zip(spans, before, strict=True)
    )


def _window(node: onnx.NodeProto, box: Box, before: Shape, after: Shape) -> Box | None:
    n_axes = len(before) - 2
    if n_axes < 1 or len(after) != len(before):
        return None
    strides = _ints(node, "strides", [1] * n_axes)
    dilations = _ints(node, "dilations", [1] * n_axes)
    pads = _ints(node, "pads", [0] * (2 * n_axes))
    auto = _text(node, "auto_pad")
    kernel = _ints(node, "kernel_shape", [])
    if len(kernel) != n_axes:
        if auto.startswith("SAME"):
            return None
        # Only the weights tell it then; it also follows from the sizes, exactly
        # where the stride is 1 and never too small elsewhere.
        kernel = [
            (before[a + 2] + pads[a] + pads[a + n_axes] - (after[a + 2] - 1) * s - 1)
            // d
            + 1
            for a, (s, d) in enumerate(zip(strides, dilations, strict=True))
        ]
    spans = [box[0], whole(before[1])]
    if node.op_type.endswith("Pool"):
        spans[1] = box[1]
    for axis in range(n_axes):
        sizes = {
            "kernel": kernel[axis],
            "stride": strides[axis],
            "dilation": dilations[axis],
        }
        pad = pads[axis]
        if auto.startswith("SAME"):
            pad = pad_before(
                auto, before=before[axis + 2], after=after[axis + 2], **sizes
            )
        spans.append(through_window(box[axis + 2], pad=pad, **sizes))
    return tuple(spans)


def _transposed_window(
    node: onnx.NodeProto, box: Box, before: Shape, after: Shape
) -> Box | None:
    n_axes = len(before) - 2
    kernel = _ints(node, "kernel_shape", [])
    if len(kernel) != n_axes or _text(node, "auto_pad").startswith("SAME"):
        return None
    strides = _ints(node, "strides", [1] * n_axes)
    dilations = _ints(node, "dilations", [1] * n_axes)
    pads = _ints(node, "pads", [0] * (2 * n_axes))
    spans = [box[0], whole(before[1])]
    for axis in range(n_axes):
        spans.append(
            through_transposed_window(
                box[axis + 2],
                kernel=kernel[axis],
                stride=strides[axis],
                pad=pads[axis],
                dilation=dilations[axis],
            )
        )
    return tuple(spans)


def _resize(node: onnx.NodeProto, box: Box, before: Shape, after: Shape) -> Box | None:
    if len(before) != len(after):
        return None
    reach = {"linear": 1, "cubic": 2}.get(_text(node, "mode"), 0)
    return tuple(
        span if old == new else through_resize(span, before=old, after=new, reach=reach)
        for span, old, new in zip(box, before, after, strict=True)
    )


def _transpose(
    node: onnx.NodeProto, box: Box, before: Shape, after: Shape
) -> Box | None:
    order = _ints(node, "perm", list(range(len(before)))[::-1])
    if len(order) != len(before) or len(after) != len(before):
        return None
    spans = [whole(size) for size in before]
    for position, axis in enumerate(order):
        spans[axis] = box[position]
    return tuple(spans)


def _depth_to_space(
    node: onnx.NodeProto, box: Box, before: Shape, after: Shape
) -> Box | None:
    block = _ints(node, "blocksize", [1])[0]
    if len(before) != 4 or block < 1:
        return None
    shrunk = [Span(s.first // block, s.last // block) for s in box[2:]]
    return (box[0], whole(before[1]), *shrunk)


def _space_to_depth(
    node: onnx.NodeProto, box: Box, before: Shape, after: Shape
) -> Box | None:
    block = _ints(node, "blocksize", [1])[0]
    if len(before) != 4 or block < 1:
        return None
    grown = [Span(s.first * block, s.last * block + block - 1) for s in box[2:]]
    return (box[0], whole(before[1]), *grown)


def _pad(node: onnx.NodeProto, box: Box, before: Shape, after: Shape) -> Box | None:
    if len(before) != len(after):
        return None
    pads = _ints(node, "pads", [])
    if len(pads) != 2 * len(before):
        # given as an input: mostly the same on both sides
        pads = [(new - old) // 2 for old, new in zip(before, after, strict=True)]
    return tuple(
        Span(span.first - pad, span.last - pad)
        for span, pad in zip(box, pads, strict=False)
    )


def _concat(node: onnx.NodeProto, box: Box, before: Shape, after: Shape) -> Box | None:
    if len(before) != len(after):
        return None
    axis = _ints(node, "axis", [1])[0] % len(before)
    if len(after) >= 3 and axis >= len(after) - 2 and before[axis] != after[axis]:
        return None  # places along the axis are shifted, by how much is not told here
    return tuple(whole(before[i]) if i == axis else span for i, span in enumerate(box))


def _mixed_along(node: onnx.NodeProto, box: Box, before: Shape) -> Box:
    axis = _ints(node, "axis", [-1])[0] % len(before)
    return tuple(whole(before[i]) if i == axis else span for i, span in enumerate(box))


def _same_size(
    node: onnx.NodeProto, box: Box, before: Shape, after: Shape
) -> Box | None:
    """Pass places on where only axes of one place come or go."""
    if [s for s in before if s != 1] != [s for s in after if s != 1]:
        return None
    kept = iter(span for span, size in zip(box, after, strict=True) if size != 1)
    return tuple(whole(1) if size == 1 else next(kept) for size in before)


_Backwards = Callable[[onnx.NodeProto, Box, Shape, Shape], Box | None]
_BACKWARDS: dict[str, _Backwards] = {
    "ConvTranspose": _transposed_window,
    "Resize": _resize,
    "Upsample": _resize,
    "Transpose": _transpose,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Pad": _pad,
    "Squeeze": _same_size,
    "Unsqueeze": _same_size,
    "Reshape": _same_size,
    "Flatten": _same_size,
}


def _ints(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    for attribute in node.attribute:
        if attribute.name == name:
            return list(attribute.ints) or [int(attribute.i)]
    return default


def _text(node: onnx.NodeProto, name: str) -> str:
    for attribute in node.attribute:
        if attribute.name == name:
            return bytes(attribute.s).decode(errors="replace")
    return ""
