"""Waiting for several handles, again and again, as cheaply as the system can."""

from __future__ import annotations

import select
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait


class Ear:
    """Waits until one of the same few handles is ready.

    `multiprocessing.connection.wait` makes a selector for every call, which takes
    as long as reading a message.

    Parameters
    ----------
    handles : sequence of Connection or int
        Connections, and sentinels of processes.
    """

    def __init__(self, handles: Sequence[Connection | int]) -> None:
        self._handles = tuple(handles)
        if sys.platform != "win32":
            self._by_number = {
                handle if isinstance(handle, int) else handle.fileno(): handle
                for handle in self._handles
            }
            self._poll = select.poll()
            for number in self._by_number:
                self._poll.register(number, select.POLLIN)

    def wait(self, timeout_s: float | None = None) -> list[Connection | int]:
        """Return the handles that are ready, none after `timeout_s` seconds."""
        if sys.platform == "win32":
            return [h for h in wait(self._handles, timeout_s) if h in self._handles]
        timeout_ms = None if timeout_s is None else timeout_s * 1e3
        return [self._by_number[number] for number, _ in self._poll.poll(timeout_ms)]
