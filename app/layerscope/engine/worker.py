"""The engine process: two threads receive and run in turn, one answers queries.

Runs go one at a time; a newer `Run` replaces one that still waits. Queries are
short and never stand behind a run. The thread that receives a run also runs it,
since waking another one takes longer than all else that is done for a small run;
meanwhile the second thread receives.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import queue
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

from layerscope.engine import faults
from layerscope.engine.jobs import CancelToken, Steps, run_job
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.frames import FrameRing
from layerscope.protocol.links import EngineLinks
from layerscope.protocol.messages import (
    MAX_MESSAGE_BYTES,
    PROTOCOL_VERSION,
    Bench,
    Cancel,
    Cancelled,
    CloseModel,
    Command,
    EngineReady,
    Event,
    Fault,
    MessageError,
    OpenModel,
    Profile,
    Run,
    Shutdown,
    decode_command,
    encode_together,
)

if TYPE_CHECKING:
    from layerscope.engine.run_lane import RunLane

HEARTBEAT_S = 0.1
LANE_LOST = 70
NICENESS = 5
RUN_LANE = frozenset({OpenModel, Run, Profile, Bench, Fault, CloseModel})


class Worker:
    """The engine's end of the pipe.

    Parameters
    ----------
    connection : Connection
    ring : FrameRing
    arrays_in, arrays_out : ArrayArena
        From the window, and to it.
    """

    def __init__(
        self,
        connection: Connection,
        ring: FrameRing,
        arrays_in: ArrayArena,
        arrays_out: ArrayArena,
    ) -> None:
        self._connection = connection
        self._ring = ring
        self._arrays_in = arrays_in
        self._arrays_out = arrays_out
        self._send_lock = threading.Lock()
        self._lock = threading.Lock()
        self._receiving = threading.Lock()
        self._over = threading.Event()
        self._running = False  # whether a thread works off what waits
        self._waiting: deque[Command] = deque()
        self._tokens: dict[int, CancelToken] = {}
        self._queries: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._lane: RunLane | None = None
        self._lane_made = threading.Lock()

    def serve(self) -> None:
        """Receive until the window hangs up or asks for the end."""
        self._send(EngineReady(version=PROTOCOL_VERSION, pid=os.getpid()))
        for target, name in (
            (self._ready_lane, "libraries"),
            (self._receive_and_run, "runs 1"),
            (self._receive_and_run, "runs 2"),
            (self._answer_forever, "queries"),
            (self._beat_forever, "heartbeat"),
        ):
            threading.Thread(
                target=_or_die, args=(target,), name=name, daemon=True
            ).start()
        self._over.wait()

    def _receive_and_run(self) -> None:
        """Receive until there is a run, let the other thread receive, and run."""
        while True:
            with self._receiving:
                if self._over.is_set() or not self._receive():
                    self._over.set()
                    return
            self._run_waiting()

    def _receive(self) -> bool:
        """Return True when there is a run for this thread, False at the end."""
        while True:
            try:
                command = decode_command(self._connection.recv_bytes(MAX_MESSAGE_BYTES))
            except (EOFError, OSError, MessageError):
                return False
            if isinstance(command, Shutdown):
                return False
            if self._dispatch(command):
                return True

    def _dispatch(self, command: Command) -> bool:
        """Put a command where it belongs; True if the calling thread has to run."""
        if isinstance(command, Cancel):
            self._cancel(command.job)
            return False
        with self._lock:
            self._tokens[command.job] = CancelToken()
        if type(command) not in RUN_LANE:
            self._queries.put(command)
            return False
        replaced: list[OpenModel | Run] = []
        with self._lock:
            if isinstance(command, Run):
                replaced = [c for c in self._waiting if isinstance(c, Run)]
            elif isinstance(command, OpenModel):
                replaced = [c for c in self._waiting if isinstance(c, OpenModel | Run)]
            for old in replaced:
                self._waiting.remove(old)
            self._waiting.append(command)
            idle, self._running = not self._running, True
        for old in replaced:
            self._end(old.job, Cancelled(job=old.job, replaced=True))
        return idle

    def _cancel(self, job: int) -> None:
        with self._lock:
            token = self._tokens.get(job)
            waiting = next((c for c in self._waiting if c.job == job), None)
            if waiting is not None:
                self._waiting.remove(waiting)
        if waiting is not None:
            self._end(job, Cancelled(job=job))
        elif token is not None:
            token.cancel()

    def _run_waiting(self) -> None:
        """Run what waits until nothing does."""
        lane = self._ready_lane()
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                command = self._waiting.popleft()
                token = self._tokens[command.job]
            steps: Steps
            if isinstance(command, Fault):
                steps = faults.misbehave(command, token, self._connection)
            else:
                steps = lane.steps(command, token)
            self._drive(command, steps, token)

    def _answer_forever(self) -> None:
        from layerscope.engine.query_lane import answer

        while True:
            command = self._queries.get()
            with self._lock:
                token = self._tokens[command.job]
            lane = self._ready_lane()
            self._drive(
                command, answer(command, lane.models, self._arrays_out, token), token
            )

    def _drive(self, command: Command, steps: Steps, token: CancelToken) -> None:
        def send(*events: Event) -> None:
            try:
                self._send(*events)
            except MessageError as error:
                names = ", ".join(type(event).__name__ for event in events)
                raise RuntimeError(f"{names}: {error}") from error

        run_job(command.job, steps, token, send)
        with self._lock:
            self._tokens.pop(command.job, None)

    def _ready_lane(self) -> RunLane:
        """Load the inference libraries, once, on whichever lane comes first."""
        with self._lane_made:
            if self._lane is None:
                faults.break_lane()
                from layerscope.engine.run_lane import RunLane

                self._lane = RunLane(self._ring, self._arrays_in)
                # What the libraries made stays; no collection need look through it.
                gc.freeze()
            return self._lane

    def _end(self, job: int, event: Event) -> None:
        with self._lock:
            self._tokens.pop(job, None)
        self._send(event)

    def _send(self, *events: Event) -> None:
        pieces = encode_together(events)
        with self._send_lock, contextlib.suppress(OSError):
            for data in pieces:
                self._connection.send_bytes(data)

    def _beat_forever(self) -> None:
        pause = threading.Event()
        while True:
            self._ring.beat()
            pause.wait(HEARTBEAT_S)


def main(connection: Connection, links: EngineLinks) -> None:
    """Run the engine until the window is gone; the child's entry point."""
    _die_with_parent()
    _offer_to_the_oom_killer()
    _give_way_to_the_window()
    # Ctrl+C in the terminal is the window's to handle; it then ends the engine.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faults.start_fault()
    worker = Worker(
        connection,
        FrameRing(links.frames),
        ArrayArena(links.arrays_from_window, links.arena_bytes),
        ArrayArena(links.arrays_to_window, links.arena_bytes),
    )
    worker.serve()
    # Threads may sit in a library call that never ends; leave without them.
    os._exit(0)


def _or_die(work: Callable[[], None]) -> None:
    """Run a lane; an engine without it would leave the window waiting for ever."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - whatever it is, the window has to be told
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(LANE_LOST)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
    if sys.platform == "linux":
        # Works even while a library call holds the interpreter lock.
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)


def _give_way_to_the_window() -> None:
    """Let the window paint first where both want the same core.

    On cores that nobody else wants, this changes nothing.
    """
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICENESS)


def _offer_to_the_oom_killer() -> None:
    """Let the kernel take the engine, not the window, when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("800")
