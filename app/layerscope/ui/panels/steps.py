"""The steps of a diffusion: a film strip, and what each prediction points to."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from layerscope.protocol.answers import Denoising, VariationGrid
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.denoising import VariationGridView
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.step_pictures import LENS, Key, StepPictures
from layerscope.ui.widgets.film_strip import FilmStrip
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.readable import number
from layerscope.ui.widgets.table_window import TableModel, TableWindow

FRAME_MS = 120
LOOK_MS = 250
_WAITING = "Run the model (Ctrl+Enter): every step from noise to picture appears here."
_FIELDS = ("n_runs", "model", "lenses", "step", "running", "looked_step", "refusal")
KINDS = ("latent", "uncond", "cond", "guided")
_CAPTIONS = {
    "latent": "what goes in",
    "uncond": "without the words",
    "cond": "with the words",
    "guided": "guided",
}


class StepsPanel(Panel):
    """One step large, in four pictures, above the strip of all steps."""

    def __init__(self, controller: Any) -> None:
        super().__init__("steps", "Steps", controller)
        self.steps = StepPictures(self, controller, self.mark_stale)
        self.views = {kind: ImageView(_CAPTIONS[kind]) for kind in KINDS}
        self._words = {kind: QLabel(_CAPTIONS[kind]) for kind in KINDS}
        self._columns = {kind: self._column(kind) for kind in KINDS}
        large = QHBoxLayout()
        large.setSpacing(12)
        for column in self._columns.values():
            large.addWidget(column, 1)
        self.strip = FilmStrip("Steps from noise to picture")
        self.strip.chosen.connect(self.look_at)
        self._content = content = QWidget()
        rows = QVBoxLayout(content)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(8)
        rows.addLayout(large, 1)
        rows.addWidget(self.strip)
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(content)
        self.grid = VariationGridView(controller)
        self.grid.changed.connect(self.mark_stale)
        self._pages.addWidget(self.grid)
        self.body.addWidget(self._pages)
        self.play = title_button(
            "Play", "Play the steps from the first to the last", checkable=True
        )
        self.play.toggled.connect(self.set_playing)
        self.add_action(self.play)
        self._playing = QTimer(self)
        self._playing.setInterval(FRAME_MS)
        self._playing.timeout.connect(self._on_frame)
        self._look = LensQuestions(controller, LENS, self._on_looked, _ignore)
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look_inside)
        self._strip_of: object = None
        self._seen = -1
        self._decoded: set[int] = set()
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))
        self.listen(controller.session.events.looked_step, self._on_looked_step)

    def refresh(self) -> None:
        """Show the step that is looked at, and fill the strip."""
        session = self.controller.session
        part = denoising_of(session.answer)
        if part is None or LENS not in session.lenses:
            self._empty.set_text(nothing_yet(session, _WAITING))
            self._pages.setCurrentWidget(self._empty)
            self.set_clause("")
            self.play.hide()
            return
        if part.cell >= 0:
            self._show_variations()
            return
        self._pages.setCurrentWidget(self._content)
        self.play.show()
        last = max(0, min(part.step, part.n_calls))
        shown = session.looked_step if 0 <= session.looked_step < last else last
        self._fill_strip(part, shown, last)
        self._show_step(part, shown, last)
        self._say(part, shown)

    def look_at(self, step: int) -> None:
        """Have all panels look at a step."""
        part = denoising_of(self.controller.session.answer)
        if part is not None:
            last = max(0, min(part.step, part.n_calls))
            step = min(step, last)
            self.controller.session.looked_step = -1 if step == last else step
            self.mark_stale()

    def set_playing(self, on: bool) -> None:
        """Walk through the steps, or stop where it is."""
        self.play.setChecked(on)
        self.play.setText("Pause" if on else "Play")
        if on:
            if self.controller.session.looked_step < 0:
                self.look_at(0)
            self._playing.start()
        else:
            self._playing.stop()

    def show_table(self) -> None:
        """Show noise and time step of each step."""
        part = denoising_of(self.controller.session.answer)
        if part is not None:
            rows = [
                (at + 1, time, noise)
                for at, (time, noise) in enumerate(
                    zip(part.timesteps, part.noise, strict=False)
                )
            ]
            model = TableModel(("step", "time step", "noise"), rows)
            TableWindow(self, "Steps", "share of noise, 0 to 1", model).show()

    def _show_variations(self) -> None:
        """Show a grid of variations with more room; it keeps no single steps."""
        session = self.controller.session
        self.play.hide()
        frame = self.controller.pictures.frame
        for part in session.answer.parts:
            if isinstance(part, VariationGrid) and frame is not None:
                self.grid.show_part(part, frame.pictures)
                self._pages.setCurrentWidget(self.grid)
                self.set_clause("variations · click one to see it large")

    # --- inside ---------------------------------------------------------------------

    def _column(self, kind: str) -> QWidget:
        widget = QWidget()
        column = QVBoxLayout(widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        label = self._words[kind]
        label.setProperty("role", "caption")
        label.setAlignment(label.alignment().AlignHCenter)
        column.addWidget(self.views[kind], 1)
        column.addWidget(label)
        self.views[kind].table_wanted.connect(self.show_table)
        return widget

    def _fill_strip(self, part: Denoising, shown: int, last: int) -> None:
        of = (part.n_calls, part.seeds, part.cell)
        anew = self.strip.n != part.n_calls + 1 or of != self._strip_of
        if anew or (part.step < self._seen):
            self._strip_of = of
            self.strip.set_length(part.n_calls + 1)
            self._decoded.clear()
        self._seen = part.step
        # A batch's pictures are one mosaic while it runs; its steps are asked for.
        frame = self.controller.pictures.frame
        live = None if frame is None else frame.pictures.get("answer:picture")
        alone = part.count == 1 and part.cell < 0 and last not in self._decoded
        if live is not None and alone:
            self.strip.set_picture(last, live)
        self.strip.set_selected(shown)

    def _show_step(self, part: Denoising, shown: int, last: int) -> None:
        running = bool(self.controller.session.running)
        at_end = shown >= part.n_calls
        kinds: tuple[str, ...] = ("picture",) if at_end else ("picture", *KINDS)
        wanted: list[Key] = [(kind, shown, 0) for kind in kinds]
        if at_end and part.n_calls:
            # The end has no prediction of its own: the last one stands beside it.
            wanted += [(kind, part.n_calls - 1, 0) for kind in KINDS]
        if not (running and shown == last):
            first = part.n_calls - len(self._made(part))
            missing = [p for p in self.strip.places() if first <= p <= last]
            wanted += [("picture", p, 0) for p in missing if p not in self._decoded]
            self.steps.want(wanted)
        for kind, step, index in wanted:
            pixels = self.steps.get(kind, step, index)
            if pixels is not None and kind == "picture":
                self.strip.set_picture(step, pixels)
                self._decoded.add(step)
        self._show_views(part, min(shown, part.n_calls - 1), at_end=at_end)

    def _show_views(self, part: Denoising, step: int, *, at_end: bool) -> None:
        for kind in KINDS:
            pixels = self.steps.get(kind, step)
            if kind == "guided" and at_end:
                pixels = self.steps.get("picture", part.n_calls)
            elif kind == "guided" and pixels is None:
                pixels = self.steps.get("picture", step)
            known = pixels is not None
            if known:
                self.views[kind].set_picture(pixels)
            there = self.views[kind].pixels is not None
            self._columns[kind].setVisible(known or (there and self.steps.asking))
        guided = self.steps.get("guided", step) is not None
        self._words["guided"].setText(
            "the picture"
            if at_end
            else f"guided × {number(self._guidance(), 3)}"
            if guided
            else "what is under the noise"
        )

    def _guidance(self) -> float:
        session = self.controller.session
        specs = {spec.name: spec.default for spec in session.setting_specs}
        return float(session.settings.get("guidance", specs.get("guidance", 1.0)))

    def _made(self, part: Denoising) -> range:
        """Return the steps of this run; image to image leaves the first ones out."""
        session = self.controller.session
        left_out = max(0, part.n_calls - max(0, session.n_steps - 1))
        return range(left_out, part.n_calls) if part.cell < 0 else range(part.n_calls)

    def _say(self, part: Denoising, shown: int) -> None:
        if shown >= part.n_calls:
            self.set_clause("the result · drag along the strip to go back and forth")
            return
        noise = part.noise[shown] if shown < len(part.noise) else 0.0
        time = part.timesteps[shown] if shown < len(part.timesteps) else 0.0
        self.set_clause(
            f"step {shown + 1} of {part.n_calls} · {100 * noise:.0f} % noise · "
            f"time step {number(time, 4)}"
        )

    def _on_frame(self) -> None:
        session = self.controller.session
        if session.looked_step < 0 or not self.isVisible():
            self.set_playing(False)
            return
        if not self.steps.asking:
            self.look_at(session.looked_step + 1)

    def _on_looked_step(self, _step: int) -> None:
        self._looking.start()

    def _look_inside(self) -> None:
        """Have the layers shown as they are at this step, once it stays."""
        session = self.controller.session
        part = denoising_of(session.answer)
        if part is None or session.running or self._playing.isActive():
            return
        step = session.looked_step if session.looked_step >= 0 else part.n_calls - 1
        self._look.ask(what="latent", step=step, look=True)

    def _on_looked(self, _event: object) -> None:
        self.controller.set_wall()  # as it is: the layers alone are new


def denoising_of(answer: Any) -> Denoising | None:
    """Return the part of an answer that tells how a diffusion goes, if there is one."""
    parts = () if answer is None else answer.parts
    return next((part for part in parts if isinstance(part, Denoising)), None)


def _ignore(_message: str) -> None:
    """A step that is gone has its picture missing; that says enough."""


__all__ = ["StepsPanel", "denoising_of"]
