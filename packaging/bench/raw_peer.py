"""Raw onnxruntime in a process of its own, run when asked.

A process of its own, because two pools of threads in one process slow each other
down by more than everything that is measured here.
"""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Feeds = dict[str, npt.NDArray[np.generic]]


class RawPeer:
    """`InferenceSession.run` on fixed feeds, timed inside its process.

    Parameters
    ----------
    path : Path
        The model.
    feeds : dict
        Inputs by name.
    lingering : bool
        Whether idle threads wait actively, onnxruntime's default.

    Attributes
    ----------
    threads : int
        Intra-op threads, as many as the engine's pool has.
    outputs : list of array
        Of a first run.
    """

    def __init__(self, path: Path, feeds: Feeds, *, lingering: bool = True) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other_end, str(path), feeds, lingering), daemon=True
        )
        self._process.start()
        other_end.close()
        self.threads: int = self._receive()
        self.outputs: list[npt.NDArray[np.generic]] = self._receive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._process.join(10)

    def run_ms(self) -> float:
        """Run once and return the time that `run` took, in milliseconds."""
        self._connection.send_bytes(b"run")
        return float(self._receive())

    def _receive(self) -> Any:
        if self._connection not in wait([self._connection, self._process.sentinel]):
            raise RuntimeError("the process with raw onnxruntime has ended")
        return self._connection.recv()


def _serve(connection: Connection, path: str, feeds: Feeds, lingering: bool) -> None:
    import onnxruntime

    from layerscope.engine.runtime.sessions import n_threads

    threads = n_threads()

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    if not lingering:
        options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    connection.send(threads)
    connection.send(session.run(None, feeds))
    while True:
        try:
            connection.recv_bytes()
        except EOFError:
            return
        started = time.perf_counter()
        session.run(None, feeds)
        connection.send((time.perf_counter() - started) * 1e3)
