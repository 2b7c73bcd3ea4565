"""``layerscope bench``: fast, live and raw onnxruntime, interleaved in one run."""

from __future__ import annotations

from layerscope.cli import text
from layerscope.cli.arguments import BenchRequest
from layerscope.cli.opening import (
    MODEL_NUMBER,
    open_model,
    running_engine,
)
from layerscope.controller.first_inputs import proposed
from layerscope.core.errors import EngineLostError
from layerscope.library.bundled import find_model
from layerscope.library.samples import own_samples
from layerscope.protocol.messages import Bench, Benched, Run


def bench(request: BenchRequest) -> None:
    """Time a model on its own samples, else on default inputs; print the medians.

    Raises
    ------
    LayerscopeError
        If the model cannot be read or cannot run.
    """
    path = find_model(request.model)
    benched = None
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        assert opened.task is not None
        run = Run(
            job=client.next_job(),
            model=MODEL_NUMBER,
            inputs=proposed(opened.task.slots, own_samples(path)),
        )
        for _ in client.call(run):
            pass
        command = Bench(job=client.next_job(), model=MODEL_NUMBER, pairs=request.pairs)
        for event in client.call(command):
            if isinstance(event, Benched):
                benched = event
    if benched is None:
        raise EngineLostError("The engine did not finish the comparison; try again.")
    if request.json:
        text.say_json(
            {
                "model": opened.name,
                "raw_ms": benched.raw_ms,
                "fast_ratio": benched.fast_ratio,
                "live_ratio": benched.live_ratio,
                "live_taps": benched.live_taps,
                "n": benched.n,
            }
        )
        return
    assert opened.ready is not None
    text.say(f"{opened.name} · {opened.ready.provider} · {opened.ready.precision}")
    rows = [
        ("raw onnxruntime", text.milliseconds(benched.raw_ms), ""),
        ("fast, untouched", f"× {benched.fast_ratio:.3f}", "nothing watched"),
        ("live", f"× {benched.live_ratio:.3f}", f"{benched.live_taps} layers watched"),
    ]
    for line in text.table(rows, right=(1,)):
        text.say(line)
    text.say(f"medians of {benched.n} interleaved pairs")
