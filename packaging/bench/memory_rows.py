"""What watching a large model costs in memory, and what sharing costs in speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from comparing import interleave, ratio
from engine_rows import EnginePeer, settled_runs
from networks import GPT_INPUT, GPT_WORDS, gpt
from raw_peer import Feeds, RawPeer
from report import Report, Row

from layerscope.protocol.messages import Watch

N_TOKENS = 64
RUNS = 6


def measure(report: Report, out: Path, pairs: int) -> None:
    """Measure the engine's share of memory on a GPT of 652 MB, live off and on."""
    path = gpt(out / "gpt.onnx")
    tokens = np.random.default_rng(0).integers(0, GPT_WORDS, (1, N_TOKENS))
    feeds: Feeds = {GPT_INPUT: tokens}
    with EnginePeer(path, feeds) as engine:
        off = _pss_after_runs(engine)
        with RawPeer(path, feeds) as raw:
            times = interleave(
                {
                    "raw": lambda: settled_runs(raw),
                    "own": lambda: settled_runs(engine),
                },
                pairs,
                warm_up=3,
            )
        engine.watch = Watch(everything=True)
        on = _pss_after_runs(engine)
        report.add(
            Row(
                name="engine's memory, live on over off, GPT 652 MB",
                value=on / off,
                unit="×",
                limit=1.10,
                n=RUNS,
                note=f"PSS {on / 1e6:.0f} / {off / 1e6:.0f} MB",
            )
        )
        live_ms = engine.answered.live_ms
    report.add(
        Row.of_ratio(
            "  what sharing the weights costs: engine / raw",
            ratio(times["own"], times["raw"]),
            note=f"live {live_ms:.0f} ms",
        )
    )


def _pss_after_runs(engine: EnginePeer) -> int:
    """Return the largest share of memory seen after some runs, in bytes."""
    largest = 0
    for _ in range(RUNS):
        engine.run_ms()
        largest = max(largest, proportional_set_size(engine.client.pid))
    return largest


def proportional_set_size(pid: int) -> int:
    """Return a process' share of memory in bytes: shared pages by their users."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel states no PSS for process {pid}")
