"""Ask which input pixels reach a place of a layer: only the newest question counts."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from layerscope.protocol.messages import (
    Event,
    Failed,
    FindReceptiveField,
    ReceptiveFieldFound,
)

PAUSE_MS = 40

Question = tuple[str, int, int]


class ReceptiveFieldFinder(QObject):
    """Sends one question at a time and keeps the newest of those that wait.

    Parameters
    ----------
    controller : Controller
    parent : QObject
    """

    found = Signal(object)

    def __init__(self, controller: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._waiting: Question | None = None
        self._asked: Question | None = None
        self._job = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._send)

    def ask(self, tensor: str, y: int, x: int) -> None:
        """Find the field of one place; `found` tells, unless a newer one is asked."""
        question = (tensor, y, x)
        if question not in (self._asked, self._waiting):
            self._waiting = question
            if not self._timer.isActive():
                self._timer.start()

    def forget(self) -> None:
        """Stop asking; `found` says None."""
        self._waiting = self._asked = None
        self._job = 0
        self._timer.stop()
        self.found.emit(None)

    def _send(self) -> None:
        question = self._waiting
        if question is None or not self._controller.session.model:
            return
        self._waiting, self._asked = None, question
        tensor, y, x = question
        self._job = self._controller.client.next_job()
        self._controller.query(
            FindReceptiveField(
                job=self._job,
                model=self._controller.session.model,
                tensor=tensor,
                y=y,
                x=x,
            ),
            self._on_event,
            self._on_failed,
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ReceptiveFieldFound) and event.job == self._job:
            self.found.emit(event)

    def _on_failed(self, failure: Failed) -> None:
        # Constants and weights have no place on the input: nothing is drawn.
        if failure.job == self._job:
            self.found.emit(None)
