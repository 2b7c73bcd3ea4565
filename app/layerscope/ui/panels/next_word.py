"""How the settings of sampling change what comes next, without a run."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QStackedWidget

from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.widgets.sampling_bars import SampledWord, SamplingBars
from layerscope.ui.widgets.table_window import TableModel, TableWindow
from layerscope.ui.widgets.token_looks import visible

LENS = "sampling"
SETTINGS = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "greedy",
    "seed",
)
N_WORDS = 20
_WAITING = "Run the model (Ctrl+Enter): the words it weighed appear here."
_FIELDS = (
    "n_runs",
    "model",
    "lenses",
    "tokens",
    "token",
    "running",
    "settings",
    "setting_specs",
    "refusal",
)


class NextWordPanel(Panel):
    """The likeliest words of one step: as the model says, and as sampled."""

    def __init__(self, controller: Any) -> None:
        super().__init__("next_word", "Next word", controller)
        self.bars = SamplingBars()
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.bars)
        self.body.addWidget(self._pages)
        self.as_table = title_button(
            "Table", "Words and probabilities as a table", self.show_table
        )
        self.add_action(self.as_table)
        self.bars.table_wanted.connect(self.show_table)
        self._ask = LensQuestions(controller, LENS, self._on_answer, self._on_failure)
        self._asked: object = None
        self._trouble = self._words = ""
        self._filled = False
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def refresh(self) -> None:
        """Sample the chosen step anew, or the last one."""
        session = self.controller.session
        if LENS in session.lenses and session.model:
            self._ask_if_new()
        self._pages.setCurrentWidget(self.bars if self._filled else self._empty)
        self.as_table.setVisible(self._filled)
        self._empty.set_text(nothing_yet(session, self._trouble or _WAITING))
        self.set_clause(self._words if self._filled else "")

    def show_table(self) -> None:
        """Show the words with what the model says and what the settings leave."""
        if not self._filled:
            return
        rows = [
            (word.text, word.probability, word.sampled, "drawn" if word.drawn else "")
            for word in self.bars.words
        ]
        columns = ("word", "probability", "as sampled", "drawn")
        model = TableModel(columns, rows)
        TableWindow(self, "Next word", self._words, model).show()

    def _ask_if_new(self) -> None:
        session = self.controller.session
        if session.running or not session.tokens:
            return
        defaults = {spec.name: spec.default for spec in session.setting_specs}
        values = {**defaults, **session.settings}
        chosen = {name: values[name] for name in SETTINGS if name in values}
        step = session.token - len(session.prompt)
        step = step if 0 <= step < len(session.tokens) else -1
        topic = (session.model, session.n_runs, step, tuple(chosen.items()))
        if topic != self._asked:
            self._asked = topic
            self._ask.ask(step=step, n=N_WORDS, **chosen)

    def _on_answer(self, event: LensAnswered) -> None:
        drawn = int(event.numbers["choice"][0]) if event.numbers.get("choice") else -1
        rows = zip(
            event.numbers["id"],
            event.texts["tokens"],
            event.numbers["probability"],
            event.numbers["sampled"],
            strict=True,
        )
        words = [
            SampledWord(
                text=visible(text),
                probability=raw,
                sampled=sampled,
                drawn=int(each) == drawn,
            )
            for each, text, raw, sampled in rows
        ]
        self.bars.set_words(words)
        self._trouble, self._filled = "", True
        choice = event.texts.get("choice", ())
        drawn_word = f"these settings draw “{visible(choice[0])}”" if choice else ""
        step = int(event.numbers.get("step", (-1.0,))[0])
        made = self.controller.session.tokens
        place = f"for “{visible(made[step].text)}”" if 0 <= step < len(made) else ""
        parts = (place, drawn_word, "the model did not run again")
        self._words = " · ".join(filter(None, parts))
        self.mark_stale()

    def _on_failure(self, message: str) -> None:
        self._trouble, self._filled = message, False
        self.mark_stale()
