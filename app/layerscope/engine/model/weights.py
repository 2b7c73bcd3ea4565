"""Weights of a node, measured and made visible."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.model.filter_pictures import atlas
from layerscope.engine.model.operators import imports, plain_domain
from layerscope.engine.model.reading import OnnxModel, initializer_array
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.value_types import dtype_name
from layerscope.engine.model.weight_arrays import stated_bytes
from layerscope.engine.model.wording import dimensions, shown
from layerscope.protocol.values import (
    Attribute,
    NodeDetails,
    Statistics,
    WeightDetails,
    WeightInfo,
)

N_BINS = 64
CHUNK = 1 << 22
EXPLODED = 1e6
MAX_ATTRIBUTES = 64
MAX_WEIGHTS = 64
MAX_DOCUMENTATION = 1200
# Nodes that only unpack or turn a weight on its way to the one that uses it.
PASSING_OPS = frozenset(
    {
        "Cast",
        "CastLike",
        "DequantizeLinear",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
MAX_PASSED = 8


def describe_node(
    model: OnnxModel, structure: ModelStructure, index: int
) -> NodeDetails:
    """Return everything the inspector says of a node that is not measured.

    Parameters
    ----------
    model : OnnxModel
        As read.
    structure : ModelStructure
        Of the same model.
    index : int
        Of the node, among all nodes.

    Raises
    ------
    BadInputError
        The model has no such node.
    """
    if not 0 <= index < len(structure.node_protos):
        raise BadInputError(
            f"Node {index} was asked for, and the model has "
            f"{len(structure.node_protos)}; open the model again."
        )
    proto = structure.node_protos[index]
    attributes = list(proto.attribute)[:MAX_ATTRIBUTES]
    return NodeDetails(
        node=index,
        attributes=tuple(
            Attribute(name=shown(each.name), text=attribute_text(each))
            for each in attributes
        ),
        weights=tuple(_weights(model, structure, index))[:MAX_WEIGHTS],
        documentation=_documentation(model, proto),
    )


def attribute_text(attribute: onnx.AttributeProto) -> str:
    """Return the value of an attribute as short text."""
    kinds = onnx.AttributeProto
    kind = attribute.type
    if kind == kinds.FLOAT:
        return f"{attribute.f:g}"
    if kind == kinds.INT:
        return str(attribute.i)
    if kind == kinds.STRING:
        return shown(attribute.s.decode(errors="replace"), 200)
    if kind == kinds.FLOATS:
        return _listed([f"{value:g}" for value in attribute.floats[:17]])
    if kind == kinds.INTS:
        return _listed([str(value) for value in attribute.ints[:17]])
    if kind == kinds.STRINGS:
        found = [shown(s.decode(errors="replace"), 40) for s in attribute.strings[:17]]
        return _listed(found)
    if kind == kinds.TENSOR:
        tensor = attribute.t
        return f"{dtype_name(tensor.data_type)} {dimensions(tuple(tensor.dims))}"
    if kind == kinds.GRAPH:
        return f"graph of {len(attribute.g.node):,} nodes"
    if attribute.ref_attr_name:
        return f"the caller's {shown(attribute.ref_attr_name)}"
    try:
        return str(kinds.AttributeType.Name(kind)).lower().replace("_", " ")
    except ValueError:
        return f"type {kind}"


def _listed(parts: list[str]) -> str:
    return "[" + ", ".join(parts[:16] + (["…"] if len(parts) > 16 else [])) + "]"


def _documentation(model: OnnxModel, proto: onnx.NodeProto) -> str:
    """Return the first paragraph of what ONNX says of the operator."""
    for function in model.proto.functions:
        if (function.domain, function.name) == (proto.domain, proto.op_type):
            return shown(function.doc_string, MAX_DOCUMENTATION)
    domain = plain_domain(proto.domain)
    version = imports(model.proto.opset_import).get(domain, 0)
    newest = onnx.defs.onnx_opset_version()
    try:
        schema = onnx.defs.get_schema(
            proto.op_type, min(version, newest) if version > 0 else newest, domain
        )
    except (onnx.defs.SchemaError, TypeError):
        return ""
    first = (schema.doc or "").strip().partition("\n\n")[0]
    return shown(re.sub(r"\s+", " ", first), MAX_DOCUMENTATION)


def _weights(
    model: OnnxModel, structure: ModelStructure, index: int
) -> Iterator[WeightInfo]:
    """Yield the weights of a node, those it gets through unpacking nodes too."""
    seen: set[str] = set()
    held = model.weights
    waiting = [(name, 0) for name in structure.nodes[index].inputs]
    if structure.nodes[index].op == "Constant":
        waiting = [(name, 0) for name in structure.nodes[index].outputs]
    while waiting:
        name, depth = waiting.pop(0)
        if not name or name in seen:
            continue
        seen.add(name)
        if name in held:
            tensor = held[name]
            yield WeightInfo(
                name=name,
                dtype=dtype_name(tensor.data_type),
                shape=tuple(tensor.dims),
                nbytes=stated_bytes(tensor),
            )
            continue
        maker = structure.producer.get(name, -1)
        if maker >= 0 and depth < MAX_PASSED:
            node = structure.nodes[maker]
            if node.op in PASSING_OPS and _is_constant(node.inputs[:1], model):
                waiting[:0] = [(each, depth + 1) for each in node.inputs]


def _is_constant(names: tuple[str, ...], model: OnnxModel) -> bool:
    return bool(names) and names[0] in model.weights


def describe_weight(
    model: OnnxModel, structure: ModelStructure, name: str
) -> tuple[WeightDetails, npt.NDArray[np.uint8] | None]:
    """Measure one weight tensor and draw its filters.

    Parameters
    ----------
    model : OnnxModel
        As read.
    structure : ModelStructure
        Of the same model.
    name : str
        Of an initializer or a Constant node's output.

    Returns
    -------
    details : WeightDetails
    filters : (n, h, w) or (n, h, w, 3) uint8 array, or None
        As `atlas` makes them; None for strings and empty tensors.

    Raises
    ------
    BadInputError
        No weight has this name, or its bytes cannot be read.
    """
    try:
        array = initializer_array(model, name)
    except KeyError:
        raise BadInputError(
            f"The weight {shown(name)} was asked for, and the model has none of that "
            "name; choose one that the inspector lists."
        ) from None
    tensor = model.weights[name]
    numbers = as_numbers(array)
    details = WeightDetails(
        name=name,
        dtype=dtype_name(tensor.data_type),
        shape=tuple(tensor.dims),
        nbytes=stated_bytes(tensor),
        statistics=Statistics() if numbers is None else statistics(numbers),
    )
    if numbers is None or numbers.size == 0:
        return details, None
    users = [structure.nodes[i] for i in structure.consumers.get(name, ())]
    transposed = any(node.op == "ConvTranspose" for node in users)
    return details, atlas(numbers, transposed=transposed)


def as_numbers(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic] | None:
    """Return an array that numpy can compute with, or None for strings.

    Types that numpy lacks (bfloat16, float8, int4) become float32; of complex
    numbers the magnitude is taken.
    """
    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind == "c":
        return np.asarray(np.abs(array))
    if array.dtype.kind in "OUS":
        return None
    return array.astype(np.float32)


def statistics(array: npt.NDArray[np.generic]) -> Statistics:
    """Return moments, histogram and health flags of all elements.

    Parameters
    ----------
    array : array of numbers or truth values
        May be a map of a file: it is read in pieces.
    """
    flat = array.reshape(-1)
    n = n_active = 0
    total = squares = 0.0
    low, high = math.inf, -math.inf
    n_nan = n_inf = 0
    for piece in _pieces(flat):
        finite = piece[np.isfinite(piece)]
        n_nan += int(np.isnan(piece).sum())
        n_inf += int(np.isinf(piece).sum())
        if finite.size:
            n += finite.size
            n_active += int(np.count_nonzero(finite))
            low = min(low, float(finite.min()))
            high = max(high, float(finite.max()))
            with np.errstate(over="ignore"):
                total += float(finite.sum())
    if n == 0:
        flags = ("nan",) * bool(n_nan) + ("inf",) * bool(n_inf)
        return Statistics(n_nonfinite=n_nan + n_inf, flags=flags)
    mean = total / n
    counts = np.zeros(N_BINS, np.int64)
    for piece in _pieces(flat):
        finite = piece[np.isfinite(piece)]
        with np.errstate(over="ignore"):
            squares += float(np.square(finite - mean).sum())
        counts += _histogram(finite, low, high)
    flags = ("dead",) * (n_active == 0) + ("nan",) * bool(n_nan)
    flags += ("inf",) * bool(n_inf)
    flags += ("exploding",) * (max(abs(low), abs(high)) > EXPLODED)
    return Statistics(
        mean=mean,
        std=math.sqrt(squares / n),
        minimum=low,
        maximum=high,
        active=n_active / n,
        n_nonfinite=n_nan + n_inf,
        counts=tuple(int(count) for count in counts),
        flags=flags,
    )


def _histogram(
    values: npt.NDArray[np.float64], low: float, high: float
) -> npt.NDArray[np.int64]:
    """Count `values` in equal bins.

    np.histogram refuses ranges so narrow or so wide that its edges do not differ or
    are not finite.
    """
    half = high / 2 - low / 2
    if half == 0:
        counts = np.zeros(N_BINS, np.int64)
        counts[0] = values.size
        return counts
    share = (values / 2 - low / 2) / half
    bins = np.minimum((share * N_BINS).astype(np.int64), N_BINS - 1)
    return np.bincount(bins, minlength=N_BINS)


def _pieces(flat: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.float64]]:
    for start in range(0, flat.size, CHUNK):
        yield flat[start : start + CHUNK].astype(np.float64)
