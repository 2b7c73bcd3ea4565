"""Quality against size and against latency, over a family of bundled models."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from layerscope.controller.comparing import LatencyMeter, Measured
from layerscope.library.bundled import LibraryEntry
from layerscope.library.grouping import (
    Family,
    families,
    figure_words,
    lower_is_better,
)
from layerscope.ui import theme
from layerscope.ui.panels.base import ElidedLabel, EmptyState
from layerscope.ui.widgets.number_table import Cell, NumberTable
from layerscope.ui.widgets.readable import count, milliseconds, number, size_of
from layerscope.ui.widgets.scatter import Point, Scatter

TICK_MS = 30
_HEADINGS = ("Model", "Parameters", "Size", "Latency, ms")
_NOTHING = (
    "There is no family to compare: it takes two bundled models that were measured on "
    "the same data in the same way. layerscope models lists what there is."
)


class FamilyDialog(QDialog):
    """Two plots and the table behind them.

    Parameters
    ----------
    parent : QWidget
    controller : Controller

    Attributes
    ----------
    choice : QComboBox
        Which family.
    by_size, by_latency : Scatter
    table : NumberTable
    button : QPushButton
        Measures, or stops measuring.
    """

    def __init__(self, parent: QWidget | None, controller: Any) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Compare models")
        self.resize(980, 620)
        self._controller = controller
        self._families = families(controller.library())
        self._measured: dict[str, Measured] = {}
        self._meter: LatencyMeter | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        if not self._families:
            column.addWidget(EmptyState(_NOTHING))
            return
        self._build(column)
        self.refresh()

    @property
    def family(self) -> Family:
        """The one that is shown."""
        return self._families[max(0, self.choice.currentIndex())]

    @property
    def measuring(self) -> bool:
        """Whether latencies are being measured."""
        return self._meter is not None and self._meter.active

    def measure(self) -> None:
        """Measure the latency of each model on this machine, or stop that."""
        if self._meter is not None and self._meter.active:
            self._meter.stop()
        else:
            self._meter = LatencyMeter(self._controller, self.family.members)
            self._meter.start()
            self._timer.start()
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        family = self.family
        falling = lower_is_better(family.metric)
        share = not falling and all(0 <= e.value <= 1 for e in family.members)
        words = family.metric.lower()
        title = f"{words}, %" if share else words
        y_most = 100.0 if share else math.inf
        # A forest has no parameters to count; then the files tell the size.
        counted = all(e.parameters for e in family.members)
        known = {
            e.id: self._measured[e.id]
            for e in family.members
            if e.id in self._measured and self._measured[e.id].n
        }
        self.by_size.set_points(
            [
                _point(e, e.parameters if counted else e.bytes, share)
                for e in family.members
            ],
            x_title="parameters" if counted else "size of the files",
            x_text=_parameters if counted else size_of,
            y_title=title,
            falling=falling,
            y_most=y_most,
        )
        self.by_latency.set_points(
            [_point(e, known[e.id].ms, share) for e in family.members if e.id in known],
            y_title=title,
            falling=falling,
            y_most=y_most,
        )
        self._stack.setCurrentIndex(1 if known else 0)
        self._fill_table(family)
        self._show_progress()

    def done(self, result: int) -> None:
        """Stop measuring and close, by whatever key or button."""
        if self._meter is not None:
            self._meter.stop()
        self._timer.stop()
        super().done(result)

    # --- inside --------------------------------------------------------------------

    def _build(self, column: QVBoxLayout) -> None:
        head = QHBoxLayout()
        self.choice = QComboBox()
        self.choice.setAccessibleName("Family")
        self.choice.setToolTip("Models that were measured on the same data")
        for family in self._families:
            n = len(family.members)
            self.choice.addItem(
                f"{family.title} · {family.metric.lower()} · {n} models"
            )
        self.choice.currentIndexChanged.connect(self._on_choice)
        self.button = QPushButton("Measure latency")
        self.button.setAccessibleName("Measure latency")
        self.button.clicked.connect(self.measure)
        self.note = ElidedLabel()
        head.addWidget(self.choice)
        head.addWidget(self.note, 1)
        head.addWidget(self.button)
        column.addLayout(head)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName("Progress")
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        column.addWidget(self.bar)
        self.by_size = Scatter("Quality against size", "parameters", "", _parameters)
        self.by_latency = Scatter(
            "Quality against latency",
            "milliseconds on this machine, untouched",
            "",
            lambda v: number(v, 2),
        )
        self._stack = _either(
            "Measure latency runs each model on this machine; the open one stays "
            "as it is.",
            self.by_latency,
        )
        plots = QHBoxLayout()
        plots.setSpacing(theme.GAP)
        plots.addWidget(_card("Quality and size", self.by_size), 1)
        plots.addWidget(_card("Quality and speed", self._stack), 1)
        column.addLayout(plots, 1)
        self.table = NumberTable("Models of the family")
        column.addWidget(_card("", self.table))

    def _fill_table(self, family: Family) -> None:
        rows = [self._row(entry) for entry in family.members]
        self.table.set_rows((*_HEADINGS, family.metric), rows, stretch=0)
        least, most = 3, 8
        shown = min(most, max(least, len(rows)))
        self.table.setFixedHeight(26 + 22 * shown + 4)

    def _row(self, entry: LibraryEntry) -> tuple[Cell, ...]:
        found = self._measured.get(entry.id)
        if found is None:
            latency = Cell("–", float("inf"))
        elif not found.n:
            latency = Cell(f"– {found.note}", float("inf"), "warning")
        else:
            step = " a step" if found.stepped else ""
            latency = Cell(f"{milliseconds(found.ms)}{step}", found.ms)
        return (
            Cell(entry.title),
            Cell(
                count(entry.parameters) if entry.parameters else "–", entry.parameters
            ),
            Cell(size_of(entry.bytes), entry.bytes),
            latency,
            Cell(figure_words(entry.metric, entry.value), entry.value),
        )

    def _show_progress(self) -> None:
        meter = self._meter
        self.button.setText("Stop" if self.measuring else "Measure latency")
        self.button.setToolTip(
            "Leave it at what has been measured"
            if self.measuring
            else "Run each model on this machine, one after the other"
        )
        self.choice.setEnabled(not self.measuring)
        done, total = meter.progress if meter is not None else (0, 1)
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(done)
        self.bar.setVisible(self.measuring)
        if meter is not None and self.measuring:
            names = {entry.id: entry.title for entry in self.family.members}
            now = names.get(meter.current, "")
            words = f"measuring {now}" if now else "waiting for the engine"
            self.note.set_whole(f"{words} · {done} of {total}")
        else:
            self.note.set_whole("dashes join the best of each size")

    def _on_choice(self, _: int) -> None:
        self.refresh()

    def _tick(self) -> None:
        meter = self._meter
        if meter is None:
            return
        before = (meter.current, meter.progress)
        meter.tick()
        self._measured.update(meter.found)
        if not meter.active:
            self._timer.stop()
        if before != (meter.current, meter.progress) or not meter.active:
            self.refresh()


def show_families(parent: QWidget | None, controller: Any) -> FamilyDialog:
    """Open the comparison beside the window, or bring the open one to the front."""
    opened = parent.findChild(FamilyDialog) if parent is not None else None
    if isinstance(opened, FamilyDialog) and opened.isVisible():
        opened.raise_()
        opened.activateWindow()
        return opened
    dialog = FamilyDialog(parent, controller)
    dialog.show()
    return dialog


def _parameters(value: float) -> str:
    return count(round(value))


def _point(entry: LibraryEntry, x: float, share: bool) -> Point:
    figure = figure_words(entry.metric, entry.value)
    return Point(
        name=entry.title,
        x=float(x),
        y=100 * entry.value if share else entry.value,
        detail=f"{entry.title}: {figure}, {number(float(x), 3)}",
    )


def _either(words: str, widget: QWidget) -> QStackedWidget:
    stack = QStackedWidget()
    stack.addWidget(EmptyState(words))
    stack.addWidget(widget)
    return stack


def _card(title: str, content: QWidget) -> QFrame:
    card = QFrame()
    card.setProperty("card", True)
    column = QVBoxLayout(card)
    column.setContentsMargins(8, 8, 8, 8)
    column.setSpacing(4)
    if title:
        name = QLabel(title)
        name.setProperty("role", "title")
        column.addWidget(name)
    column.addWidget(content, 1)
    return card
