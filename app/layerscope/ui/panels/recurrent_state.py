"""The state of a recurrent network as it reads: units over tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QScrollArea, QStackedWidget

from layerscope.controller.texts import choose_token
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import ElidedLabel, Panel
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.readable import number
from layerscope.ui.widgets.token_looks import visible
from layerscope.ui.widgets.unit_view import UnitView

LENS = "recurrent-state"
LEAST_TOKEN_PX = 5
RUNNING_INTERVAL_S = 0.5
_WAITING = "Run the model (Ctrl+Enter): what it keeps in mind appears here."
_FIELDS = ("n_runs", "model", "lenses", "tokens", "token", "running", "refusal")


class RecurrentStatePanel(Panel):
    """One state at a time: a column for each token, a row for each unit."""

    def __init__(self, controller: Any) -> None:
        super().__init__("recurrent_state", "State", controller)
        self.map = UnitView(keep_aspect=False)
        self.map.setAccessibleName("State of all units over the text")
        self.map.place_hovered.connect(lambda _: self._tell())
        self.map.place_chosen.connect(self._on_place)
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setWidgetResizable(True)
        self._area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(self.map)
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._area)
        self._told = ElidedLabel()
        self.body.addWidget(self._pages, 1)
        self.body.addWidget(self._told)
        self.states = QComboBox()
        self.states.setProperty("flat", True)
        self.states.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.states.setAccessibleName("Which state is shown")
        self.states.setToolTip("Which state is shown")
        self.states.activated.connect(lambda _: self._ask_state())
        self.add_action(self.states)
        self._list = LensQuestions(controller, LENS, self._on_list, self._on_failure)
        self._ask = LensQuestions(controller, LENS, self._on_state, self._on_failure)
        self._pace = Pace(self, RUNNING_INTERVAL_S)
        self._asked: object = None
        self._tokens: tuple[str, ...] = ()
        self._values: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._trouble = ""
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def refresh(self) -> None:
        """Ask for what is new, and show what there is."""
        session = self.controller.session
        topic = (session.model, session.n_runs, len(session.tokens))
        there = LENS in session.lenses and bool(session.n_runs or session.tokens)
        if there and topic != self._asked:
            if session.running and not self._pace.due(session.model):
                return
            self._asked = topic
            self._list.ask()
        filled = bool(self._values.size)
        self._pages.setCurrentWidget(self._area if filled else self._empty)
        self._empty.set_text(nothing_yet(session, self._trouble or _WAITING))
        self.states.setVisible(self.states.count() > 1)
        self.map.set_column(session.token if filled else -1)
        n_tokens, n_units = self._values.shape
        self.set_clause(f"{n_units} units over {n_tokens} tokens" if filled else "")
        self._tell()

    def _on_list(self, event: LensAnswered) -> None:
        names = event.texts["names"]
        if names != tuple(self.states.itemText(n) for n in range(self.states.count())):
            self.states.clear()
            self.states.addItems(names)
        self._ask_state()

    def _ask_state(self) -> None:
        self._ask.ask(state=max(0, self.states.currentIndex()))

    def _on_state(self, event: LensAnswered) -> None:
        values = np.asarray(self.controller.get_array(event.arrays["values"]))
        self._values = values.astype(np.float32)
        self._tokens = tuple(visible(t) for t in event.texts["tokens"])
        low, high = float(values.min(initial=0)), float(values.max(initial=0))
        span = (high - low) or 1.0
        levels = np.rint((self._values - low) / span * 255).astype(np.uint8)
        self.map.set_picture(levels.T)
        self.map.setMinimumWidth(len(values) * LEAST_TOKEN_PX)
        self._trouble = ""
        self.mark_stale()

    def _on_failure(self, message: str) -> None:
        self._trouble = "" if self.controller.session.running else message
        self._values = np.zeros((0, 0), np.float32)
        self.mark_stale()

    def _on_place(self, place: tuple[int, int]) -> None:
        choose_token(self.controller, place[1])

    def _tell(self) -> None:
        place, values = self.map.place, self._values
        if place is None or not values.size:
            words = "tokens from left to right, units from top to bottom"
            low, high = values.min(initial=0), values.max(initial=0)
            words += f" · dark {number(float(low), 3)}, bright {number(float(high), 3)}"
            self._told.set_whole(words if values.size else "")
        else:
            unit, token = place
            value = number(float(values[token, unit]))
            self._told.set_whole(f"“{self._tokens[token]}” · unit {unit} · {value}")
