"""Deep sessions: cut at the tensors in question, for their full values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.session_maker import SessionMaker
from layerscope.engine.runtime.sessions import Session

MAX_SESSIONS = 4


class DeepSessions:
    """The few most recent sessions that end at inner tensors.

    Parameters
    ----------
    maker : SessionMaker
    """

    def __init__(self, maker: SessionMaker) -> None:
        self._maker = maker
        self._sessions: OrderedDict[tuple[str, ...], Session] = OrderedDict()
        self._lock = threading.Lock()

    def values(
        self,
        names: tuple[str, ...],
        feeds: Mapping[str, npt.NDArray[Any]],
        cancel: CancelToken,
    ) -> list[Any]:
        """Compute tensors of the main graph in full."""
        with self._lock:
            session = self._sessions.pop(names, None)
            if session is None:
                session = self._maker.cut(names)
            self._sessions[names] = session
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        needed = {value.name for value in session.get_inputs()}
        given = {name: array for name, array in feeds.items() if name in needed}
        with run_options(cancel) as options:
            values: list[Any] = session.run(None, given, options)
        return values

    def clear(self) -> None:
        """Let go of all sessions."""
        with self._lock:
            self._sessions.clear()
