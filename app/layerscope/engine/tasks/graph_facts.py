"""What a graph itself says of its inputs and outputs.

Arithmetic by constants right after an input, the quantisation of the input, the
first convolution and the batch normalisation behind it, the last operator before
an output: each is evidence of how the model was trained to be fed and read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.model.reading import OnnxModel, initializer_array

Floats = npt.NDArray[np.float64]

_SHAPE_ONLY = {
    "Cast",
    "Flatten",
    "Identity",
    "Pad",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}
_READING_ONLY = _SHAPE_ONLY | {"DequantizeLinear", "QuantizeLinear", "Resize"}
_EMBEDDINGS = {"EmbedLayerNormalization": {0: 2, 1: 4}, "Gather": {1: 0}}
_LONGEST_WALK = 16
# Weights of a first layer are small; larger ones are not worth reading for a guess.
_MOST_ELEMENTS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFacts:
    """What happens to one input before the first real layer.

    Attributes
    ----------
    gain : float
        Product of all factors applied to it by constants, 1 for none.
    shift : tuple of float
        What is subtracted first, empty for nothing.
    quantised_range : tuple of float, optional
        Smallest and largest value that its quantisation can hold.
    operators : tuple of str
        Operators on the way, the first layer's last.
    transposed : bool
        Whether channels are moved from the end to the front.
    weight, bias : array, optional
        Of the first convolution: (out, in, height, width) and (out,).
    norm_mean, norm_variance : array, optional
        Running statistics of the batch normalisation behind it, (out,).
    """

    gain: float = 1.0
    shift: tuple[float, ...] = ()
    quantised_range: tuple[float, float] | None = None
    operators: tuple[str, ...] = ()
    transposed: bool = False
    weight: Floats | None = None
    bias: Floats | None = None
    norm_mean: Floats | None = None
    norm_variance: Floats | None = None


class GraphFacts:
    """Answers about one model's main graph; made once a model by `facts_of`."""

    def __init__(self, model: OnnxModel) -> None:
        self._model = model
        self._consumers: dict[str, list[onnx.NodeProto]] = {}
        self._producer: dict[str, onnx.NodeProto] = {}
        self._initializers = {item.name for item in model.proto.graph.initializer}
        for node in model.proto.graph.node:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)
            for name in node.output:
                self._producer[name] = node
        self.metadata = {item.key: item.value for item in model.proto.metadata_props}
        self.producer_name = model.proto.producer_name.lower()
        self.from_paddle = any(
            node.name.startswith("p2o.") for node in model.proto.graph.node
        )

    def denotation(self, name: str) -> str:
        """Return what the file calls the type of an input or output: ``IMAGE``."""
        graph = self._model.proto.graph
        for value in (*graph.input, *graph.output):
            if value.name == name:
                return str(value.type.denotation)
        return ""

    def constant(self, name: str) -> Floats | None:
        """Return the elements of a small weight or constant, None if it is none."""
        for _ in range(4):
            if name in self._initializers:
                break
            node = self._producer.get(name)
            if node is None:
                return None
            if node.op_type == "Constant":
                return self._constant_node(node, name)
            if node.op_type not in ("Identity", "Cast", "Reshape"):
                return None
            name = node.input[0]
        return self._array(name)

    def input_facts(self, name: str) -> InputFacts:
        """Follow input `name` to its first real layer."""
        gain = 1.0
        shift: tuple[float, ...] = ()
        operators: list[str] = []
        limits: tuple[float, float] | None = None
        transposed = False
        tensor = name
        for _ in range(_LONGEST_WALK):
            users = [
                node
                for node in self._consumers.get(tensor, ())
                if node.op_type not in ("Shape", "Size")
            ]
            if len(users) != 1:
                break
            node = users[0]
            operators.append(node.op_type)
            if node.op_type == "ImageScaler":
                limits = limits or (0.0, 255.0)
            elif node.op_type in ("Sub", "Add", "Mul", "Div"):
                step = self._arithmetic(node, tensor)
                if step is None:
                    break
                factor, minus = step
                gain *= factor
                if minus and not shift:
                    shift = minus
            elif node.op_type == "QuantizeLinear":
                limits = limits or self._quantised_range(node)
            elif node.op_type == "Transpose":
                permutation = [list(a.ints) for a in node.attribute if a.name == "perm"]
                transposed = transposed or permutation == [[0, 3, 1, 2]]
            elif node.op_type == "Conv":
                return InputFacts(
                    gain=gain,
                    shift=shift,
                    quantised_range=limits,
                    operators=tuple(operators),
                    transposed=transposed,
                    **self._first_layer(node),
                )
            elif node.op_type not in _READING_ONLY:
                break
            tensor = node.output[0]
        return InputFacts(
            gain=gain,
            shift=shift,
            quantised_range=limits,
            operators=tuple(operators),
            transposed=transposed,
        )

    def last_operators(self, name: str) -> tuple[str, ...]:
        """Operators before output `name`, the last first, reshapes left out."""
        found: list[str] = []
        for _ in range(_LONGEST_WALK):
            node = self._producer.get(name)
            if node is None or len(found) == 4:
                break
            if node.op_type not in _READING_ONLY:
                found.append(node.op_type)
            if not node.input:
                break
            data = [item for item in node.input if self.constant(item) is None]
            name = data[0] if data else node.input[0]
        return tuple(found)

    def joined(self, name: str) -> tuple[str, ...]:
        """Operators whose results the last Concat before output `name` joins."""
        for _ in range(_LONGEST_WALK):
            node = self._producer.get(name)
            if node is None or not node.input:
                break
            if node.op_type == "Concat":
                makers = (self._producer.get(item) for item in node.input)
                return tuple(maker.op_type for maker in makers if maker is not None)
            if node.op_type not in _READING_ONLY:
                break
            name = node.input[0]
        return ()

    def n_values(self, name: str) -> int:
        """Rows of the table that integer input `name` indexes; 0 if unknown."""
        waiting, seen = [name], set[str]()
        rows: list[int] = []
        while waiting and len(seen) < 32:
            tensor = waiting.pop()
            if tensor in seen:
                continue
            seen.add(tensor)
            for node in self._consumers.get(tensor, ()):
                table = _EMBEDDINGS.get(node.op_type, {})
                for position, weight in table.items():
                    given = list(node.input)
                    if len(given) > max(position, weight) and given[position] == tensor:
                        size = self._rows(given[weight])
                        if size:
                            rows.append(size)
                if node.op_type in _SHAPE_ONLY:
                    waiting.append(node.output[0])
        return min(rows, default=0)

    def _rows(self, name: str) -> int:
        tensor = self._model.weights.get(name)
        return int(tensor.dims[0]) if tensor is not None and len(tensor.dims) else 0

    def _array(self, name: str) -> Floats | None:
        tensor = self._model.weights.get(name)
        if tensor is None or np.prod(list(tensor.dims), dtype=float) > _MOST_ELEMENTS:
            return None
        try:
            return np.asarray(initializer_array(self._model, name), dtype=np.float64)
        except (BadInputError, TypeError, ValueError):
            return None

    def _constant_node(self, node: onnx.NodeProto, name: str) -> Floats | None:
        for item in node.attribute:
            if item.name == "value_float":
                return np.array(item.f, dtype=np.float64)
            if item.name == "value_floats":
                return np.array(list(item.floats), dtype=np.float64)
            if item.name == "value_int":
                return np.array(item.i, dtype=np.float64)
        return self._array(name)

    def _arithmetic(
        self, node: onnx.NodeProto, tensor: str
    ) -> tuple[float, tuple[float, ...]] | None:
        """Factor and subtrahend of one step by a constant, None for other steps."""
        if len(node.input) < 2:
            return None
        first = node.input[0] == tensor
        other = self.constant(node.input[1 if first else 0])
        if other is None or other.size == 0 or other.size > 4:
            return None
        values = tuple(float(value) for value in other.ravel())
        typical = float(np.mean(np.abs(values)))
        if node.op_type == "Sub" and first:
            return 1.0, values
        if node.op_type == "Add":
            return 1.0, tuple(-value for value in values)
        if node.op_type == "Mul":
            return typical, ()
        if node.op_type == "Div" and first and typical > 0:
            return 1 / typical, ()
        return None

    def _quantised_range(self, node: onnx.NodeProto) -> tuple[float, float] | None:
        scale = self.constant(node.input[1]) if len(node.input) > 1 else None
        if scale is None or scale.size != 1:
            return None
        zero, low, high = 0.0, 0, 255
        if len(node.input) > 2 and node.input[2]:
            point = self.constant(node.input[2])
            if point is None or point.size != 1:
                return None
            zero = float(point.ravel()[0])
            stored = self._point_type(node.input[2])
            if stored == onnx.TensorProto.INT8:
                low, high = -128, 127
            elif stored != onnx.TensorProto.UINT8:
                return None
        step = float(scale.ravel()[0])
        return ((low - zero) * step, (high - zero) * step)

    def _point_type(self, name: str) -> int:
        for _ in range(4):
            tensor = self._model.weights.get(name)
            if tensor is not None:
                return int(tensor.data_type)
            node = self._producer.get(name)
            if node is None or not node.input:
                break
            name = node.input[0]
        return int(onnx.TensorProto.UNDEFINED)

    def _first_layer(self, node: onnx.NodeProto) -> dict[str, Any]:
        weight = self.constant(node.input[1])
        if weight is None or weight.ndim != 4:
            return {}
        bias = self.constant(node.input[2]) if len(node.input) > 2 else None
        found: dict[str, Any] = {
            "weight": weight,
            "bias": np.zeros(len(weight)) if bias is None else bias.ravel(),
        }
        users = self._consumers.get(node.output[0], [])
        if len(users) == 1 and users[0].op_type == "BatchNormalization":
            mean = self.constant(users[0].input[3])
            variance = self.constant(users[0].input[4])
            if mean is not None and variance is not None and len(mean) == len(weight):
                found["norm_mean"] = mean.ravel()
                found["norm_variance"] = variance.ravel()
        return found


_known: WeakKeyDictionary[OnnxModel, GraphFacts] = WeakKeyDictionary()


def facts_of(model: OnnxModel) -> GraphFacts:
    """Return the facts of a model, made once and kept while the model is open."""
    facts = _known.get(model)
    if facts is None:
        facts = _known[model] = GraphFacts(model)
    return facts
