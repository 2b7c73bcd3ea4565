"""Latency of several models, one after the other, beside the one that is open."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layerscope.controller.first_inputs import FirstInputs, Inputs
from layerscope.core.errors import LayerscopeError
from layerscope.library.bundled import LibraryEntry
from layerscope.protocol.messages import (
    CloseModel,
    Event,
    Failed,
    ModelReady,
    OpenModel,
    Run,
    RunAnswered,
    Stepped,
    TaskExplained,
)

if TYPE_CHECKING:
    from layerscope.controller.controller import Controller

# Numbers of models that the window itself never gives away.
_FIRST_NUMBER = 1_000_000_000
_LEAST_RUNS, _MOST_RUNS = 5, 50
_MEASURE_S = 0.5
STEPS = 24
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found out about one model.

    Attributes
    ----------
    ms : float
        Median of a run, or of one step where a run has many; NaN where it could
        not be measured.
    n : int
        Runs or steps that count.
    stepped : bool
        Whether `ms` is of one step.
    note : str
        Why there is no figure, or empty.
    """

    ms: float = float("nan")
    n: int = 0
    stepped: bool = False
    note: str = ""


class LatencyMeter:
    """Opens, times and closes models in the engine; the open one stays as it is.

    Live running rests meanwhile, for two models at work would slow each other. The
    owner calls `tick` from a timer; nothing here blocks. A model that the user
    opens ends the measurement.

    Parameters
    ----------
    controller : Controller
    entries : sequence of LibraryEntry
        What to measure, in this order.

    Attributes
    ----------
    found : dict of str to Measured
        By id, as far as it has come.
    current : str
        Id of the model that is being measured, or empty.
    """

    def __init__(self, controller: Controller, entries: Sequence[LibraryEntry]) -> None:
        self._controller = controller
        self._entries = tuple(entries)
        self._waiting: list[LibraryEntry] = []
        self._active = False
        self._was_live = False
        self._number = _FIRST_NUMBER
        self._job = 0
        self._deadline = 0.0
        self._inputs: Inputs = {}
        self._ready = False
        self._runs: list[float] = []
        self._steps: list[float] = []
        self._asked_runs = 0
        self.found: dict[str, Measured] = {}
        self.current = ""

    @property
    def active(self) -> bool:
        """Whether there is still something to measure."""
        return self._active

    @property
    def progress(self) -> tuple[int, int]:
        """How many are done, and of how many."""
        return len(self.found), len(self._entries)

    def start(self) -> None:
        """Measure all of them, from the first."""
        if self._active:
            return
        self.found = {}
        self._waiting = list(self._entries)
        self._active = True
        self._was_live = bool(self._controller.session.live)
        if self._was_live:
            self._controller.set_live(False)

    def stop(self) -> None:
        """Leave it at what has been found."""
        if not self._active:
            return
        if self._job and self._controller.awaits(self._job):
            self._controller.client.cancel(self._job)
        self._close()
        self._end()

    def tick(self) -> None:
        """Do what is due."""
        if not self._active:
            return
        controller = self._controller
        if controller.session.opening:
            self.stop()
            return
        if self._job and controller.awaits(self._job):
            if time.monotonic() > self._deadline:
                self._controller.client.cancel(self._job)
                self._conclude("it took longer than a minute")
            return
        if self.current and not self._went_on():
            return
        if not self.current and self._quiet():
            if self._waiting:
                self._open(self._waiting.pop(0))
            else:
                self._end()

    def _quiet(self) -> bool:
        session = self._controller.session
        return (
            self._controller.client.running
            and session.engine in ("ready", "busy")
            and not session.running
        )

    def _went_on(self) -> bool:
        """Take the next step of the current model; whether it is done with."""
        if not self._quiet():
            return False
        if not self._ready:
            self._conclude("it was not made ready")
        elif self._steps or len(self._runs) >= _LEAST_RUNS or self._asked_runs > 1:
            self._conclude("")
        else:
            self._run()
            return False
        return True

    # --- one model --------------------------------------------------------------

    def _open(self, entry: LibraryEntry) -> None:
        self.current = entry.id
        self._number += 1
        self._ready = False
        self._runs, self._steps, self._asked_runs = [], [], 0
        self._inputs = {}
        self._ask(
            OpenModel(
                job=self._controller.client.next_job(),
                model=self._number,
                path=str(entry.path),
                device=self._controller.session.device,
            )
        )

    def _run(self) -> None:
        """Run once to see how long that takes, and then as often as there is time."""
        runs = 1
        if self._runs:
            least = max(min(self._runs), 1e-3)
            runs = int(_MEASURE_S * 1e3 / least)
            runs = max(_LEAST_RUNS, min(_MOST_RUNS, runs))
        self._runs = []
        self._asked_runs = runs
        self._ask(
            Run(
                job=self._controller.client.next_job(),
                model=self._number,
                inputs=self._inputs,
                repeats=runs,
                keep=False,
            )
        )

    def _ask(self, command: OpenModel | Run) -> None:
        self._job = command.job
        self._deadline = time.monotonic() + _DEADLINE_S
        self._controller.query(command, self._note, self._failed)

    def _note(self, event: Event) -> None:
        if getattr(event, "model", self._number) != self._number:
            return
        if isinstance(event, TaskExplained):
            entry = next(e for e in self._entries if e.id == self.current)
            self._inputs = FirstInputs().choose(
                event.slots, str(entry.path), {}, opening=True
            )
        elif isinstance(event, ModelReady):
            self._ready = True
        elif isinstance(event, Stepped):
            # The first step also reads the prompt.
            if event.step:
                # Tokens come several at a time where they come fast.
                self._steps.append(event.ms / max(1, len(event.tokens)))
            if event.step == STEPS:
                self._controller.client.cancel(self._job)
        elif isinstance(event, RunAnswered):
            self._runs.extend(event.samples_ms)

    def _failed(self, event: Failed) -> None:
        self._conclude(event.message)

    def _conclude(self, note: str) -> None:
        """Write down what was found about the current model and close it."""
        times = self._steps or self._runs
        if times and not note:
            measured = Measured(
                ms=statistics.median(times), n=len(times), stepped=bool(self._steps)
            )
        else:
            measured = Measured(note=note or "it gave no answer")
        self.found[self.current] = measured
        self._close()

    def _close(self) -> None:
        if self.current and self._controller.client.running:
            try:
                self._controller.client.send(
                    CloseModel(
                        job=self._controller.client.next_job(), model=self._number
                    )
                )
            except LayerscopeError as error:
                self._controller.log(str(error), "warning")
        self.current = ""
        self._job = 0

    def _end(self) -> None:
        self._active = False
        if self._was_live:
            self._controller.set_live(True)
