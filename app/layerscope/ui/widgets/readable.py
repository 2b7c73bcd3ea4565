"""Numbers as people read them: short, with a unit, and never jumping in width."""

from __future__ import annotations

import math
from collections.abc import Iterable

MINUS = "−"


def number(value: float, digits: int = 4) -> str:
    """Return `value` with about `digits` significant digits.

    Parameters
    ----------
    value : float
        Any number, NaN and infinities too.
    digits : int
        Significant digits; whole thousands are never rounded away.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        text = f"{value:.{max(0, digits - 2)}e}"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def count(value: int) -> str:
    """Return a count: ``"1.24 M"``, ``"18.5 k"``, ``"512"``."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if value >= size:
            scale = 10**3 if unit == "k" else size
            return f"{value / scale:.3g} {unit}"
    return f"{value:,}"


def size_of(n_bytes: float) -> str:
    """Return a size in bytes: ``"2.5 MB"``; decimal units, as file managers do."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= size:
            value = n_bytes / size
            return (
                f"{value:.0f} {unit}"
                if value >= 100
                else f"{value:.2g} {unit}"
                if (value < 10)
                else f"{value:.3g} {unit}"
            )
    return f"{n_bytes:.0f} B"


def shape_of(shape: Iterable[int | str | None]) -> str:
    """Return a shape: ``"128 × 27 × 27"``; unknown sizes as ``?``."""
    sizes = ["?" if size is None else str(size) for size in shape]
    return " × ".join(sizes) if sizes else "one number"


def milliseconds(value: float) -> str:
    """Return a time in milliseconds without its unit: ``"8.3"``, ``"0.71"``."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 100:
        return f"{value:.0f}"
    if size >= 1:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.01 or size == 0 else f"{value:.3f}"


def share(value: float) -> str:
    """Return a share from 0 to 1 as per cent: ``"60 %"``, ``"0.4 %"``."""
    if not math.isfinite(value):
        return "–"
    percent = 100 * value
    return f"{percent:.1f} %" if 0 < percent < 1 else f"{percent:.0f} %"
