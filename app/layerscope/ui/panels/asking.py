"""Questions to the engine of which only the newest matters."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from layerscope.protocol.inputs import SettingValue
from layerscope.protocol.messages import AskLens, Failed, LensAnswered, QueryCommand

# An answer that has not come by then never will: the engine was started anew.
PATIENCE_S = 20.0

MakeCommand = Callable[[int], QueryCommand]


class NewestOnly:
    """Asks one question at a time; of those that come meanwhile, the last.

    Parameters
    ----------
    controller : Controller
    on_answer : callable
        Gets each answer.
    on_failure : callable, optional
        Gets the sentence of a question that could not be answered.
    """

    def __init__(
        self,
        controller: Any,
        on_answer: Callable[[Any], object],
        on_failure: Callable[[str], object] | None = None,
    ) -> None:
        self._controller = controller
        self._on_answer = on_answer
        self._on_failure = on_failure
        self._waiting: MakeCommand | None = None
        self._asked = 0
        self._since = 0.0

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._asked) and time.monotonic() - self._since < PATIENCE_S

    def ask(self, make: MakeCommand) -> None:
        """Ask now, or as soon as the question before is answered.

        Parameters
        ----------
        make : callable
            Returns the command for a job number.
        """
        if self.busy:
            self._waiting = make
            return
        self._waiting = None
        job = self._asked = self._controller.client.next_job()
        self._since = time.monotonic()
        self._controller.query(
            make(job),
            lambda event: self._on_event(job, event),
            lambda failed: self._on_failed(job, failed),
        )

    def forget(self) -> None:
        """Take no answer to what was asked so far."""
        self._asked, self._waiting = 0, None

    def _on_event(self, job: int, event: Any) -> None:
        if job == self._asked:
            self._asked = 0
            self._on_answer(event)
            self._go_on()

    def _on_failed(self, job: int, failed: Failed) -> None:
        if job == self._asked:
            self._asked = 0
            if self._on_failure is not None:
                self._on_failure(failed.message)
            self._go_on()

    def _go_on(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not self._asked:
            self.ask(waiting)


class LensQuestions:
    """Questions to one lens about the open model, the newest only.

    Parameters
    ----------
    controller : Controller
    lens : str
        Its id.
    on_answer : callable
        Gets each `LensAnswered` about the model that is open then.
    on_failure : callable
        Gets the sentence of a question that could not be answered.
    """

    def __init__(
        self,
        controller: Any,
        lens: str,
        on_answer: Callable[[LensAnswered], object],
        on_failure: Callable[[str], object],
    ) -> None:
        self._controller = controller
        self._lens = lens
        self._on_answer = on_answer
        self._newest = NewestOnly(controller, self._take, on_failure)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._newest.busy

    def ask(self, **question: SettingValue) -> None:
        """Ask in the words of the lens."""
        model, lens = self._controller.session.model, self._lens
        self._newest.ask(
            lambda job: AskLens(job=job, model=model, lens=lens, question=question)
        )

    def forget(self) -> None:
        """Take no answer to what was asked so far."""
        self._newest.forget()

    def _take(self, event: Any) -> None:
        right = isinstance(event, LensAnswered)
        if right and event.model == self._controller.session.model:
            self._on_answer(event)
