"""Apply the engine's events to the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from layerscope.controller.first_inputs import FirstInputs
from layerscope.protocol.answers import Answer, GeneratedText
from layerscope.protocol.frames import Frame
from layerscope.protocol.inputs import InputSource
from layerscope.protocol.messages import (
    Cancelled,
    Event,
    Failed,
    Finished,
    GraphDescribed,
    LastEvent,
    ModelReady,
    ModelUnrunnable,
    Noted,
    OpenModel,
    Preflighted,
    Progress,
    RunAnswered,
    ShapesMeasured,
    Stepped,
    TaskExplained,
)
from layerscope.state.session import (
    RunCost,
    Selection,
    Structure,
    Trouble,
)

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller

RECENT_LIVE = 15
LEAST_COMPARED = 3  # below it, one slow first run would be the cost of looking


class Applier:
    """Turns events into changes of the session; old jobs' events are dropped."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._opening: OpenModel | None = None
        self._switched = False
        self._kept_inputs: dict[str, InputSource] | None = None
        self._kept_selection: Selection | None = None
        self._first_inputs = FirstInputs()
        self._live_ms: list[float] = []
        self._fast_ms: list[float] = []

    def expect(self, command: OpenModel) -> None:
        """Note which model is being opened; a newer one replaces it."""
        self._opening = command
        self._switched = False

    def keep_inputs(self) -> None:
        """Reopening the same model: its inputs and selection are to survive."""
        self._kept_inputs = dict(self._controller.session.inputs)
        self._kept_selection = self._controller.session.selection

    def stop_opening(self) -> None:
        """Cancel the opening of a model."""
        if self._opening is not None:
            self._controller.client.cancel(self._opening.job)

    def doing(self) -> str:
        """Say what the engine was doing, for a sentence."""
        session = self._controller.session
        if session.opening:
            return f"opening {session.opening}"
        if session.running:
            return f"running {session.model_name or 'a model'}"
        return "idle"

    def lost(self) -> None:
        """The engine is gone: nothing runs, nothing opens; what is shown stays."""
        session = self._controller.session
        session.running = False
        session.runnable = False
        session.opening = ""
        session.progress = ""
        self._opening = None

    def clear_model(self) -> None:
        """Show no model."""
        session = self._controller.session
        session.model = 0
        session.model_path = session.model_name = ""
        session.preflight = None
        session.runnable = False
        session.refusal = session.refusal_node = ""
        self._clear_results()
        session.structure = Structure()
        session.layout = None
        session.slots = ()
        session.setting_specs = ()
        session.inputs = {}
        session.settings = {}
        session.structure_revision += 1

    def note_layers(self, frame: Frame) -> None:
        """Choose a layer to look at, if none is chosen yet."""
        session = self._controller.session
        if session.selection != Selection() or not frame.layers:
            return
        made = session.structure.producer_of
        outputs = {output.name for output in session.outputs}
        names = [
            name
            for name, layer in frame.layers.items()
            if name in made and name not in outputs and 0 not in layer.shape
        ]
        names = [n for n in names if frame.layers[n].role == "maps"] or names
        if names:
            chosen = names[len(names) // 3]
            self._controller.select(tensor=chosen, node=made[chosen])

    def apply(self, event: Event) -> None:
        """Change the session as `event` says."""
        model = getattr(event, "model", None)
        opening = self._opening
        if opening is not None and event.job == opening.job:
            self._apply_opening(event, opening)
            return
        if model is not None and model != self._controller.session.model:
            return
        if isinstance(event, RunAnswered):
            self._on_answer(event)
        elif isinstance(event, Stepped):
            self._on_step(event)
        elif isinstance(event, TaskExplained):
            self._on_task(event)
            self._controller.ready_to_run()
        elif isinstance(event, ShapesMeasured):
            self._on_shapes(event)
        elif isinstance(event, Noted):
            self._controller.log(event.text, event.level)
        elif isinstance(event, Failed) and event.kind != "engine-lost":
            self._controller.complain(event.message, node=event.node)
            if event.kind == "internal":
                self._controller.log(event.traceback, "debug")

    def _apply_opening(self, event: Event, opening: OpenModel) -> None:
        session = self._controller.session
        if isinstance(event, Progress):
            session.progress = event.text
        elif isinstance(event, Preflighted):
            self._switch(event, opening)
        elif isinstance(event, GraphDescribed):
            self._on_graph(event)
        elif isinstance(event, TaskExplained):
            self._on_task(event, opening=True)
        elif isinstance(event, ModelReady):
            session.provider = event.provider
            session.precision = event.precision
            session.runnable = True
            self._controller.log(
                f"ready on {event.provider.removesuffix('ExecutionProvider')} "
                f"in {event.load_ms:.0f} ms"
            )
        elif isinstance(event, ModelUnrunnable):
            session.refusal = event.reason
            session.refusal_node = event.node
        elif isinstance(event, Noted):
            self._controller.log(event.text, event.level)
        elif isinstance(event, LastEvent):
            self._finish_opening(event)

    def _finish_opening(self, event: LastEvent) -> None:
        session = self._controller.session
        opened = session.opening
        session.opening = ""
        session.progress = ""
        self._opening = None
        self._kept_inputs = self._kept_selection = None
        if isinstance(event, Failed):
            if event.kind != "engine-lost":
                session.trouble = Trouble(message=event.message, node=event.node)
                self._controller.log(event.message, "error")
        elif isinstance(event, Cancelled):
            self._controller.log(f"opening {opened} was stopped")
        elif isinstance(event, Finished) and session.runnable:
            self._controller.ready_to_run()

    def _switch(self, event: Preflighted, opening: OpenModel) -> None:
        """The file can be read: from here on the new model is the open one."""
        controller = self._controller
        session = controller.session
        old = session.model
        same = session.model_path == opening.path
        if not same or self._kept_inputs is None:
            self._clear_results()
        session.model = event.model
        if old and old != event.model:
            controller.forget_in_engine(old)
        session.model_path = opening.path
        session.model_name = event.report.name
        session.preflight = event.report
        session.runnable = False
        session.refusal = session.refusal_node = ""
        session.structure = Structure()
        session.layout = None
        session.graph = 0
        session.expanded = ()
        session.settings = controller.preferences.settings_of(event.report.sha256)
        controller.recent.add(opening.path)
        session.recent = controller.preferences.recent
        controller.log(f"opened {event.report.name}")
        for problem in event.report.problems:
            controller.log(problem, "warning")

    def _clear_results(self) -> None:
        session = self._controller.session
        self._controller.pictures.clear()
        self._controller.latency.clear()
        self._live_ms, self._fast_ms = [], []
        session.answer = None
        session.outputs = ()
        session.cost = RunCost()
        session.profile = ()
        session.selection = Selection()
        session.step = session.n_steps = session.looked_step = -1
        session.steps_ms = ()
        session.prompt = session.tokens = ()
        session.token = -1
        session.once = {}

    def _on_graph(self, event: GraphDescribed) -> None:
        session = self._controller.session
        structure = session.structure
        structure.graphs.extend(event.graphs)
        structure.groups.extend(event.groups)
        structure.nodes.extend(event.nodes)
        for node in event.nodes:
            for name in node.outputs:
                structure.producer_of.setdefault(name, node.index)
            for name in node.inputs:
                structure.consumers_of.setdefault(name, []).append(node.index)
        for tensor in event.tensors:
            structure.shapes.setdefault(tensor.name, tensor)
        if event.page + 1 == event.n_pages:
            structure.complete = True
            session.structure_revision += 1
            self._controller.set_expanded(())

    def _on_task(self, event: TaskExplained, *, opening: bool = False) -> None:
        session = self._controller.session
        session.task = event.task
        session.tasks = event.tasks
        session.setting_specs = event.settings
        session.lenses = event.lenses
        session.stepped = event.stepped
        inputs = self._first_inputs.choose(
            event.slots,
            session.model_path,
            session.inputs if self._kept_inputs is None else self._kept_inputs,
            opening=opening and self._kept_inputs is None,
        )
        if opening and self._kept_inputs is None:
            inputs = self._controller.texts.remembered(session, event.slots, inputs)
        session.inputs = inputs
        session.slots = event.slots
        if self._kept_selection is not None:
            session.selection = self._kept_selection

    def _on_answer(self, event: RunAnswered) -> None:
        session = self._controller.session
        for sample in event.samples_ms:
            self._controller.latency.append(sample)
        self._fast_ms = [*self._fast_ms, *event.samples_ms][-RECENT_LIVE:]
        if event.live_ms >= 0:
            self._live_ms = [*self._live_ms, event.live_ms][-RECENT_LIVE:]
        session.outputs = event.outputs
        session.provider = event.provider
        live = float(np.median(self._live_ms)) if self._live_ms else -1.0
        ratio = float("nan")
        if min(len(self._live_ms), len(self._fast_ms)) >= LEAST_COMPARED:
            ratio = live / max(1e-9, float(np.median(self._fast_ms))) - 1
        session.cost = RunCost(
            stages=event.stages,
            live_ms=live,
            looking_ratio=ratio,
            drift=event.drift if event.drift >= 0 else session.cost.drift,
        )
        self._note_prompt(event.answer)
        session.answer = event.answer
        session.n_runs += 1
        if session.trouble is not None and not session.trouble.actions:
            session.trouble = None

    def _on_step(self, event: Stepped) -> None:
        session = self._controller.session
        first = event.step == 0
        if first:
            session.looked_step = -1
        session.steps_ms = (*(() if first else session.steps_ms), event.ms)
        if event.tokens or first:
            session.tokens = (*(() if first else session.tokens), *event.tokens)
        session.n_steps = event.n_steps
        if event.answer is not None:
            self._note_prompt(event.answer)
            session.answer = event.answer
        session.step = event.step

    def _note_prompt(self, answer: Answer) -> None:
        """Keep the prompt of a text, which only its first and last step tell."""
        for part in answer.parts:
            if isinstance(part, GeneratedText) and part.prompt:
                self._controller.session.prompt = part.prompt

    def _on_shapes(self, event: ShapesMeasured) -> None:
        structure = self._controller.session.structure
        for tensor in event.tensors:
            structure.shapes[tensor.name] = tensor
            structure.measured.add(tensor.name)
        self._controller.session.structure_revision += 1
