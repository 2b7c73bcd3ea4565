"""What happens when the engine dies: tell, keep, restart, open again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layerscope.client.engine_client import EngineLost
from layerscope.client.supervision import RestartRule

if TYPE_CHECKING:
    from layerscope.controller.applying import Applier
    from layerscope.controller.controller import Controller
    from layerscope.controller.running import RunScheduler


class Recovery:
    """Brings the engine back and the model with it; nothing shown is lost.

    A model that killed the engine while it was opened is not opened again by
    itself, and live running stops, so that a crash does not become a loop.
    """

    def __init__(
        self, controller: Controller, applier: Applier, scheduler: RunScheduler
    ) -> None:
        self._controller = controller
        self._applier = applier
        self._scheduler = scheduler
        self._rule = RestartRule()

    def restart(self) -> None:
        """Start the engine anew because the user wants it, and open the model."""
        session = self._controller.session
        self._rule.forgive()
        session.trouble = None
        session.engine = "restarting"
        self._scheduler.forget()
        self._controller.client.restart()
        self.reopen()

    def act(self, action: str) -> None:
        """Do what a button of the error says: see `Trouble.actions`."""
        session = self._controller.session
        if action == "forget-model":
            self._applier.clear_model()
        elif action == "try-cpu":
            session.device = "cpu"
        self.restart()

    def engine_lost(self, lost: EngineLost) -> None:
        """The engine process is gone, and all its jobs have been told."""
        session = self._controller.session
        doing = self._applier.doing()
        was_opening = bool(session.opening)
        if lost.last_words and not lost.wanted:
            self._controller.log(lost.last_words[-2000:], "warning")
        self._applier.lost()
        self._scheduler.forget()
        if self._controller.client.running:  # a restart that was asked for
            return
        if lost.wanted:
            self._controller.log("what did not stop in time was ended")
        elif not self._rule.crashed():
            session.engine = "stopped"
            session.live = False
            self._controller.complain(
                f"The engine {lost.reason} while {doing}; that was the third time in "
                "five minutes, so it waits for you.",
                actions=("restart", *self._ways_out()),
            )
            return
        session.engine = "restarting"
        self._controller.client.start()
        if not lost.wanted:
            session.live = False
            self._controller.complain(
                f"The engine {lost.reason} while {doing}; it is started again and "
                "everything shown is kept.",
                actions=self._ways_out(),
            )
        if not was_opening:
            self.reopen()

    def _ways_out(self) -> tuple[str, ...]:
        """Return the buttons about the model, if there is one."""
        has_model = bool(self._controller.session.model_path)
        return ("try-cpu", "forget-model") if has_model else ()

    def reopen(self, precision: str | None = None) -> None:
        """Open the same model again with its inputs; another variant if given."""
        session = self._controller.session
        if session.model_path:
            trouble = session.trouble
            self._applier.keep_inputs()
            self._controller.open_model(
                session.model_path,
                precision=session.precision if precision is None else precision,
                task=session.task,
            )
            session.trouble = trouble
