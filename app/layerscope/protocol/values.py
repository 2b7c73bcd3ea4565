"""Plain values inside messages: arrays, tensors, nodes, devices, settings."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

Dimension = int | str | None


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all values."""


class ArrayRef(Value, frozen=True, kw_only=True):
    """An array that travels inside the message or lies in the array store.

    Attributes
    ----------
    dtype : str
        numpy's name: ``"uint8"``, ``"float32"``, ….
    shape : tuple of int
    data : bytes
        The elements, C order, if they are few; else empty.
    block : int
        Number of the store's block, 0 where `data` holds the elements.
    offset : int
        Where the block starts in the store, in bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes = b""
    block: int = 0
    offset: int = 0

    @property
    def nbytes(self) -> int:
        """Size of the elements in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @classmethod
    def inline(cls, array: npt.NDArray[np.generic]) -> ArrayRef:
        """Return a reference that carries `array` itself."""
        return cls(dtype=array.dtype.name, shape=array.shape, data=array.tobytes())

    def inline_array(self) -> npt.NDArray[np.generic]:
        """Return the array that the reference carries itself, read-only."""
        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


class TensorInfo(Value, frozen=True, kw_only=True):
    """Name, element type and shape of a graph's input or output.

    Attributes
    ----------
    dtype : str
        numpy's name where numpy has the type (``"float32"``, ``"int64"``), else
        ONNX's (``"bfloat16"``, ``"string"``, ``"sequence(map(int64,float))"``).
    shape : tuple
        Sizes; a name for a symbolic one, None for an unknown one.
    """

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None = None


class TensorShape(Value, frozen=True, kw_only=True):
    """Shape of one inner tensor, as stored or as measured."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...]


class GraphInfo(Value, frozen=True, kw_only=True):
    """A graph: the main one, the body of a control-flow node, or a function.

    Attributes
    ----------
    kind : str
        ``"main"``, ``"subgraph"`` or ``"function"``.
    owner : int
        Index of the node it belongs to, -1 for the main graph; of a function,
        the first node that calls it.
    """

    index: int
    name: str
    kind: str
    owner: int = -1
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()


class GroupInfo(Value, frozen=True, kw_only=True):
    """A block of nodes that can be drawn closed.

    Attributes
    ----------
    name : str
        Last part of its path, as shown.
    path : str
        ``"stage2/0/conv1"``; unique within its graph.
    parent : int
        Index of the enclosing group, -1 at the top.
    graph : int
    kind : str
        ``"module"`` (from scope names), ``"block"`` (found by repetition).
    type_name : str
        Class of the module where the exporter recorded it, else empty.
    n_nodes : int
        Nodes inside, nested ones included.
    twin_of : int
        First group of identical structure, or its own index.
    output : str
        The tensor that stands for the group: the last one that leaves it, or
        the last before poolings and the like that follow a layer.
    """

    index: int
    name: str
    path: str
    parent: int
    graph: int
    kind: str
    type_name: str = ""
    n_nodes: int = 0
    twin_of: int = -1
    output: str = ""


class NodeInfo(Value, frozen=True, kw_only=True):
    """One operator.

    Attributes
    ----------
    index : int
        Position among all nodes of all graphs of the model.
    name : str
        As in the file, or ``Conv_12`` where the file gives none.
    group : int
        Innermost group, -1 for none.
    graph : int
    bodies : tuple of int
        Graphs that can be entered from it.
    n_parameters, parameter_bytes : int
        Of its weights.
    error : str
        Why onnxruntime cannot run it, or an empty string.
    label : str
        The module it is alone in, ``conv1`` say: what to write on its card; empty
        where there is none.
    hidden : bool
        Whether it only prepares weights and so is not drawn.
    """

    index: int
    name: str
    op: str
    domain: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    group: int = -1
    graph: int = 0
    bodies: tuple[int, ...] = ()
    n_parameters: int = 0
    parameter_bytes: int = 0
    error: str = ""
    label: str = ""
    hidden: bool = False


class Attribute(Value, frozen=True, kw_only=True):
    """One attribute of a node, its value as short text."""

    name: str
    text: str


class WeightInfo(Value, frozen=True, kw_only=True):
    """One weight tensor of a node."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


class NodeDetails(Value, frozen=True, kw_only=True):
    """Everything the inspector says of a node that is not measured."""

    node: int
    attributes: tuple[Attribute, ...]
    weights: tuple[WeightInfo, ...]
    documentation: str = ""


class Statistics(Value, frozen=True, kw_only=True):
    """Moments and health of the elements of one tensor.

    Attributes
    ----------
    mean, std, minimum, maximum : float
        Over the finite elements; 0 where there is none.
    active : float
        Share of the elements that are not zero, 0 to 1.
    n_nonfinite : int
    counts : tuple of int
        Histogram over equal bins from `minimum` to `maximum`; may be empty.
    flags : tuple of str
        Of ``"dead"``, ``"saturated"``, ``"nan"``, ``"inf"``, ``"exploding"``.
    """

    mean: float = 0.0
    std: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    active: float = 0.0
    n_nonfinite: int = 0
    counts: tuple[int, ...] = ()
    flags: tuple[str, ...] = ()


class WeightDetails(Value, frozen=True, kw_only=True):
    """One weight tensor, measured."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    statistics: Statistics


class LayerTime(Value, frozen=True, kw_only=True):
    """Measured cost of one group of nodes that ran as one.

    Attributes
    ----------
    nodes : tuple of int
        The nodes of the file that were fused into it; the first one names it.
    op : str
        Operator as it ran, ``FusedConv`` say.
    ms : float
        Median over the profiled runs.
    output_bytes, parameter_bytes : int
    flops : int
        Multiply-adds times two, 0 where nobody knows.
    """

    nodes: tuple[int, ...]
    op: str
    provider: str
    ms: float
    output_bytes: int = 0
    parameter_bytes: int = 0
    flops: int = 0


class Preflight(Value, frozen=True, kw_only=True):
    """What a model file says, known before anything is loaded to run.

    Attributes
    ----------
    name : str
        For people: the folder's or the file's name.
    path : str
        The file that holds the graph.
    sha256 : str
        Of that file, the first 16 hexadecimal digits.
    opsets : dict
        Version by domain; ONNX's own domain is ``"ai.onnx"``.
    n_parameters : int
    weight_bytes, file_bytes : int
        File bytes count external data too.
    unsupported : tuple of str
        Operators this onnxruntime does not have, ``"domain::Op"``.
    run_bytes : int
        Estimate of the memory a run needs, weights included.
    free_bytes : int
        Memory free on this machine when asked.
    problems : tuple of str
        Sentences about what is odd, each one with what was done about it.
    precisions : tuple of str
        Variants found beside the file, the opened one first, ``"fp32"``, ….
    licence : str
        From a card beside it, or empty.
    """

    name: str
    path: str
    sha256: str
    producer: str
    ir_version: int
    opsets: dict[str, int]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    n_nodes: int
    n_parameters: int
    weight_bytes: int
    file_bytes: int
    unsupported: tuple[str, ...] = ()
    run_bytes: int = 0
    free_bytes: int = 0
    problems: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    licence: str = ""
    metadata: dict[str, str] = {}


class DeviceInfo(Value, frozen=True, kw_only=True):
    """A device a model can run on.

    Attributes
    ----------
    id : str
        ``"cpu"``, ``"cuda:0"``, …: what `OpenModel.device` takes.
    name : str
        For people.
    usable : bool
        Whether a one-node run worked on its execution provider.
    reason : str
        Why it is not usable, one sentence.
    """

    id: str
    name: str
    provider: str
    usable: bool
    reason: str = ""
    memory_bytes: int = 0


class InputSlot(Value, frozen=True, kw_only=True):
    """One thing a task wants from the user.

    Attributes
    ----------
    name : str
        Key in `Run.inputs`; mostly the graph input's name.
    kind : str
        ``"picture"``, ``"text"`` or ``"tensor"``.
    tensor : TensorInfo
        The graph input it feeds.
    note : str
        What is expected: ``"float32 1 x 3 x 224 x 224"``.
    feedback : str
        An output of the same shape whose last value can be fed back, or empty.
    optional : bool
        Whether nothing need be given, so that no sample stands in.
    example : str
        What a slot of text takes where it is given none.
    """

    name: str
    kind: str
    tensor: TensorInfo
    note: str = ""
    feedback: str = ""
    optional: bool = False
    example: str = ""


class SettingSpec(Value, frozen=True, kw_only=True):
    """One value of a task that the user can change.

    Attributes
    ----------
    name, kind : str
        Key in `Run.settings`; choice, float, int, bool, text, triple or size.
    default : object
        The guess.
    group, help : str
        Heading it is listed under, ``"Boxes"`` say, and a sentence for the tooltip.
    """

    name: str
    label: str
    kind: str
    default: bool | int | float | str
    choices: tuple[str, ...] = ()
    minimum: float = 0.0
    maximum: float = 0.0
    group: str = ""
    help: str = ""


class StageTimes(Value, frozen=True, kw_only=True):
    """Where the time of one run went, in milliseconds; -1 means did not happen."""

    decode_ms: float = 0.0
    prepare_ms: float = 0.0
    model_ms: float = 0.0
    finish_ms: float = 0.0
    summarise_ms: float = 0.0
    warm_up_ms: float = -1.0
