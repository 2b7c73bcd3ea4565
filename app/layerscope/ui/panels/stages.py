"""Where the time and the memory go: stages of a run, layers, memory."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.values import LayerTime, StageTimes
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.naming import node_label, nothing_yet, provider_name
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.curve import Curve
from layerscope.ui.widgets.layer_bars import LayerBar, LayerBars
from layerscope.ui.widgets.paint_clock import paint_ms
from layerscope.ui.widgets.property_list import Property, PropertyList
from layerscope.ui.widgets.readable import milliseconds, size_of
from layerscope.ui.widgets.stage_bar import StageBar, Stretch

STAGE_COLOURS = (
    ("decode", "#6f7b8f"),
    ("prepare", "#9aa7bb"),
    ("model", "accent"),
    ("finish", "#b58ad6"),
    ("summarise", "good"),
    ("paint", "warning"),
)
_NOTHING = "Run the model to see where its time goes."
_UNPROFILED = "Layers are timed in a run of their own, since timing them slows it."
_LEAST_MS = 0.05
_MEMORY_SECONDS = 300
_VIEWS = (
    ("stages", "Stages", "What one run is made of"),
    ("layers", "Layers", "Time of each layer, from a profiled run"),
    ("memory", "Memory", "Weights, activations and the engine's memory"),
)


def stretches(stages: StageTimes, painted_ms: float) -> list[Stretch]:
    """Return the parts of one run that happened, in the order they happen.

    Parameters
    ----------
    stages : StageTimes
        Of one run, as the engine measured it.
    painted_ms : float
        What painting all pictures once takes; 0 where nothing is painted.
    """
    amounts = {
        "decode": stages.decode_ms,
        "prepare": stages.prepare_ms,
        "model": stages.model_ms,
        "finish": stages.finish_ms,
        "summarise": stages.summarise_ms,
        "paint": painted_ms,
    }
    return [
        Stretch(name=name, amount=ms, text=_tenths(ms), colour=colour)
        for name, colour in STAGE_COLOURS
        if (ms := amounts[name]) >= _LEAST_MS
    ]


def _tenths(ms: float) -> str:
    """Return milliseconds to a tenth: finer figures of a stage are noise."""
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:,.0f}"


class StagesPanel(Panel):
    """Three views of cost: stages of the last run, layers, memory."""

    def __init__(self, controller: Any) -> None:
        super().__init__("stages", "Stages", controller)
        self.body.setContentsMargins(12, 10, 12, 8)
        self._choice = QButtonGroup(self)
        for index, (_, text, tooltip) in enumerate(_VIEWS):
            button = title_button(text, tooltip, checkable=True)
            self._choice.addButton(button, index)
            self.add_action(button)
        self._choice.button(0).setChecked(True)
        self._choice.idClicked.connect(self.show_view)
        self.bar = StageBar("Time of each stage")
        self._empty = self.empty_state(_NOTHING)
        self.layers = LayerBars()
        self.layers.row_chosen.connect(self._on_row_chosen)
        self._unprofiled = self.empty_state(
            _UNPROFILED, "Time the layers", controller.request_profile
        )
        self.memory = PropertyList("Memory")
        self.memory_curve = Curve(
            "Memory of the engine", "MB", capacity=_MEMORY_SECONDS, noun="second"
        )
        self._resident: deque[float] = deque(maxlen=_MEMORY_SECONDS)
        self._views = QStackedWidget()
        for page in (self._stages_page(), self._layers_page(), self._memory_page()):
            self._views.addWidget(page)
        self.body.addWidget(self._views, 1)
        self._pace = Pace(self)
        self._shown_profile: tuple[LayerTime, ...] | None = None
        self._by_time = True
        events = controller.session.events
        for signal in (
            events.n_runs,
            events.profile,
            events.selection,
            events.preflight,
            events.model,
            events.refusal,
        ):
            self.listen(signal)
        clock = QTimer(self)
        clock.setInterval(1000)
        clock.timeout.connect(self._note_memory)
        clock.start()

    def _stages_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.bar)
        column.addWidget(self._empty, 1)
        column.addStretch(0)
        return page

    def _layers_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        self._layer_row = QWidget()
        row = QHBoxLayout(self._layer_row)
        row.setContentsMargins(0, 0, 0, 0)
        self._order = title_button(
            "slowest first", "Sort by time, or in the order they run", self._turn_order
        )
        self._again = title_button(
            "Time again", "Profile the model anew", self.controller.request_profile
        )
        row.addWidget(self._order)
        row.addStretch(1)
        row.addWidget(self._again)
        column.addWidget(self._layer_row)
        column.addWidget(self.layers, 1)
        column.addWidget(self._unprofiled, 1)
        return page

    def _memory_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.memory.setMinimumWidth(188)
        facts = QVBoxLayout()
        facts.addWidget(self.memory)
        facts.addStretch(1)
        row.addLayout(facts, 1)
        row.addWidget(self.memory_curve, 2)
        return page

    def show_view(self, index: int) -> None:
        """Show stages (0), layers (1) or memory (2)."""
        self._choice.button(index).setChecked(True)
        self._views.setCurrentIndex(index)
        self._pace.due(object())  # the new view is written at once
        self._write()

    def refresh(self) -> None:
        """Write the numbers of the view that is shown, once a second at most."""
        session = self.controller.session
        if self._views.currentIndex() == 1:
            self._show_layers()
        view = self._views.currentIndex()
        topic = (session.model, view, min(session.n_runs, 5), session.refusal)
        if self._pace.due(topic):
            self._write()

    def _write(self) -> None:
        view = self._views.currentIndex()
        if view == 0:
            self._show_stages()
        elif view == 1:
            self._show_layers()
        else:
            self._show_memory()

    def _show_stages(self) -> None:
        session = self.controller.session
        parts = stretches(session.cost.stages, paint_ms()) if session.n_runs else []
        self._empty.setVisible(not parts)
        self._empty.set_text(nothing_yet(session, _NOTHING))
        self.bar.setVisible(bool(parts))
        self.bar.set_stretches(parts)
        total = sum(part.amount for part in parts)
        self.set_clause(f"{milliseconds(total)} ms a run" if parts else "")

    # --- layers ---------------------------------------------------------------------

    def _shown_layers(self) -> list[LayerTime]:
        profile = list(self.controller.session.profile)
        if self._by_time:
            profile.sort(key=lambda layer: -layer.ms)
        return profile

    def _show_layers(self) -> None:
        session = self.controller.session
        profile = session.profile
        self._layer_row.setVisible(bool(profile))
        self.layers.setVisible(bool(profile))
        self._unprofiled.setVisible(not profile)
        total = milliseconds(sum(layer.ms for layer in profile))
        clause = f"{len(profile)} layers · {total} ms, profiled" if profile else ""
        self.set_clause(clause)
        shown = self._shown_layers()
        if profile is not self._shown_profile:
            self._shown_profile = profile
            self.layers.set_layers([self._layer_bar(layer) for layer in shown])
        chosen = session.selection
        node = chosen.node
        if node < 0:
            node = session.structure.producer_of.get(chosen.tensor, -1)
        rows = (row for row, layer in enumerate(shown) if node in layer.nodes)
        self.layers.choose(next(rows, -1) if node >= 0 else -1)

    def _layer_bar(self, layer: LayerTime) -> LayerBar:
        nodes = self.controller.session.structure.nodes
        known = [nodes[index] for index in layer.nodes if 0 <= index < len(nodes)]
        name = node_label(known[0]) if known else layer.op
        return LayerBar(
            name=name, op=layer.op, where=provider_name(layer.provider), ms=layer.ms
        )

    def _turn_order(self) -> None:
        self._by_time = not self._by_time
        self._order.setText("slowest first" if self._by_time else "in running order")
        self._shown_profile = None
        self._show_layers()

    def _on_row_chosen(self, row: int) -> None:
        shown = self._shown_layers()
        nodes = self.controller.session.structure.nodes
        if not 0 <= row < len(shown) or not shown[row].nodes:
            return
        first, last = shown[row].nodes[0], shown[row].nodes[-1]
        if 0 <= last < len(nodes):
            # What was fused leaves by its last node; that is what can be seen.
            tensor = nodes[last].outputs[0] if nodes[last].outputs else ""
            self.controller.select(tensor=tensor, node=first)

    # --- memory ---------------------------------------------------------------------

    def _note_memory(self) -> None:
        n_bytes = self.controller.session.memory_bytes
        if n_bytes > 0:
            self._resident.append(n_bytes / 1e6)
            self.mark_stale()

    def _show_memory(self) -> None:
        session = self.controller.session
        lines = []
        report = session.preflight
        if report is not None:
            lines.append(Property("weights", size_of(report.weight_bytes)))
            activations = report.run_bytes - report.weight_bytes
            if activations > 0:
                lines.append(
                    Property(
                        "activations, peak",
                        size_of(activations),
                        "Estimate: the largest set of tensors alive at one time",
                    )
                )
            if report.free_bytes:
                lines.append(Property("free when opened", size_of(report.free_bytes)))
        if session.memory_bytes:
            lines.append(
                Property(
                    "engine now",
                    size_of(session.memory_bytes),
                    "Resident memory of the engine process, libraries included",
                )
            )
        if session.device_memory_total:
            used, whole = session.device_memory_bytes, session.device_memory_total
            lines.append(Property("GPU memory", f"{size_of(used)} of {size_of(whole)}"))
        if session.device_load >= 0:
            lines.append(Property("GPU load", f"{100 * session.device_load:.0f} %"))
        self.memory.set_properties(lines)
        self.memory_curve.set_samples(np.asarray(self._resident, dtype=np.float64))
        self.set_clause("of the engine")


__all__ = ["STAGE_COLOURS", "StagesPanel", "stretches"]
