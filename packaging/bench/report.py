"""The table on the screen and ``bench.json``."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Self

from comparing import Ratio

PACKAGES = ("onnxruntime-gpu", "onnxruntime", "numpy", "PySide6-Essentials", "torch")


def version(package: str) -> str:
    """Return the version of an installed package, or a dash."""
    try:
        return installed_version(package)
    except PackageNotFoundError:
        return "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured.

    Attributes
    ----------
    value, limit : float
        What came out and the most it may be; the limit is None where there is none.
    at_least : bool
        Whether the limit is the least it may be instead.
    unit : str
        ``"×"``, ``"ms"``, ``"s"``, ….
    low, high : float or None
        Confidence interval of 95 %, where it is a ratio.
    n : int
        Pairs, frames, ticks or repetitions.
    note : str
        What else belongs to the number.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""
    at_least: bool = False

    @classmethod
    def of_ratio(
        cls,
        name: str,
        measured: Ratio,
        limit: float | None = None,
        note: str = "",
        *,
        at_least: bool = False,
    ) -> Self:
        """Return the row of a ratio of medians."""
        medians = f"{measured.first_ms:.2f} / {measured.second_ms:.2f} ms"
        return cls(
            name=name,
            value=measured.value,
            unit="×",
            limit=limit,
            low=measured.low,
            high=measured.high,
            n=measured.n,
            note=f"{medians}; {note}" if note else medians,
            at_least=at_least,
        )

    @property
    def held(self) -> bool | None:
        """Whether the value is within the limit; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(slots=True)
class Report:
    """All rows and what they were measured on; rows are shown as they come.

    Of the groups that are not measured this time, the file keeps what it holds: each
    group says when, how and on what it was measured.
    """

    path: Path
    quick: bool
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    begun: bool = False

    def __post_init__(self) -> None:
        self.groups = _groups_in(self.path)
        self.environment = {
            "machine": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
            "load at the start": load(),
            "ratios": "of medians of interleaved pairs in random order; bootstrap "
            "of whole rounds, 95 % interval",
        }

    def begin(self, group: str) -> None:
        """Take the rows that follow for those of a group.

        The first of them takes the place of all that the group had before.
        """
        self.group = group
        self.begun = False

    def add(self, row: Row) -> None:
        """Take a row into the group that was begun and show it."""
        if not self.begun:
            self.begun = True
            self.groups[self.group] = {
                "measured": datetime.now(UTC).isoformat(timespec="seconds"),
                "quick": self.quick,
                "environment": self.environment,
                "rows": [],
            }
        self.groups[self.group]["rows"].append({**asdict(row), "held": row.held})
        say(_line(row))
        self.save()

    def save(self) -> None:
        """Write what there is so far."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"groups": self.groups}
        self.path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Show what it was measured on and write the file."""
        self.environment["load at the end"] = load()
        say()
        for name, value in self.environment.items():
            say(f"{name}: {value}")
        self.save()
        say(f"written: {self.path}")


def _groups_in(path: Path) -> dict[str, dict[str, Any]]:
    """Return what a file holds by group; nothing of one that is of another form."""
    try:
        held = json.loads(path.read_text())["groups"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return held if isinstance(held, dict) else {}


def load() -> str:
    """Return how many processes wanted a core in the last 1, 5 and 15 minutes."""
    if not hasattr(os, "getloadavg"):
        return "not known here"
    return ", ".join(f"{value:.2f}" for value in os.getloadavg())


def say(text: str = "") -> None:
    """Write one line to standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def heading() -> str:
    """Return the head of the table."""
    return (
        f"{'':<54} {'measured':>10}  {'95 % interval':<17} {'limit':>9} "
        f"{'':<4} {'n':>5}  note"
    )


def _line(row: Row) -> str:
    number = f"{row.value:.3f} {row.unit}"
    interval = "" if row.low is None else f"{row.low:.3f} … {row.high:.3f}"
    sign = "≥" if row.at_least else "≤"
    limit = "" if row.limit is None else f"{sign} {row.limit:g} {row.unit}"
    missed = "LESS" if row.at_least else "OVER"
    held = {None: "", True: "ok", False: missed}[row.held]
    return (
        f"{row.name:<54} {number:>10}  {interval:<17} {limit:>9} {held:<4} "
        f"{row.n:>5}  {row.note}"
    )
