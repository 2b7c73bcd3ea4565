"""``layerscope run``: one model, one input, on the engine the window uses."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.cli import archives, arrays, text, text_answers
from layerscope.cli.arguments import RunRequest
from layerscope.cli.opening import (
    MODEL_NUMBER,
    OpenedModel,
    open_model,
    running_engine,
)
from layerscope.cli.sources import inputs_for, left_to_defaults
from layerscope.client.engine_client import EngineClient
from layerscope.core.errors import BadInputError, EngineLostError, LayerscopeError
from layerscope.core.latency import Percentiles
from layerscope.library.bundled import find_model
from layerscope.protocol.answers import Scores
from layerscope.protocol.messages import ExplainTask, Noted, Run, RunAnswered
from layerscope.protocol.values import TensorInfo

TOP_SHOWN = 5
NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One inner tensor that the user asked about.

    Attributes
    ----------
    statistics : TensorStatistics or None
        None for text.
    reason : str
        Why it could not be computed, or empty.
    """

    name: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    statistics: arrays.TensorStatistics | None = None
    reason: str = ""


def run(request: RunRequest) -> None:
    """Run a model and print its answer and latency.

    Raises
    ------
    LayerscopeError
        If the model, an input or a file to be written cannot be used.
    """
    for path in (request.save_outputs, request.save_activations):
        if path is not None and not path.absolute().parent.is_dir():
            raise BadInputError(
                f"'{path}' cannot be written, since there is no folder "
                f"'{path.absolute().parent}'; make it first."
            )
    path = find_model(request.model)
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        assert opened.task is not None
        arrays_given = request.inputs is not None or request.seed is not None
        if arrays_given and any(slot.kind == "text" for slot in opened.task.slots):
            take_arrays(client, opened)
        tensors = matching_tensors(opened, request)
        command = Run(
            job=client.next_job(),
            model=MODEL_NUMBER,
            inputs=inputs_for(request, opened.task.slots, path),
            repeats=request.runs,
        )
        if request.inputs is not None:
            note = left_to_defaults(request.inputs, opened.task.slots)
            opened.notes += [note] if note else []
        answered = None
        for event in client.call(command):
            if isinstance(event, RunAnswered):
                answered = event
            elif isinstance(event, Noted):
                opened.notes.append(event.text)
        if answered is None:
            raise EngineLostError("The engine did not answer the run; try again.")
        if request.save_outputs is not None:
            save_outputs(client, answered.outputs, request.save_outputs)
        watched = watch(client, tensors, request.save_activations)
    if request.json:
        text.say_json(as_json(opened, answered, watched))
    else:
        for line in as_lines(opened, answered, watched):
            text.say(line)


def take_arrays(client: EngineClient, opened: OpenedModel) -> None:
    """Choose the task for tensors, since arrays are given to a model of texts."""
    command = ExplainTask(job=client.next_job(), model=MODEL_NUMBER, task="tensors")
    for event in client.call(command):
        opened.take(event)


def matching_tensors(opened: OpenedModel, request: RunRequest) -> list[str]:
    """Return the inner tensors that ``--watch`` names; all where none are named.

    Raises
    ------
    BadInputError
        If the pattern fits none.
    """
    names = opened.inner_tensors()
    if not request.watch:
        return names if request.save_activations is not None else []
    found = [name for name in names if fnmatch.fnmatchcase(name, request.watch)]
    if not found:
        shown = ", ".join(names[:NAMES_SHOWN])
        raise BadInputError(
            f"No tensor of {opened.name} matches '{request.watch}'; it has "
            f"{len(names):,}, such as {shown or 'none'}."
        )
    return found


def save_outputs(
    client: EngineClient, outputs: tuple[TensorInfo, ...], path: Path
) -> None:
    """Write tensors by name, and sequences and maps as JSON beside them."""
    structured: dict[str, Any] = {}
    with archives.npz_writer(path) as archive:
        for info in outputs:
            value = arrays.fetch(client, info.name)
            if isinstance(value, np.ndarray):
                archive.write(info.name, value)
            else:
                structured[info.name] = value
    if structured:
        archives.write_json(path.with_suffix(".json"), structured)


def watch(client: EngineClient, tensors: list[str], path: Path | None) -> list[Watched]:
    """Fetch inner tensors one after the other; measure and, if asked, save them.

    One that cannot be computed alone, since onnxruntime refuses the graph cut
    there, is listed with the reason.
    """
    watched = []
    with _archive(path) as archive:
        for name in tensors:
            try:
                value = arrays.fetch(client, name)
            except EngineLostError:
                raise
            except LayerscopeError as error:
                watched.append(Watched(name=name, reason=text.one_line(str(error))))
                continue
            if not isinstance(value, np.ndarray):
                watched.append(Watched(name=name, reason="It is no tensor."))
                continue
            watched.append(_measured(name, value))
            if archive is not None:
                archive.write(name, value)
    return watched


@contextlib.contextmanager
def _archive(path: Path | None) -> Iterator[archives.ArrayWriter | None]:
    if path is None:
        yield None
        return
    with archives.npz_writer(path) as archive:
        yield archive


def _measured(name: str, value: npt.NDArray[np.generic]) -> Watched:
    return Watched(
        name=name,
        dtype=value.dtype.name,
        shape=value.shape,
        statistics=arrays.statistics(value),
    )


def as_json(
    opened: OpenedModel, answered: RunAnswered, watched: list[Watched]
) -> dict[str, Any]:
    """Return the fields of ``run --json``."""
    assert opened.task is not None
    model = Percentiles.of(answered.samples_ms)
    fields: dict[str, Any] = {
        "model": opened.name,
        "task": opened.task.task,
        "provider": answered.provider,
        "outputs": [
            {"name": info.name, "shape": info.shape, "dtype": info.dtype}
            for info in answered.outputs
        ],
        "latency_ms": {
            "prepare": answered.stages.decode_ms + answered.stages.prepare_ms,
            "model": {
                "p50": model.p50,
                "p95": model.p95,
                "p99": model.p99,
                "n": model.n,
            },
            "finish": answered.stages.finish_ms,
        },
    }
    scores = _scores(answered)
    if scores is not None:
        fields["top"] = [
            {"label": scored.label, "score": scored.score} for scored in scores.top
        ]
    fields |= text_answers.fields_of(answered.answer)
    if watched:
        fields["watched"] = [
            {
                "name": one.name,
                "dtype": one.dtype,
                "shape": one.shape,
                **(one.statistics.as_dict() if one.statistics is not None else {}),
                **({"reason": one.reason} if one.reason else {}),
            }
            for one in watched
        ]
    if opened.notes:
        fields["notes"] = [text.one_line(note) for note in opened.notes]
    return fields


def as_lines(
    opened: OpenedModel, answered: RunAnswered, watched: list[Watched]
) -> list[str]:
    """Return what ``run`` prints for people."""
    assert opened.task is not None
    assert opened.ready is not None
    task = opened.task.task.replace("-", " ")
    ready = opened.ready
    lines = [f"{opened.name} · {task} · {answered.provider} · {ready.precision}"]
    lines += [f"note: {text.one_line(note)}" for note in opened.notes]
    scores = _scores(answered)
    if scores is not None:
        rows = [(one.label, f"{one.score:.1%}") for one in scores.top[:TOP_SHOWN]]
        lines += ["", *text.table(rows, right=(1,))]
    lines += text_answers.lines_of(answered.answer)
    lines += ["", "outputs"]
    lines += text.table([text.tensor_row(info) for info in answered.outputs])
    if watched:
        lines += ["", "watched", *text.table(_watched_rows(watched))]
    lines += ["", latency_line(answered)]
    return lines


def latency_line(answered: RunAnswered) -> str:
    """Return the latency of a run in one line."""
    model = Percentiles.of(answered.samples_ms)
    stages = answered.stages
    prepare_ms = stages.decode_ms + stages.prepare_ms
    runs = "1 run" if model.n == 1 else f"{model.n:,} runs"
    parts = [
        f"latency: model p50 {text.milliseconds(model.p50)}",
        f"p95 {text.milliseconds(model.p95)}",
        f"p99 {text.milliseconds(model.p99)} ({runs})",
        f"prepare {text.milliseconds(prepare_ms)}",
        f"finish {text.milliseconds(stages.finish_ms)}",
    ]
    return " · ".join(parts)


def _scores(answered: RunAnswered) -> Scores | None:
    parts = answered.answer.parts
    return next((part for part in parts if isinstance(part, Scores)), None)


def _watched_rows(watched: list[Watched]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("name", "dtype", "shape", "mean", "std", "min", "max", "active", "not finite")
    ]
    for one in watched:
        kind = (one.name, one.dtype, text.shape(one.shape) if one.dtype else "")
        if one.statistics is None:
            rows.append((*kind, one.reason or "text", *[""] * 5))
            continue
        numbers = one.statistics
        moments = (numbers.mean, numbers.std, numbers.minimum, numbers.maximum)
        rows.append(
            (
                *kind,
                *(f"{value:.4g}" for value in moments),
                f"{numbers.active:.0%}",
                f"{numbers.n_nonfinite:,}",
            )
        )
    return rows
