"""What happened, line by line."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtGui import QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from layerscope.state.session import LogEntry
from layerscope.ui import theme
from layerscope.ui.panels.base import Panel, title_button

_TOKENS = {"warning": "warning", "error": "bad", "debug": "muted"}
MAX_LINES = 1000


class LogPanel(Panel):
    """The log in JetBrains Mono, one colour for each level."""

    def __init__(self, controller: Any) -> None:
        super().__init__("log", "Log", controller)
        self.body.setContentsMargins(8, 4, 4, 4)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Log")
        self.text.setToolTip("What was opened, guessed, changed and recovered")
        self.text.setMaximumBlockCount(MAX_LINES)
        self.text.setFont(theme.font(11, mono=True))
        self.text.setPlaceholderText("What happens is written here.")
        self.body.addWidget(self.text)
        self.add_action(title_button("", "Copy the log", self.copy, icon="copy"))
        self._shown: tuple[LogEntry, ...] = ()
        self._theme = theme.current()
        self.listen(controller.session.events.log)

    def copy(self) -> None:
        """Put all lines on the clipboard, with their levels."""
        QGuiApplication.clipboard().setText(
            "\n".join(
                f"{_clock(entry)} {entry.level:7} {entry.text}"
                for entry in self.controller.session.log
            )
        )

    def refresh(self) -> None:
        """Write the lines that are new."""
        entries = self.controller.session.log
        if theme.current() is not self._theme:
            self._theme = theme.current()
            self._shown = ()
            self.text.clear()
        new = _added(self._shown, entries)
        self._shown = entries
        if not new:
            return
        bar = self.text.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.text.document())
        for entry in new:
            cursor.movePosition(QTextCursor.MoveOperation.End)
            if not self.text.document().isEmpty():
                cursor.insertBlock()
            cursor.insertText(f"{_clock(entry)} ", _format("muted"))
            cursor.insertText(entry.text, _format(_TOKENS.get(entry.level, "text")))
        warnings = sum(entry.level in ("warning", "error") for entry in entries)
        self.set_clause(_count(warnings))
        if follows:
            bar.setValue(bar.maximum())


def _added(
    old: tuple[LogEntry, ...], new: tuple[LogEntry, ...]
) -> tuple[LogEntry, ...]:
    """Return what `new` has after the end of `old`; the oldest may have gone."""
    if not old:
        return new
    last = old[-1]
    for position in range(len(new) - 1, -1, -1):
        if new[position] is last:
            return new[position + 1 :]
    return new


def _clock(entry: LogEntry) -> str:
    return time.strftime("%H:%M:%S", time.localtime(entry.when))


def _format(token: str) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setForeground(theme.colour(token))
    return made


def _count(warnings: int) -> str:
    if not warnings:
        return ""
    return "1 warning" if warnings == 1 else f"{warnings} warnings"
