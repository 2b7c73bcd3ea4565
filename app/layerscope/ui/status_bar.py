"""The line at the bottom: engine, provider, latency, what looking costs."""

from __future__ import annotations

import math
import os
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from layerscope.protocol.answers import Answer, GeneratedText
from layerscope.ui import theme
from layerscope.ui.engine_bridge import EngineBridge
from layerscope.ui.panels.base import ElidedLabel
from layerscope.ui.widgets.readable import milliseconds, number, size_of

HEIGHT = 26
# Figures are for reading: more often than this nobody can.
REFRESH_MS = 250

_ENGINE = {
    "starting": ("engine starting", "warning"),
    "ready": ("engine ready", "good"),
    "busy": ("engine busy", "good"),
    "restarting": ("engine restarting", "warning"),
    "stopped": ("engine stopped", "bad"),
}


class StatusBar(QWidget):
    """Shows the session in figures.

    Parameters
    ----------
    controller : Controller
    bridge : EngineBridge
        Knows how many frames the window shows.
    """

    def __init__(self, controller: Any, bridge: EngineBridge) -> None:
        super().__init__()
        self._controller = controller
        self._bridge = bridge
        self.setProperty("bar", "bottom")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Status")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(18)
        self._dot = _Dot()
        self._engine = QLabel()
        self._engine.setProperty("role", "value")
        self._provider = QLabel()
        self._provider.setProperty("role", "muted")
        self._model = _Figure(
            "model",
            "Median and 95th percentile of the untouched model, in milliseconds",
        )
        self._speed = _Figure(
            "text", "Speed of the last text, and time of its first token"
        )
        self._view = _Figure("view", "Pictures that the window shows each second")
        self._looking = _Figure(
            "looking costs",
            "How much longer the watched model takes than the untouched one",
        )
        self._drift = _Figure(
            "drift",
            "Largest difference between the answers of the "
            "watched and the untouched model",
        )
        self._doing = ElidedLabel()
        self._memory = _Figure("RSS", "Memory of the engine process")
        self._cores = QLabel(_cores())
        self._cores.setProperty("role", "muted")
        self._cores.setToolTip("Processor cores that Layerscope may use")
        left = QHBoxLayout()
        left.setSpacing(6)
        left.addWidget(self._dot)
        left.addWidget(self._engine)
        row.addLayout(left)
        for widget in (
            self._provider,
            self._model,
            self._speed,
            self._view,
            self._looking,
            self._drift,
        ):
            row.addWidget(widget)
        row.addWidget(self._doing, 1)
        row.addWidget(self._memory)
        row.addWidget(self._cores)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    def refresh(self) -> None:
        """Show the figures of now."""
        session = self._controller.session
        state = "busy" if session.running and session.engine == "ready" else ""
        words, token = _ENGINE.get(state or session.engine, (session.engine, "muted"))
        # A live run comes and goes many times a second: that is no news.
        words = "engine ready" if session.live and state else words
        self._engine.setText(words)
        self._dot.set_token(token)
        provider = str(session.provider).removesuffix("ExecutionProvider")
        parts = [part for part in (provider, session.precision) if part]
        self._provider.setText(" · ".join(parts))
        self._provider.setVisible(bool(parts) and bool(session.model))
        times = self._controller.latency.percentiles()
        self._model.show_value(
            f"{milliseconds(times.p50)} / {milliseconds(times.p95)} ms"
            if times.n and session.model
            else ""
        )
        self._speed.show_value(_text_speed(session.answer))
        # Without live runs the window shows a still picture: no rate to speak of.
        rate = self._bridge.frames_per_second() if session.live else 0.0
        self._view.show_value(f"{rate:.0f} fps" if rate >= 1 else "")
        cost = session.cost
        known = math.isfinite(cost.looking_ratio)
        share = 100 * cost.looking_ratio
        digits = 1 if abs(share) < 10 else 0
        percent = f"{share:+.{digits}f} %".replace("-", "−")
        self._looking.show_value(percent if known else "")
        self._drift.show_value(f"{cost.drift:.2g}" if cost.drift >= 0 else "")
        self._doing.set_whole(session.progress if session.opening else "")
        self._memory.show_value(
            size_of(session.memory_bytes) if session.memory_bytes else ""
        )

    def texts(self) -> str:
        """Return the whole line as text."""
        labels = [label for label in self.findChildren(QLabel) if self._shows(label)]
        texts = [label.text() for label in labels]
        return " ".join(text for text in texts if text)

    def _shows(self, label: QLabel) -> bool:
        return label.isVisibleTo(self)


class _Figure(QWidget):
    """A muted word and a figure; absent while there is none."""

    def __init__(self, word: str, tip: str) -> None:
        super().__init__()
        self.setToolTip(tip)
        self._word = word
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        label = QLabel(word)
        label.setProperty("role", "muted")
        self._value = QLabel()
        self._value.setProperty("role", "value")
        row.addWidget(label)
        row.addWidget(self._value)
        self.hide()

    def show_value(self, text: str) -> None:
        if text != self._value.text():
            self._value.setText(text)
            self.setAccessibleName(f"{self._word} {text}")
        self.setVisible(bool(text))


class _Dot(QWidget):
    """A round light; the word beside it says the same."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(8, 8)
        self._token = "muted"
        theme.changed.connect(self.update)

    def set_token(self, token: str) -> None:
        if token != self._token:
            self._token = token
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(self._token))
            painter.drawEllipse(self.rect())


def _text_speed(answer: Answer | None) -> str:
    """Return how fast a text was made, nothing for other answers."""
    part = answer.parts[0] if answer is not None and answer.parts else None
    if not isinstance(part, GeneratedText) or part.tokens_per_second <= 0:
        return ""
    speed = number(part.tokens_per_second, 3)
    return f"{speed} tok/s · first {milliseconds(part.first_token_ms)} ms"


def _cores() -> str:
    try:
        n = len(os.sched_getaffinity(0))
    except AttributeError:  # Windows and macOS have none
        n = os.cpu_count() or 1
    return "1 core" if n == 1 else f"{n} cores"
