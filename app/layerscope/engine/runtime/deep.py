"""Deep sessions: cut at the tensors in question, for their full values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy.typing as npt
import onnx

from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.session_maker import SessionMaker
from layerscope.engine.runtime.sessions import Session

MAX_SESSIONS = 4
Edit = Callable[[onnx.ModelProto], None]


class DeepSessions:
    """The few most recent sessions that end at inner tensors.

    Parameters
    ----------
    maker : SessionMaker
    """

    def __init__(self, maker: SessionMaker) -> None:
        self._maker = maker
        self._sessions: OrderedDict[Hashable, Session] = OrderedDict()
        self._lock = threading.Lock()

    def values(
        self,
        names: tuple[str, ...],
        feeds: Mapping[str, npt.NDArray[Any]],
        cancel: CancelToken,
    ) -> list[Any]:
        """Compute tensors of the main graph in full."""
        return self._run(names, lambda: self._maker.cut(names), feeds, cancel)

    def edited(
        self,
        key: Hashable,
        edit: Edit,
        feeds: Mapping[str, npt.NDArray[Any]],
        cancel: CancelToken,
    ) -> list[Any]:
        """Run a copy of the graph that was changed, made once for each `key`.

        Parameters
        ----------
        key : hashable
            Names the change.
        edit : callable
            Changes a copy of the model, without its weights, in place.
        feeds : mapping of str to array
            Inputs by name; what the changed graph does not take is left out.
        cancel : CancelToken
            Of the job.

        Returns
        -------
        list
            Its outputs, in order.
        """
        return self._run(key, lambda: self._maker.edited(edit), feeds, cancel)

    def _run(
        self,
        key: Hashable,
        make: Callable[[], Session],
        feeds: Mapping[str, npt.NDArray[Any]],
        cancel: CancelToken,
    ) -> list[Any]:
        session = self._kept(key, make)
        needed = {value.name for value in session.get_inputs()}
        given = {name: array for name, array in feeds.items() if name in needed}
        with run_options(cancel) as options:
            values: list[Any] = session.run(None, given, options)
        return values

    def session(self, edit: Edit) -> Session:
        """Return a session of a changed copy, made once for each function `edit`."""
        return self._kept(edit, lambda: self._maker.edited(edit))

    def _kept(self, key: Hashable, make: Callable[[], Session]) -> Session:
        with self._lock:
            session = self._sessions.pop(key, None)
            if session is None:
                session = make()
            self._sessions[key] = session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
            return session

    def clear(self) -> None:
        """Let go of all sessions."""
        with self._lock:
            self._sessions.clear()
