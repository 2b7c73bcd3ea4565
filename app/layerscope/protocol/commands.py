"""What the window may ask of the engine.

Runs go one at a time; queries are short and never stand behind a run.
"""

from __future__ import annotations

import msgspec

from layerscope.protocol.inputs import InputSource, SettingValue
from layerscope.protocol.message import Message, ModelId

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
    look_only : bool
        Of a task of many steps: look again at the last inputs of the shown graph,
        without going through the steps; there is a frame and no answer.
    """

    model: ModelId
    inputs: dict[str, InputSource] = msgspec.field(default_factory=dict)
    settings: dict[str, SettingValue] = msgspec.field(default_factory=dict)
    watch: Watch = msgspec.field(default_factory=Watch)
    repeats: int = 1
    keep: bool = True
    keep_tensors: tuple[str, ...] = ()
    look_only: bool = False


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


class Tokenise(Message, frozen=True, kw_only=True):
    """Cut a text into the tokens of an open model, while it is typed.

    Attributes
    ----------
    text : str
        As `TypedText.text` holds it; make it by `TypedText.of`.
    slot : str
        The text slot it is typed into; empty for the first.
    """

    model: ModelId
    text: str
    slot: str = ""


class AskLens(Message, frozen=True, kw_only=True):
    """Ask one lens about what the last run left: a head's attention, say.

    Attributes
    ----------
    lens : str
        Its id, one of `TaskExplained.lenses`.
    question : dict
        What the lens is asked, in its own words: ``layer``, ``head``, ….
    """

    model: ModelId
    lens: str
    question: dict[str, SettingValue] = msgspec.field(default_factory=dict)


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
    | AskLens
    | Tokenise
)
Command = RunCommand | QueryCommand | CloseModel | Cancel | Shutdown
