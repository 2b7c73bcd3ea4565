"""Which expert each token took in each layer, and how much each had to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from layerscope.controller.texts import choose_token
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.readable import share
from layerscope.ui.widgets.table_window import TableModel, TableWindow
from layerscope.ui.widgets.token_looks import visible
from layerscope.ui.widgets.word_table import WordTable

LENS = "experts"
RUNNING_INTERVAL_S = 0.5
_WAITING = "Run the model (Ctrl+Enter): the expert of each token appears here."
_LOOKING = "Looking inside; the first time takes a moment."
_FIELDS = ("n_runs", "model", "lenses", "tokens", "token", "running", "refusal")


class ExpertsPanel(Panel):
    """Experts of every token, layer by layer, and the load of each expert."""

    def __init__(self, controller: Any) -> None:
        super().__init__("experts", "Experts", controller)
        self.routes = WordTable("Expert of each token in each layer")
        self.routes.cell_chosen.connect(
            lambda _, column: choose_token(self.controller, column)
        )
        self.load = WordTable("Share of the tokens that each expert took")
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        for title, table, stretch in (
            ("Expert of each token, coloured by how sure", self.routes, 3),
            ("Load: share of the tokens", self.load, 2),
        ):
            column = QVBoxLayout()
            column.setSpacing(4)
            label = QLabel(title)
            label.setProperty("role", "heading")
            column.addWidget(label)
            column.addWidget(table, 1)
            row.addLayout(column, stretch)
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(content)
        self.body.addWidget(self._pages)
        self.as_table = title_button(
            "Table", "Expert of each token, and load, as a table", self.show_table
        )
        self.add_action(self.as_table)
        self.routes.table_wanted.connect(self.show_table)
        self.load.table_wanted.connect(self.show_table)
        self._ask = LensQuestions(controller, LENS, self._on_answer, self._on_failure)
        self._pace = Pace(self, RUNNING_INTERVAL_S)
        self._asked: object = None
        self._trouble = self._words = ""
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
            self._ask.ask()
        self._pages.setCurrentIndex(1 if self._words else 0)
        usual = _LOOKING if self._ask.busy else _WAITING
        self._empty.set_text(nothing_yet(session, self._trouble or usual))
        self.as_table.setVisible(bool(self._words))
        self.set_clause(self._words)
        self.routes.set_selected(-1, session.token)

    def show_table(self) -> None:
        """Show the experts of every token in every layer, then each expert's load."""
        if not self._words:
            return
        rows: list[tuple[object, ...]] = [
            (layer, visible(token), expert, sure)
            for layer, _, token, expert, sure in self.routes.cells()
        ]
        rows += [
            (layer, "all tokens", expert.removeprefix("expert "), load)
            for layer, _, expert, _, load in self.load.cells()
        ]
        columns = ("layer", "token", "expert", "probability, or share of all tokens")
        TableWindow(self, "Experts", self._words, TableModel(columns, rows)).show()

    def _on_answer(self, event: LensAnswered) -> None:
        sure = np.asarray(self.controller.get_array(event.arrays["probability"]))
        chosen = np.asarray(self.controller.get_array(event.arrays["chosen"]))
        load = np.asarray(self.controller.get_array(event.arrays["load"]))
        names, tokens = event.texts["names"], event.texts["tokens"]
        n_layers, _, n_chosen = chosen.shape
        best = np.take_along_axis(sure, chosen, axis=2)[:, :, 0]
        words = ["+".join(str(e) for e in row) for row in chosen.reshape(-1, n_chosen)]
        self.routes.set_words(names, tokens, words, best.reshape(-1).tolist())
        n_experts = load.shape[1]
        columns = [f"expert {number}" for number in range(n_experts)]
        shares = load.reshape(-1).tolist()
        self.load.set_words(names, columns, [share(s) for s in shares], shares)
        self._words = (
            f"{n_layers} layers · {n_chosen} of {n_experts} experts for each token"
        )
        self._trouble = ""
        self.mark_stale()

    def _on_failure(self, message: str) -> None:
        self._trouble = "" if self.controller.session.running else message
        self._words = ""
        self.mark_stale()
