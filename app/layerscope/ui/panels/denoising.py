"""Views of a diffusion: how far it is, any step afterwards, and grids of variations."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from layerscope.core.made_with import MadeWith
from layerscope.protocol.answers import Denoising, Part, PictureAnswer, VariationGrid
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import ElidedLabel, title_button
from layerscope.ui.panels.part_view import PartView, Pictures
from layerscope.ui.panels.step_pictures import LENS, StepPictures
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.noise_curve import NoiseCurve
from layerscope.ui.widgets.picture_grid import PictureGrid
from layerscope.ui.widgets.readable import milliseconds
from layerscope.ui.widgets.table_window import TableModel

PICTURE = "answer:picture"


class DenoisingView(PartView):
    """The noise that is left, the time that is left, and a slider through the steps."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self._part: Denoising | None = None
        self.steps = StepPictures(self, controller, self.changed.emit)
        self.curve = NoiseCurve()
        self.curve.step_chosen.connect(self.look_at)
        self.head = ElidedLabel(role="value")
        self.facts = ElidedLabel(role="caption")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step")
        self.slider.setToolTip("Go back and forth through the steps (arrow keys)")
        self.slider.setPageStep(5)
        self.slider.valueChanged.connect(self._on_slider)
        self.stop = title_button(
            "", "Stop here (Ctrl+Alt+Enter)", controller.stop, icon="square"
        )
        self.which = QComboBox()
        self.which.setAccessibleName("Which picture is shown")
        self.which.setToolTip("Which picture of the batch is shown")
        self.which.activated.connect(lambda _: self.changed.emit())
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.slider, 1)
        row.addWidget(self.stop)
        for widget in (self.head, self.facts):
            self.column.addWidget(widget)
        self.column.addWidget(self.curve, 1)
        self.column.addLayout(row)
        self.column.addWidget(self.which)

    def show_part(self, part: Denoising, pictures: Pictures) -> None:
        """Show how far it is, and have the picture of the step that is looked at."""
        self._part = part
        session = self.controller.session
        running = bool(session.running) and part.step < part.n_calls
        last = max(0, min(part.step, part.n_calls))
        swept = part.cell >= 0
        looked = session.looked_step
        shown = looked if 0 <= looked < last and not swept else last
        self._show_slider(shown, last, visible=not swept)
        self.stop.setVisible(running or (swept and bool(session.running)))
        self._show_which(part)
        self.curve.set_noise(part.noise, shown, last)
        self._show_picture(part, shown, last, running=running)
        # Between two runs the last one's end is shown.
        going_on = running or (swept and bool(session.running))
        self._write(part, shown, last, running=going_on)

    def look_at(self, step: int) -> None:
        """Have all panels look at a step; the newest one follows what comes."""
        part = self._part
        if part is not None:
            last = max(0, min(part.step, part.n_calls))
            self.controller.session.looked_step = -1 if step >= last else max(0, step)
            self.changed.emit()

    def picture_clicked(self, x: float, y: float) -> None:
        """Show one picture of a batch large, or all of them again."""
        part = self._part
        if part is None or part.count < 2 or part.cell >= 0:
            return
        chosen = 0
        if self.which.currentIndex() <= 0:
            rows = -(-part.count // part.columns)
            column = min(part.columns - 1, int(x * part.columns))
            chosen = min(rows - 1, int(y * rows)) * part.columns + column + 1
        self.which.setCurrentIndex(chosen if chosen <= part.count else 0)
        self.changed.emit()

    def _show_slider(self, shown: int, last: int, *, visible: bool) -> None:
        self.slider.blockSignals(True)
        self.slider.setMaximum(last)
        self.slider.setValue(shown)
        self.slider.blockSignals(False)
        self.slider.setVisible(visible)
        self.slider.setEnabled(last > 0)

    def _show_which(self, part: Denoising) -> None:
        several = part.count > 1 and part.cell < 0
        self.which.setVisible(several)
        names = ["all pictures", *(f"seed {seed}" for seed in part.seeds)]
        if names != [self.which.itemText(n) for n in range(self.which.count())]:
            self.which.clear()
            self.which.addItems(names)

    def _show_picture(
        self, part: Denoising, shown: int, last: int, *, running: bool
    ) -> None:
        index = self.which.currentIndex() - 1 if part.count > 1 else -1
        newest = shown == last
        self.instead, self.metadata = {}, ""
        if part.cell >= 0 or (newest and (index < 0 or running)):
            return
        key = ("picture", shown, max(0, index))
        self.steps.want([key])
        pixels = self.steps.get(*key)
        if pixels is not None:
            self.instead = {PICTURE: pixels}
            self.metadata = self.steps.metadata.get(key, "")

    def _write(self, part: Denoising, shown: int, last: int, *, running: bool) -> None:
        session = self.controller.session
        times = session.steps_ms
        mean = sum(times) / len(times) if times else 0.0
        if shown >= part.n_calls and not running:
            self.head.set_whole(f"{part.n_calls} steps")
            self.facts.set_whole(
                f"{milliseconds(mean)} ms a step · {sum(times) / 1e3:.2f} s"
            )
            return
        self.head.set_whole(f"step {min(shown + 1, part.n_calls)} of {part.n_calls}")
        noise = part.noise[shown] if shown < len(part.noise) else 0.0
        left_s = mean * max(0, session.n_steps - 1 - session.step) / 1e3
        if running and shown == last:
            each = f"{milliseconds(mean)} ms a step"
            self.facts.set_whole(f"{each} · {left_s:.1f} s left")
        else:
            self.facts.set_whole(f"{100 * noise:.0f} % noise")

    def _on_slider(self, step: int) -> None:
        self.look_at(step)


class VariationGridView(PartView):
    """A grid of pictures with the values of two settings; a click shows one large."""

    stands_for: ClassVar[type[Part] | None] = PictureAnswer

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.grid = PictureGrid("Variations")
        self.grid.cell_chosen.connect(self.choose)
        self.grid.table_wanted.connect(self.show_table)
        self.large = ImageView("The chosen variation")
        self.large.setToolTip("Click for all variations")
        self.large.clicked.connect(lambda *_: self.show_all())
        self.told = ElidedLabel(role="caption")
        self.use = title_button("Use", "Take over the settings of this picture")
        self.use.clicked.connect(self._use)
        self.back = title_button("All", "Show all variations again", self.show_all)
        self._line = QWidget()
        row = QHBoxLayout(self._line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.told, 1)
        row.addWidget(self.use)
        row.addWidget(self.back)
        both = QVBoxLayout()
        both.addWidget(self.grid, 1)
        both.addWidget(self.large, 1)
        self.column.addLayout(both, 1)
        self.column.addWidget(self._line)
        self._ask = LensQuestions(controller, LENS, self._on_cell, self._on_failure)
        self.destroyed.connect(self._ask.forget)
        self._part: VariationGrid | None = None
        self._cell = -1
        self._atlas: npt.NDArray[np.uint8] | None = None
        self._told_cell = ""
        self.show_all()

    def show_part(self, part: VariationGrid, pictures: Pictures) -> None:
        """Show the grid as far as it is filled."""
        if self._part is not None and part.n_done < self._part.n_done:
            self.show_all()
        self._part = part
        self._atlas = pictures.get(PICTURE)
        self.grid.set_names(
            _named(part.rows, part.row_values), _named(part.columns, part.column_values)
        )
        if self._atlas is not None:
            self.grid.set_picture(self._atlas)
        n = max(1, len(part.row_values)) * max(1, len(part.column_values))
        if self._cell < 0:
            self.told.set_whole(
                f"{part.n_done} of {n} pictures"
                if part.n_done < n
                else f"{n} pictures · click one to see it large"
            )

    def choose(self, cell: int) -> None:
        """Show one variation large, with its settings to take over."""
        part = self._part
        if part is None or not 0 <= cell < part.n_done or self._atlas is None:
            return
        self._cell = cell
        self.metadata = ""
        columns = max(1, len(part.column_values))
        row, column = divmod(cell, columns)
        top, left = row * part.cell_height, column * part.cell_width
        shown = self._atlas[top : top + part.cell_height, left : left + part.cell_width]
        self.large.set_picture(np.ascontiguousarray(shown))
        self.told.set_whole(self.grid.name_of(cell))
        self._show_large(True)
        self._ask.ask(what="cell", cell=cell)

    def show_all(self) -> None:
        """Show the grid again."""
        self._cell = -1
        self.metadata = ""
        self._show_large(False)
        if self._part is not None:
            self.changed.emit()

    def picture_to_save(self) -> npt.NDArray[np.uint8] | None:
        """Return the large picture, else the whole grid."""
        return self.large.pixels if self._cell >= 0 else self.grid.pixels

    def show_table(self) -> None:
        """Show which picture has which values."""
        part = self._part
        if part is not None:
            rows = [
                (row, column)
                for row in part.row_values or ("",)
                for column in part.column_values or ("",)
            ]
            names = (part.rows or "rows", part.columns or "columns")
            self.table("Variations", "", TableModel(names, rows))

    def _show_large(self, on: bool) -> None:
        self.grid.setVisible(not on)
        for widget in (self.large, self.use, self.back):
            widget.setVisible(on)

    def _on_cell(self, event: LensAnswered) -> None:
        if self._cell >= 0:
            self.metadata = event.texts.get("metadata", ("",))[0]
            pixels = np.asarray(self.controller.get_array(event.arrays["picture"]))
            self.large.set_picture(pixels.astype(np.uint8, copy=False))

    def _on_failure(self, message: str) -> None:
        self.controller.log(message, "warning")

    def _use(self) -> None:
        session = self.controller.session
        specs = {spec.name: spec.default for spec in session.setting_specs}
        if not self.metadata:
            return
        made = MadeWith.from_json(self.metadata)
        kept = {
            name: value
            for name, value in {**session.settings, **made.settings}.items()
            if name in specs and value != specs[name] and not name.startswith("sweep_")
        }
        take_settings(self.controller, kept)


def take_settings(controller: Any, settings: dict[str, Any]) -> None:
    """Set all settings at once and run with them."""
    controller.reset_settings(settings)
    if not controller.session.live:
        controller.run()


def _named(setting: str, values: tuple[str, ...]) -> list[str]:
    """Return what is written beside rows or columns."""
    if not setting:
        return [""]
    word = setting.replace("_", " ")
    return [f"{word} {_short(value)}" for value in values]


def _short(value: str) -> str:
    """Return a value without the noughts that say nothing."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value
