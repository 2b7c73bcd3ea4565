"""The fast session: the untouched model, which gives the answer and the latency."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from layerscope.engine.runtime import memory
from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.session_maker import SessionMaker
from layerscope.engine.runtime.sessions import Session, main_provider

# Untouched runs in a row after which nobody seems to watch any more.
RUNS_TO_SETTLE = 4


class FastSession:
    """The untouched session, in whichever form the moment asks for.

    A large model's is made anew without packed weights while it is watched, so
    that the tapped session can use the same mapped pages, and with them after.

    Parameters
    ----------
    maker : SessionMaker
    outputs : sequence of str

    Attributes
    ----------
    sharing : bool
        Whether it uses mapped weights in place now.
    """

    def __init__(self, maker: SessionMaker, outputs: Sequence[str]) -> None:
        self._maker = maker
        self._outputs = list(outputs)
        self._session: Session | None = None
        self._in_row = 0
        self._lock = threading.RLock()
        self.sharing = False

    def load(self) -> str:
        """Make it, by whatever way works, and return the main provider."""
        self._session = self._maker.first()
        return main_provider(self._session)

    def run(
        self, feeds: Mapping[str, npt.NDArray[Any]], cancel: CancelToken
    ) -> tuple[dict[str, Any], float]:
        """Run once and return outputs by name, and milliseconds."""
        session = self.session()
        given = dict(feeds)
        start = time.perf_counter()
        try:
            with run_options(cancel) as options:
                values = session.run(None, given, options)
        except Exception as error:
            if not self._maker.lies_found(error):
                raise
            self.clear()
            return self.run(feeds, cancel)
        elapsed = (time.perf_counter() - start) * 1e3
        if self.sharing:
            memory.give_back()
        return dict(zip(self._outputs, values, strict=True)), elapsed

    def seems_unwatched(self) -> bool:
        """Count a run that nobody watched; True once there were several in a row."""
        self._in_row += 1
        return self.sharing and self._in_row >= RUNS_TO_SETTLE

    def watched(self) -> None:
        """Note that somebody watches; large models share their weights from now."""
        self._in_row = 0
        if self._maker.shares and not self.sharing:
            with self._lock:
                self._session, self.sharing = None, True
            self._maker.tell_of_sharing()

    def settle(self) -> None:
        """Return to packed weights, if they were given up."""
        if self.sharing:
            self.clear()
            self.sharing = False
            self._make()
            memory.give_back()

    def clear(self) -> None:
        """Let go of the session; the next run makes it again."""
        with self._lock:
            self._session = None

    def session(self) -> Session:
        """Return it, made first where it is not there."""
        return self._session or self._make()

    def _make(self) -> Session:
        with self._lock:
            if self._session is None:
                self._session = self._maker.untouched(prepack=not self.sharing)
            return self._session
