"""What painting costs: the widgets that draw pictures note their time here."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import shiboken6
from PySide6.QtWidgets import QWidget

_NEWEST_SHARE = 0.2
_costs: weakref.WeakKeyDictionary[QWidget, float] = weakref.WeakKeyDictionary()


@contextmanager
def painting(widget: QWidget) -> Iterator[None]:
    """Note how long the enclosed block takes, as the cost of painting `widget`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        ms = (time.perf_counter() - start) * 1e3
        before = _costs.get(widget, ms)
        _costs[widget] = before + _NEWEST_SHARE * (ms - before)


def paint_ms() -> float:
    """Return what painting all visible pictures once takes, in milliseconds.

    A running mean of each widget, summed over those on the screen.
    """
    return sum(
        ms
        for widget, ms in list(_costs.items())
        if shiboken6.isValid(widget) and widget.isVisible()
    )
