"""Numbers that change with every frame are written once a second."""

from __future__ import annotations

import time
from collections.abc import Hashable

from PySide6.QtCore import QTimer

from layerscope.ui.panels.base import Panel

INTERVAL_S = 1.0


class Pace:
    """Decides when the text of a panel is due.

    Parameters
    ----------
    panel : Panel
        Is marked stale again once the text it held back becomes due.
    interval_s : float
        0 lets everything through.
    """

    def __init__(self, panel: Panel, interval_s: float = INTERVAL_S) -> None:
        self.interval_s = interval_s
        self._last = float("-inf")
        self._topic: Hashable = None
        self._timer = QTimer(panel)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(panel.mark_stale)

    def due(self, topic: Hashable = None) -> bool:
        """Return whether to write now: a new topic at once, the same one in time."""
        now = time.monotonic()
        left_s = self._last + self.interval_s - now
        if topic == self._topic and left_s > 0:
            if not self._timer.isActive():
                self._timer.start(int(left_s * 1000) + 1)
            return False
        self._topic, self._last = topic, now
        return True
