"""How soon the window notices that the engine is gone, and has another."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from engine_rows import MODEL, EnginePeer
from networks import R18_INPUT, resnet18
from raw_peer import Feeds
from report import Report, Row

from layerscope.client.engine_client import EngineClient, EngineLost
from layerscope.protocol.inputs import TensorArray
from layerscope.protocol.messages import (
    DevicesFound,
    EngineReady,
    Event,
    FindDevices,
    Run,
)

TICK_S = 0.016
INTO_THE_RUN_S = 0.01
REPEATS_OF_THE_RUN = 1000
DEADLINE_S = 60.0


def measure(report: Report, out: Path, kills: int) -> None:
    """Kill the engine in mid-run, as often as `kills`."""
    path = resnet18(out / "resnet18.onnx")
    picture = np.zeros((1, 3, 224, 224), dtype=np.float32)
    feeds: Feeds = {R18_INPUT: picture}
    noticed, back, loaded = [], [], []
    for _ in range(kills):
        with EnginePeer(path, feeds) as engine:
            client = engine.client
            command = Run(
                job=client.next_job(),
                model=MODEL,
                inputs={R18_INPUT: TensorArray(array=client.arrays_out.put(picture))},
                repeats=REPEATS_OF_THE_RUN,
            )
            client.send(command)
            time.sleep(INTO_THE_RUN_S)
            client.poll()
            started = time.perf_counter()
            os.kill(client.pid, signal.SIGKILL)
            _tick_until(client, EngineLost)
            noticed.append(time.perf_counter() - started)
            client.start()
            _tick_until(client, EngineReady)
            back.append(time.perf_counter() - started)
            client.send(FindDevices(job=client.next_job()))
            _tick_until(client, DevicesFound)
            loaded.append(time.perf_counter() - started)
    report.add(
        Row(
            name="engine killed in mid-run: noticed, engine back",
            value=max(back),
            unit="s",
            limit=1.0,
            n=kills,
            note=f"longest; noticed {max(noticed) * 1e3:.0f} ms, "
            f"back {np.median(back) * 1e3:.0f} ms in the middle",
        )
    )
    report.add(
        Row(
            name="  until it has proved its devices too",
            value=max(loaded),
            unit="s",
            n=kills,
            note=f"longest; {np.median(loaded):.2f} s in the middle",
        )
    )


def _tick_until(client: EngineClient, kind: type[Event | EngineLost]) -> None:
    """Poll every 16 ms, as the window does, until an event of `kind` comes."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if any(isinstance(event, kind) for event in client.poll()):
            return
        time.sleep(TICK_S)
    raise RuntimeError(f"no {kind.__name__} came within {DEADLINE_S:.0f} s")
