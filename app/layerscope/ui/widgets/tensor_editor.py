"""Where the values of a tensor input come from: chosen, not typed in code."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.inputs import (
    ConstantTensor,
    InputSource,
    PictureFile,
    PreviousOutput,
    RandomTensor,
    TensorFile,
)
from layerscope.protocol.values import Dimension, InputSlot
from layerscope.ui.panels.base import title_button

RANDOM, CONSTANT, FILE, PICTURE, FEEDBACK = (
    "Random",
    "Constant",
    "File",
    "Picture",
    "Feed back",
)
_PICTURES = "Pictures (*.jpg *.jpeg *.png *.webp *.bmp *.gif *.tif *.tiff)"
_ARRAYS = "Arrays (*.npy *.npz)"
_MAX_SEED = 2**31 - 1


class TensorEditor(QWidget):
    """Edits the source of one slot.

    Attributes
    ----------
    changed : Signal(object)
        The new source.
    """

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self._slot: InputSlot | None = None
        self._path = ""
        self._showing = False
        self.kind = QComboBox()
        self.kind.setAccessibleName("Source of the values")
        self.kind.setToolTip("Where the values of this input come from")
        self.kind.currentTextChanged.connect(self._choose_kind)
        self.seed = QSpinBox()
        self.seed.setRange(0, _MAX_SEED)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed gives the same values")
        self.seed.valueChanged.connect(self._tell)
        self.dice = title_button("", "Another seed", self._next_seed, icon="dices")
        self.value = QDoubleSpinBox()
        self.value.setRange(-1e9, 1e9)
        self.value.setDecimals(4)
        self.value.setAccessibleName("Value")
        self.value.setToolTip("The same value everywhere")
        self.value.valueChanged.connect(self._tell)
        self.file = title_button("Choose…", "Choose a file", self._choose_file)
        self.sizes = QLineEdit()
        self.sizes.setAccessibleName("Sizes")
        self.sizes.editingFinished.connect(self._resize)
        self.note = QLabel()
        self.note.setProperty("role", "caption")
        self.note.setWordWrap(True)
        self._parameters = QHBoxLayout()
        self._parameters.setSpacing(4)
        self._parameters.addWidget(self.seed, 1)
        self._parameters.addWidget(self.dice)
        self._parameters.addWidget(self.value, 1)
        self._parameters.addWidget(self.file, 1)
        form = QFormLayout()
        form.setSpacing(8)
        form.addRow(_caption("Values"), self.kind)
        self._parameter = _caption("Seed")
        form.addRow(self._parameter, self._parameters)
        form.addRow(_caption("Sizes"), self.sizes)
        self._form = form
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.note)
        column.addStretch(1)

    def show_slot(self, slot: InputSlot, source: InputSource | None) -> None:
        """Show where `slot` gets its values; None means its default, random ones."""
        self._showing = True
        try:
            if slot != self._slot:
                self._slot = slot
                self.kind.clear()
                self.kind.addItems(_kinds(slot))
            kind = _kind_of(source)
            if self.kind.findText(kind) < 0:
                self.kind.addItem(kind)
            self.kind.setCurrentText(kind)
            if isinstance(source, RandomTensor):
                self.seed.setValue(source.seed)
            elif isinstance(source, ConstantTensor):
                self.value.setValue(source.value)
            elif isinstance(source, TensorFile | PictureFile):
                self._path = source.path
                self.file.setText(Path(source.path).name)
            shape = getattr(source, "shape", None)
            if not self.sizes.isModified():
                dims = slot.tensor.shape
                shown = shape if shape is not None else dims
                self.sizes.setText(shape_text(shown))
            self.note.setText(slot.note or _tensor_text(slot))
            self._lay_out(kind)
        finally:
            self._showing = False

    def set_sizes_shown(self, shown: bool) -> None:
        """Show the sizes, or leave them to another part of the window."""
        self._form.setRowVisible(self.sizes, shown)

    def source(self) -> InputSource | None:
        """Return the source as the controls say, None where a file is missing."""
        kind, shape = self.kind.currentText(), self._shape()
        if kind == CONSTANT:
            return ConstantTensor(value=self.value.value(), shape=shape)
        if kind == FEEDBACK and self._slot is not None:
            return PreviousOutput(output=self._slot.feedback, shape=shape)
        if kind == FILE:
            return TensorFile(path=self._path) if _is_array(self._path) else None
        if kind == PICTURE:
            usable = self._path and not _is_array(self._path)
            return PictureFile(path=self._path) if usable else None
        return RandomTensor(seed=self.seed.value(), shape=shape)

    def use_file(self, path: str) -> None:
        """Take the values from a file."""
        self._path = path
        self.file.setText(Path(path).name)
        self._tell()

    def _choose_kind(self, kind: str) -> None:
        if self._showing:
            return
        self._lay_out(kind)
        if self.source() is None:
            self.file.setText("Choose…")
        self._tell()

    def _lay_out(self, kind: str) -> None:
        # Showing a row shows all it holds: the row goes first.
        self._form.setRowVisible(self._parameters, kind != FEEDBACK)
        self.seed.setVisible(kind == RANDOM)
        self.dice.setVisible(kind == RANDOM)
        self.value.setVisible(kind == CONSTANT)
        self.file.setVisible(kind in (FILE, PICTURE))
        words = {RANDOM: "Seed", CONSTANT: "Value"}
        self._parameter.setText(words.get(kind, "File"))
        dims = None if self._slot is None else self._slot.tensor.shape
        free = dims is None or any(not isinstance(d, int) for d in dims)
        made_here = kind in (RANDOM, CONSTANT, FEEDBACK)
        self.sizes.setReadOnly(not (free and made_here))
        self.sizes.setToolTip(
            f"Sizes with spaces between; the model says {shape_text(dims)}"
            if free
            else "The model fixes all sizes"
        )

    def _next_seed(self) -> None:
        self.seed.setValue((self.seed.value() + 1) % _MAX_SEED)

    def _choose_file(self) -> None:
        wanted = _PICTURES if self.kind.currentText() == PICTURE else _ARRAYS
        path, _ = QFileDialog.getOpenFileName(self, "Values from a file", "", wanted)
        if path:
            self.use_file(path)

    def _resize(self) -> None:
        if not self.sizes.isModified() or self._slot is None:
            return
        valid = parse_shape(self.sizes.text(), self._slot.tensor.shape) is not None
        self.sizes.setProperty("invalid", not valid)
        self.sizes.style().unpolish(self.sizes)
        self.sizes.style().polish(self.sizes)
        if valid:
            self._tell()
            self.sizes.setModified(False)

    def _shape(self) -> tuple[int, ...] | None:
        if self._slot is None:
            return None
        dims = self._slot.tensor.shape
        if dims is not None and all(isinstance(d, int) for d in dims):
            return None
        return parse_shape(self.sizes.text(), dims)

    def _tell(self, *_: object) -> None:
        source = None if self._showing else self.source()
        if source is not None:
            self.changed.emit(source)


def parse_shape(
    text: str, dims: tuple[Dimension, ...] | None
) -> tuple[int, ...] | None:
    """Return the sizes that `text` means, or None where `dims` forbids them.

    Parameters
    ----------
    text : str
        ``"1 3 224 224"``; commas and × are taken too.
    dims : tuple or None
        What the model says; fixed sizes have to stay.
    """
    words = text.replace(",", " ").replace("×", " ").split()
    if not all(word.isdecimal() for word in words):
        return None
    sizes = tuple(int(word) for word in words)
    if dims is None:
        return sizes
    if len(sizes) != len(dims):
        return None
    fixed = all(
        size == dim
        for size, dim in zip(sizes, dims, strict=True)
        if isinstance(dim, int)
    )
    return sizes if fixed else None


def shape_text(dims: tuple[Dimension, ...] | None) -> str:
    """Return sizes as one types them: ``"1 3 height width"``."""
    if dims is None:
        return "any"
    return " ".join("?" if dim is None else str(dim) for dim in dims)


def _kinds(slot: InputSlot) -> list[str]:
    kinds = [RANDOM, CONSTANT, FILE]
    if slot.tensor.shape is None or len(slot.tensor.shape) in (3, 4):
        kinds.append(PICTURE)
    if slot.feedback:
        kinds.append(FEEDBACK)
    return kinds


def _kind_of(source: InputSource | None) -> str:
    if isinstance(source, ConstantTensor):
        return CONSTANT
    if isinstance(source, TensorFile):
        return FILE
    if isinstance(source, PictureFile):
        return PICTURE
    if isinstance(source, PreviousOutput):
        return FEEDBACK
    return RANDOM


def _is_array(path: str) -> bool:
    return Path(path).suffix.lower() in (".npy", ".npz")


def _tensor_text(slot: InputSlot) -> str:
    return f"{slot.tensor.dtype} {shape_text(slot.tensor.shape)}"


def _caption(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "muted")
    return label
