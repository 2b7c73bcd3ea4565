"""Talk to the engine: send commands, receive events, survive its death."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator

import msgspec

from layerscope.client.inbox import Inbox
from layerscope.client.process import EngineProcess, exit_words
from layerscope.core import errors
from layerscope.protocol import shared_memory
from layerscope.protocol.arrays import DEFAULT_BYTES, ArrayArena
from layerscope.protocol.frames import FrameRing
from layerscope.protocol.links import EngineLinks
from layerscope.protocol.messages import (
    Cancel,
    Cancelled,
    Command,
    EngineReady,
    Event,
    Failed,
    Finished,
    LastEvent,
    Shutdown,
    encode,
)

ENGINE_ENTRY = "layerscope.engine.worker:main"
CANCEL_DEADLINE_S = 1.0
SILENCE_LIMIT_S = 15.0


class EngineLost(msgspec.Struct, frozen=True, kw_only=True):
    """The engine process is gone; comes after the last events of all its jobs.

    Attributes
    ----------
    reason : str
        How it ended, in words: ``"was stopped by signal 11 (SIGSEGV, …)"``.
    wanted : bool
        Whether we ended it: a stop that it did not answer in time.
    last_words : str
        End of its standard error, for the log.
    """

    reason: str
    wanted: bool
    last_words: str


class EngineClient:
    """The window's end of the pipe.

    Every job gets exactly one last event, also when the engine dies: then the
    client makes it. All methods may be called from one thread only, and none but
    `call`, `close` and `start` blocks.

    Parameters
    ----------
    entry : str
        See `EngineProcess`.
    silence_limit_s : float
        An engine that gives no sign of life for so long is taken for hung.
    arena_bytes : int
        Size of the array store in each direction.
    """

    def __init__(
        self,
        entry: str = ENGINE_ENTRY,
        *,
        silence_limit_s: float = SILENCE_LIMIT_S,
        cancel_deadline_s: float = CANCEL_DEADLINE_S,
        arena_bytes: int = DEFAULT_BYTES,
    ) -> None:
        shared_memory.sweep()
        self._entry = entry
        self._silence_limit_s = silence_limit_s
        self._cancel_deadline_s = cancel_deadline_s
        self.frames = FrameRing()
        self.arrays_out = ArrayArena(size=arena_bytes, short_lived=True)
        self.arrays_in = ArrayArena(size=arena_bytes)
        self._links = EngineLinks(
            frames=self.frames.name,
            arrays_from_window=self.arrays_out.name,
            arrays_to_window=self.arrays_in.name,
            arena_bytes=arena_bytes,
        )
        self._jobs = itertools.count(1)
        self._process: EngineProcess | None = None
        self._inbox: Inbox | None = None
        self._pending: dict[int, Command] = {}
        self._cancels: dict[int, float] = {}
        self._wanted_end = False

    @property
    def running(self) -> bool:
        """Whether an engine process stands, as far as is known."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Process id of the engine, 0 where none runs."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start an engine; events tell when it is ready."""
        if self._process is not None:
            return
        self.frames.clear_heartbeat()
        self.arrays_out.forget_loans()
        self._wanted_end = False
        self._process = EngineProcess(self._entry, self._links)
        self._inbox = Inbox(self._process)

    def next_job(self) -> int:
        """Return a job number that was not used before."""
        return next(self._jobs)

    def send(self, command: Command) -> None:
        """Hand a command to the engine.

        Raises
        ------
        MessageError
            If it is too long.
        EngineLostError
            If no engine runs.
        """
        if self._inbox is not None:
            self._inbox.hand_back()
        self._send(command)

    def _send(self, command: Command) -> None:
        data = encode(command)
        if self._process is None:
            raise errors.EngineLostError(
                "The engine is not running, so nothing can be asked of it; restart it."
            )
        if command.job and not isinstance(command, Cancel):
            self._pending[command.job] = command
        # Where it has just died, the reader notices and all jobs are told.
        with contextlib.suppress(OSError):
            self._process.connection.send_bytes(data)

    def cancel(self, job: int) -> None:
        """Stop a job: ask, and after a second end the engine."""
        if job in self._pending and job not in self._cancels:
            self._cancels[job] = time.monotonic() + self._cancel_deadline_s
            self.send(Cancel(job=job))

    def poll(self) -> list[Event | EngineLost]:
        """Return what has arrived; never blocks."""
        if self._inbox is None:
            return []
        self._inbox.hand_back()
        return self._collect(self._inbox)

    def _collect(self, inbox: Inbox) -> list[Event | EngineLost]:
        arrived, ended = inbox.take()
        for event in arrived:
            if isinstance(event, LastEvent):
                self._pending.pop(event.job, None)
                self._cancels.pop(event.job, None)
        events: list[Event | EngineLost] = [*arrived]
        if ended:
            events += self._bury(inbox)
        elif self._process is not None and (self._cancels or not arrived):
            self._check_deadlines()
        return events

    def wait(self, timeout_s: float) -> None:
        """Sleep until something arrives, at most `timeout_s` seconds."""
        if self._inbox is not None:
            self._inbox.wait(timeout_s)
        else:
            time.sleep(timeout_s)

    def call(
        self,
        command: Command,
        timeout_s: float | None = None,
        *,
        raise_failures: bool = True,
    ) -> Iterator[Event]:
        """Send a command and yield the events of its job, the last one included.

        Parameters
        ----------
        command : Command
            With a `job` number of its own.
        timeout_s : float, optional
            After so long the job is cancelled.
        raise_failures : bool
            Raise what a `Failed` says instead of ending with it.

        Raises
        ------
        LayerscopeError
            Of the kind that the failure names.
        EngineLostError
            If the engine died.
        """
        inbox = self._inbox
        if inbox is not None:
            inbox.take_over()
        self._send(command)
        assert inbox is not None  # else nothing could be sent
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            if deadline is not None and time.monotonic() > deadline:
                self.cancel(command.job)
                deadline = None
            inbox.listen(0.1)
            for event in self._collect(inbox):
                if isinstance(event, EngineLost) or event.job != command.job:
                    continue
                if isinstance(event, Failed) and raise_failures:
                    raise error_of(event)
                yield event
                if isinstance(event, LastEvent):
                    return

    def restart(self) -> None:
        """End the engine, if one runs, and start another."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """End the engine: ask, then kill. Pending jobs get their last event."""
        process, inbox = self._process, self._inbox
        if process is None or inbox is None:
            return
        self._wanted_end = True
        try:
            process.connection.send_bytes(encode(Shutdown()))
            process.join(0.5)
        except OSError:
            pass
        if process.alive:
            process.kill()
        process.join(5.0)
        inbox.wait_for_the_end(5.0)

    def close(self) -> None:
        """End the engine and remove the shared memory."""
        self.stop()
        self.poll()
        self.frames.close()
        self.arrays_out.close()
        self.arrays_in.close()

    def _check_deadlines(self) -> None:
        assert self._process is not None
        now = time.monotonic()
        if any(now > deadline for deadline in self._cancels.values()):
            self._wanted_end = True
            self._process.kill()
        elif self._pending and self._silence_limit_s < self.frames.silence_s():
            self._process.kill()

    def _bury(self, inbox: Inbox) -> list[Event | EngineLost]:
        """Give every pending job its last event and free the dead process."""
        process, self._process = self._process, None
        self._inbox = None
        if process is None:
            return []
        if process.alive:  # it broke the link without ending
            process.kill()
        code = process.join(5.0)
        reason = exit_words(code)
        last_words = process.last_words()
        inbox.close()
        process.close()
        last: list[Event | EngineLost] = []
        for job in self._pending:
            if job in self._cancels or self._wanted_end:
                last.append(Cancelled(job=job))
            else:
                last.append(
                    Failed(
                        job=job,
                        kind="engine-lost",
                        message=f"The engine {reason} before it answered.",
                        traceback=last_words,
                    )
                )
        last.append(
            EngineLost(reason=reason, wanted=self._wanted_end, last_words=last_words)
        )
        self._pending = {}
        self._cancels = {}
        return last


def error_of(failure: Failed) -> errors.LayerscopeError:
    """Return the exception that a `Failed` stands for, for callers that raise."""
    kinds: dict[str, type[errors.LayerscopeError]] = {
        "bad-input": errors.BadInputError,
        "out-of-memory": errors.OutOfMemoryError,
        "device": errors.DeviceError,
        "engine-lost": errors.EngineLostError,
    }
    if failure.kind == "refused":
        return errors.ModelRefusedError(failure.message, failure.node)
    return kinds.get(failure.kind, errors.LayerscopeError)(failure.message)


__all__ = [
    "EngineClient",
    "EngineLost",
    "EngineReady",
    "Finished",
    "error_of",
]
