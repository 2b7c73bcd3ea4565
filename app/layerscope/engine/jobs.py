"""Jobs: work the engine does in steps, so that it can stop between them."""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass

from layerscope.core import errors
from layerscope.protocol.messages import (
    Cancelled,
    Event,
    Failed,
    Finished,
    JobId,
)


@dataclass(frozen=True, slots=True)
class Parting:
    """An event after which its job has nothing more to do.

    It is sent together with the last event, so that the window is woken once.
    """

    event: Event


Steps = Generator[Event | Parting, None, None]


class CancelToken:
    """A flag set by the receiving thread and read by the job.

    A long call inside the job can leave a callback that ends it.
    """

    def __init__(self) -> None:
        self._cancelled = False
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self.replaced = False

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._cancelled

    def cancel(self) -> None:
        """Ask the job to stop."""
        with self._lock:
            self._cancelled = True
            callbacks = list(self._callbacks)
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> _Watch:
        """Run `callback`, on another thread, if the job is cancelled inside."""
        return _Watch(self, callback)

    def add(self, callback: Callable[[], None]) -> None:
        """Have `callback` run when the job is cancelled, at once if it was."""
        with self._lock:
            self._callbacks.append(callback)
            already = self._cancelled
        if already:
            callback()

    def remove(self, callback: Callable[[], None]) -> None:
        """Take `callback` back."""
        with self._lock:
            self._callbacks.remove(callback)

    def check(self) -> None:
        """Raise `JobCancelledError` if the job was asked to stop."""
        if self.cancelled:
            raise errors.JobCancelledError("The job was stopped.")


class _Watch:
    """What `CancelToken.on_cancel` returns; cheaper than a generator would be."""

    def __init__(self, token: CancelToken, callback: Callable[[], None]) -> None:
        self._token = token
        self._callback = callback

    def __enter__(self) -> None:
        self._token.add(self._callback)

    def __exit__(self, *_: object) -> None:
        self._token.remove(self._callback)


def run_job(
    job: JobId,
    steps: Steps,
    token: CancelToken,
    send: Callable[..., None],
) -> None:
    """Drive `steps`, sending each event and then exactly one last event.

    `send` takes one event, or a `Parting` one and the last event.

    Cancelling closes the generator, so that its ``finally`` blocks give memory
    back. Nothing a job raises ends the engine; `BaseException` is caught too,
    since the tokenizer's panics derive from it alone.
    """
    last: Event
    parting: Event | None = None
    try:
        for event in steps:
            if isinstance(event, Parting):
                parting = event.event
                continue
            send(event)
            if token.cancelled:
                break
        last = Cancelled(job=job) if token.cancelled else Finished(job=job)
    except errors.JobCancelledError:
        last = Cancelled(job=job)
    except BaseException as error:  # noqa: BLE001 - the engine must outlive any job
        last = Cancelled(job=job) if token.cancelled else failure(job, error)
    finally:
        with contextlib.suppress(BaseException):
            steps.close()
    if parting is None:
        send(last)
    else:
        send(parting, last)


def failure(job: JobId, error: BaseException) -> Failed:
    """Put an exception into the last event of its job."""
    kind = "internal"
    for error_type, name in (
        (errors.BadInputError, "bad-input"),
        (errors.ModelRefusedError, "refused"),
        (errors.OutOfMemoryError, "out-of-memory"),
        (MemoryError, "out-of-memory"),
        (errors.DeviceError, "device"),
    ):
        if isinstance(error, error_type):
            kind = name
            break
    if isinstance(error, errors.LayerscopeError):
        message = str(error)
    elif kind == "out-of-memory":
        message = "The memory did not suffice; take smaller inputs or another device."
    else:
        summary = " ".join(str(error).split())[:300]
        message = f"Something went wrong inside ({type(error).__name__}: {summary})."
    text = "".join(traceback.format_exception(error))
    return Failed(
        job=job,
        kind=kind,
        message=message[:4000],
        node=getattr(error, "node", "")[:1000],
        traceback=text[-20000:],
    )
