"""Names and life of the shared memory that the window makes."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import numpy.typing as npt

PREFIX = "layerscope"
_numbers = itertools.count()


def create(size: int) -> SharedMemory:
    """Make a segment of `size` bytes that the caller has to `destroy`."""
    name = f"{PREFIX}_{os.getpid()}_{next(_numbers)}"
    return SharedMemory(name=name, create=True, size=size)


def attach(name: str) -> SharedMemory:
    """Open a segment made by the window, without becoming its owner.

    The resource tracker is told nothing: the maker alone unlinks.
    """
    register = resource_tracker.register
    resource_tracker.register = lambda *_: None
    try:
        return SharedMemory(name=name)
    finally:
        resource_tracker.register = register


def view(memory: SharedMemory) -> npt.NDArray[np.uint8]:
    """Return all bytes of a segment, writable.

    ``np.frombuffer`` holds the buffer, so that a segment closed too early is an
    error and not a crash; ``np.ndarray(buffer=…)`` would not.
    """
    assert memory.buf is not None
    return np.frombuffer(memory.buf, dtype=np.uint8)


def destroy(memory: SharedMemory) -> None:
    """Close and unlink a segment; views of it must be gone."""
    with contextlib.suppress(BufferError):
        memory.close()
    with contextlib.suppress(FileNotFoundError):
        memory.unlink()


def sweep() -> list[str]:
    """Unlink segments whose maker is dead, and return their names."""
    folder = Path("/dev/shm")
    swept = []
    if folder.is_dir():
        for file in folder.glob(f"{PREFIX}_*"):
            match = re.fullmatch(rf"{PREFIX}_(\d+)_\d+", file.name)
            if match is None:
                continue
            import psutil  # here, since most starts find nothing and need it not

            if not psutil.pid_exists(int(match[1])):
                with contextlib.suppress(OSError):
                    file.unlink()
                    swept.append(file.name)
    return swept
