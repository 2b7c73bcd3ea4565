"""What a run of many steps keeps for later looks, bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy.typing as npt

Key = tuple[str, int]
Arrays = dict[str, npt.NDArray[Any]]

LIMIT_BYTES = 256 << 20


class Keepsakes:
    """Arrays by kind and step; the ones not looked at for longest go first.

    The run lane puts in and the query lane takes out, at any time.

    Parameters
    ----------
    limit_bytes : int
        Of all arrays together; the newest keepsake stays whatever its size.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Arrays] = OrderedDict()
        self._bytes = 0
        self.dropped = 0

    def put(self, kind: str, step: int, arrays: Arrays) -> None:
        """Keep `arrays` (any shapes and dtypes) under a kind and a step.

        The arrays are kept as they are, so they must not be written to again.
        """
        key = (kind, step)
        with self._lock:
            self._drop(key)
            self._kept[key] = arrays
            self._bytes += _size(arrays)
            while self._bytes > self._limit and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))
                self.dropped += 1

    def get(self, kind: str, step: int) -> Arrays | None:
        """Return what was kept, or None where it is gone or never was."""
        with self._lock:
            arrays = self._kept.get((kind, step))
            if arrays is not None:
                self._kept.move_to_end((kind, step))
            return arrays

    def steps(self, kind: str) -> tuple[int, ...]:
        """Return the steps that are kept of a kind, in order."""
        with self._lock:
            return tuple(sorted(step for name, step in self._kept if name == kind))

    def clear(self) -> None:
        """Forget everything, since another run begins."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
            self.dropped = 0

    def _drop(self, key: Key) -> None:
        arrays = self._kept.pop(key, None)
        if arrays is not None:
            self._bytes -= _size(arrays)


def _size(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
