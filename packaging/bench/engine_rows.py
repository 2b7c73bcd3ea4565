"""What the engine costs over raw onnxruntime, seen from the window's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from comparing import Samples, interleave, ratio
from networks import R18_INPUT, resnet18
from raw_peer import Feeds, RawPeer
from report import Report, Row

from layerscope.client.engine_client import EngineClient
from layerscope.protocol.inputs import TensorArray
from layerscope.protocol.messages import (
    FetchTensor,
    GraphDescribed,
    OpenModel,
    Run,
    RunAnswered,
    TensorFetched,
    Watch,
)

Runs = dict[str, Callable[[], float]]

MODEL = 1
# With default options, onnxruntime's idle threads spin for some 35 ms after a run and
# so slow whoever runs next. The raw sessions compared with are told to let them sleep
# (`session.force_spinning_stop`), as the engine's are; one row takes raw onnxruntime as
# it comes, with this rest before each run, in which the cores fall asleep.
SETTLE_S = 0.06
WATCHED_OPS = ("Relu", "MaxPool")
N_WATCHED = 18
RUNS_WATCHED_BEFORE = 30


class EnginePeer:
    """One model in an engine, run as the window runs it: by messages and store.

    Parameters
    ----------
    path : Path
        The model.
    feeds : dict
        Inputs by name; handed over anew for each run, as a window does.

    Attributes
    ----------
    maps : tuple of str
        Inner tensors that activations and poolings make.
    answered : RunAnswered
        Of the last run.
    """

    answered: RunAnswered

    def __init__(self, path: Path, feeds: Feeds) -> None:
        self.client = EngineClient()
        self.client.start()
        self._feeds = feeds
        self.watch = Watch()
        self._model_ms: list[float] = []
        maps: list[str] = []
        command = OpenModel(
            job=self.client.next_job(),
            model=MODEL,
            path=str(path),
            device="cpu",
            task="tensors",
        )
        for event in self.client.call(command):
            if isinstance(event, GraphDescribed):
                maps += [
                    node.outputs[0] for node in event.nodes if node.op in WATCHED_OPS
                ]
        self.maps = tuple(maps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def run_ms(self) -> float:
        """Hand the tensors over, run, wait for the last event; milliseconds."""
        started = time.perf_counter()
        command = Run(
            job=self.client.next_job(),
            model=MODEL,
            inputs={
                name: TensorArray(array=self.client.arrays_out.put(array))
                for name, array in self._feeds.items()
            },
            watch=self.watch,
        )
        for event in self.client.call(command):
            if isinstance(event, RunAnswered):
                self.answered = event
                self._model_ms += event.samples_ms
        self.client.frames.newest()
        return (time.perf_counter() - started) * 1e3

    def model_ms(self, n: int) -> Samples:
        """Return what the last `n` untouched runs took inside the engine."""
        return np.asarray(self._model_ms[-n:])

    def output(self) -> npt.NDArray[np.generic]:
        """Return the first output of the last run; it has to fit one piece."""
        command = FetchTensor(
            job=self.client.next_job(),
            model=MODEL,
            tensor=self.answered.outputs[0].name,
        )
        for event in self.client.call(command):
            if isinstance(event, TensorFetched):
                array = self.client.arrays_in.get(event.array)
                return array.reshape(event.shape)
        raise RuntimeError("the engine did not hand over its output")


def settled_runs(peer: EnginePeer | RawPeer) -> float:
    """Run once on idle cores and return the time in milliseconds."""
    time.sleep(SETTLE_S)
    return peer.run_ms()


def measure(report: Report, out: Path, pairs: int) -> None:
    """Measure the rows of a network of ResNet-18's size at 224²."""
    path = resnet18(out / "resnet18.onnx")
    generator = np.random.default_rng(0)
    picture = generator.standard_normal((1, 3, 224, 224), dtype=np.float32)
    feeds: Feeds = {R18_INPUT: picture}
    with (
        RawPeer(path, feeds, lingering=False) as raw,
        RawPeer(path, feeds, lingering=False) as raw_again,
        EnginePeer(path, feeds) as engine,
    ):
        report.environment["pools"] = (
            f"engine: {raw.threads} threads a session, asleep between runs; raw "
            f"onnxruntime: a process of its own, {raw.threads} threads, asleep "
            "between runs too, so that none spins while the other one runs"
        )
        engine.run_ms()
        same = np.array_equal(engine.output(), raw.outputs[0])
        report.environment["engine's output equals raw onnxruntime's"] = same
        times = interleave(
            {"raw": raw.run_ms, "again": raw_again.run_ms, "own": engine.run_ms}, pairs
        )
        report.add(Row.of_ratio("raw / raw (A/A)", ratio(times["again"], times["raw"])))
        own = ratio(times["own"], times["raw"])
        report.add(Row.of_ratio("window + engine / raw", own, 1.03))
        model = ratio(engine.model_ms(pairs), times["raw"])
        report.add(Row.of_ratio("  the fast session alone", model))
        _after_watching(report, path, feeds, engine, raw.run_ms, pairs)
        _live(report, engine, raw.run_ms, pairs)
        with RawPeer(path, feeds) as usual:
            rested = {
                "raw": partial(settled_runs, usual),
                "own": partial(settled_runs, engine),
            }
            engine.watch = Watch()
            times = interleave(rested, max(10, pairs // 5))
        report.add(
            Row.of_ratio(
                "raw with spinning threads, 60 ms of rest",
                ratio(times["own"], times["raw"]),
            )
        )


def _after_watching(
    report: Report,
    path: Path,
    feeds: Feeds,
    engine: EnginePeer,
    raw: Callable[[], float],
    pairs: int,
) -> None:
    """Compare an engine that watched with raw onnxruntime and one that never did."""
    with EnginePeer(path, feeds) as never:
        _look(engine, RUNS_WATCHED_BEFORE)
        times = interleave(
            {
                "raw": raw,
                "own": engine.run_ms,
                "never": never.run_ms,
            },
            pairs,
        )
    against_raw = ratio(times["own"], times["raw"])
    report.add(Row.of_ratio("nothing watched after watching / raw", against_raw, 1.01))
    model = ratio(engine.model_ms(pairs), times["raw"])
    report.add(Row.of_ratio("  the fast session alone", model, 1.01))
    against_never = ratio(times["own"], times["never"])
    report.add(Row.of_ratio("  the same / never watched", against_never, 1.01))


def _look(engine: EnginePeer, n_runs: int) -> None:
    """Watch for some runs, then nothing any more."""
    engine.watch = Watch(tensors=engine.maps[:N_WATCHED])
    for _ in range(n_runs):
        engine.run_ms()
    engine.watch = Watch()


def _live(
    report: Report, engine: EnginePeer, raw: Callable[[], float], pairs: int
) -> None:
    engine.watch = Watch(tensors=engine.maps[:N_WATCHED])
    walls: list[float] = []
    untouched: list[bool] = []

    def live_ms() -> float:
        walls.append(engine.run_ms())
        untouched.append(bool(engine.answered.samples_ms))
        return engine.answered.live_ms

    times = interleave({"raw": raw, "own": live_ms}, pairs)
    watched = len(engine.watch.tensors)
    report.add(
        Row.of_ratio(
            f"{watched} activations watched live / raw",
            ratio(times["own"], times["raw"]),
            1.06,
        )
    )
    wall: Samples = np.asarray(walls[-pairs:])
    alone = ~np.asarray(untouched[-pairs:])
    if alone.any():
        report.add(
            Row.of_ratio(
                "  the same to the pictures in the window",
                ratio(wall[alone], times["raw"][alone]),
            )
        )
    report.environment["untouched runs among the live ones"] = float(1 - alone.mean())
