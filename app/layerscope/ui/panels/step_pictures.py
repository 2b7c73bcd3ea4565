"""Pictures of single steps of a diffusion, asked for one by one and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import QWidget

from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions

LENS = "denoising-steps"
MOST_BYTES = 96 << 20
Key = tuple[str, int, int]
Pixels = npt.NDArray[np.uint8]


class StepPictures:
    """What a run has left of its steps, as far as it has been asked for.

    Parameters
    ----------
    owner : QWidget
        Its end is theirs.
    controller : Controller
    on_change : callable
        Called when a picture has come, or all of them are of no use any more.

    Attributes
    ----------
    metadata : dict
        What finished pictures were made with, by their key.
    """

    def __init__(
        self, owner: QWidget, controller: Any, on_change: Callable[[], object]
    ) -> None:
        self._controller = controller
        self._on_change = on_change
        self._kept: OrderedDict[Key, Pixels] = OrderedDict()
        self._failed: set[Key] = set()
        self._wanted: tuple[Key, ...] = ()
        self._asking: Key | None = None
        self.metadata: dict[Key, str] = {}
        self._ask = LensQuestions(controller, LENS, self._on_answer, self._on_failure)
        owner.destroyed.connect(self._ask.forget)
        events = controller.session.events
        for signal in (events.steps_ms, events.model):
            signal.connect(self._on_run)
            owner.destroyed.connect(_undoing(signal, self._on_run))

    @property
    def asking(self) -> bool:
        """Whether a picture is still to come."""
        return self._asking is not None

    def get(self, kind: str, step: int, index: int = 0) -> Pixels | None:
        """Return a picture if it is there, (h, w, 3) uint8."""
        return self._kept.get((kind, step, index))

    def want(self, keys: Sequence[Key]) -> None:
        """Say what is to be had now, the most urgent first.

        Nothing else is asked for from here on; one question is under way at a time.

        Parameters
        ----------
        keys : sequence of (kind, step, index)
            In the words of the lens.
        """
        self._wanted = tuple(keys)
        if not self._ask.busy:
            self._go_on()

    def forget(self) -> None:
        """Keep nothing, since there is a new run."""
        self._kept.clear()
        self._failed.clear()
        self.metadata.clear()
        self._wanted, self._asking = (), None
        self._ask.forget()

    def _on_run(self, *_: object) -> None:
        if len(self._controller.session.steps_ms) <= 1:
            self.forget()
            self._on_change()

    def _go_on(self) -> None:
        self._asking = next(
            (k for k in self._wanted if k not in self._kept and k not in self._failed),
            None,
        )
        if self._asking is not None:
            kind, step, index = self._asking
            self._ask.ask(what=kind, step=step, index=index)

    def _on_answer(self, event: LensAnswered) -> None:
        key = self._asking
        if key is None:
            return
        pixels = np.asarray(self._controller.get_array(event.arrays["picture"]))
        self._kept[key] = pixels.astype(np.uint8, copy=False)
        if "metadata" in event.texts:
            self.metadata[key] = event.texts["metadata"][0]
        size = sum(kept.nbytes for kept in self._kept.values())
        while size > MOST_BYTES and len(self._kept) > 1:
            size -= self._kept.popitem(last=False)[1].nbytes
        self._next()

    def _on_failure(self, _message: str) -> None:
        if self._asking is not None:
            self._failed.add(self._asking)
        self._next()

    def _next(self) -> None:
        self._asking = None
        self._on_change()
        if self._asking is None and not self._ask.busy:
            self._go_on()


def _undoing(signal: Any, slot: Any) -> Callable[[], None]:
    return lambda: signal.disconnect(slot, missing_ok=True)
