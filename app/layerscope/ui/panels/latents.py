"""The latent pad: drag through the space that a picture is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from layerscope.controller.opening import PICTURE_SUFFIXES
from layerscope.protocol.inputs import TensorArray
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.latent_axes import AxisBoxes
from layerscope.ui.panels.latent_cards import EncodedCard
from layerscope.ui.panels.latent_shelf import LatentShelf
from layerscope.ui.panels.latent_state import (
    Floats,
    LatentState,
    Snapshot,
    values_of,
)
from layerscope.ui.panels.manifold import Manifold
from layerscope.ui.panels.saving import save_latent
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.latent_pad import LatentPad
from layerscope.ui.widgets.readable import share
from layerscope.ui.widgets.table_window import TableModel, TableWindow
from layerscope.ui.widgets.vector_sliders import VectorSliders

LENS = "latent-map"
WALK_MS = 33
_WALK_PULL, _WALK_EVERY = 0.045, 45
_MOST_SAMPLES = 256
_REACH = 3.0
_FIELDS = ("n_runs", "model", "lenses", "inputs", "slots", "runnable")


class LatentsPanel(Panel):
    """A pad, a slider for each dimension, samples, and a shelf of snapshots."""

    def __init__(self, controller: Any) -> None:
        super().__init__("latents", "Latents", controller)
        self.setAcceptDrops(True)
        self.state = LatentState()
        self._model = 0
        self._raw: Floats = np.zeros((0, 0), np.float32)
        self._labels: tuple[str, ...] = ()
        self._rng = np.random.default_rng()
        self.pad = LatentPad()
        self.pad.moved.connect(self._on_pad)
        self.pad.sample_chosen.connect(self._on_sample)
        self.manifold = Manifold(controller, self.pad, lambda: self.state)
        self.pad.zoomed.connect(self.manifold.later)
        self.sliders = VectorSliders("Dimensions of the latent")
        self.sliders.moved.connect(self._on_slider)
        self.axes = AxisBoxes(self, self._on_axes)
        self.view = ImageView("What this place is decoded to")
        self.view.table_wanted.connect(self.show_table)
        self.card = EncodedCard()
        self.shelf = LatentShelf()
        self.shelf.chosen.connect(self.go_to)
        self.shelf.changed.connect(self._show_trail)
        self.encode = title_button(
            "Encode…", "Encode a picture and see where it lies (or drop one here)"
        )
        self.encode.clicked.connect(lambda: self.encode_picture())
        self.samples = title_button(
            "Samples…", "Encode a folder of pictures and show them as points"
        )
        self.samples.clicked.connect(lambda: self.show_samples())
        self.dice = title_button(
            "Random", "Another latent by chance", self.randomise, icon="dices"
        )
        self.walk = title_button(
            "Walk", "Wander through the latents by chance", checkable=True
        )
        self.walk.toggled.connect(self.set_walking)
        self.keep = title_button("Keep", "Keep this place as a snapshot", self.snapshot)
        self.save = title_button(
            "Save latent…", "Write this place to a .npy file", lambda: self.save_as()
        )
        for button in (self.dice, self.walk, self.keep, self.save):
            self.add_action(button)
        self._lay_out()
        ask = LensQuestions
        self._facts = ask(controller, LENS, self._on_facts, self._on_failure)
        self._space = ask(controller, LENS, self._on_samples, self._on_no_samples)
        self._coding = ask(controller, LENS, self._on_encoded, self._on_failure)
        self._walking = QTimer(self)
        self._walking.setInterval(WALK_MS)
        self._walking.timeout.connect(self._on_walk)
        self._target: Floats = np.zeros(0, np.float32)
        self._walked = 0
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    # --- what the user does ---------------------------------------------------------

    def go_to(self, latent: Floats) -> None:
        """Go to a latent, (n,) float32, and have it decoded."""
        if len(latent) == self.state.n:
            self.state.latent = np.asarray(latent, np.float32).copy()
            self._show_state()
            self._feed()
            if not self.state.on_main and self.state.n > 2:
                self.manifold.later()

    def randomise(self) -> None:
        """Go to a latent drawn from the normal distribution."""
        if self.state.n:
            self.go_to(self._rng.standard_normal(self.state.n).astype(np.float32))

    def set_walking(self, on: bool) -> None:
        """Wander about, or stop."""
        self.walk.setChecked(on)
        if on:
            self.shelf.set_playing(False)
            self._walked = 0
            self._walking.start()
        else:
            self._walking.stop()

    def snapshot(self) -> None:
        """Keep this place and its picture."""
        frame = self.controller.pictures.frame
        picture = None if frame is None else frame.pictures.get("answer:picture")
        if self.state.n:
            self.shelf.add(Snapshot(latent=self.state.latent.copy(), picture=picture))

    def save_as(self, path: str = "") -> None:
        """Write the latent; where no `path` is given, the user is asked."""
        if self.state.n:
            latent = self.state.latent.reshape(1, *self.state.shape)
            save_latent(self, self.controller, latent, path)

    def encode_picture(self, path: str = "") -> None:
        """Encode a picture; where no `path` is given, the user is asked."""
        if not path:
            kinds = " ".join(f"*{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
            path, _ = QFileDialog.getOpenFileName(
                self, "Encode a picture", "", f"Pictures ({kinds})"
            )
        if path:
            self._coding.ask(what="encode", path=path)

    def show_samples(self, folder: str = "") -> None:
        """Encode a folder of pictures; where none is given, the user is asked."""
        folder = folder or QFileDialog.getExistingDirectory(
            self, "Encode a folder of pictures"
        )
        if folder:
            self._space.ask(what="samples", folder=folder, most=_MOST_SAMPLES)

    def show_table(self) -> None:
        """Show the numbers of the latent."""
        rows = list(enumerate(self.state.latent.tolist()))
        model = TableModel(("dimension", "value"), rows)
        TableWindow(self, "Latent", f"{self.state.n} dimensions", model).show()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take a picture to encode."""
        if self.encode.isVisibleTo(self) and _dropped(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Encode what was dropped."""
        path = _dropped(event)
        if path:
            event.acceptProposedAction()
            self.encode_picture(path)

    # --- showing --------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask about a model that was just opened; take in a latent set elsewhere."""
        session = self.controller.session
        if LENS not in session.lenses:
            return
        if session.model != self._model and session.runnable:
            self._model = session.model
            self._begin()
        slot = session.slots[0] if session.slots else None
        if slot is not None and self.state.n:
            given = values_of(session.inputs.get(slot.name), self.state.n)
            if given is not None and not np.array_equal(given, self.state.latent):
                self.state.latent = given
                self._show_state()
                self.manifold.later()
        frame = self.controller.pictures.frame
        picture = None if frame is None else frame.pictures.get("answer:picture")
        self.view.setVisible(not self.card.encoded)
        self.view.set_picture(picture)
        self.set_clause(self._summary())

    def _begin(self) -> None:
        self.set_walking(False)
        self.shelf.clear()
        self.card.clear()
        self.manifold.forget()
        self._raw, self._labels = np.zeros((0, 0), np.float32), ()
        self.state = LatentState()
        self.encode.hide()
        self.samples.hide()
        self._facts.ask(what="facts")

    def _on_facts(self, event: LensAnswered) -> None:
        self.state = LatentState(tuple(int(s) for s in event.numbers["shape"]))
        self.manifold.cell = tuple(int(s) for s in event.numbers["size"])
        coded = event.texts["encoder"] == ("yes",)
        self.encode.setVisible(coded)
        self.samples.setVisible(coded)
        self.axes.show_state(self.state)
        self.pad.usual_reach = _REACH
        self.pad.set_view((0.0, 0.0), _REACH)
        self._show_state()
        self._space.ask(what="samples", folder="", most=_MOST_SAMPLES)
        self.manifold.later()
        self.mark_stale()

    def _on_samples(self, event: LensAnswered) -> None:
        get = self.controller.get_array
        state = self.state
        points = np.asarray(get(event.arrays["points"]), np.float32)
        self._raw = np.zeros((0, 0), np.float32)
        if "raw" in event.arrays:
            self._raw = np.asarray(get(event.arrays["raw"]), np.float32)
        directions = np.asarray(get(event.arrays["directions"]), np.float32)
        had = state.directions is not None
        if directions.shape == (2, state.n) and state.n > 2:
            state.directions = directions
            state.middle = np.asarray(get(event.arrays["middle"]), np.float32)
            if not had:
                self.axes.show_state(self.state)
        self._labels = event.texts.get("labels", ())
        self.card.show_scores(np.asarray(get(event.arrays["scores"]), np.float32))
        if not self._raw.size and state.on_main:
            self._raw = state.middle + points @ directions
        reach = float(np.abs(points).max(initial=0.0))
        if reach > self.pad.usual_reach:
            self.pad.usual_reach = 1.1 * reach
            self.pad.set_view((0.0, 0.0), 1.1 * reach)
        kept = event.numbers.get("kept", (1.0,))[0]
        self.pad.setAccessibleDescription(f"{share(kept)} of the variance")
        self._show_points()
        self.mark_stale()

    def _on_no_samples(self, message: str) -> None:
        if self._raw.size:  # a folder was asked for; at first there need be none
            self._on_failure(message)

    def _on_encoded(self, event: LensAnswered) -> None:
        get = self.controller.get_array
        names = ("picture", "reconstruction", "error")
        pictures = {name: get(event.arrays[name]) for name in names}
        self.card.show_encoded(pictures, event.numbers["score"][0])
        self.go_to(np.asarray(get(event.arrays["latent"]), np.float32).reshape(-1))

    def _on_failure(self, message: str) -> None:
        self.controller.complain(message)

    def _summary(self) -> str:
        n = self.state.n
        if not n:
            return ""
        shape = " × ".join(str(side) for side in self.state.shape)
        size = f"{n} dimensions" if len(self.state.shape) == 1 else shape
        points = f" · {len(self._raw)} samples" if len(self._raw) else ""
        return f"{size}{points} · drag on the pad"

    def _show_state(self) -> None:
        state = self.state
        if state.n > 1:
            self.pad.set_place(*state.place())
            self.pad.set_names(state.axis_name(0), state.axis_name(1))
        self.sliders.set_values(state.latent, max(_REACH, self.pad.usual_reach))

    def _show_points(self) -> None:
        if self._raw.shape[-1:] == (self.state.n,) and len(self._raw):
            self.pad.set_samples(self.state.placed(self._raw), self._labels)
        else:
            self.pad.set_samples(np.zeros((0, 2), np.float32), ())
        self._show_trail()

    def _show_trail(self) -> None:
        kept = [shot.latent for shot in self.shelf.snapshots]
        several = np.stack(kept) if kept and self.state.n > 1 else None
        placed = [] if several is None else self.state.placed(several).tolist()
        self.pad.set_trail([(x, y) for x, y in placed])

    def _on_axes(self) -> None:
        self._show_state()
        self._show_points()
        self.manifold.later()

    # --- moving ---------------------------------------------------------------------

    def _on_pad(self, x: float, y: float) -> None:
        if self.state.n > 1:
            self.state.move_to(x, y)
            self.sliders.set_values(
                self.state.latent, max(_REACH, self.pad.usual_reach)
            )
            self._feed()

    def _on_slider(self, row: int, value: float) -> None:
        self.state.latent = self.state.latent.copy()
        self.state.latent[row] = value
        if self.state.n > 1:
            self.pad.set_place(*self.state.place())
        self._feed()
        if row not in (self.state.x, self.state.y):
            self.manifold.later()

    def _on_sample(self, sample: int) -> None:
        if sample < len(self._raw):
            self.go_to(self._raw[sample])

    def _on_walk(self) -> None:
        if not self.isVisible() or not self.state.n:
            self.set_walking(False)
            return
        if self._walked % _WALK_EVERY == 0 or len(self._target) != self.state.n:
            self._target = self._rng.standard_normal(self.state.n).astype(np.float32)
        self._walked += 1
        # No sooner than the last one is shown, or pictures would be left out.
        if not self.controller.session.running:
            step = _WALK_PULL * (self._target - self.state.latent)
            self.state.latent = self.state.latent + step
            self._show_state()
            self._feed()

    def _feed(self) -> None:
        session = self.controller.session
        if not session.slots or not self.state.n:
            return
        latent = self.state.latent.reshape(1, *self.state.shape)
        array = self.controller.put_array(np.ascontiguousarray(latent))
        self.controller.set_input(session.slots[0].name, TensorArray(array=array))
        if not session.live:
            self.controller.run()

    # --- building -------------------------------------------------------------------

    def _lay_out(self) -> None:
        axes = QHBoxLayout()
        axes.setSpacing(4)
        for box in self.axes.boxes:
            axes.addWidget(box)
        axes.addStretch(1)
        axes.addWidget(self.samples)
        axes.addWidget(self.encode)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(_topped(self.sliders))
        self.sliders.reached.connect(
            lambda row: area.ensureVisible(0, int(QRectF(row).center().y()), 0, 24)
        )
        side = QVBoxLayout()
        side.setSpacing(6)
        side.addLayout(axes)
        side.addWidget(area, 3)
        side.addWidget(self.view, 4)
        side.addWidget(self.card, 4)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(self.pad, 3)
        row.addLayout(side, 4)
        self.body.addLayout(row, 1)
        self.body.addWidget(self.shelf)


def _topped(content: QWidget) -> QWidget:
    """Return a widget that keeps `content` at its top."""
    holder = QWidget()
    holder.setProperty("clear", True)
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 6, 0)
    column.addWidget(content)
    column.addStretch(1)
    return holder


def _dropped(event: Any) -> str:
    """Return the first picture file of a drag, empty for none."""
    urls = event.mimeData().urls()
    files = [url.toLocalFile() for url in urls if url.isLocalFile()]
    return next((f for f in files if Path(f).suffix.lower() in PICTURE_SUFFIXES), "")
