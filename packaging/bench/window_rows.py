"""How quick the window is: to appear, to answer, to draw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from comparing import interleave, ratio
from networks import long_graph
from report import Report, Row

N_NODES = 20_000
TIMEOUT_S = 600
PROBE = Path(__file__).with_name("window_probe.py")
# Modules come in the order in which each program would have them.
SHOWN = {
    "bare": "import window_probe; window_probe.bare()",
    "shown": "import layerscope.controller.controller, window_probe as probe; "
    "probe.shown()",
}
APP = Path(__file__).resolve().parents[2] / "app"


def measure(report: Report, out: Path, *, quick: bool) -> None:
    """Measure a window off-screen, in processes of its own."""
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "LAYERSCOPE_HOME": home,
            "PYTHONPATH": os.pathsep.join((str(APP), str(PROBE.parent))),
        }
        # Modules are compiled once and then kept, as on anybody's machine.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _lateness(report, environment, seconds=5.0 if quick else 60.0)
        _graph(report, environment, out, repeats=2 if quick else 10, quick=quick)
        _shown(report, environment, pairs=3 if quick else 500)


def _lateness(report: Report, environment: dict[str, str], seconds: float) -> None:
    taken = _ask(environment, "lateness", str(seconds))
    late = np.asarray(taken["late_ms"])
    per_s = f"{taken['frames'] / taken['seconds']:.0f} frames/s"
    for name, value, limit in (
        ("lateness of a 16 ms timer, frames streaming: longest", late.max(), 50),
        ("  the same: 99th percentile", np.percentile(late, 99), 16),
    ):
        report.add(
            Row(
                name=name,
                value=float(value),
                unit="ms",
                limit=limit,
                n=len(late),
                note=per_s,
            )
        )


def _graph(
    report: Report, environment: dict[str, str], out: Path, repeats: int, *, quick: bool
) -> None:
    path = long_graph(out / f"long-{N_NODES}.onnx", N_NODES)
    frames = "60" if quick else "300"
    taken = [_ask(environment, "graph", str(path), frames) for _ in range(repeats)]
    drawn = [one["drawn_s"] for one in taken]
    report.add(
        Row(
            name=f"{taken[0]['nodes']:,} nodes: open to drawn",
            value=max(drawn),
            unit="s",
            limit=2,
            n=repeats,
            note=f"longest; {np.median(drawn):.2f} s in the middle, "
            f"{taken[0]['cards']:,} cards",
        )
    )
    opened = [one["all_open_s"] for one in taken]
    report.add(
        Row(
            name="  every block opened: asked to drawn",
            value=max(opened),
            unit="s",
            n=repeats,
            note=f"longest; {np.median(opened):.2f} s in the middle, "
            f"{taken[0]['all_open_cards']:,} cards",
        )
    )
    for name, key in (
        ("  a pan or zoom frame: 99th percentile", "frames_ms"),
        ("  the same with every block open", "all_open_frames_ms"),
    ):
        times = np.concatenate([one[key] for one in taken])
        report.add(
            Row(
                name=name,
                value=float(np.percentile(times, 99)),
                unit="ms",
                limit=16,
                n=len(times),
                note=f"median {np.median(times):.1f} ms, longest {times.max():.1f} ms",
            )
        )


def _shown(report: Report, environment: dict[str, str], pairs: int) -> None:
    times = interleave(
        {
            "bare": lambda: _shown_ms(environment, "bare"),
            "again": lambda: _shown_ms(environment, "bare"),
            "own": lambda: _shown_ms(environment, "shown"),
        },
        pairs,
        warm_up=1,
    )
    report.add(
        Row.of_ratio("bare window / bare (A/A)", ratio(times["again"], times["bare"]))
    )
    report.add(
        Row.of_ratio(
            "window shown / bare QMainWindow",
            ratio(times["own"], times["bare"]),
            1.5,
            "from the start of the process to the first paint",
        )
    )


def _shown_ms(environment: dict[str, str], mode: str) -> float:
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", SHOWN[mode]],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("shown"):
                taken = (time.perf_counter() - started) * 1e3
                break
        else:
            raise RuntimeError(f"the window of {mode} was not shown")
        process.wait(TIMEOUT_S)
    return taken


def _ask(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, PROBE, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    taken: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return taken
