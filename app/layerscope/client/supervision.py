"""When a dead engine is started again, and when the user is asked first."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable


class RestartRule:
    """Three crashes in five minutes, then ask.

    Parameters
    ----------
    limit : int
    window_s : float
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        limit: int = 3,
        window_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._crashes: deque[float] = deque()

    def crashed(self) -> bool:
        """Note a crash; return whether the engine may start by itself again."""
        now = self._clock()
        self._crashes.append(now)
        while self._crashes and now - self._crashes[0] > self._window_s:
            self._crashes.popleft()
        return len(self._crashes) < self._limit

    def forgive(self) -> None:
        """Start counting anew, since the user asked for a restart."""
        self._crashes.clear()
