"""Runs of many steps: tokens of a text, steps of a diffusion.

A task of many steps has a method ``generate`` besides `Task`'s own. It is given a
`Runner`, runs the model's graphs by it as often as it needs, and yields a `Step`
each time there is something new to show; the last answer it yields is the answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from layerscope.engine.jobs import CancelToken, Steps
from layerscope.engine.keepsakes import Keepsakes
from layerscope.engine.open_models import ModelInUse
from layerscope.engine.runtime.running import RunningModel
from layerscope.engine.sources import Sources
from layerscope.engine.steps import Feeds, Pictures, Runner, Step
from layerscope.engine.tasks.base import Prepared, Settings
from layerscope.protocol.answers import Answer
from layerscope.protocol.frames import FrameRing
from layerscope.protocol.messages import Noted, Run, RunAnswered, Stepped
from layerscope.protocol.values import StageTimes


class StepRunner:
    """What a task of many steps runs its graphs by.

    Parameters
    ----------
    model : ModelInUse
    command : Run
    token : CancelToken

    Attributes
    ----------
    token : CancelToken
        `token.check()` between steps; a run in flight ends by itself.
    keepsakes : Keepsakes
        For looks at any step afterwards; empty when the run begins.
    samples_ms : list of float
        Times of single runs of the shown graph, for the latency plot.
    notes : list of str
        For the log.
    feeds, outputs : dict
        Of the run that later looks (`Run.look_only`, `FetchTensor`) are to be at;
        where the task leaves them alone, those of the last run of the shown graph.
    """

    def __init__(self, model: ModelInUse, command: Run, token: CancelToken) -> None:
        self._model = model
        self.watch = command.watch
        self.token = token
        self.keepsakes: Keepsakes = model.keepsakes
        self.samples_ms: list[float] = []
        self.notes: list[str] = []
        self.feeds: Feeds = {}
        self.outputs: dict[str, Any] = {}

    def graph(self, component: str = "") -> RunningModel:
        """Return the runner of a component; of the shown graph without a name."""
        if not component:
            return self._model.runner()
        return self._model.parts().get(component).running

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the other graphs there are."""
        return self._model.parts().names

    def run(self, feeds: Feeds, component: str = "") -> dict[str, Any]:
        """Run one graph once, untouched, and return its outputs by name.

        Raises
        ------
        JobCancelledError
            The user stopped the job.
        LayerscopeError
            The graph cannot be run on these arrays.
        """
        self.token.check()
        outputs, ms = self.graph(component).run_fast(feeds, self.token)
        self.token.check()
        if not component:
            self.samples_ms.append(ms)
            self.feeds, self.outputs = feeds, outputs
        return outputs


@runtime_checkable
class SteppedTask(Protocol):
    """A task whose run goes in many steps; all else is as in `Task`."""

    def generate(
        self, runner: Runner, prepared: Prepared, settings: Settings
    ) -> Iterator[Step]:
        """Run to the end, yielding whenever there is something new to show."""
        ...


def run_steps(
    model: ModelInUse,
    task: SteppedTask,
    command: Run,
    token: CancelToken,
    sources: Sources,
    ring: FrameRing,
) -> Steps:
    """Return the job of a run of many steps.

    Parameters
    ----------
    model : ModelInUse
        Made ready to run.
    task : SteppedTask
        The model's own.
    command : Run
        Its inputs and settings.
    token : CancelToken
        Of the job.
    sources : Sources
        Where inputs come from.
    ring : FrameRing
        Where the pictures of each step are published.
    """
    prepared = model.task.prepare(sources, command.inputs, command.settings)
    for note in prepared.notes:
        yield Noted(job=command.job, text=note)
    runner = StepRunner(model, command, token)
    answer = Answer()
    pictures: Pictures = dict(prepared.pictures)
    model.keepsakes.clear()
    began = last = time.perf_counter()
    told = 0
    for number, step in enumerate(task.generate(runner, prepared, command.settings)):
        pictures.update(step.pictures)
        if step.pictures or not number:
            ring.publish(command.job, command.model, pictures, ())
        if runner.feeds:  # what was made so far can be looked at, if it stops here too
            model.feeds, model.outputs, model.kept = runner.feeds, runner.outputs, {}
        now = time.perf_counter()
        yield Stepped(
            job=command.job,
            model=command.model,
            step=number,
            n_steps=step.n_steps,
            ms=(now - last) * 1e3,
            answer=step.answer,
            tokens=step.tokens,
        )
        last = time.perf_counter()
        answer = step.answer or answer
        for note in runner.notes[told:]:
            yield Noted(job=command.job, text=note)
        told = len(runner.notes)
        token.check()
    model.feeds, model.outputs, model.kept = runner.feeds, runner.outputs, {}
    model.pictures = pictures
    yield RunAnswered(
        job=command.job,
        model=command.model,
        answer=answer,
        outputs=(),
        stages=StageTimes(
            decode_ms=prepared.decode_ms,
            prepare_ms=prepared.prepare_ms,
            model_ms=(time.perf_counter() - began) * 1e3,
        ),
        samples_ms=tuple(runner.samples_ms),
        provider=model.runner().provider,
    )
