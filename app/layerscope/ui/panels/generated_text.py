"""The view of a text as it grows, token by token."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QMenu

from layerscope.controller.texts import choose_token, continue_from
from layerscope.protocol.answers import GeneratedText, Token
from layerscope.ui.panels.base import ElidedLabel, title_button
from layerscope.ui.panels.branches import BranchTree
from layerscope.ui.panels.part_view import PartView, Pictures
from layerscope.ui.widgets.readable import milliseconds, number
from layerscope.ui.widgets.token_strip import TokenStrip


class GeneratedTextView(PartView):
    """Prompt and made tokens as chips, and the ways the text could have gone."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.strip = TokenStrip("The text with its tokens")
        self.strip.can_continue = self.strip.follow_end = True
        self.strip.token_chosen.connect(partial(choose_token, controller))
        self.strip.alternative_chosen.connect(self.continue_from)
        self.facts = ElidedLabel()
        self.tree = BranchTree()
        self.branches = title_button("", "The ways this text went; go back to one")
        self.branches.clicked.connect(self._open_menu)
        self.copy = title_button("", "Copy the text", self._copy, icon="copy")
        self.more = title_button(
            "Go on", "Make the text longer by as many tokens again", self._go_on
        )
        self.stop = title_button(
            "Stop", "Stop here (Ctrl+Alt+Enter)", self.controller.stop
        )
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.facts, 1)
        for button in (self.branches, self.more, self.stop, self.copy):
            row.addWidget(button)
        self.column.addWidget(self.strip, 1)
        self.column.addLayout(row)
        self._prompt: tuple[Token, ...] = ()
        self._made: tuple[Token, ...] = ()

    @property
    def made(self) -> tuple[Token, ...]:
        """The made tokens that are shown."""
        return self._made

    def show_part(self, part: GeneratedText, pictures: Pictures) -> None:
        """Show the tokens so far; the strip follows its end while they come."""
        session = self.controller.session
        self._prompt = session.prompt or part.prompt
        running = bool(session.running)
        self._made = self.tree.show(
            self._prompt, session.tokens or part.tokens, running=running
        )
        self.strip.set_tokens((*self._prompt, *self._made))
        self.strip.set_selected(session.token, show=not running)
        self.facts.set_whole(self._words(part, running))
        n = len(self.tree.branches)
        self.branches.setText(f"Branches {n} ▾")
        self.branches.setVisible(n > 1)
        self.stop.setVisible(running)
        self.more.setVisible(not running and part.stopped == "length")
        self.copy.setVisible(bool(self._made))

    def continue_from(self, place: int, row: int) -> None:
        """Go on from an alternative: `row` of those of the token at `place`."""
        made = place - len(self._prompt)
        if not 0 <= made < len(self._made):
            return
        chosen = self._made[made].alternatives[row]
        token = Token(
            id=chosen.id,
            text=chosen.text,
            probability=chosen.probability,
            alternatives=self._made[made].alternatives,
        )
        continue_from(self.controller, self.tree.continue_with(made, token))
        choose_token(self.controller, place)

    def go_back(self, branch: int) -> None:
        """Show another branch, and have the model read it again."""
        ids = self.tree.go_back(branch)
        continue_from(self.controller, ids, max_new_tokens=0)

    def menu(self) -> QMenu:
        """Return the branches as a menu, each below the one it left."""
        menu = QMenu(self)
        for each in self.tree.in_order():
            indent = "    " * self.tree.depth(each)
            action = menu.addAction(indent + self.tree.title(each))
            action.setCheckable(True)
            action.setChecked(each == self.tree.current)
            action.triggered.connect(partial(_call, self.go_back, each))
        return menu

    def _words(self, part: GeneratedText, running: bool) -> str:
        words = [f"{len(self._made):,} tokens"] if self._made else []
        if part.tokens_per_second > 0:
            words.append(f"{number(part.tokens_per_second, 3)} tok/s")
        if part.first_token_ms >= 0:
            words.append(f"first {milliseconds(part.first_token_ms)} ms")
        if running:
            words.append("writing…" if self._made else "reading the prompt…")
        elif part.stopped and part.stopped != "length":
            words.append(part.stopped)
        return " · ".join(words)

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        button = self.branches
        menu.popup(button.mapToGlobal(QPoint(0, button.height() + 2)))

    def _copy(self) -> None:
        tokens = [t for t in (*self._prompt, *self._made) if not t.special]
        QGuiApplication.clipboard().setText("".join(token.text for token in tokens))

    def _go_on(self) -> None:
        continue_from(self.controller, self.tree.go_back(self.tree.current))


def _call(function: Any, value: int, _checked: bool = False) -> None:
    function(value)
