"""A form made of `SettingSpec`: one control for each, as its kind wants."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.inputs import SettingValue
from layerscope.protocol.values import SettingSpec

CAPTION_WIDTH = 58
_SLIDER_STEPS = 1000
_MOST_STEPS = 200
_COUNTS = {"triple": 3, "size": 2}


class SettingsForm(QWidget):
    """Captions beside controls, grouped; what was changed can be put back.

    Attributes
    ----------
    changed : Signal(str, object)
        Name and new value of a setting.
    reset_wanted : Signal
        All settings are to be as guessed again.
    """

    changed = Signal(str, object)
    reset_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(0)
        self._specs: tuple[SettingSpec, ...] = ()
        self._rows: dict[str, _Row] = {}
        self._edited = QToolButton()
        self._edited.setProperty("link", True)
        self._edited.setText("Edited by you ↺")
        self._edited.setToolTip("Put everything back to what was guessed")
        self._edited.setAccessibleName("Reset all settings")
        self._edited.clicked.connect(lambda: self.reset_wanted.emit())

    def show_settings(
        self, specs: tuple[SettingSpec, ...], values: Mapping[str, SettingValue]
    ) -> None:
        """Show `specs` with `values` where they differ from the defaults.

        Controls are made anew only when the specs change, so that one can type
        on while answers come in.
        """
        if specs != self._specs:
            self._specs = specs
            self._build()
        for spec in specs:
            edited = spec.name in values and values[spec.name] != spec.default
            self._rows[spec.name].show_value(
                values.get(spec.name, spec.default), edited
            )
        self._edited.setVisible(
            any(values.get(s.name, s.default) != s.default for s in specs)
        )

    def control(self, name: str) -> QWidget:
        """Return the control of one setting."""
        return self._rows[name].control

    @property
    def edited_visible(self) -> bool:
        """Whether the form says that something was edited."""
        return not self._edited.isHidden()

    def _build(self) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self._edited:
                widget.hide()
                widget.deleteLater()
        self._rows = {}
        group = None
        several = len({spec.group for spec in self._specs}) > 1
        for spec in self._specs:
            if spec.group != group and several and spec.group:
                heading = QLabel(spec.group)
                heading.setProperty("role", "heading")
                self._column.addSpacing(4)
                self._column.addWidget(heading)
            group = spec.group
            row = _Row(spec)
            row.changed.connect(partial(self._tell, spec.name))
            self._rows[spec.name] = row
            self._column.addWidget(row)
        self._column.addWidget(self._edited, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addStretch(1)

    def _tell(self, name: str, value: object) -> None:
        self.changed.emit(name, value)


class _Row(QWidget):
    """Caption, control, and the way back of one setting."""

    changed = Signal(object)

    def __init__(self, spec: SettingSpec) -> None:
        super().__init__()
        self._spec = spec
        self._showing = False
        self._caption = QLabel(spec.label)
        self._caption.setProperty("role", "muted")
        self._caption.setMinimumWidth(CAPTION_WIDTH)
        self._value = QLabel()
        self._value.setProperty("role", "caption")
        self._value.hide()
        self._back = QToolButton()
        self._back.setProperty("link", True)
        self._back.setText("↺")
        self._back.setFixedSize(16, 22)
        self._back.setToolTip(f"Back to {_text(spec.default)}")
        self._back.setAccessibleName(f"Reset {spec.label}")
        self._back.clicked.connect(lambda: self.changed.emit(spec.default))
        self.control = self._make()
        self.control.setAccessibleName(spec.label)
        self.control.setToolTip(spec.help or spec.label)
        self._caption.setToolTip(spec.help or spec.label)
        self.control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.control.setMinimumWidth(40)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._caption)
        row.addWidget(self.control, 1)
        row.addWidget(self._value)
        row.addWidget(self._back)

    def show_value(self, value: SettingValue, edited: bool) -> None:
        """Show `value`, unless the user is just typing another one."""
        self._back.setVisible(edited)
        control = self.control
        self._showing = True
        try:
            if isinstance(control, QCheckBox):
                control.setChecked(bool(value))
                control.setText("on" if value else "off")
            elif isinstance(control, QComboBox):
                control.setCurrentText(str(value))
            elif isinstance(control, QSlider):
                if not control.isSliderDown():
                    control.setValue(self._to_step(float(value)))
                self._value.setText(_text(value))
                self._value.show()
            elif isinstance(control, QLineEdit) and not control.isModified():
                control.setText(_text(value))
                control.setCursorPosition(0)
        finally:
            self._showing = False

    def _make(self) -> QWidget:
        spec = self._spec
        if spec.kind == "bool":
            box = QCheckBox()
            box.toggled.connect(self._tell)
            return box
        if spec.kind == "choice":
            choice = QComboBox()
            choice.addItems(list(spec.choices))
            choice.setProperty("field", True)
            choice.currentTextChanged.connect(self._tell)
            choice.setMinimumContentsLength(4)
            choice.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            return choice
        if _slides(spec):
            slider = QSlider(Qt.Orientation.Horizontal)
            whole = spec.kind == "int"
            steps = int(spec.maximum - spec.minimum) if whole else _SLIDER_STEPS
            slider.setRange(0, steps)
            slider.valueChanged.connect(self._tell_step)
            return slider
        line = QLineEdit()
        line.setProperty("field", True)
        line.editingFinished.connect(self._tell_text)
        return line

    def _tell(self, value: object) -> None:
        if not self._showing:
            self.changed.emit(value)

    def _to_step(self, value: float) -> int:
        spec, control = self._spec, self.control
        assert isinstance(control, QSlider)
        share = (value - spec.minimum) / (spec.maximum - spec.minimum)
        return round(share * control.maximum())

    def _tell_step(self, step: int) -> None:
        spec, control = self._spec, self.control
        assert isinstance(control, QSlider)
        share = step / max(control.maximum(), 1)
        value = spec.minimum + share * (spec.maximum - spec.minimum)
        if spec.kind == "int":
            self._tell(round(value))
        else:
            self._tell(round(value, 4))

    def _tell_text(self) -> None:
        control = self.control
        assert isinstance(control, QLineEdit)
        if not control.isModified():
            return
        control.setModified(False)
        value = parse_setting(self._spec, control.text())
        valid = value is not None
        control.setProperty("invalid", not valid)
        control.style().unpolish(control)
        control.style().polish(control)
        control.setToolTip(
            (self._spec.help or self._spec.label) if valid else expected(self._spec)
        )
        if value is not None:
            self._tell(value)


def _slides(spec: SettingSpec) -> bool:
    """Whether a slider is fine enough to hit any value."""
    span = spec.maximum - spec.minimum
    if spec.kind == "int":
        return 0 < span <= _MOST_STEPS
    return spec.kind == "float" and span > 0


def parse_setting(spec: SettingSpec, text: str) -> SettingValue | None:
    """Return the value that `text` means for `spec`, or None for none."""
    text = text.strip()
    try:
        if spec.kind == "int":
            return _in_range(spec, int(text))
        if spec.kind == "float":
            return _in_range(spec, float(text))
        if spec.kind in _COUNTS:
            parts = text.replace(",", " ").replace("×", " ").split()
            if len(parts) != _COUNTS[spec.kind]:
                return None
            for part in parts:
                if spec.kind == "size" and int(part) < 1:
                    return None
                float(part)
            return " ".join(parts)
    except ValueError:
        return None
    return text


def _in_range(spec: SettingSpec, value: float) -> float | None:
    bounded = spec.maximum > spec.minimum
    if bounded and not spec.minimum <= value <= spec.maximum:
        return None
    return value


def expected(spec: SettingSpec) -> str:
    """Return one sentence on what may be typed for `spec`."""
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "triple": "three numbers with spaces between, such as 0.485 0.456 0.406",
        "size": "height and width in pixels, such as 224 224",
    }.get(spec.kind, "a value")
    if spec.kind in ("int", "float") and spec.maximum > spec.minimum:
        wanted += f" from {spec.minimum:g} to {spec.maximum:g}"
    return f"{spec.label} takes {wanted}."


def _text(value: SettingValue) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
