"""Faults on command, so that tests can see how the window takes them.

Honoured only where the environment variable ``LAYERSCOPE_FAULTS`` is ``1``.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from layerscope.core.errors import BadInputError
from layerscope.engine.jobs import CancelToken, Steps
from layerscope.protocol.messages import Fault, Progress

ENVIRONMENT_VARIABLE = "LAYERSCOPE_FAULTS"


def allowed() -> bool:
    """Whether this process may be told to misbehave."""
    return os.environ.get(ENVIRONMENT_VARIABLE) == "1"


def _start_wish() -> str:
    return os.environ.get("LAYERSCOPE_START_FAULT", "") if allowed() else ""


def break_lane() -> None:
    """Fail as a missing library would, if ``LAYERSCOPE_START_FAULT`` is ``lane``."""
    if _start_wish() == "lane":
        raise ImportError("a library is missing, as a test wants it")


def start_fault() -> None:
    """Misbehave at start, as ``LAYERSCOPE_START_FAULT`` says: ``exit`` or seconds."""
    wish = _start_wish()
    if not wish or wish == "lane":
        return
    if wish == "exit":
        os._exit(7)
    time.sleep(float(wish))


def misbehave(command: Fault, token: CancelToken, connection: Connection) -> Steps:
    """Do what the command says; most kinds never come back."""
    if not allowed():
        raise BadInputError(
            f"The fault {command.kind!r} was asked for outside a test; set "
            f"{ENVIRONMENT_VARIABLE}=1 to allow it."
        )
    kinds: dict[str, Callable[[], None]] = {
        "crash": lambda: _discard(ctypes.string_at(0)),
        "abort": os.abort,
        "exit": lambda: os._exit(int(command.value)),
        "hang": lambda: _hang(None),
        "hang_gil": _hold_gil,
        "stop": _stop,
        "oom": lambda: _discard(bytearray(1 << 50)),
        "flood_stderr": lambda: _flood(int(command.value) or 64 << 20),
        "bad_message": lambda: connection.send_bytes(b"\xc1 not a message"),
        "die_after": lambda: _die_after(command.value),
        "wait": lambda: _hang(token),
    }
    if command.kind not in kinds:
        raise BadInputError(
            f"There is no fault {command.kind!r}; there are {', '.join(kinds)}."
        )
    yield Progress(job=command.job, text=f"fault {command.kind}")
    kinds[command.kind]()


def _discard(_: object) -> None:
    """Take a value that is never reached."""


def _hang(token: CancelToken | None) -> None:
    while token is None or not token.cancelled:
        if token is not None:
            time.sleep(0.005)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    _hang(None)  # the signal may take this thread a moment later


def _hold_gil() -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


def _flood(size: int) -> None:
    chunk = b"x" * 65536
    for _ in range(max(1, size // len(chunk))):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, chunk)


def _die_after(seconds: float) -> None:
    timer = threading.Timer(seconds, lambda: os._exit(9))
    timer.daemon = True
    timer.start()
