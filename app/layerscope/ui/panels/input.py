"""What the model is given: a picture, a drawing, a camera, a text, or tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QWidget,
)

from layerscope.protocol.inputs import (
    CameraFrame,
    InputSource,
    PictureArray,
    PictureFile,
    SettingValue,
)
from layerscope.protocol.values import InputSlot
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.input_sources import SourceMenu, slot_words, source_words
from layerscope.ui.panels.picture_page import PicturePage
from layerscope.ui.panels.text_page import TextPage
from layerscope.ui.widgets.settings_form import SettingsForm
from layerscope.ui.widgets.tensor_editor import TensorEditor

# Below this width the picture has the panel to itself.
FORM_FROM_PX = 250
FORM_BESIDE_TENSOR_PX = 148
FORM_BESIDE_TEXT_PX, FORM_BESIDE_TEXT_FROM_PX = 190, 480
LEAST_PAGE_PX = 64
FORM_SHARE, FORM_LEAST_PX, FORM_MOST_PX = 0.56, 170, 272


class InputPanel(Panel):
    """Shows and chooses the input, one slot at a time."""

    def __init__(self, controller: Any) -> None:
        super().__init__("input", "Input", controller)
        self._slot_name = ""
        self._canvas_sent = False
        self.slots = QComboBox()
        self.slots.setAccessibleName("Input of the model")
        self.slots.setToolTip("Which input of the model is shown")
        self.slots.activated.connect(self._choose_slot)
        self.picture = PicturePage(controller)
        self.picture.drawn.connect(self._on_drawn)
        self.text = TextPage(controller)
        self.text.typed.connect(self._on_text)
        self.text.counted.connect(self.mark_stale)
        self.tensor = TensorEditor()
        self.tensor.changed.connect(self._feed)
        self.form = SettingsForm()
        self.form.changed.connect(self._on_setting)
        self.form.reset_wanted.connect(controller.reset_settings)
        self._nothing = self.empty_state(
            "Open a model, and what it looks at appears here.",
            "Open a model…",
            self._open,
        )
        self._pages = QStackedWidget()
        for page in (self._nothing, self.picture, self.text, self.tensor):
            self._pages.addWidget(page)
        self._form_area = _scrolling(self.form)
        # Else the widest page would set the least width of all.
        self._pages.setMinimumSize(LEAST_PAGE_PX, LEAST_PAGE_PX)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._pages, 1)
        row.addWidget(self._form_area)
        self.body.addWidget(self.slots)
        self.body.addLayout(row, 1)
        self.draw = title_button(
            "Draw",
            "Draw the input; every stroke runs at once (Ctrl+D)",
            checkable=True,
        )
        self.draw.toggled.connect(self.set_drawing)
        self.camera = title_button(
            "Camera", "Look through the camera (Ctrl+Shift+C)", checkable=True
        )
        self.camera.toggled.connect(self.set_camera)
        self.sources = SourceMenu(self, controller)
        more = title_button("", "More sources", icon="ellipsis")
        more.setMenu(self.sources)
        more.setPopupMode(more.ToolButtonPopupMode.InstantPopup)
        self.set_up = title_button(
            "Settings", "Show or hide the settings beside the text", checkable=True
        )
        self.clear = title_button(
            "Clear", "Give nothing here; the model does without", self.clear_slot
        )
        self.clear.hide()
        self._set_up_chosen = False
        self.set_up.clicked.connect(self._on_set_up)
        for button in (self.clear, self.set_up, self.draw, self.camera, more):
            self.add_action(button)
        self._picture_actions = (self.draw, self.camera, more)
        events = controller.session.events
        for signal in (
            events.slots,
            events.inputs,
            events.settings,
            events.setting_specs,
            events.n_runs,
            events.model,
            events.engine,
            events.opening,
            events.token,
        ):
            self.listen(signal)

    # --- what other parts of the window call ------------------------------------

    def show_region(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        height: int,
        width: int,
    ) -> None:
        """Outline a region of the picture, in pixels of a (height, width) one."""
        self.picture.view.show_region(left, top, right, bottom, height, width)

    def clear_region(self) -> None:
        """Take the outline away."""
        self.picture.view.clear_region()

    def set_drawing(self, on: bool) -> None:
        """Draw the input on a canvas, or show it as a picture again."""
        if on:
            self.camera.setChecked(False)
        self.draw.setChecked(on)
        self.picture.set_drawing(on, self.slot())
        self.mark_stale()

    def set_camera(self, on: bool) -> None:
        """Feed the camera, or the first sample again."""
        self.camera.setChecked(on)
        slot = self.slot()
        if slot is None:
            return
        now = isinstance(self.controller.session.inputs.get(slot.name), CameraFrame)
        if on and not now:
            self.draw.setChecked(False)
            self._feed(CameraFrame())
            self.controller.set_live(True)
        elif not on and now:
            self.controller.set_live(False)
            samples = self.controller.sample_pictures()
            if slot.optional:
                self.clear_slot()
            elif samples:
                self._feed(PictureFile(path=str(samples[0])))

    def paste(self, pixels: npt.NDArray[np.uint8]) -> bool:
        """Take a pasted picture, (h, w, 3) uint8 RGB; False where none is taken."""
        name = self.controller.first_picture_slot()
        if name is None:
            return False
        self._slot_name = name
        self.draw.setChecked(False)
        self._feed(PictureArray(array=self.controller.put_array(pixels)))
        self.picture.view.set_picture(pixels)
        return True

    def clear_slot(self) -> None:
        """Give an input that need not be given nothing again."""
        slot = self.slot()
        if slot is not None and slot.optional:
            self.draw.setChecked(False)
            self.picture.view.set_picture(None)
            self.controller.set_input(slot.name, None)
            self.controller.texts.remember(self.controller.session)
            if not self.controller.session.live:
                self.controller.run()

    def slot(self) -> InputSlot | None:
        """Return the slot that is shown."""
        slots: tuple[InputSlot, ...] = self.controller.session.slots
        for slot in slots:
            if slot.name == self._slot_name:
                return slot
        return slots[0] if slots else None

    # --- repainting -------------------------------------------------------------

    def refresh(self) -> None:
        """Show the slot, its source and the settings."""
        session = self.controller.session
        slot = self.slot()
        self._show_slots(session.slots, slot)
        takes_pictures = slot is not None and slot.kind == "picture"
        takes_text = slot is not None and slot.kind == "text"
        self.set_up.setVisible(takes_text and bool(session.setting_specs))
        for button in self._picture_actions:
            button.setVisible(takes_pictures)
        self.form.show_settings(session.setting_specs, session.settings)
        if slot is None:
            self._pages.setCurrentWidget(self._nothing)
            self.set_clause("")
            self._place_form(False)
            return
        source = session.inputs.get(slot.name)
        self.camera.setChecked(isinstance(source, CameraFrame))
        if takes_pictures:
            self._pages.setCurrentWidget(self.picture)
            self.picture.show_source(slot, source)
        elif slot.kind == "text":
            self._pages.setCurrentWidget(self.text)
            self.text.show_source(slot, source)
        else:
            self._pages.setCurrentWidget(self.tensor)
            self.tensor.show_slot(slot, source)
            # Free sizes that the task offers as settings are set there.
            offered = any(spec.group == "Sizes" for spec in session.setting_specs)
            self.tensor.set_sizes_shown(not offered)
        self._place_form(bool(session.setting_specs))
        words = source_words(slot, source)
        if takes_pictures:
            words = "your drawing" if self.draw.isChecked() else words
            words = " · ".join(filter(None, (words, self.picture.size_words())))
        elif slot.kind == "text":
            words = self.text.count_words() or words
        self.set_clause(words)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Give the form room only where there is some."""
        super().resizeEvent(event)
        self._place_form(bool(self.controller.session.setting_specs))

    def _place_form(self, wanted: bool) -> None:
        if self._pages.currentWidget() is self.text:
            if not self._set_up_chosen:
                self.set_up.setChecked(self.width() >= FORM_BESIDE_TEXT_FROM_PX)
            wanted = wanted and self.set_up.isChecked()
        self._form_area.setVisible(wanted and self.width() >= FORM_FROM_PX)
        width = min(FORM_MOST_PX, max(FORM_LEAST_PX, round(self.width() * FORM_SHARE)))
        if self._pages.currentWidget() is self.tensor:
            width = min(width, FORM_BESIDE_TENSOR_PX)
        elif self._pages.currentWidget() is self.text:
            width = min(width, FORM_BESIDE_TEXT_PX)
        self._form_area.setFixedWidth(width)

    def _show_slots(
        self, slots: tuple[InputSlot, ...], chosen: InputSlot | None
    ) -> None:
        inputs = self.controller.session.inputs
        names = [slot_words(slot, inputs.get(slot.name)) for slot in slots]
        self.slots.setVisible(len(names) > 1)
        if names != [self.slots.itemText(n) for n in range(self.slots.count())]:
            self.slots.clear()
            for name, slot in zip(names, slots, strict=True):
                self.slots.addItem(name, slot.name)
        if chosen is not None:
            self.slots.setCurrentIndex(self.slots.findData(chosen.name))
            self.clear.setVisible(chosen.optional and chosen.name in inputs)

    # --- what the user does -----------------------------------------------------

    def _choose_slot(self, _index: int) -> None:
        self._slot_name = str(self.slots.currentData())
        self.refresh()

    def _feed(self, source: InputSource) -> None:
        slot = self.slot()
        if slot is None:
            return
        self.controller.set_input(slot.name, source)
        if not self.controller.session.live:
            self.controller.run()

    def _on_set_up(self) -> None:
        self._set_up_chosen = True
        self.mark_stale()

    def _on_text(self, source: InputSource) -> None:
        slot, session = self.slot(), self.controller.session
        if slot is None:
            return
        self.controller.set_input(slot.name, source)
        self.controller.texts.remember(session)
        # One pass over a text is quick; a text is made when it is asked for.
        if not session.live and not session.stepped:
            self.controller.run()

    def _on_drawn(self, pixels: npt.NDArray[np.uint8]) -> None:
        self._feed(PictureArray(array=self.controller.put_array(pixels)))

    def _on_setting(self, name: str, value: SettingValue) -> None:
        session = self.controller.session
        self.controller.set_setting(name, value)
        # What takes many steps is made anew when it is asked for.
        if not session.live and not session.stepped:
            self.controller.run()

    def _open(self) -> None:
        self.sources.open_model()


def _scrolling(content: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its controls take it
    area.setWidget(content)
    area.setHorizontalScrollBarPolicy(
        area.horizontalScrollBarPolicy().ScrollBarAlwaysOff
    )
    return area
