"""Opening a model in the engine for one command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from layerscope.client.engine_client import EngineClient
from layerscope.core.errors import (
    EngineLostError,
    LayerscopeError,
    ModelRefusedError,
)
from layerscope.protocol.messages import (
    Cancelled,
    Event,
    GraphDescribed,
    ModelReady,
    ModelUnrunnable,
    Noted,
    OpenModel,
    Preflighted,
    ShapesMeasured,
    TaskExplained,
)
from layerscope.protocol.values import (
    GraphInfo,
    GroupInfo,
    NodeInfo,
    Preflight,
    TensorShape,
)

MODEL_NUMBER = 1


@dataclass(slots=True)
class OpenedModel:
    """Everything the engine said while it opened a model.

    Attributes
    ----------
    report : Preflight or None
        None before the file was read.
    task : TaskExplained or None
        None where the model cannot run.
    ready : ModelReady or None
        None where no session was made.
    refusal : ModelUnrunnable or None
        Why not.
    notes : list of str
        What was guessed, changed or recovered.
    """

    report: Preflight | None = None
    graphs: list[GraphInfo] = field(default_factory=list)
    groups: list[GroupInfo] = field(default_factory=list)
    nodes: list[NodeInfo] = field(default_factory=list)
    shapes: dict[str, TensorShape] = field(default_factory=dict)
    task: TaskExplained | None = None
    ready: ModelReady | None = None
    refusal: ModelUnrunnable | None = None
    notes: list[str] = field(default_factory=list)
    cancelled: bool = False

    @property
    def name(self) -> str:
        """The model's name for people."""
        return self.report.name if self.report is not None else "the model"

    @property
    def too_large(self) -> bool:
        """Whether a run seems to need more memory than is free."""
        report = self.report
        return report is not None and 0 < report.free_bytes < report.run_bytes

    def take(self, event: Event) -> None:
        """Note what `event` says, if it is about the opened model."""
        match event:
            case Preflighted(report=report):
                self.report = report
            case GraphDescribed():
                self.graphs += event.graphs
                self.groups += event.groups
                self.nodes += event.nodes
                self.shapes |= {tensor.name: tensor for tensor in event.tensors}
            case ShapesMeasured(tensors=tensors):
                self.shapes |= {tensor.name: tensor for tensor in tensors}
            case TaskExplained():
                self.task = event
            case ModelReady():
                self.ready = event
            case ModelUnrunnable():
                self.refusal = event
            case Noted(text=text):
                self.notes.append(text)
            case Cancelled():
                self.cancelled = True
            case _:
                pass

    def inner_tensors(self) -> list[str]:
        """Names of what the main graph's nodes make, in the order of the file."""
        return [
            name
            for node in self.nodes
            if node.graph == 0
            for name in node.outputs
            if name
        ]


@contextlib.contextmanager
def running_engine() -> Iterator[EngineClient]:
    """Start an engine for the length of a command."""
    client = EngineClient()
    try:
        client.start()
        yield client
    finally:
        client.close()


def open_model(client: EngineClient, path: Path, device: str = "auto") -> OpenedModel:
    """Open a model and make it ready to run.

    Raises
    ------
    LayerscopeError
        If the file cannot be read or the model cannot run.
    """
    opened = OpenedModel()
    command = OpenModel(
        job=client.next_job(), model=MODEL_NUMBER, path=str(path), device=device
    )
    for event in client.call(command):
        opened.take(event)
    if opened.refusal is not None:
        raise ModelRefusedError(opened.refusal.reason, opened.refusal.node)
    if opened.ready is None or opened.task is None:
        raise EngineLostError(f"The engine did not open '{path}'; try again.")
    return opened


def look_into(client: EngineClient, path: Path) -> OpenedModel:
    """Read a model, and make a session only if its memory seems to suffice.

    A model that is refused, or that takes the engine down while it loads, is
    described all the same.

    Raises
    ------
    LayerscopeError
        If the file cannot be read at all.
    """
    opened = OpenedModel()
    command = OpenModel(job=client.next_job(), model=MODEL_NUMBER, path=str(path))
    try:
        for event in client.call(command):
            opened.take(event)
            # All pages have come by now; what follows is the session.
            if isinstance(event, TaskExplained) and opened.too_large:
                client.cancel(command.job)
    except LayerscopeError as error:
        if opened.report is None:
            raise
        opened.refusal = ModelUnrunnable(
            model=MODEL_NUMBER, reason=str(error), node=getattr(error, "node", "")
        )
    return opened
