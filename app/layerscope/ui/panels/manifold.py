"""The ground of the latent pad: what is decoded all over the part that is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QTimer

from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.latent_state import LatentState, written
from layerscope.ui.widgets.latent_pad import LatentPad

LENS = "latent-map"
WAIT_MS = 180
BUDGET_MS = 1500.0
LEAST_SIDE, MOST_SIDE = 5, 15
_CELL_PX = 20
_MOST_PIXELS = 4 << 20
_MOST_LATENT = 4096


class Manifold:
    """Asks for a grid of pictures whenever the pad shows another part.

    Parameters
    ----------
    controller : Controller
    pad : LatentPad
    state : callable
        Returns the `LatentState` of now.

    Attributes
    ----------
    cell : tuple of int
        Height and width of a decoded picture in pixels.
    """

    def __init__(
        self, controller: Any, pad: LatentPad, state: Callable[[], LatentState]
    ) -> None:
        self._controller = controller
        self._pad = pad
        self._state = state
        self.cell: tuple[int, ...] = (0, 0)
        self._asked: object = None
        self._ask = LensQuestions(
            controller, LENS, self._on_answer, lambda _message: None
        )
        self._timer = QTimer(pad)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._timer.timeout.connect(self._go)

    def later(self) -> None:
        """Have the ground made anew in a moment."""
        if not self._timer.isActive():
            self._timer.start()

    def forget(self) -> None:
        """Show no ground."""
        self._asked = None
        self._ask.forget()
        self._pad.set_manifold(None)

    def side(self) -> int:
        """Return how many pictures a side can be had, 0 for none worth it."""
        ms = self._controller.latency.percentiles().p50
        each = ms if np.isfinite(ms) and ms > 0 else 2.0
        room = int(self._pad.square().width() // _CELL_PX)
        side = min(room, MOST_SIDE, int(np.sqrt(BUDGET_MS / each)))
        area = max(1, self.cell[0] * self.cell[1])
        side = min(side, int(np.sqrt(_MOST_PIXELS / area)))
        return 0 if side < LEAST_SIDE else side - 1 + side % 2

    def _go(self) -> None:
        state, pad = self._state(), self._pad
        side = self.side()
        if state.n < 2 or state.n > _MOST_LATENT or not side:
            pad.set_manifold(None)
            return
        ground = written(np.round(state.ground(), 3)) if state.n > 2 else ""
        # The pictures at the edge stand half inside, as those of the middle do.
        reach = pad.reach * (side - 1) / side
        question: dict[str, Any] = {
            "what": "grid",
            "side": side,
            "reach": float(reach),
            "latent": ground,
            "centre_x": float(pad.centre[0]),
            "centre_y": float(pad.centre[1]),
        }
        if state.on_main:
            question["directions"] = True
        else:
            question |= {"x": state.x, "y": state.y}
        topic = (self._controller.session.model, tuple(question.items()))
        if topic != self._asked:
            self._asked = topic
            self._ask.ask(**question)

    def _on_answer(self, event: LensAnswered) -> None:
        atlas = np.asarray(self._controller.get_array(event.arrays["atlas"]))
        numbers = event.numbers
        self._pad.set_manifold(
            atlas.astype(np.uint8, copy=False),
            numbers["x_values"],
            numbers["y_values"],
        )
