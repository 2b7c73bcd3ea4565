"""Stopping a run from another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import onnxruntime as ort

from layerscope.core.errors import JobCancelledError


class CancelToken(Protocol):
    """What a run needs to know of its job."""

    @property
    def cancelled(self) -> bool:
        """Whether the job was asked to stop."""

    def on_cancel(self, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `callback`, on another thread, if the job is cancelled inside."""


class NeverCancelled:
    """A token for runs that nobody can stop."""

    cancelled = False

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Do nothing with `callback`."""
        yield


_idle: list[Any] = []  # making one costs as much as a small operator


@contextmanager
def run_options(token: CancelToken) -> Iterator[Any]:
    """Yield onnxruntime's `RunOptions`, which end the run when `token` fires.

    Raises
    ------
    JobCancelledError
        If the job was asked to stop before, or while, the run went on.
    """
    if token.cancelled:
        raise JobCancelledError("The run was stopped.")
    try:
        options = _idle.pop()
    except IndexError:
        options = ort.RunOptions()
        # Its default; where it is not stated, onnxruntime raises and catches an
        # error of its own in each run, which takes as long as a small layer.
        options.add_run_config_entry("gpu_graph_id", "0")

    def stop() -> None:
        options.terminate = True

    with token.on_cancel(stop):
        try:
            yield options
        except Exception as error:
            # onnxruntime reports its own ending as a plain failure
            if token.cancelled:
                raise JobCancelledError("The run was stopped.") from error
            raise
        if not token.cancelled:
            _idle.append(options)
