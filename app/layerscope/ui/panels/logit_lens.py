"""What each layer would say next, as words coloured by their probability."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QButtonGroup, QStackedWidget

from layerscope.controller.texts import choose_token
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.table_window import TableModel, TableWindow
from layerscope.ui.widgets.token_looks import visible
from layerscope.ui.widgets.word_table import WordTable

LENS = "logit-lens"
N_WORDS = 5
RUNNING_INTERVAL_S = 0.5
_WAITING = "Run the model (Ctrl+Enter): what each layer would say next appears here."
_LOOKING = "Looking inside; the first time takes a moment."
_FIELDS = ("n_runs", "model", "lenses", "tokens", "token", "running", "refusal")


class LogitLensPanel(Panel):
    """Layers in rows; the best words of one position, or the best of every one."""

    def __init__(self, controller: Any) -> None:
        super().__init__("logit_lens", "Logit lens", controller)
        self.table = WordTable("What each layer would say next")
        self.table.cell_chosen.connect(self._on_cell)
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.table)
        self.body.addWidget(self._pages)
        self.one = title_button(
            "One place", "The best words after the chosen token", checkable=True
        )
        self.every = title_button(
            "Every place", "The best word after every token", checkable=True
        )
        self._choice = QButtonGroup(self)
        for button in (self.one, self.every):
            self._choice.addButton(button)
            self.add_action(button)
        self.one.setChecked(True)
        self._choice.buttonClicked.connect(self.mark_stale)
        self.as_table = title_button(
            "Table", "Words and probabilities as a table", self.show_table
        )
        self.add_action(self.as_table)
        self.table.table_wanted.connect(self.show_table)
        self._ask = LensQuestions(controller, LENS, self._on_answer, self._on_failure)
        self._pace = Pace(self, RUNNING_INTERVAL_S)
        self._asked: object = None
        self._trouble = ""
        self._filled = False
        self._words = ""
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def refresh(self) -> None:
        """Ask for what is new, and show what there is."""
        session = self.controller.session
        if LENS in session.lenses and session.model:
            self._ask_if_new()
        if not self._filled or self._asked is None:
            usual = _LOOKING if self._ask.busy else _WAITING
            self._empty.set_text(nothing_yet(session, self._trouble or usual))
            self._pages.setCurrentWidget(self._empty)
            self.set_clause("")
            self.as_table.hide()
            return
        self._pages.setCurrentWidget(self.table)
        self.as_table.show()
        self.set_clause(self._words)
        if self.every.isChecked():
            self.table.set_selected(-1, session.token)

    def show_table(self) -> None:
        """Show the words of each layer and their probabilities."""
        if not self._filled:
            return
        every = any(self.table.columns)
        rows = [
            (layer, token if every else at + 1, visible(word), sure)
            for layer, at, token, word, sure in self.table.cells()
        ]
        place = "token" if every else "rank"
        model = TableModel(("layer", place, "next word", "probability"), rows)
        TableWindow(self, "Logit lens", self._words, model).show()

    def _ask_if_new(self) -> None:
        session = self.controller.session
        one = self.one.isChecked()
        run = (session.model, session.n_runs, len(session.tokens))
        topic = (*run, session.token if one else None)
        if topic == self._asked or not (session.n_runs or session.tokens):
            return
        if session.running and not self._pace.due(session.model):
            return
        if self._asked is None or session.model != self._asked[0]:  # type: ignore[index]
            self._ask.forget()
            self._filled = False
        self._asked = topic
        if one:
            self._ask.ask(n=N_WORDS, position=int(session.token))
        else:
            self._ask.ask(n=1)

    def _on_answer(self, event: LensAnswered) -> None:
        names, words = event.texts["names"], event.texts["words"]
        sure = event.numbers["probability"]
        tokens = event.texts.get("tokens", ())
        self._trouble, self._filled = "", bool(names)
        if "position" in event.numbers:
            columns: tuple[str, ...] = ("",) * (len(words) // max(1, len(names)))
            position = int(event.numbers["position"][0])
            self._words = f"what each layer would say after {self._said(position)}"
            self.table.set_selected(-1, -1)
        else:
            columns = tokens
            self._words = "what each layer would say after each token"
        self.table.set_words(names, columns, words, sure)
        self.mark_stale()

    def _said(self, position: int) -> str:
        session = self.controller.session
        tokens = (*session.prompt, *session.tokens)
        if not 0 <= position < len(tokens):
            return "the last token"
        before = "".join(t.text for t in tokens[max(0, position - 1) : position + 1])
        return f"“{visible(before)}”"

    def _on_failure(self, message: str) -> None:
        self._trouble = "" if self.controller.session.running else message
        self._filled = False
        self.mark_stale()

    def _on_cell(self, row: int, column: int) -> None:
        if self.every.isChecked():
            choose_token(self.controller, column)
        else:
            self.table.set_selected(row, column)
