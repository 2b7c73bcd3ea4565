"""Latency of the untouched model: a rolling curve and three percentiles."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtWidgets import QLabel

from layerscope.ui.panels.base import Panel
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.curve import Curve
from layerscope.ui.widgets.readable import milliseconds

_NOTHING = "Run the model, or turn Live on, to see how long it takes each time."


class LatencyPanel(Panel):
    """Draws `controller.latency`, which holds no run that was looked into."""

    def __init__(self, controller: Any) -> None:
        super().__init__("latency", "Latency", controller)
        self.set_clause("the untouched model")
        self.body.setContentsMargins(10, 6, 10, 4)
        self.figures = QLabel()
        self.figures.setAccessibleName("Percentiles of the latency")
        self.figures.setToolTip(
            "Half, 95 % and 99 % of the runs are at most this long; warm-up left out"
        )
        self.add_action(self.figures)
        self.curve = Curve("Latency of past runs", "ms")
        self._empty = self.empty_state(_NOTHING)
        self.body.addWidget(self._empty)
        self.body.addWidget(self.curve)
        self._pace = Pace(self)
        self._drawn = -1
        for signal in (
            controller.session.events.n_runs,
            controller.session.events.model,
            controller.session.events.refusal,
        ):
            self.listen(signal)

    def refresh(self) -> None:
        """Draw the newest latencies, if there are any that are not drawn."""
        history = self.controller.latency
        samples = history.samples_ms()
        self._empty.setVisible(not samples.size)
        self.curve.setVisible(bool(samples.size))
        self.figures.setVisible(bool(samples.size))
        if not samples.size:
            self._empty.set_text(nothing_yet(self.controller.session, _NOTHING))
            self.set_clause("the untouched model")
            return
        percentiles = history.percentiles()
        if history.revision != self._drawn:
            self._drawn = history.revision
            self.curve.set_samples(samples, percentiles.p50)
        # The first few runs change every figure: write each of them at once.
        topic = (self.controller.session.model, min(samples.size, 8))
        if not self._pace.due(topic):
            return
        few = samples.size < 2
        names = (("p50", percentiles.p50), ("p95", percentiles.p95))
        names += () if few else (("p99", percentiles.p99),)  # type: ignore[assignment]
        parts = [f"{name} <b>{milliseconds(value)}</b>" for name, value in names]
        self.figures.setText("&nbsp;&nbsp; ".join(parts) + " <b>ms</b>")
        self.set_clause(self._subtitle())

    def _subtitle(self) -> str:
        warm_up = self.controller.session.cost.stages.warm_up_ms
        each = "each step of " if self.controller.session.stepped else ""
        text = f"{each}the untouched model"
        if math.isfinite(warm_up) and warm_up >= 0:
            text += f" · warm-up {milliseconds(warm_up)} ms apart"
        return text
