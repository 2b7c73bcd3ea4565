"""What painting costs: the widgets that draw pictures note their time here."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import shiboken6
from PySide6.QtWidgets import QWidget

_KEPT = 9
_costs: weakref.WeakKeyDictionary[QWidget, deque[float]] = weakref.WeakKeyDictionary()


@contextmanager
def painting(widget: QWidget) -> Iterator[None]:
    """Note how long the enclosed block takes, as the cost of painting `widget`."""
    start = time.perf_counter()
    try:
        yield
    finally:
        ms = (time.perf_counter() - start) * 1e3
        costs = _costs.get(widget)
        if costs is None:
            # The first time fonts and tables are made; that is no cost of painting.
            _costs[widget] = deque(maxlen=_KEPT)
        else:
            costs.append(ms)


def paint_ms() -> float:
    """Return what painting all visible pictures once takes, in milliseconds.

    The median of the last paintings of each widget, summed over those on the screen.
    """
    return sum(
        float(np.median(costs))
        for widget, costs in list(_costs.items())
        if costs and shiboken6.isValid(widget) and widget.isVisible()
    )
