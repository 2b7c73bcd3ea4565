"""What the engine has said: read by a thread, or by the caller who waits for it."""

from __future__ import annotations

import threading
from multiprocessing import Pipe

from layerscope.client.ear import Ear
from layerscope.client.process import EngineProcess
from layerscope.protocol.messages import (
    MAX_MESSAGE_BYTES,
    Event,
    MessageError,
    decode_events,
)


class Inbox:
    """Events of one engine process, in the order in which they came.

    A thread reads, so that the engine never waits for the window. A caller who waits
    anyway can read for itself (`listen`), since being woken by that thread would take
    longer than the rest of a small run. The thread then rests until `hand_back`.

    All methods may be called from one thread only.

    Parameters
    ----------
    process : EngineProcess
    """

    def __init__(self, process: EngineProcess) -> None:
        self._process = process
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._ended = False
        self._broken = False
        self._caller_reads = False
        self._thread_rests = False
        self._bell_heard, self._bell = Pipe(duplex=False)
        self._ear = Ear((process.connection, process.sentinel))
        self._thread = threading.Thread(
            target=self._read, name="engine-reader", daemon=True
        )
        self._thread.start()

    def take(self) -> tuple[list[Event], bool]:
        """Return what has arrived, and whether nothing more will; never blocks."""
        with self._changed:
            events, self._events = self._events, []
            return events, self._ended

    def wait(self, timeout_s: float) -> None:
        """Sleep until something arrives or the end comes, at most `timeout_s`."""
        self.hand_back()
        with self._changed:
            if not self._events and not self._ended:
                self._changed.wait(timeout_s)

    def wait_for_the_end(self, timeout_s: float) -> None:
        """Sleep until the engine has hung up, at most `timeout_s` seconds."""
        self.hand_back()
        with self._changed:
            self._changed.wait_for(lambda: self._ended, timeout_s)

    def take_over(self) -> None:
        """Let the calling thread read, from when the reading thread rests."""
        if self._caller_reads:
            return
        with self._changed:
            self._caller_reads = True
            if not self._thread_rests:
                self._bell.send_bytes(b"1")
            # Within a piece that does not come to its end, it stays with the thread.
            self._changed.wait_for(lambda: self._thread_rests or self._ended, 1.0)
            self._caller_reads = self._thread_rests and not self._ended

    def hand_back(self) -> None:
        """Let the reading thread go on, if the calling thread read."""
        if self._caller_reads:
            with self._changed:
                self._caller_reads = False
                self._changed.notify_all()

    def listen(self, timeout_s: float) -> None:
        """Wait as `wait` does, but read on the calling thread after `take_over`."""
        if not self._caller_reads:
            self.wait(timeout_s)
            return
        if self._events:
            return
        ready = self._ear.wait(timeout_s)
        if not ready:
            return
        if self._process.connection not in ready or not self._take_in():
            # The reading thread tells the end, as at any other time.
            self._broken = True
            self.wait_for_the_end(timeout_s)

    def close(self) -> None:
        """Free the handles, once the end has come."""
        self._thread.join()
        self._bell.close()
        self._bell_heard.close()

    def _read(self) -> None:
        connection = self._process.connection
        ear = Ear((connection, self._process.sentinel, self._bell_heard))
        while True:
            if self._caller_reads:
                with self._changed:
                    self._thread_rests = True
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: not self._caller_reads)
                    self._thread_rests = False
            if self._broken:
                break
            ready = ear.wait()
            if self._bell_heard in ready:
                self._bell_heard.recv_bytes()
            elif connection not in ready or not self._take_in():
                break
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take_in(self) -> bool:
        """Read one piece; False where there is nothing more to read."""
        connection = self._process.connection
        try:
            events = decode_events(connection.recv_bytes(MAX_MESSAGE_BYTES))
        except (EOFError, OSError, MessageError):
            return False
        with self._changed:
            self._events += events
            self._changed.notify_all()
        return True
