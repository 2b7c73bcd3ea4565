"""Joins state, client and library: what the window and its actions call.

No method blocks. `Controller.tick` is called by a timer: it takes in what the
engine sent, applies it to the session, and sends the next run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layerscope.client.engine_client import EngineClient, EngineLost
from layerscope.controller.applying import Applier
from layerscope.controller.fetching import TensorFetch
from layerscope.controller.machine import MachineMeter
from layerscope.controller.opening import PathOpener
from layerscope.controller.recovery import Recovery
from layerscope.controller.running import RunScheduler
from layerscope.controller.texts import LastTexts
from layerscope.core.errors import LayerscopeError
from layerscope.core.latency import LatencyHistory
from layerscope.library import bundled, samples
from layerscope.library.preferences import Preferences
from layerscope.library.recent import RecentModels
from layerscope.protocol.inputs import InputSource, SettingValue
from layerscope.protocol.messages import (
    CloseModel,
    Command,
    DevicesFound,
    EngineReady,
    Event,
    ExplainTask,
    Failed,
    FindDevices,
    GraphLaidOut,
    LastEvent,
    LayOutGraph,
    OpenModel,
)
from layerscope.protocol.values import ArrayRef
from layerscope.state.session import LogEntry, Pictures, Selection, Session, Trouble

LOG_LINES = 500

Done = Callable[[Event], None]
OnFailure = Callable[[Failed], None]


class Controller:
    """The application, without a window.

    Parameters
    ----------
    client : EngineClient
        Need not be started yet; `start` does it.
    preferences : Preferences
        What is remembered from one start to the next.

    Attributes
    ----------
    session : Session
    pictures : Pictures
    latency : LatencyHistory
        Of the untouched model, milliseconds.
    """

    def __init__(self, client: EngineClient, preferences: Preferences) -> None:
        self.client = client
        self.preferences = preferences
        self.session = Session()
        self.pictures = Pictures()
        self.latency = LatencyHistory()
        self.recent = RecentModels(preferences)
        self.session.recent = preferences.recent
        self._applier = Applier(self)
        self._scheduler = RunScheduler(self)
        self._opener = PathOpener(self)
        self._recovery = Recovery(self, self._applier, self._scheduler)
        self._queries: dict[int, tuple[Done, OnFailure | None]] = {}
        self._models = 0
        self._meter = MachineMeter(self)
        self.texts = LastTexts(preferences)

    # --- life -----------------------------------------------------------------

    def start(self) -> None:
        """Start the engine, unless it runs."""
        if not self.client.running:
            self.session.engine = "starting"
            self.client.start()

    def close(self) -> None:
        """End the engine and free what belongs to it."""
        self.client.close()

    def tick(self) -> None:
        """Take in what has arrived, and send what is due."""
        for event in self.client.poll():
            if isinstance(event, EngineLost):
                self._recovery.engine_lost(event)
            else:
                self._on_event(event)
        frame = self.client.frames.newest()
        if frame is not None and frame.model == self.session.model:
            self.pictures.show(frame)
            self._applier.note_layers(frame)
        self._scheduler.tick()
        self._meter.tick()

    # --- models ---------------------------------------------------------------

    def open_model(
        self, path: str, *, device: str = "", precision: str = "", task: str = ""
    ) -> None:
        """Open a model file, a folder or a bundled id; the old one stays till then."""
        try:
            file = bundled.find_model(str(path))
        except LayerscopeError as error:
            self.complain(str(error))
            return
        if not self.client.running:
            self.restart_engine()
        self._models += 1
        self.session.trouble = None
        self.session.opening = str(file)
        self._scheduler.stop()
        job = self.client.next_job()
        command = OpenModel(
            job=job,
            model=self._models,
            path=str(file),
            device=device or self.session.device,
            precision=precision,
            task=task,
        )
        self._applier.expect(command)
        self.client.send(command)

    def close_model(self) -> None:
        """Close the open model."""
        if self.session.model:
            self._scheduler.stop()
            self.forget_in_engine(self.session.model)
            self._applier.clear_model()

    def open_path(self, path: str | Path, *, as_input: bool = False) -> None:
        """Open what was dropped, or chosen `as_input`: a model, a picture, arrays."""
        self._opener.open_path(Path(path), as_input=as_input)

    def set_device(self, device: str) -> None:
        """Run on another device; the model is opened there again."""
        if device != self.session.device:
            self.session.device = device
            self._recovery.reopen()

    def set_precision(self, precision: str) -> None:
        """Open another variant of the model."""
        if precision != self.session.precision:
            self._recovery.reopen(precision=precision)

    def set_task(self, task: str) -> None:
        """Use the model for something else."""
        if self.session.model and task != self.session.task:
            command = ExplainTask(
                job=self.client.next_job(), model=self.session.model, task=task
            )
            self.session.settings = {}
            self.query(command, self._applier.apply)

    # --- input and settings -----------------------------------------------------

    def first_picture_slot(self) -> str | None:
        """Return the name of the first input that takes a picture."""
        for slot in self.session.slots:
            if slot.kind == "picture":
                return slot.name
        return None

    def set_input(self, slot: str, source: InputSource | None) -> None:
        """Feed an input from `source`, None for nothing; while live, runs at once."""
        others = {k: v for k, v in self.session.inputs.items() if k != slot}
        self.session.inputs = {**others, **({} if source is None else {slot: source})}
        self._scheduler.changed()

    def set_setting(self, name: str, value: SettingValue) -> None:
        """Change a setting of the task; it is remembered for this model."""
        spec = next((s for s in self.session.setting_specs if s.name == name), None)
        settings = {**self.session.settings, name: value}
        if spec is not None and spec.default == value:
            del settings[name]
        self._take_settings(settings)

    def reset_settings(self, kept: Mapping[str, SettingValue] | None = None) -> None:
        """Go back to what was guessed, but for what is `kept`."""
        self._take_settings(dict(kept or {}))

    # --- running ----------------------------------------------------------------

    def run(self) -> None:
        """Run once, now."""
        self._scheduler.run_once()

    def set_live(self, on: bool) -> None:
        """Run at every change, and go on running, or stop doing so."""
        self.session.live = on
        self._scheduler.changed()

    def stop(self) -> None:
        """Stop what runs, and live running."""
        self.session.live = False
        self._scheduler.stop()
        self._applier.stop_opening()

    def request_profile(self) -> None:
        """Time every layer in a separate run."""
        self._scheduler.profile()

    # --- looking ----------------------------------------------------------------

    def select(
        self, tensor: str = "", unit: int = -1, node: int = -1, group: int = -1
    ) -> None:
        """Point all panels at a tensor, one of its channels, a node or a group."""
        selection = Selection(tensor=tensor, unit=unit, node=node, group=group)
        if selection != self.session.selection:
            self.session.selection = selection
            self._scheduler.looked_elsewhere()

    def set_wall(
        self,
        order: str | None = None,
        scale: str | None = None,
        boost: float | None = None,
    ) -> None:
        """Change how the tile wall is drawn; None leaves a value alone."""
        wall = self.session.wall
        self.session.wall = replace(
            wall,
            order=wall.order if order is None else order,
            scale=wall.scale if scale is None else scale,
            boost=wall.boost if boost is None else boost,
        )
        self._scheduler.looked_elsewhere()

    def watch_visible(self, tensors: tuple[str, ...]) -> None:
        """Say which tensors the network view has room to show as pictures."""
        self._scheduler.watch(tensors)

    def show_graph(self, graph: int) -> None:
        """Enter the body of a node, or return to the main graph."""
        self.session.graph = graph
        self.set_expanded(())

    def toggle_group(self, index: int) -> None:
        """Open a closed block, or close an open one."""
        now = self.session.expanded
        self.set_expanded(
            tuple(g for g in now if g != index) if index in now else (*now, index)
        )

    def set_expanded(self, groups: tuple[int, ...]) -> None:
        """Say which blocks are open, and have the graph laid out."""
        self.session.expanded = groups
        if not self.session.model:
            return
        command = LayOutGraph(
            job=self.client.next_job(),
            model=self.session.model,
            graph=self.session.graph,
            expanded=groups,
        )
        self.query(command, self._on_layout)

    def query(
        self, command: Command, done: Done, failed: OnFailure | None = None
    ) -> None:
        """Ask the engine; `done` gets each answer, inside a later `tick`."""
        self._queries[command.job] = (done, failed)
        try:
            self.client.send(command)
        except LayerscopeError as error:
            self._queries.pop(command.job)
            self.log(str(error), "warning")

    def awaits(self, job: int = 0) -> bool:
        """Whether the last event of a question, or of any, is still to come."""
        return job in self._queries if job else bool(self._queries)

    def fetch_tensor(
        self,
        name: str,
        done: Callable[[npt.NDArray[np.generic]], None],
        failed: OnFailure | None = None,
    ) -> None:
        """Get a whole tensor, piece by piece, by name."""
        TensorFetch(self, name, done, failed).ask()

    def put_array(self, array: npt.NDArray[np.generic]) -> ArrayRef:
        """Make an array known to the engine."""
        return self.client.arrays_out.put(array)

    def get_array(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """Return a copy of an array that the engine stored."""
        return self.client.arrays_in.get(ref)

    # --- library ----------------------------------------------------------------

    def library(self) -> tuple[bundled.LibraryEntry, ...]:
        """Return the bundled models."""
        return bundled.bundled_models()

    def sample_pictures(self) -> tuple[Path, ...]:
        """Return the bundled pictures."""
        return samples.sample_pictures()

    def forget_recent(self, path: str) -> None:
        """Take a model off the list of recent ones; its file stays."""
        self.recent.remove(path)
        self.session.recent = self.preferences.recent

    # --- trouble ----------------------------------------------------------------

    def restart_engine(self) -> None:
        """Start the engine anew and open the model again."""
        self._recovery.restart()

    def dismiss_trouble(self) -> None:
        """Take the error off the screen."""
        self.session.trouble = None

    def trouble_action(self, action: str) -> None:
        """Do what a button of the error offers."""
        self._recovery.act(action)

    def complain(
        self, message: str, *, node: str = "", actions: tuple[str, ...] = ()
    ) -> None:
        """Show one sentence, with buttons."""
        self.session.trouble = Trouble(message=message, node=node, actions=actions)
        self.log(message, "error")

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the log."""
        entry = LogEntry(text=text, level=level)
        self.session.log = (*self.session.log[-LOG_LINES:], entry)

    def forget_in_engine(self, model: int) -> None:
        """Have the engine free a model."""
        if self.client.running:
            self.client.send(CloseModel(job=self.client.next_job(), model=model))

    def ready_to_run(self) -> None:
        """Run for the first time, since a model has just been made ready."""
        self._scheduler.run_once()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, EngineReady):
            self.session.engine = "ready"
            self.query(FindDevices(job=self.client.next_job()), self._on_devices)
            return
        callbacks = self._queries.get(event.job)
        if callbacks is not None:
            done, failed = callbacks
            if isinstance(event, LastEvent):
                del self._queries[event.job]
                if isinstance(event, Failed):
                    if failed is not None:
                        failed(event)
                    else:
                        self.log(event.message, "warning")
            else:
                done(event)
            return
        self._scheduler.note(event)
        self._applier.apply(event)

    def _on_devices(self, event: Event) -> None:
        if isinstance(event, DevicesFound):
            self.session.devices = event.devices
            for device in event.devices:
                if not device.usable and device.reason:
                    self.log(device.reason, "info")

    def _on_layout(self, event: Event) -> None:
        session = self.session
        if isinstance(event, GraphLaidOut) and (event.model, event.expanded) == (
            session.model,
            session.expanded,
        ):
            session.layout = event

    def _take_settings(self, settings: dict[str, SettingValue]) -> None:
        before, self.session.settings = self.session.settings, settings
        if self.session.preflight is not None:
            self.preferences.remember_settings(self.session.preflight.sha256, settings)
        self._scheduler.settings_changed(before)
