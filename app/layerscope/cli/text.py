"""How the command line writes numbers, shapes and tables."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from layerscope.protocol.values import Dimension, TensorInfo


def say(text: str = "") -> None:
    """Write one line to standard output."""
    sys.stdout.write(text + "\n")


def complain(error: BaseException | str) -> None:
    """Write one sentence to standard error, whatever line breaks it holds."""
    sys.stderr.write(one_line(str(error)) + "\n")


def one_line(text: str) -> str:
    """Return `text` with every run of white space made one blank."""
    return " ".join(text.split())


def sentence(text: str) -> str:
    """Return `text` as one line that ends like a sentence."""
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."


def say_json(value: dict[str, Any] | list[Any]) -> None:
    """Write `value` as JSON; numbers that JSON cannot hold become null."""
    say(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Return `value` with numbers that JSON cannot hold made None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def count(number: int) -> str:
    """Return a count for people, ``11.7 M``."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if number >= limit:
            return f"{number / limit * (10 if limit == 1e4 else 1):.1f}{unit}"
    return f"{number:,}"


def size(n_bytes: int) -> str:
    """Return a number of bytes for people, ``46.8 MB``."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= limit:
            return f"{n_bytes / limit:.1f} {unit}"
    return f"{n_bytes} bytes"


def milliseconds(value: float) -> str:
    """Return a time in milliseconds with three figures that mean something."""
    if not math.isfinite(value):
        return "–"
    digits = 3 if value < 1 else 2 if value < 10 else 1
    return f"{value:.{digits}f} ms"


def shape(dimensions: Sequence[Dimension] | None) -> str:
    """Return a shape for people, ``1 × 3 × height × width``."""
    if dimensions is None:
        return "any shape"
    if not dimensions:
        return "scalar"
    return " × ".join("?" if size is None else str(size) for size in dimensions)


def tensor_row(info: TensorInfo) -> tuple[str, str, str]:
    """Return name, dtype and shape of a tensor as the cells of a table."""
    return info.name, info.dtype, shape(info.shape)


def table(
    rows: Iterable[Sequence[str]], *, indent: str = "  ", right: Iterable[int] = ()
) -> list[str]:
    """Return `rows` as lines with aligned columns.

    Parameters
    ----------
    rows : iterable of sequences of str
        All of one length.
    indent : str
        Before each line.
    right : iterable of int
        Columns aligned at their right edge: numbers.
    """
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not cells:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    flush_right = frozenset(right)
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if column in flush_right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "   ".join(padded)).rstrip())
    return lines


def field(name: str, value: str) -> str:
    """Return one line of a summary: a name and what it is."""
    return f"{name:<12} {value}".rstrip()
