"""Snapshots of latents, and the way from one to the next."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from layerscope.ui.panels.base import ElidedLabel, title_button
from layerscope.ui.panels.latent_state import Floats, Snapshot, between
from layerscope.ui.widgets.film_strip import FilmStrip

STEPS = 200
FRAME_MS = 33
_SECONDS_EACH = 2.0
MOST = 24


class LatentShelf(QWidget):
    """A row of snapshots with a slider from the first to the last.

    Attributes
    ----------
    chosen : Signal(object)
        The latent to go to, (n,) float32.
    changed : Signal
        Snapshots were added or taken away.
    """

    chosen = Signal(object)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shots: list[Snapshot] = []
        self.strip = FilmStrip("Snapshots")
        self.strip.setToolTip("Click to go there (arrow keys)")
        self.strip.setFixedHeight(44)
        self.strip.chosen.connect(self._on_chosen)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, STEPS)
        self.slider.setAccessibleName("Between the snapshots")
        self.slider.setToolTip("From the first snapshot to the last, through all")
        self.slider.valueChanged.connect(self._on_slider)
        self.play = title_button(
            "", "Go to and fro between the snapshots", icon="repeat", checkable=True
        )
        self.play.toggled.connect(self.set_playing)
        self.remove = title_button(
            "", "Take the chosen snapshot away", self.take_away, icon="trash-2"
        )
        self._hint = ElidedLabel(
            "Snapshots: keep two or more to go from one to the next"
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._hint, 1)
        row.addWidget(self.strip, 3)
        row.addWidget(self.slider, 2)
        row.addWidget(self.play)
        row.addWidget(self.remove)
        self.setFixedHeight(46)
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._on_frame)
        self._forwards = True
        self._show()

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """What was kept, the oldest first."""
        return tuple(self._shots)

    def add(self, shot: Snapshot) -> None:
        """Keep a place; of too many the oldest goes."""
        self._shots = [*self._shots, shot][-MOST:]
        self._show(len(self._shots) - 1)
        self.changed.emit()

    def take_away(self) -> None:
        """Forget the chosen snapshot, else the last."""
        if self._shots:
            place = self.strip.selected
            self._shots.pop(place if place >= 0 else -1)
            self._show(min(place, len(self._shots) - 1))
            self.changed.emit()

    def clear(self) -> None:
        """Forget all."""
        if self._shots:
            self._shots = []
            self.changed.emit()
        self._show()

    def set_playing(self, on: bool) -> None:
        """Go to and fro between the snapshots, or stop."""
        on = on and len(self._shots) > 1
        self.play.setChecked(on)
        if on:
            self._timer.start()
        else:
            self._timer.stop()

    def at(self, share: float) -> Floats | None:
        """Return the latent at a share of the way, 0 to 1; None without snapshots."""
        if not self._shots:
            return None
        way = share * (len(self._shots) - 1)
        first = min(int(way), len(self._shots) - 1)
        second = min(first + 1, len(self._shots) - 1)
        ends = self._shots[first].latent, self._shots[second].latent
        return between(*ends, way - first)

    def _show(self, selected: int = -1) -> None:
        n = len(self._shots)
        self.strip.set_length(n)
        for place, shot in enumerate(self._shots):
            if shot.picture is not None:
                self.strip.set_picture(place, np.asarray(shot.picture))
        self.strip.set_selected(selected)
        self._put_slider(selected)
        self.setVisible(n > 0)
        self._hint.setVisible(n < 2)
        self.strip.setVisible(n > 0)
        for widget in (self.slider, self.play):
            widget.setVisible(n > 1)
        self.remove.setVisible(n > 0)
        if n < 2:
            self.set_playing(False)

    def _put_slider(self, place: int) -> None:
        self.slider.blockSignals(True)
        last = max(1, len(self._shots) - 1)
        self.slider.setValue(round(STEPS * max(0, place) / last))
        self.slider.blockSignals(False)

    def _on_chosen(self, place: int) -> None:
        self._put_slider(place)
        self.chosen.emit(self._shots[place].latent)

    def _on_slider(self, value: int) -> None:
        latent = self.at(value / STEPS)
        if latent is not None:
            self.chosen.emit(latent)

    def _on_frame(self) -> None:
        if not self.isVisible():
            self.set_playing(False)
            return
        frames = _SECONDS_EACH * max(1, len(self._shots) - 1) * 1000 / FRAME_MS
        step = max(1, round(STEPS / frames))
        value = self.slider.value() + (step if self._forwards else -step)
        if not 0 <= value <= STEPS:
            self._forwards = not self._forwards
            value = min(STEPS, max(0, value))
        self.slider.setValue(value)
