"""Where the picture looks at each word of its prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from layerscope.core.colours import viridis
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.steps import denoising_of
from layerscope.ui.widgets.overlay_view import OverlayView
from layerscope.ui.widgets.table_window import TableModel, TableWindow
from layerscope.ui.widgets.word_maps import WordMaps

LENS = "cross-attention"
_WAITING = (
    "Run the model with a prompt (Ctrl+Enter): where the picture looks at each word "
    "appears here."
)
_FIELDS = ("n_runs", "model", "lenses", "running", "looked_step", "refusal", "step")
_OPACITY = 0.8
_SMOOTH_PX = 192
Maps = npt.NDArray[np.float32]


class WordsPanel(Panel):
    """The picture with the map of one word over it, and small ones of all words."""

    def __init__(self, controller: Any) -> None:
        super().__init__("words", "Words", controller)
        self.view = OverlayView("Attention to the chosen word, over the picture")
        self.view.table_wanted.connect(self.show_table)
        self.maps = WordMaps("Attention to each word")
        self.maps.word_chosen.connect(self.choose)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step")
        self.slider.setToolTip("The step whose attention is shown (arrow keys)")
        self.slider.valueChanged.connect(self._on_slider)
        side = QVBoxLayout()
        side.setSpacing(8)
        side.addWidget(self.maps, 1)
        side.addWidget(self.slider)
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.view, 2)
        row.addLayout(side, 5)
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(content)
        self.body.addWidget(self._pages)
        self.one = title_button("One step", "Attention at one step", checkable=True)
        self.all = title_button(
            "All steps",
            "The mean of all steps; steps that were not captured run once more",
            checkable=True,
        )
        self._choice = QButtonGroup(self)
        for button in (self.one, self.all):
            self._choice.addButton(button)
            self.add_action(button)
        self.one.setChecked(True)
        self._choice.buttonClicked.connect(self.mark_stale)
        self.sides = QComboBox()
        self.sides.setProperty("flat", True)
        self.sides.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.sides.setAccessibleName("Which layers")
        self.sides.setToolTip("Which layers: by the side of their maps")
        self.sides.activated.connect(self.mark_stale)
        self.add_action(self.sides)
        self._ask = LensQuestions(controller, LENS, self._on_answer, self._on_failure)
        self._asked: object = None
        self._trouble = ""
        self._words: tuple[str, ...] = ()
        self._strength: tuple[float, ...] = ()
        self._values: Maps = np.zeros((0, 1, 1), np.float32)
        self._chosen = 0
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def refresh(self) -> None:
        """Ask for what is new, and show what there is."""
        session = self.controller.session
        part = denoising_of(session.answer)
        last = -1
        if part is not None and LENS in session.lenses and not session.running:
            last = min(part.n_calls - 1, part.step)
            self._show_slider(last)
            self._ask_if_new(last)
        filled = bool(self._words) and part is not None
        self._pages.setCurrentIndex(1 if filled else 0)
        for widget in (self.one, self.all):
            widget.setVisible(filled)
        self.sides.setVisible(filled and self.sides.count() > 2)
        self._empty.set_text(nothing_yet(session, self._trouble or _WAITING))
        self.set_clause(self._summary() if filled else "")

    def choose(self, word: int) -> None:
        """Lay the map of another word over the picture."""
        if 0 <= word < len(self._words):
            self._chosen = word
            self._show_word()
            self.mark_stale()

    def show_table(self) -> None:
        """Show the mean attention to each word."""
        rows = list(zip(self._words, self._strength, strict=False))
        model = TableModel(("word", "mean attention"), rows)
        TableWindow(self, "Words", self._summary(), model).show()

    def _ask_if_new(self, last: int) -> None:
        session = self.controller.session
        step = -1 if self.all.isChecked() else self._step(last)
        side = int(self.sides.currentData() or 0)
        topic = (session.model, session.n_runs, session.steps_ms, step, side)
        if topic != self._asked:
            self._asked = topic
            self._ask.ask(step=step, side=side, picture=True)

    def _step(self, last: int) -> int:
        looked = self.controller.session.looked_step
        return looked if 0 <= looked <= last else last

    def _show_slider(self, last: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setMaximum(max(0, last))
        self.slider.setValue(self._step(last))
        self.slider.blockSignals(False)
        self.slider.setVisible(self.one.isChecked())

    def _on_slider(self, step: int) -> None:
        self.controller.session.looked_step = step

    def _on_answer(self, event: LensAnswered) -> None:
        get = self.controller.get_array
        self._values = np.asarray(get(event.arrays["maps"]), dtype=np.float32)
        self._words = event.texts["words"]
        self._strength = event.numbers["strength"]
        self._trouble = ""
        sides = [int(side) for side in event.numbers.get("sides", ())]
        self._show_sides(sides)
        if "picture" in event.arrays:
            picture = np.asarray(get(event.arrays["picture"])).astype(np.uint8)
            self.view.set_picture(picture)
        if self._chosen >= len(self._words):
            self._chosen = 0
        levels = np.rint(np.clip(self._values, 0, 1) * 255).astype(np.uint8)
        self.maps.set_maps(self._words, levels, self._strength)
        self._show_word()
        self.mark_stale()

    def _on_failure(self, message: str) -> None:
        self._trouble = message
        self._words = ()
        self.mark_stale()

    def _show_sides(self, sides: list[int]) -> None:
        names = ["all layers", *(f"{side} × {side}" for side in sides)]
        if names != [self.sides.itemText(n) for n in range(self.sides.count())]:
            self.sides.clear()
            for name, value in zip(names, (0, *sides), strict=True):
                self.sides.addItem(name, value)

    def _show_word(self) -> None:
        if not self._words:
            return
        values = np.clip(self._values[self._chosen], 0, 1)
        largest = float(values.max()) or 1.0
        share = _smooth(values / largest)
        colours = viridis()[np.rint(share * 255).astype(np.uint8)]
        alpha = np.rint((0.15 + 0.85 * share) * 255 * _OPACITY).astype(np.uint8)
        self.view.set_mask(np.dstack([colours, alpha]).astype(np.uint8))
        self.maps.set_selected(self._chosen)

    def _summary(self) -> str:
        word = self._words[self._chosen]
        when = "all steps"
        if self.one.isChecked():
            when = f"step {self.slider.value() + 1}"
        return f"attention to “{word}” · {when}"


def _smooth(values: Maps) -> Maps:
    """Return a map with many more places, what is between them interpolated."""
    for axis in (0, 1):
        n = values.shape[axis]
        # Places stand in the middle of what they cover.
        at = (np.arange(_SMOOTH_PX) + 0.5) / _SMOOTH_PX * n - 0.5
        at = np.clip(at, 0, n - 1)
        low = np.floor(at).astype(np.intp)
        high = np.minimum(low + 1, n - 1)
        part = (at - low).astype(np.float32)
        part = part[:, None] if axis == 0 else part[None, :]
        values = (1 - part) * values.take(low, axis) + part * values.take(high, axis)
    return values
