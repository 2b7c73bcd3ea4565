"""Words for sentences: names made safe to show, sizes made readable."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

MAX_NAME = 80


def shown(text: str, limit: int = MAX_NAME) -> str:
    """Return `text` on one line, without control characters, at most `limit` long.

    Names in a file may be megabytes long or hold characters that turn the
    direction of a line round.
    """
    cut = text[: limit + 1]
    clean = "".join(
        " " if c.isspace() else c if unicodedata.category(c)[0] != "C" else "\ufffd"
        for c in cut
    )
    return clean if len(text) <= limit else clean[: limit - 1] + "…"


def size(n_bytes: int) -> str:
    """Return a number of bytes in words: ``"1.4 MB"``."""
    amount = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(amount) < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.3g} {unit}"


def dimensions(shape: Sequence[object]) -> str:
    """Return a shape in words: ``"1 × 3 × 224 × 224"``, ``"scalar"`` for none."""
    sizes = ("?" if d is None else shown(str(d), 24) for d in shape)
    return " × ".join(sizes) or "scalar"


def counted(n: int, noun: str) -> str:
    """Return ``"1 node"``, ``"2 nodes"``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first few of `names` joined, and how many more there are."""
    text = ", ".join(shown(name, 60) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
