"""The run lane: open a model, run it, profile it, compare its sessions."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError, LayerscopeError, ModelRefusedError
from layerscope.engine import lenses, tasks
from layerscope.engine.components import Components
from layerscope.engine.explaining import explained, with_errors
from layerscope.engine.jobs import CancelToken, Parting, Steps
from layerscope.engine.keeping import run_and_keep
from layerscope.engine.model import (
    folders,
    preflight,
    reading,
    refusals,
    structure,
)
from layerscope.engine.open_models import ModelInUse, OpenModels
from layerscope.engine.run_results import Looked, largest_difference, tensor_info
from layerscope.engine.runtime import devices
from layerscope.engine.runtime.running import RunningModel
from layerscope.engine.sources import Sources
from layerscope.engine.stepping import SteppedTask, run_steps
from layerscope.engine.tasks.base import TaskContext
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.frames import FrameRing
from layerscope.protocol.messages import (
    Bench,
    Benched,
    CloseModel,
    Command,
    GraphDescribed,
    LayersProfiled,
    ModelReady,
    ModelUnrunnable,
    Noted,
    OpenModel,
    Preflighted,
    Profile,
    Progress,
    Run,
    RunAnswered,
    ShapesMeasured,
    Watch,
)
from layerscope.protocol.values import StageTimes, TensorShape

LAYERS_A_PAGE = 2000
SHAPES_A_PAGE = 3000


class RunLane:
    """What the run lane knows between jobs.

    Parameters
    ----------
    ring : FrameRing
        Where pictures are published.
    arrays_in : ArrayArena
        From the window.
    """

    def __init__(self, ring: FrameRing, arrays_in: ArrayArena) -> None:
        devices.start_runtime()
        self.models = OpenModels()
        self._ring = ring
        self._sources = Sources(arrays_in)
        self._lenses = tuple(lens() for lens in lenses.LENSES)
        self._ran = 0  # model whose outputs the sources remember

    def steps(self, command: Command, token: CancelToken) -> Steps:
        """Return the job of a run-lane command."""
        if isinstance(command, OpenModel):
            return self._open(command, token)
        if isinstance(command, Run):
            return self._run(command, token)
        if isinstance(command, Profile):
            return self._profile(command, token)
        if isinstance(command, Bench):
            return self._bench(command, token)
        assert isinstance(command, CloseModel)
        return self._close(command)

    def _open(self, command: OpenModel, token: CancelToken) -> Steps:
        yield Progress(job=command.job, text="reading")
        folder = folders.resolve(Path(command.path))
        main = folder.main
        if command.precision and command.precision in folder.variants:
            main = folder.variants[command.precision]
        # Refused weights do not keep a graph from being drawn; `refuse_early` below
        # keeps it from being run.
        file = reading.read_model(main, to_draw=True)
        token.check()
        described = with_errors(file, structure.describe(file))
        report = preflight.preflight(file, folder, described)
        yield Preflighted(job=command.job, model=command.model, report=report)
        context = TaskContext(
            model=file, folder=folder, inputs=report.inputs, outputs=report.outputs
        )
        kind = tasks.by_id(command.task) if command.task else tasks.choose(context)
        model = ModelInUse(
            number=command.model,
            file=file,
            folder=folder,
            structure=described,
            context=context,
            task=kind(context),
        )
        self.models.add(model)
        pages = structure.pages(described)
        for number, page in enumerate(pages):
            yield GraphDescribed(
                job=command.job,
                model=command.model,
                page=number,
                n_pages=len(pages),
                **page,
            )
        yield explained(command.job, model)
        if not command.run:
            return
        token.check()
        yield Progress(job=command.job, text="making a session")
        device = devices.choose(command.device)
        running = RunningModel(file, described, device, command.precision)
        try:
            refusals.refuse_early(file, described)
            running.load()
        except ModelRefusedError as error:
            yield ModelUnrunnable(
                job=command.job,
                model=command.model,
                reason=str(error),
                node=error.node,
            )
            raise
        model.running = running
        model.components = Components(folder.components, device, command.precision)
        for note in running.notes:
            yield Noted(job=command.job, text=note, level="warning")
        yield ModelReady(
            job=command.job,
            model=command.model,
            device=device.id,
            provider=running.provider,
            precision=running.precision,
            load_ms=running.load_ms,
        )

    def _run(self, command: Run, token: CancelToken) -> Steps:
        model = self.models.get(command.model)
        running = model.runner()
        if command.model != self._ran:
            self._sources.forget_outputs()
            self._ran = command.model
        self._sources.release_unused(command.inputs.values())
        # What `SteppedTask` asks for too, which takes long to find out.
        if hasattr(model.task, "generate") and isinstance(model.task, SteppedTask):
            if command.look_only:
                self._look_again(model, command, token)
            else:
                yield from run_steps(
                    model, model.task, command, token, self._sources, self._ring
                )
            return
        prepared = model.task.prepare(self._sources, command.inputs, command.settings)
        for note in prepared.notes:
            yield Noted(job=command.job, text=note)
        token.check()
        n_notes = len(running.notes)
        try:
            looked = self._look(model, command, prepared.feeds, token)
        except LayerscopeError:
            raise
        except Exception as error:
            raise refusals.explain(error, model.file, model.structure) from error
        for note in (*running.notes[n_notes:], *looked.notes):
            yield Noted(job=command.job, text=note, level="warning")
        started = time.perf_counter()
        answer, answer_pictures = model.task.finish(
            looked.outputs, prepared, command.settings
        )
        finish_ms = (time.perf_counter() - started) * 1e3
        self._sources.remember_outputs(looked.outputs)
        self._ring.publish(
            command.job,
            command.model,
            {**prepared.pictures, **answer_pictures, **looked.pictures},
            looked.layers,
        )
        model.feeds = prepared.feeds
        model.outputs = looked.outputs
        model.kept = looked.kept
        answered = RunAnswered(
            job=command.job,
            model=command.model,
            answer=answer,
            outputs=tuple(tensor_info(n, v) for n, v in looked.outputs.items()),
            stages=StageTimes(
                decode_ms=prepared.decode_ms,
                prepare_ms=prepared.prepare_ms,
                model_ms=looked.model_ms,
                finish_ms=finish_ms,
                summarise_ms=looked.summarise_ms,
                warm_up_ms=looked.warm_up_ms,
            ),
            samples_ms=looked.samples_ms,
            live_ms=looked.live_ms,
            drift=looked.drift,
            provider=running.provider,
        )
        shapes = tuple(value.shape for value in prepared.feeds.values())
        if command.watch.anything and shapes != model.shapes_for:
            model.shapes_for = shapes
            yield answered
            yield from self._measured_shapes(command, model)
        else:
            yield Parting(answered)

    def _look_again(self, model: ModelInUse, command: Run, token: CancelToken) -> None:
        """Publish what the last run of the shown graph looks like inside."""
        if not model.feeds or not command.watch.anything:
            return
        looked = self._look(model, command, model.feeds, token)
        pictures = {**model.pictures, **looked.pictures}
        self._ring.publish(command.job, command.model, pictures, looked.layers)

    def _look(
        self,
        model: ModelInUse,
        command: Run,
        feeds: dict[str, npt.NDArray[np.generic]],
        token: CancelToken,
    ) -> Looked:
        running = model.runner()
        looked = Looked()
        if not model.warm:
            _, looked.warm_up_ms = running.run_fast(feeds, token)
            model.warm = True
        if command.keep_tensors:
            looked.outputs, looked.kept, looked.model_ms = run_and_keep(
                running, model.structure, command.keep_tensors, feeds, token
            )
            if not command.watch.anything:
                return looked
        if not command.watch.anything:
            samples = []
            for _ in range(max(1, command.repeats)):
                token.check()
                looked.outputs, ms = running.run_fast(feeds, token)
                samples.append(ms)
            looked.samples_ms = tuple(samples)
            one = len(samples) == 1
            looked.model_ms = samples[0] if one else statistics.median(samples)
            return looked
        watch = command.watch
        if watch.focus and watch.focus == model.told_focus:
            watch = msgspec.structs.replace(watch, focus="", unit=-1)
        try:
            tensors = self._tapped(looked, running, watch, feeds, token)
        except (BadInputError, ModelRefusedError) as error:
            # A tensor that cannot be had, inside a body say, ends no run.
            if not watch.focus:
                raise
            watch = msgspec.structs.replace(watch, focus="", unit=-1)
            tensors = self._tapped(looked, running, watch, feeds, token)
            model.told_focus = command.watch.focus
            looked.notes = (str(error),)
        # The latency shown is the untouched model's: it runs too, within a tenth
        # of the time.
        if model.budget.allows():
            untouched, ms = running.run_fast(feeds, token)
            model.budget.spend(ms / 1e3)
            looked.samples_ms = (ms,)
            looked.model_ms = ms
            looked.drift = largest_difference(untouched, looked.outputs)
            looked.outputs = untouched
        started = time.perf_counter()
        trace = running.trace(tensors, feeds)
        for lens in self._lenses:
            pictures, layers = lens.look(trace, watch)
            looked.pictures.update(pictures)
            looked.layers += layers
        looked.summarise_ms = (time.perf_counter() - started) * 1e3
        return looked

    def _tapped(
        self,
        looked: Looked,
        running: RunningModel,
        watch: Watch,
        feeds: dict[str, npt.NDArray[np.generic]],
        token: CancelToken,
    ) -> dict[str, npt.NDArray[np.generic]]:
        """Run with taps and return the tensors that `watch` names."""
        taps = running.tap_points()
        requests = [
            request for lens in self._lenses for request in lens.requests(watch, taps)
        ]
        looked.outputs, tensors, looked.live_ms = running.run_live(
            feeds, requests, token
        )
        looked.model_ms = looked.live_ms
        if watch.focus and watch.focus not in tensors:
            tensors[watch.focus] = running.tensor_value(watch.focus, feeds, token)
        return tensors

    def _measured_shapes(self, command: Run, model: ModelInUse) -> Steps:
        try:
            measured = model.runner().measured_shapes(model.feeds)
        except LayerscopeError as error:
            yield Noted(job=command.job, text=str(error), level="warning")
            return
        shapes = [
            TensorShape(name=name, dtype=dtype, shape=shape)
            for name, (dtype, shape) in measured.items()
        ]
        for start in range(0, len(shapes), SHAPES_A_PAGE):
            yield ShapesMeasured(
                job=command.job,
                model=command.model,
                tensors=tuple(shapes[start : start + SHAPES_A_PAGE]),
            )

    def _profile(self, command: Profile, token: CancelToken) -> Steps:
        model = self.models.get(command.model)
        yield Progress(job=command.job, text="profiling")
        layers = model.runner().profile(model.feeds, command.runs, token)
        total = sum(layer.ms for layer in layers)
        n_pages = max(1, -(-len(layers) // LAYERS_A_PAGE))
        for page in range(n_pages):
            yield LayersProfiled(
                job=command.job,
                model=command.model,
                layers=layers[page * LAYERS_A_PAGE : (page + 1) * LAYERS_A_PAGE],
                total_ms=total,
                page=page,
                n_pages=n_pages,
            )

    def _bench(self, command: Bench, token: CancelToken) -> Steps:
        model = self.models.get(command.model)
        yield Progress(job=command.job, text="measuring")
        raw_ms, fast, live, taps, n = model.runner().bench(
            model.feeds, command.pairs, token
        )
        yield Benched(
            job=command.job,
            model=command.model,
            raw_ms=raw_ms,
            fast_ratio=fast,
            live_ratio=live,
            live_taps=taps,
            n=n,
        )

    def _close(self, command: CloseModel) -> Steps:
        self.models.remove(command.model)
        yield from ()
