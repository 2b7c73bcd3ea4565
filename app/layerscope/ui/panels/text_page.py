"""The page of the input panel for text: an editor, and its tokens as one types."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from layerscope.controller.texts import choose_token
from layerscope.core.text import MOST_CHARACTERS
from layerscope.library.samples import own_samples
from layerscope.protocol.inputs import InputSource, TokenIds, TypedText
from layerscope.protocol.messages import Tokenise, Tokenised
from layerscope.protocol.values import InputSlot
from layerscope.ui import theme
from layerscope.ui.panels.asking import NewestOnly
from layerscope.ui.panels.base import ElidedLabel
from layerscope.ui.widgets.token_strip import TokenStrip

TYPING_MS = 30
FEED_MS = 160
_SAMPLE_LETTERS = 18
_MOST_SAMPLES = 6
_HINTS = {
    True: "Type a text; its tokens appear below.",
    False: "Type a text, then Run (Ctrl+Enter) to have it continued.",
}


class TextPage(QWidget):
    """Edits the text of one slot.

    Attributes
    ----------
    typed : Signal(object)
        The source, a moment after the last key.
    counted : Signal
        `count_words` has changed.
    """

    typed = Signal(object)
    counted = Signal()

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self._controller = controller
        self._slot = ""
        self._sent: InputSource | None = None
        self._shown_model = 0
        self._count: Tokenised | None = None
        self.editor = _Editor()
        self.strip = TokenStrip("Tokens of the text")
        self.strip.token_chosen.connect(partial(choose_token, controller))
        self.note = ElidedLabel(role="warning")
        self._samples = _SampleRow(self.take_sample)
        self._ask = NewestOnly(controller, self._on_tokens, self._on_no_tokens)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.editor, 3)
        column.addWidget(self.strip, 3)
        column.addWidget(self.note)
        column.addWidget(self._samples)
        self._typing = _single_shot(self, TYPING_MS, self._tokenise)
        self._feeding = _single_shot(self, FEED_MS, self._feed)
        self.editor.textChanged.connect(self._on_typed)

    def show_source(self, slot: InputSlot, source: InputSource | None) -> None:
        """Show the text of a slot; one that is being typed is left alone."""
        session = self._controller.session
        another = (slot.name, session.model) != (self._slot, self._shown_model)
        self._slot, self._shown_model = slot.name, session.model
        self.editor.setPlaceholderText(slot.note or _HINTS[not session.stepped])
        self.editor.setToolTip(f"{slot.note}. Ctrl+Enter runs." if slot.note else "")
        if another:
            self._ask.forget()
            self._feeding.stop()
            self._sent = None
            self._count = None
            self.strip.set_tokens(())
            self._samples.show_texts(own_samples(Path(session.model_path)).text)
        if source != self._sent and not self._feeding.isActive():
            self._sent = source
            self._write(_text_of(source))
        elif another:
            self._tokenise()
        selected = session.token
        self.strip.set_selected(selected if selected < len(self.strip.tokens) else -1)

    def count_words(self) -> str:
        """Say how many tokens there are, of how many: ``"19 of 256 tokens"``."""
        if self._count is None:
            return ""
        n, limit = self._count.n, self._count.limit
        one = "token" if n == 1 and not limit else "tokens"
        if not limit:
            return f"{n:,} {one}"
        too_many = " · more than the model takes" if n > limit else ""
        return f"{n:,} of {limit:,} tokens{too_many}"

    def take_sample(self, text: str) -> None:
        """Put a sample into the editor and use it."""
        self._write(text)
        self._feed()

    def _write(self, text: str) -> None:
        if text != self.editor.toPlainText():
            self.editor.blockSignals(True)
            self.editor.setPlainText(text)
            self.editor.blockSignals(False)
        self._tokenise()

    def _on_typed(self) -> None:
        self._typing.start()
        self._feeding.start()

    def _feed(self) -> None:
        self._feeding.stop()
        self._sent = TypedText.of(self.editor.toPlainText())
        self.typed.emit(self._sent)

    def _tokenise(self) -> None:
        session = self._controller.session
        if not session.model or not self._slot:
            return
        source = TypedText.of(self.editor.toPlainText())
        self._say(source.note)
        model, slot = session.model, self._slot
        self._ask.ask(
            lambda job: Tokenise(job=job, model=model, text=source.text, slot=slot)
        )

    def _on_tokens(self, event: Any) -> None:
        session = self._controller.session
        if not isinstance(event, Tokenised) or event.model != session.model:
            return
        self._count = event
        self.strip.set_tokens(event.tokens)
        if event.note:
            self._say(event.note)
        self.counted.emit()

    def _on_no_tokens(self, message: str) -> None:
        self._count = None
        self.strip.set_tokens(())
        self._say(message)
        self.counted.emit()

    def _say(self, text: str) -> None:
        self.note.set_whole(text)
        self.note.setVisible(bool(text))


class _Editor(QPlainTextEdit):
    """Plain text that never takes more than can be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("box", True)
        self.setFont(theme.font(13))
        self.setAccessibleName("Text for the model")
        self.setTabChangesFocus(True)
        self.setMinimumHeight(40)
        self.setWordWrapMode(self.wordWrapMode().WrapAtWordBoundaryOrAnywhere)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802
        """Paste as plain text, at most what can be sent."""
        text = source.text()[:MOST_CHARACTERS]
        if text:
            self.insertPlainText(text)


class _SampleRow(QWidget):
    """Small buttons that put a text into the editor; as many as fit."""

    def __init__(self, take: Any) -> None:
        super().__init__()
        self._take = take
        self._buttons: list[QToolButton] = []
        self._texts: tuple[str, ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self._row.addStretch(1)
        self.hide()

    def show_texts(self, texts: tuple[str, ...]) -> None:
        """Offer other texts."""
        if texts == self._texts:
            return
        self._texts = texts
        for button in self._buttons:
            self._row.removeWidget(button)
            button.deleteLater()
        self._buttons = []
        for place, text in enumerate(texts[:_MOST_SAMPLES]):
            button = QToolButton()
            button.setProperty("small", True)
            words = " ".join(text.split())
            short = words[: _SAMPLE_LETTERS - 1].rstrip() + "…"
            button.setText(words if len(words) <= _SAMPLE_LETTERS else short)
            button.setToolTip(f"Use this sample:\n{text[:400]}")
            button.setAccessibleName(f"Sample: {button.text()}")
            button.clicked.connect(partial(self._use, text))
            self._row.insertWidget(place, button)
            self._buttons.append(button)
        self.setVisible(bool(texts))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Show as many buttons as fit."""
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> Any:  # noqa: N802
        """Be content with one button."""
        size = super().minimumSizeHint()
        size.setWidth(40)
        return size

    def _fit(self) -> None:
        left = self.width()
        for place, button in enumerate(self._buttons):
            left -= button.sizeHint().width() + self._row.spacing()
            button.setVisible(left >= 0 or place == 0)

    def _use(self, text: str, _checked: bool = False) -> None:
        self._take(text)


def _text_of(source: InputSource | None) -> str:
    if isinstance(source, TypedText):
        return source.text
    if isinstance(source, TokenIds):
        return "ids: " + " ".join(str(each) for each in source.ids)
    return ""


def _single_shot(parent: QWidget, ms: int, run: Any) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(ms)
    timer.setTimerType(Qt.TimerType.CoarseTimer)
    timer.timeout.connect(run)
    return timer
