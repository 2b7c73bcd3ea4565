"""What the model makes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from layerscope.protocol.answers import (
    AnswerPart,
    BoxesAnswer,
    Embeddings,
    FilledMask,
    GeneratedText,
    MaskAnswer,
    PictureAnswer,
    Scores,
    TensorsAnswer,
    TextAnswer,
    TokenLabels,
)
from layerscope.ui.panels.answer_views import VIEWS
from layerscope.ui.panels.base import Panel
from layerscope.ui.panels.part_view import PartView

_WORDS: dict[type[AnswerPart], str] = {
    Scores: "classes",
    PictureAnswer: "picture",
    MaskAnswer: "classes of all pixels",
    BoxesAnswer: "objects",
    TensorsAnswer: "tensors as they are",
    TextAnswer: "text",
    GeneratedText: "coloured by probability",
    FilledMask: "the gaps filled",
    TokenLabels: "what each word is",
    Embeddings: "texts as points, near where alike",
}
_TASK_WORDS = {
    "tensors": "as tensors",
    "image-classification": "as classes",
    "image-to-image": "as a picture",
    "segmentation": "as a mask",
    "image-segmentation": "as a mask",
    "object-detection": "as boxes",
    "text-classification": "as classes",
    "text-generation": "as text",
    "fill-mask": "fills gaps",
    "token-classification": "as labelled words",
    "feature-extraction": "as embeddings",
}


class OutputPanel(Panel):
    """The parts of the newest answer, the first one largest."""

    def __init__(self, controller: Any) -> None:
        super().__init__("output", "Output", controller)
        self._views: list[tuple[type[AnswerPart], PartView, QLabel]] = []
        self._empty = self.empty_state("")
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self._first, self._rest = QVBoxLayout(), QVBoxLayout()
        row.addLayout(self._first, 3)
        row.addLayout(self._rest, 2)
        self._row = row
        self._content = content
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(content)
        self.body.addWidget(self._pages)
        self.task = QComboBox()
        self.task.setProperty("flat", True)
        self.task.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.task.setAccessibleName("What the outputs are taken for")
        self.task.setToolTip("What the model is used for")
        self.task.activated.connect(self._choose_task)
        self.add_action(self.task)
        events = controller.session.events
        for signal in (
            events.n_runs,
            events.answer,
            events.model,
            events.tasks,
            events.task,
            events.refusal,
            events.opening,
            events.runnable,
            events.progress,
            events.tokens,
            events.token,
            events.running,
        ):
            self.listen(signal)

    @property
    def views(self) -> list[PartView]:
        """The views of the parts shown, the first one first."""
        return [view for _, view, _ in self._views]

    def refresh(self) -> None:
        """Show the newest answer, or say why there is none."""
        session = self.controller.session
        self._show_tasks(session.tasks, session.task)
        parts = () if session.answer is None else session.answer.parts
        if not parts:
            self._empty.set_text(self._why_empty())
            self._pages.setCurrentWidget(self._empty)
            self.set_clause("")
            return
        kinds = [type(part) for part in parts]
        if kinds != [kind for kind, _, _ in self._views]:
            self._make_views(kinds)
        frame = self.controller.pictures.frame
        pictures: Mapping[str, npt.NDArray[np.uint8]] = (
            {} if frame is None else frame.pictures
        )
        for number, (part, (_, view, label)) in enumerate(
            zip(parts, self._views, strict=True)
        ):
            label.setText(part.title)
            label.setVisible(bool(part.title) and number > 0)
            view.show_part(part, pictures)
        self._pages.setCurrentWidget(self._content)
        self.set_clause(parts[0].title or _WORDS.get(kinds[0], ""))

    def _make_views(self, kinds: list[type[AnswerPart]]) -> None:
        for _, view, label in self._views:
            for widget in (label, view):
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        self._views = []
        for number, kind in enumerate(kinds):
            view = VIEWS[kind](self.controller)
            label = QLabel()
            label.setProperty("role", "heading")
            column = self._rest if number else self._first
            column.addWidget(label)
            column.addWidget(view, 1)
            self._views.append((kind, view, label))
        self._row.setStretch(1, 2 if len(kinds) > 1 else 0)
        self._row.setSpacing(16 if len(kinds) > 1 else 0)

    def _why_empty(self) -> str:
        session = self.controller.session
        if session.opening:
            return str(session.progress) or "Opening the model…"
        if session.refusal:
            return str(session.refusal)
        if not session.model:
            return "Open a model: what it says of the input appears here."
        if session.runnable:
            return "Press Run (Ctrl+Enter) to see what the model says."
        return "The model is being made ready."

    def _show_tasks(self, tasks: tuple[str, ...], task: str) -> None:
        shown = [self.task.itemData(n) for n in range(self.task.count())]
        if shown != list(tasks):
            self.task.clear()
            for name in tasks:
                self.task.addItem(_TASK_WORDS.get(name, name.replace("-", " ")), name)
        self.task.setVisible(len(tasks) > 1)
        self.task.setCurrentIndex(max(0, self.task.findData(task)))

    def _choose_task(self, index: int) -> None:
        self.controller.set_task(self.task.itemData(index))
