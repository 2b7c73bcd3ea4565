"""What the application knows now, as evented dataclasses.

One truth, many views: panels read these fields and listen to `Session.events`;
only the controller writes. Pictures and tensors are not here but in
`Pictures`, which hands out the newest frame and counts revisions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from layerscope.core.latency import LatencyHistory
from layerscope.protocol.answers import Answer, Token
from layerscope.protocol.frames import Frame
from layerscope.protocol.inputs import InputSource, SettingValue
from layerscope.protocol.messages import GraphLaidOut
from layerscope.protocol.values import (
    DeviceInfo,
    GraphInfo,
    GroupInfo,
    InputSlot,
    LayerTime,
    NodeInfo,
    Preflight,
    SettingSpec,
    StageTimes,
    TensorInfo,
    TensorShape,
)


@dataclass(slots=True)
class Structure:
    """Graphs, groups and nodes of the open model, filled page by page.

    Attributes
    ----------
    producer_of : dict
        Index of the node that makes a tensor.
    consumers_of : dict
        Indices of the nodes that take a tensor.
    shapes : dict
        Stored shape of a tensor, replaced by the measured one.
    """

    graphs: list[GraphInfo] = field(default_factory=list)
    groups: list[GroupInfo] = field(default_factory=list)
    nodes: list[NodeInfo] = field(default_factory=list)
    producer_of: dict[str, int] = field(default_factory=dict)
    consumers_of: dict[str, list[int]] = field(default_factory=dict)
    shapes: dict[str, TensorShape] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What all panels point at.

    Attributes
    ----------
    tensor : str
        Name of the tensor, or empty.
    unit : int
        Its channel, -1 for none.
    node : int
        The node chosen, -1 for none.
    group : int
        The closed group chosen, -1 for none.
    """

    tensor: str = ""
    unit: int = -1
    node: int = -1
    group: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of the log; `level` is ``info``, ``warning`` or ``error``."""

    text: str
    level: str = "info"
    when: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A failure shown as one sentence with buttons.

    Attributes
    ----------
    actions : tuple of str
        Ids of actions offered: ``"restart"``, ``"try-cpu"``, ``"forget-model"``.
    """

    message: str
    node: str = ""
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WallOptions:
    """How the tile wall is drawn; see `layerscope.protocol.messages.Watch`."""

    order: str = "index"
    scale: str = "channel"
    boost: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCost:
    """What the last run cost.

    Attributes
    ----------
    live_ms : float
        Median of recent tapped runs, -1 before the first.
    looking_ratio : float
        Tapped over untouched, minus one; NaN before both were measured.
    drift : float
        Largest difference between tapped and untouched outputs; -1 unknown.
    """

    stages: StageTimes = field(default_factory=StageTimes)
    live_ms: float = -1.0
    looking_ratio: float = float("nan")
    drift: float = -1.0


@dataclass
class Session:
    """The state of the window; every field announces its changes.

    Attributes
    ----------
    engine : str
        ``"starting"``, ``"ready"``, ``"busy"``, ``"restarting"`` or ``"stopped"``.
    model : int
        Number of the open model, 0 for none.
    opening : str
        Path that is being opened, or empty.
    runnable : bool
        Whether a session stands.
    live : bool
        Whether every change runs at once, and the view repeats.
    running : bool
        Whether a run is under way.
    graph : int
        The graph that the network view shows; 0 is the main one.
    expanded : tuple of int
        Groups drawn open.
    profile : tuple of LayerTime
        Empty before the first profiled run.
    memory_bytes : int
        Resident size of the engine.
    device_memory_bytes, device_memory_total : int
        Memory of the accelerator in use and in all; 0 where there is none.
    device_load : float
        Share of time the accelerator was busy, 0 to 1; -1 where there is none.
    n_runs : int
        Answers so far, of all models.
    lenses : tuple of str
        Ids of the lenses that can be asked about the open model.
    stepped : bool
        Whether a run of the open model goes in many steps.
    step, n_steps : int
        The last step of the run under way or of the last run, from 0, -1 before the
        first; and how many there will be, -1 where that is not known.
    steps_ms : tuple of float
        Time of each step so far.
    prompt, tokens : tuple of Token
        What the text under way was given, and what the steps so far have made of it.
    token : int
        The token that all panels point at, counted through prompt and made tokens;
        -1 for none.
    once : dict
        Settings of the next run alone; nothing remembers them.
    looked_step : int
        Of a diffusion: the step that all panels look at, -1 for the newest.
    seed_locked : bool
        Whether Run takes the seed that is set, and not another one each time.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    engine: str = "starting"
    devices: tuple[DeviceInfo, ...] = ()
    device: str = "auto"
    provider: str = ""
    precision: str = ""
    model: int = 0
    model_path: str = ""
    model_name: str = ""
    opening: str = ""
    progress: str = ""
    preflight: Preflight | None = None
    structure: Structure = field(default_factory=Structure)
    structure_revision: int = 0
    layout: GraphLaidOut | None = None
    graph: int = 0
    expanded: tuple[int, ...] = ()
    runnable: bool = False
    refusal: str = ""
    refusal_node: str = ""
    taps: tuple[str, ...] = ()
    task: str = ""
    tasks: tuple[str, ...] = ()
    slots: tuple[InputSlot, ...] = ()
    setting_specs: tuple[SettingSpec, ...] = ()
    settings: dict[str, SettingValue] = field(default_factory=dict)
    inputs: dict[str, InputSource] = field(default_factory=dict)
    live: bool = False
    running: bool = False
    answer: Answer | None = None
    outputs: tuple[TensorInfo, ...] = ()
    cost: RunCost = RunCost()
    profile: tuple[LayerTime, ...] = ()
    selection: Selection = Selection()
    wall: WallOptions = WallOptions()
    trouble: Trouble | None = None
    log: tuple[LogEntry, ...] = ()
    memory_bytes: int = 0
    device_memory_bytes: int = 0
    device_memory_total: int = 0
    device_load: float = -1.0
    recent: tuple[str, ...] = ()
    n_runs: int = 0
    lenses: tuple[str, ...] = ()
    stepped: bool = False
    step: int = -1
    n_steps: int = -1
    steps_ms: tuple[float, ...] = ()
    prompt: tuple[Token, ...] = ()
    tokens: tuple[Token, ...] = ()
    token: int = -1
    once: dict[str, SettingValue] = field(default_factory=dict)
    looked_step: int = -1
    seed_locked: bool = True


class Pictures:
    """The newest frame of the engine; survives the engine's death.

    Attributes
    ----------
    frame : Frame or None
    revision : int
        Grows with every new frame.
    """

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.revision = 0

    def show(self, frame: Frame) -> None:
        """Take a newer frame."""
        self.frame = frame
        self.revision += 1

    def clear(self) -> None:
        """Forget the frame, since another model is open."""
        self.frame = None
        self.revision += 1


__all__ = [
    "LatencyHistory",
    "LogEntry",
    "Pictures",
    "RunCost",
    "Selection",
    "Session",
    "Structure",
    "Trouble",
    "WallOptions",
]
