"""Start the engine process, tell how it ended, and end it."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

from layerscope.protocol.links import EngineLinks

KEPT_STDERR_BYTES = 64 << 10


class EngineProcess:
    """The engine, in a spawned child process of its own.

    Parameters
    ----------
    entry : str
        ``"package.module:function"``, imported by the child alone, so that the
        window never loads the inference libraries.
    links : EngineLinks
    """

    def __init__(self, entry: str, links: EngineLinks) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, child_end = context.Pipe()
        stderr_reader, stderr_writer = context.Pipe(duplex=False)
        self._stderr = bytearray()
        self._process = context.Process(
            target=_run_entry,
            args=(entry, child_end, stderr_writer, links),
            name="engine",
            daemon=True,
        )
        self._process.start()
        child_end.close()  # else the end of the stream would never be seen
        stderr_writer.close()
        self._drain = threading.Thread(
            target=self._drain_stderr, args=(stderr_reader,), name="engine-stderr"
        )
        self._drain.daemon = True
        self._drain.start()

    @property
    def pid(self) -> int:
        """Process id of the child."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def sentinel(self) -> int:
        """Handle that becomes ready when the child ends."""
        return self._process.sentinel

    @property
    def alive(self) -> bool:
        """Whether the child runs."""
        return self._process.is_alive()

    def last_words(self) -> str:
        """Return the end of what the child wrote to standard error."""
        return bytes(self._stderr).decode(errors="replace").strip()

    def kill(self) -> None:
        """End the child and everything it started, at once."""
        import psutil  # here, for the window is to be there before it is loaded

        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        self._process.kill()

    def join(self, timeout_s: float | None = None) -> int | None:
        """Wait for the end and return the exit code, None if it still runs."""
        self._process.join(timeout_s)
        return self._process.exitcode

    def close(self) -> None:
        """Free the handles of a child that has ended."""
        self._drain.join(1.0)
        self.connection.close()
        with contextlib.suppress(ValueError):
            self._process.close()

    def _drain_stderr(self, reader: Connection) -> None:
        # On Windows a pipe's handle is no file descriptor; nothing is redirected
        # there and this ends with the child.
        if sys.platform == "win32":
            self._process.join()
            reader.close()
            return
        while chunk := os.read(reader.fileno(), 65536):
            self._stderr += chunk
            del self._stderr[:-KEPT_STDERR_BYTES]
        reader.close()


def exit_words(code: int | None) -> str:
    """Put an exit code in words: ``"stopped by signal 11 (SIGSEGV)"``."""
    if code is None:
        return "is still running"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        meaning = {
            "SIGSEGV": ", a memory fault inside a library",
            "SIGABRT": ", a library gave up",
            "SIGFPE": ", a division by zero inside a library",
            "SIGKILL": ", from outside or for lack of memory",
        }.get(name, "")
        return f"was stopped by signal {-code} ({name}{meaning})"
    if code > 255:
        return f"ended with status 0x{code & 0xFFFFFFFF:08X}"
    return f"ended with status {code}"


def _run_entry(
    entry: str, connection: Connection, stderr: Connection, links: EngineLinks
) -> None:
    if sys.platform != "win32":
        # Libraries write to both; neither may mix with what a command prints.
        os.dup2(stderr.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
    stderr.close()
    module_name, _, function_name = entry.partition(":")
    getattr(importlib.import_module(module_name), function_name)(connection, links)
