"""Measure what must hold: ``python packaging/bench/main.py``, or ``make bench``.

It takes half an hour. ``QUICK=1`` takes few samples: enough to see that everything
is measured, not enough to judge by. Names of groups of rows may be given:
``engine``, ``memory``, ``recovery``, ``window``, ``text``, ``diffusion``; of the others
``out/bench.json`` keeps what was measured before, with its date. The last two compare
with other programs where ``packaging/peers/make_peers.py`` has made their environments.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "app"))

GROUPS = ("engine", "memory", "recovery", "window", "text", "diffusion")


def main(argv: list[str]) -> int:
    """Measure the groups named, all of them by default; return the exit status."""
    import diffusion_rows
    import engine_rows
    import memory_rows
    import recovery_rows
    import text_rows
    import window_rows
    from report import Report, heading, say

    unknown = [name for name in argv if name not in GROUPS]
    if unknown:
        sys.stderr.write(f"There is no group {unknown[0]}; say {', '.join(GROUPS)}.\n")
        return 2
    wanted = argv or GROUPS
    quick = bool(os.environ.get("QUICK"))
    out = CHECKOUT / "out"
    models = out / "bench"
    models.mkdir(parents=True, exist_ok=True)
    report = Report(out / "bench.json", quick)
    say(heading())
    if "engine" in wanted:
        report.begin("engine")
        engine_rows.measure(report, models, pairs=20 if quick else 500)
    if "memory" in wanted:
        report.begin("memory")
        memory_rows.measure(report, models, pairs=5 if quick else 100)
    if "recovery" in wanted:
        report.begin("recovery")
        recovery_rows.measure(report, models, kills=2 if quick else 20)
    if "window" in wanted:
        report.begin("window")
        window_rows.measure(report, models, quick=quick)
    if "text" in wanted:
        report.begin("text")
        text_rows.measure(report, models, quick=quick)
    if "diffusion" in wanted:
        report.begin("diffusion")
        diffusion_rows.measure(report, models, quick=quick)
    report.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
