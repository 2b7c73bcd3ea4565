"""Everything the window and the engine may say to each other.

Commands go to the engine, events come back. Both are plain frozen structs,
encoded as msgpack; neither side ever unpickles. A message is at most
`MAX_MESSAGE_BYTES` long: what is larger travels through shared memory
(`layerscope.protocol.frames`, `layerscope.protocol.arrays`) or in pages.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.answers import Answer
from layerscope.protocol.inputs import InputSource, SettingValue
from layerscope.protocol.values import (
    ArrayRef,
    DeviceInfo,
    GraphInfo,
    GroupInfo,
    InputSlot,
    LayerTime,
    NodeDetails,
    NodeInfo,
    Preflight,
    SettingSpec,
    StageTimes,
    TensorInfo,
    TensorShape,
    WeightDetails,
)

MAX_MESSAGE_BYTES = 1 << 20
PROTOCOL_VERSION = 1

JobId = int
ModelId = int


class MessageError(LayerscopeError):
    """A message is too long, cut, or not one of ours."""


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every message; `job` ties an event to its command."""

    job: JobId = 0


# --- commands: the run lane ---------------------------------------------------


class OpenModel(Message, frozen=True, kw_only=True):
    """Read a model, describe it, and make it ready to run.

    Attributes
    ----------
    model : ModelId
        Chosen by the window; later commands name the model by it.
    path : str
        A file or a folder.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda:0"``, … as `DeviceInfo.id` spells them.
    precision : str
        ``""`` for the file as it is, or a name from `Preflight.precisions`.
    task : str
        ``""`` to choose by shape and metadata, or a task id.
    run : bool
        False to describe only, without making a session.
    """

    model: ModelId
    path: str
    device: str = "auto"
    precision: str = ""
    task: str = ""
    run: bool = True


class CloseModel(Message, frozen=True, kw_only=True):
    """Free everything that belongs to a model."""

    model: ModelId


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What of the inside is to be shown after a run.

    Attributes
    ----------
    everything : bool
        A thumbnail of every tap point.
    tensors : tuple of str
        Thumbnails of these tensors besides.
    focus : str
        The tensor whose channels fill the tile wall, or an empty string.
    unit : int
        The channel of `focus` shown large, or -1.
    order : str
        ``"index"`` or ``"strength"``: how the channels are sorted.
    scale : str
        ``"channel"``, ``"layer"`` or ``"network"``: what shares a colour scale.
    boost : float
        Exponent of the contrast curve; 1 leaves values alone, 0.5 lifts dark ones.
    """

    everything: bool = False
    tensors: tuple[str, ...] = ()
    focus: str = ""
    unit: int = -1
    order: str = "index"
    scale: str = "channel"
    boost: float = 1.0

    @property
    def anything(self) -> bool:
        """Whether a run has to look inside at all."""
        return self.everything or bool(self.tensors) or bool(self.focus)


class Run(Message, frozen=True, kw_only=True):
    """Run a model on inputs; a newer `Run` replaces one that still waits.

    Attributes
    ----------
    inputs : dict
        Source of each input by the name of its `InputSlot`; a slot without an
        entry takes its default.
    settings : dict
        Values of the task's `SettingSpec` entries that differ from the default.
    repeats : int
        Timed runs of the untouched model; above 1 a warm-up comes first.
    keep : bool
        Keep the outputs and `keep_tensors` for `FetchTensor` until the next run.
    keep_tensors : tuple of str
        Inner tensors to keep in full.
    """

    model: ModelId
    inputs: dict[str, InputSource] = {}
    settings: dict[str, SettingValue] = {}
    watch: Watch = Watch()
    repeats: int = 1
    keep: bool = True
    keep_tensors: tuple[str, ...] = ()


class Profile(Message, frozen=True, kw_only=True):
    """Time every node of a model with the inputs of its last run."""

    model: ModelId
    runs: int = 5


class Bench(Message, frozen=True, kw_only=True):
    """Time fast, live and raw onnxruntime, interleaved, on the last inputs."""

    model: ModelId
    pairs: int = 100


# --- commands: the query lane -------------------------------------------------


class FindDevices(Message, frozen=True, kw_only=True):
    """List the devices, each proved by a one-node run."""


class LayOutGraph(Message, frozen=True, kw_only=True):
    """Place the nodes of one graph.

    Attributes
    ----------
    graph : int
        Index of the graph; 0 is the main one.
    expanded : tuple of int
        Groups drawn open; all others are one block.
    """

    model: ModelId
    graph: int = 0
    expanded: tuple[int, ...] = ()


class DescribeNode(Message, frozen=True, kw_only=True):
    """Attributes, tensors and weights of one node."""

    model: ModelId
    node: int


class DescribeWeight(Message, frozen=True, kw_only=True):
    """Statistics and a picture of one weight tensor."""

    model: ModelId
    name: str


class FetchTensor(Message, frozen=True, kw_only=True):
    """Part of a tensor: an output or kept tensor of the last run, or a weight.

    A tensor that was not kept is computed by a session cut at it.

    Attributes
    ----------
    start, stop : int
        Range of elements of the flattened tensor; ``stop=-1`` means to the end.
    """

    model: ModelId
    tensor: str
    start: int = 0
    stop: int = -1


class FindReceptiveField(Message, frozen=True, kw_only=True):
    """The input pixels that reach one place of a tensor."""

    model: ModelId
    tensor: str
    y: int
    x: int


class DecodePicture(Message, frozen=True, kw_only=True):
    """Decode a picture file, at most `size` pixels on its longer side."""

    path: str
    size: int = 96


class ExplainTask(Message, frozen=True, kw_only=True):
    """Slots, settings and labels of another task for an open model."""

    model: ModelId
    task: str


# --- commands: answered at once by the receiving thread -----------------------


class Cancel(Message, frozen=True, kw_only=True):
    """Stop the job `job`; its last event is `Cancelled`."""


class Shutdown(Message, frozen=True, kw_only=True):
    """End the engine process."""


class Fault(Message, frozen=True, kw_only=True):
    """Misbehave, for tests; honoured only when ``LAYERSCOPE_FAULTS=1``.

    Attributes
    ----------
    kind : str
        ``crash``, ``abort``, ``exit``, ``hang``, ``hang_gil``, ``stop``, ``oom``,
        ``flood_stderr``, ``bad_message``, ``die_after``.
    value : float
        Exit status or seconds, where the kind takes one.
    """

    kind: str
    value: float = 0.0


RunCommand = OpenModel | Run | Profile | Bench | Fault
QueryCommand = (
    FindDevices
    | LayOutGraph
    | DescribeNode
    | DescribeWeight
    | FetchTensor
    | FindReceptiveField
    | DecodePicture
    | ExplainTask
)
Command = RunCommand | QueryCommand | CloseModel | Cancel | Shutdown


# --- events -------------------------------------------------------------------


class EngineReady(Message, frozen=True, kw_only=True):
    """The engine listens. `version` is `PROTOCOL_VERSION`."""

    version: int
    pid: int


class Progress(Message, frozen=True, kw_only=True):
    """How far a long job is; `fraction` is -1 where that is not known."""

    text: str
    fraction: float = -1.0


class Noted(Message, frozen=True, kw_only=True):
    """A line for the log: something was guessed, changed, left out or recovered."""

    text: str
    level: Literal["info", "warning"] = "info"


class Preflighted(Message, frozen=True, kw_only=True):
    """What the file says, before anything is loaded to run."""

    model: ModelId
    report: Preflight


class GraphDescribed(Message, frozen=True, kw_only=True):
    """One page of a model's structure; pages come in order."""

    model: ModelId
    page: int
    n_pages: int
    graphs: tuple[GraphInfo, ...] = ()
    groups: tuple[GroupInfo, ...] = ()
    nodes: tuple[NodeInfo, ...] = ()
    tensors: tuple[TensorShape, ...] = ()


class TaskExplained(Message, frozen=True, kw_only=True):
    """What the chosen task takes and what can be set on it."""

    model: ModelId
    task: str
    tasks: tuple[str, ...]
    slots: tuple[InputSlot, ...]
    settings: tuple[SettingSpec, ...]


class ModelReady(Message, frozen=True, kw_only=True):
    """A session stands.

    Attributes
    ----------
    device : str
        The device really in use.
    provider : str
        The execution provider that got most nodes.
    precision : str
        As shown to the user: ``fp32``, ``fp16``, ``int8``, ….
    load_ms : float
        Time to make the session.
    taps : tuple of str
        Tensors that can be watched live.
    """

    model: ModelId
    device: str
    provider: str
    precision: str
    load_ms: float
    taps: tuple[str, ...] = ()


class ModelUnrunnable(Message, frozen=True, kw_only=True):
    """The model is drawn but cannot run; `node` is empty where none is to blame."""

    model: ModelId
    reason: str
    node: str = ""


class ShapesMeasured(Message, frozen=True, kw_only=True):
    """Run-time shapes, which may differ from what the file stores."""

    model: ModelId
    tensors: tuple[TensorShape, ...]


class RunAnswered(Message, frozen=True, kw_only=True):
    """The answer of one run, and what it cost.

    Attributes
    ----------
    answer : Answer
        What the task makes of the outputs.
    outputs : tuple of TensorInfo
        Name, dtype and run-time shape of every output.
    stages : StageTimes
    samples_ms : tuple of float
        Latencies of the untouched model in this run, warm-up left out.
    live_ms : float
        Latency of the tapped model, -1 where it did not run.
    drift : float
        Largest absolute difference between tapped and untouched outputs, -1
        where they were not compared.
    provider : str
        The execution provider that ran most nodes.
    """

    model: ModelId
    answer: Answer
    outputs: tuple[TensorInfo, ...]
    stages: StageTimes
    samples_ms: tuple[float, ...] = ()
    live_ms: float = -1.0
    drift: float = -1.0
    provider: str = ""


class LayersProfiled(Message, frozen=True, kw_only=True):
    """Time, provider and memory of every node, from a separate profiled run.

    Attributes
    ----------
    total_ms : float
        Sum over the nodes; not the model's latency, profiling costs time.
    """

    model: ModelId
    layers: tuple[LayerTime, ...]
    total_ms: float
    page: int = 0
    n_pages: int = 1


class Benched(Message, frozen=True, kw_only=True):
    """Medians of an interleaved comparison.

    Attributes
    ----------
    raw_ms : float
        Median of raw onnxruntime.
    fast_ratio, live_ratio : float
        Median of the fast and the live session over raw.
    live_taps : int
        Tensors watched by the live session.
    n : int
        Pairs measured.
    """

    model: ModelId
    raw_ms: float
    fast_ratio: float
    live_ratio: float
    live_taps: int
    n: int


class DevicesFound(Message, frozen=True, kw_only=True):
    """The devices of this machine, the usable ones first."""

    devices: tuple[DeviceInfo, ...]


class GraphLaidOut(Message, frozen=True, kw_only=True):
    """Positions of everything visible in one graph, left to right.

    Attributes
    ----------
    items : (n, 2) int32 array
        Kind (0 node, 1 closed group, 2 open group's frame, 3 graph input,
        4 graph output) and index of the node, group, input or output.
    boxes : (n, 4) float32 array
        x, y, width, height in layout units; frames come before their content.
    edges : (m, 2) int32 array
        Rows of `items`: from, to.
    lanes : (m,) float32 array
        The y at which a long edge runs past other items, NaN for a direct one.
    """

    model: ModelId
    graph: int
    expanded: tuple[int, ...]
    items: ArrayRef
    boxes: ArrayRef
    edges: ArrayRef
    lanes: ArrayRef


class NodeDescribed(Message, frozen=True, kw_only=True):
    """Answer to `DescribeNode`."""

    model: ModelId
    details: NodeDetails


class WeightDescribed(Message, frozen=True, kw_only=True):
    """Answer to `DescribeWeight`; `filters` is an atlas of them, if there are any."""

    model: ModelId
    details: WeightDetails
    filters: ArrayRef | None = None


class TensorFetched(Message, frozen=True, kw_only=True):
    """Answer to `FetchTensor`: elements `start` to `start + array.shape[0]`."""

    model: ModelId
    tensor: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    array: ArrayRef
    text: str = ""


class ReceptiveFieldFound(Message, frozen=True, kw_only=True):
    """The box of input pixels that reach one place of a tensor, inclusive.

    Attributes
    ----------
    slot : str
        The input the box lies on.
    left, top, right, bottom : int
        In pixels of the prepared input.
    height, width : int
        Of the prepared input, so that the box can be drawn on any preview of it.
    exact : bool
        False where a branch or a global operator makes it the whole input.
    """

    model: ModelId
    tensor: str
    slot: str
    left: int
    top: int
    right: int
    bottom: int
    height: int
    width: int
    exact: bool


class PictureDecoded(Message, frozen=True, kw_only=True):
    """Answer to `DecodePicture`: (h, w, 3) uint8 RGB, upright."""

    path: str
    array: ArrayRef
    width: int
    height: int


class Finished(Message, frozen=True, kw_only=True):
    """Last event of a job that ran to its end."""


class Cancelled(Message, frozen=True, kw_only=True):
    """Last event of a job that was stopped, or replaced while it waited."""

    replaced: bool = False


class Failed(Message, frozen=True, kw_only=True):
    """Last event of a job that could not be done.

    Attributes
    ----------
    kind : str
        ``bad-input``, ``refused``, ``out-of-memory``, ``device`` or ``internal``.
    message : str
        One sentence for the user.
    node : str
        Name of the node concerned, or an empty string.
    traceback : str
        For the log alone.
    """

    kind: str
    message: str
    node: str = ""
    traceback: str = ""


LastEvent = Finished | Cancelled | Failed
Event = (
    EngineReady
    | Progress
    | Noted
    | Preflighted
    | GraphDescribed
    | TaskExplained
    | ModelReady
    | ModelUnrunnable
    | ShapesMeasured
    | RunAnswered
    | LayersProfiled
    | Benched
    | DevicesFound
    | GraphLaidOut
    | NodeDescribed
    | WeightDescribed
    | TensorFetched
    | ReceptiveFieldFound
    | PictureDecoded
    | Finished
    | Cancelled
    | Failed
)

_encoder = msgspec.msgpack.Encoder()
_command_decoder = msgspec.msgpack.Decoder(Command)
_event_decoder = msgspec.msgpack.Decoder(Event)


def encode(message: Message) -> bytes:
    """Return the bytes of `message`.

    Raises
    ------
    MessageError
        If it is longer than `MAX_MESSAGE_BYTES`.
    """
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE_BYTES:
        raise MessageError(
            f"A message of {len(data):,} bytes was to be sent; at most "
            f"{MAX_MESSAGE_BYTES:,} fit, the rest has to go through shared memory."
        )
    return data


def decode_command(data: bytes) -> Command:
    """Return the command in `data`; raise `MessageError` if it is none."""
    try:
        command: Command = _command_decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MessageError(f"The window sent something unreadable: {error}.") from error
    return command


def decode_event(data: bytes) -> Event:
    """Return the event in `data`; raise `MessageError` if it is none."""
    try:
        event: Event = _event_decoder.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise MessageError(f"The engine sent something unreadable: {error}.") from error
    return event
