"""What the engine says: steps of a job, answers, and exactly one last event a job."""

from __future__ import annotations

from typing import Literal

from layerscope.protocol.answers import Answer, Token
from layerscope.protocol.asked import LensAnswered, Tokenised
from layerscope.protocol.message import Message, ModelId
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
    """What the chosen task takes and what can be set on it.

    Attributes
    ----------
    lenses : tuple of str
        Ids of the lenses that can be asked about this model.
    stepped : bool
        Whether a run goes in many steps, each told by `Stepped`.
    """

    model: ModelId
    task: str
    tasks: tuple[str, ...]
    slots: tuple[InputSlot, ...]
    settings: tuple[SettingSpec, ...]
    lenses: tuple[str, ...] = ()
    stepped: bool = False


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


class Stepped(Message, frozen=True, kw_only=True):
    """One step of a run of many: a token, a denoising step.

    Attributes
    ----------
    step : int
        Counted from 0.
    n_steps : int
        Of the whole run, -1 where that is not known.
    ms : float
        Time of this step.
    answer : Answer, optional
        As far as there is one; None leaves the one shown.
    tokens : tuple of Token
        That this step adds.
    """

    model: ModelId
    step: int
    n_steps: int = -1
    ms: float = 0.0
    answer: Answer | None = None
    tokens: tuple[Token, ...] = ()


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
    | Stepped
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
    | LensAnswered
    | Tokenised
    | Finished
    | Cancelled
    | Failed
)
