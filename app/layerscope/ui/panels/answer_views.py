"""One view for each kind of answer part, and the list of them.

A new kind of part is one more class here and one line in `VIEWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from layerscope.core.colours import distinct
from layerscope.protocol.answers import (
    BoxesAnswer,
    Denoising,
    Embeddings,
    FilledMask,
    GeneratedText,
    MaskAnswer,
    Part,
    PictureAnswer,
    Scores,
    TensorsAnswer,
    TextAnswer,
    TokenLabels,
    VariationGrid,
)
from layerscope.ui import theme
from layerscope.ui.panels.base import title_button
from layerscope.ui.panels.denoising import DenoisingView, VariationGridView
from layerscope.ui.panels.generated_text import GeneratedTextView
from layerscope.ui.panels.part_view import PartView, Pictures
from layerscope.ui.panels.tensor_list import TensorList
from layerscope.ui.panels.text_answers import (
    EmbeddingsView,
    FilledMaskView,
    TokenLabelsView,
)
from layerscope.ui.widgets.bars import ScoreBars
from layerscope.ui.widgets.key_list import Key, KeyList
from layerscope.ui.widgets.overlay_view import CompareView, LabelledBox, OverlayView
from layerscope.ui.widgets.table_window import TableModel


class ScoresView(PartView):
    """Classes as bars."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.bars = ScoreBars()
        self.bars.table_wanted.connect(self.show_table)
        self.column.addWidget(self.bars)
        self._part: Scores | None = None

    def show_part(self, part: Scores, pictures: Pictures) -> None:
        """Let the bars glide to the new scores."""
        self._part = part
        self.bars.set_scores([(row.label, row.score) for row in part.top])

    def show_table(self) -> None:
        """Show index, label and score of each class."""
        if self._part is not None:
            rows = [(row.index, row.label, row.score) for row in self._part.top]
            clause = f"the best {len(rows)} of {self._part.n_classes:,} classes"
            self.table("Scores", clause, TableModel(("index", "class", "score"), rows))


class PictureView(PartView):
    """A picture, and the one it came from.

    Attributes
    ----------
    clicked : Signal(float, float)
        Where, in shares of the picture.
    """

    clicked = Signal(float, float)

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.view = CompareView("Picture that the model made")
        self.view.clicked.connect(self.clicked)
        self.view.table_wanted.connect(self.show_table)
        self._modes = QWidget()
        row = QHBoxLayout(self._modes)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        self._buttons = {}
        tips = {
            "after": ("After", "Only what the model made"),
            "wipe": ("Wipe", "Before and after on either side of the pointer"),
            "beside": ("Side by side", "Before at the left, after at the right"),
        }
        for mode, (text, tip) in tips.items():
            button = title_button(text, tip, self._mode_setter(mode), checkable=True)
            self._buttons[mode] = button
            row.addWidget(button)
        row.addStretch(1)
        self.column.addWidget(self.view, 1)
        self.column.addWidget(self._modes)
        self.set_mode("after")

    def show_part(self, part: PictureAnswer, pictures: Pictures) -> None:
        """Show the picture, once its pixels are there."""
        pixels = pictures.get(f"answer:{part.key}")
        if pixels is not None:
            self.view.set_picture(pixels)
        before = _find(pictures, part.compare)
        self.view.set_before(before)
        self._modes.setVisible(before is not None)

    def picture_to_save(self) -> npt.NDArray[np.uint8] | None:
        """Return what the model made."""
        return self.view.pixels

    def set_mode(self, mode: str) -> None:
        """Change how before and after are shown."""
        self.view.set_mode(mode)
        for name, button in self._buttons.items():
            button.setChecked(name == mode)

    def show_table(self) -> None:
        """Show the pixels."""
        pixels = self.view.pixels
        if pixels is not None:
            clause = f"{pixels.shape[0]} rows × {pixels.shape[1]} columns, RGB"
            self.table("Picture", clause, TableModel((), pixels))

    def _mode_setter(self, mode: str) -> Callable[[], None]:
        return lambda: self.set_mode(mode)


class MaskView(PartView):
    """A mask over the picture, with its legend."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.view = OverlayView("Classes over the picture")
        self.legend = KeyList("Classes and their share of the picture")
        self.legend.empty = "nothing but background"
        self.view.table_wanted.connect(self.show_table)
        self.legend.table_wanted.connect(self.show_table)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.view, 3)
        row.addWidget(self.legend, 2)
        self.column.addLayout(row)
        self._part: MaskAnswer | None = None

    def show_part(self, part: MaskAnswer, pictures: Pictures) -> None:
        """Lay the mask over the picture it belongs to."""
        self._part = part
        below = _find(pictures, part.over)
        mask = pictures.get(f"answer:{part.key}")
        if below is not None:
            self.view.set_picture(below)
        if mask is not None:
            self.view.set_mask(mask)
        entries = sorted(part.legend, key=lambda entry: -entry.share)
        self.legend.set_keys(
            [Key(e.colour, e.label, f"{100 * e.share:.1f} %") for e in entries]
        )

    def show_table(self) -> None:
        """Show the share of each class."""
        if self._part is not None:
            rows = [(e.index, e.label, e.share) for e in self._part.legend]
            self.table(
                "Classes",
                "share of the pixels",
                TableModel(("index", "class", "share"), rows),
            )


class BoxesView(PartView):
    """Boxes over the picture, and a list of them."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.view = OverlayView("Objects found in the picture")
        self.list = KeyList("Objects and their scores")
        self.view.table_wanted.connect(self.show_table)
        self.list.table_wanted.connect(self.show_table)
        self._count = QLabel()
        self._count.setProperty("role", "muted")
        side = QVBoxLayout()
        side.addWidget(self._count)
        side.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.view, 3)
        row.addLayout(side, 2)
        self.column.addLayout(row)
        self._part: BoxesAnswer | None = None

    def show_part(self, part: BoxesAnswer, pictures: Pictures) -> None:
        """Draw the boxes over the picture they belong to."""
        self._part = part
        below = _find(pictures, part.over)
        if below is not None:
            self.view.set_picture(below)
        self.view.set_boxes(
            tuple(
                LabelledBox(
                    left=box.left,
                    top=box.top,
                    right=box.right,
                    bottom=box.bottom,
                    text=f"{box.label} {100 * box.score:.0f} %",
                    colour=distinct(box.index),
                )
                for box in part.boxes
            )
        )
        n = len(part.boxes)
        self._count.setText(
            "nothing found above the threshold"
            if not n
            else "1 object"
            if n == 1
            else f"{n} objects"
        )
        self._count.setWordWrap(True)
        self.list.set_keys(
            [
                Key(distinct(box.index), box.label, f"{100 * box.score:.0f} %")
                for box in part.boxes
            ]
        )

    def show_table(self) -> None:
        """Show corners in pixels, label and score."""
        part = self._part
        if part is None:
            return
        rows = [
            (
                box.label,
                box.score,
                box.left * part.width,
                box.top * part.height,
                box.right * part.width,
                box.bottom * part.height,
            )
            for box in part.boxes
        ]
        columns = ("class", "score", "left", "top", "right", "bottom")
        clause = f"corners in pixels of {part.width} × {part.height}"
        self.table("Objects", clause, TableModel(columns, rows))


class TensorsView(PartView):
    """All outputs as they are."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.list = TensorList(controller)
        self.column.addWidget(self.list)

    def show_part(self, part: TensorsAnswer, pictures: Pictures) -> None:
        """List the outputs with their numbers and maps."""
        self.list.show_tensors(part.tensors, pictures)


class TextView(PartView):
    """Words."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(theme.font(13))
        self.text.setAccessibleName("Text that the model made")
        self.column.addWidget(self.text)

    def show_part(self, part: TextAnswer, pictures: Pictures) -> None:
        """Show the text."""
        if part.text != self.text.toPlainText():
            self.text.setPlainText(part.text)


VIEWS: dict[type[Part], type[PartView]] = {
    Scores: ScoresView,
    PictureAnswer: PictureView,
    MaskAnswer: MaskView,
    BoxesAnswer: BoxesView,
    TensorsAnswer: TensorsView,
    TextAnswer: TextView,
    GeneratedText: GeneratedTextView,
    FilledMask: FilledMaskView,
    TokenLabels: TokenLabelsView,
    Embeddings: EmbeddingsView,
    Denoising: DenoisingView,
    VariationGrid: VariationGridView,
}


def _find(pictures: Pictures, key: str) -> npt.NDArray[np.uint8] | None:
    """Return the part that an answer names, with or without its prefix."""
    if not key:
        return None
    for name in (key, f"answer:{key}", f"input:{key}"):
        if name in pictures:
            return pictures[name]
    return None
