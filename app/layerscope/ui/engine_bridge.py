"""The heartbeat of the window: engine events in, garbage out, on its own timers."""

from __future__ import annotations

import gc
import time
from collections import deque
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer

TICK_MS = 16
COLLECT_MS = 5_000
# A full collection is for moments in which nothing happens.
IDLE_S = 20.0
_WINDOW_S = 1.0


class EngineBridge(QObject):
    """Calls `Controller.tick` every 16 ms, and collects garbage.

    Python's cyclic collector may run in any thread and then delete widgets there,
    which Qt forbids; so it is switched off and run by a timer of the window.

    Parameters
    ----------
    controller : Controller
    parent : QObject, optional
    """

    def __init__(self, controller: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._frames: deque[float] = deque(maxlen=600)
        self._revision = controller.pictures.revision
        self._last_frame = time.monotonic()
        self._collected_fully = True
        self._gc_was_on = False
        self._ticker = QTimer(self)
        self._ticker.setTimerType(Qt.TimerType.PreciseTimer)
        self._ticker.setInterval(TICK_MS)
        self._ticker.timeout.connect(self.tick)
        self._collector = QTimer(self)
        self._collector.setInterval(COLLECT_MS)
        self._collector.timeout.connect(self.collect)

    @property
    def running(self) -> bool:
        """Whether the timers run."""
        return self._ticker.isActive()

    def start(self) -> None:
        """Begin; automatic garbage collection is off from now on."""
        if not self.running:
            self._gc_was_on = gc.isenabled()
            gc.disable()
            self._ticker.start()
            self._collector.start()

    def stop(self) -> None:
        """End, and leave garbage collection as it was."""
        if self.running:
            self._ticker.stop()
            self._collector.stop()
            if self._gc_was_on:
                gc.enable()

    def tick(self) -> None:
        """Take in what the engine sent."""
        self._controller.tick()
        revision = self._controller.pictures.revision
        if revision != self._revision:
            self._revision = revision
            self._last_frame = time.monotonic()
            self._frames.append(self._last_frame)
            self._collected_fully = False

    def collect(self) -> None:
        """Collect young garbage; everything once after a while without pictures."""
        idle = time.monotonic() - self._last_frame > IDLE_S
        if idle and not self._collected_fully:
            gc.collect()
            self._collected_fully = True
        else:
            gc.collect(1)

    def frames_per_second(self) -> float:
        """Return how many frames came within the last second."""
        since = time.monotonic() - _WINDOW_S
        return sum(moment > since for moment in self._frames) / _WINDOW_S
