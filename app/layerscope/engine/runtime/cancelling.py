"""Stopping a run from another thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
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


class run_options:  # noqa: N801 - used as a function
    """Give onnxruntime's `RunOptions`, which end the run when `token` fires.

    A context manager; written out, since it stands around every run.

    Parameters
    ----------
    token : CancelToken

    Raises
    ------
    JobCancelledError
        If the job was asked to stop before, or while, the run went on.
    """

    def __init__(self, token: CancelToken) -> None:
        self._token = token

    def __enter__(self) -> Any:
        if self._token.cancelled:
            raise JobCancelledError("The run was stopped.")
        try:
            self._options = _idle.pop()
        except IndexError:
            self._options = ort.RunOptions()
            # Its default; where it is not stated, onnxruntime raises and catches an
            # error of its own in each run, which takes as long as a small layer.
            self._options.add_run_config_entry("gpu_graph_id", "0")
        self._watch = self._token.on_cancel(self._stop)
        self._watch.__enter__()
        return self._options

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watch.__exit__(kind, error, trace)
        if isinstance(error, Exception):
            # onnxruntime reports its own ending as a plain failure
            if self._token.cancelled:
                raise JobCancelledError("The run was stopped.") from error
        elif error is None and not self._token.cancelled:
            _idle.append(self._options)

    def _stop(self) -> None:
        self._options.terminate = True
