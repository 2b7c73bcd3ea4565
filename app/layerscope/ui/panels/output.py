"""What the model makes of its input."""

from __future__ import annotations

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
    Denoising,
    Embeddings,
    FilledMask,
    GeneratedText,
    MaskAnswer,
    PictureAnswer,
    Scores,
    TensorsAnswer,
    TextAnswer,
    TokenLabels,
    VariationGrid,
)
from layerscope.ui.panels.answer_views import VIEWS, PictureView
from layerscope.ui.panels.base import Panel, title_button
from layerscope.ui.panels.part_view import PartView
from layerscope.ui.panels.saving import save_picture

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
    Denoising: "picture as it denoises",
    VariationGrid: "variations",
}
_TASK_WORDS = {
    "tensors": "as tensors",
    "image-classification": "as classes",
    "image-to-image": "as a picture",
    "zero-shot-image-classification": "as captions",
    "segmentation": "as a mask",
    "image-segmentation": "as a mask",
    "object-detection": "as boxes",
    "text-classification": "as classes",
    "text-generation": "as text",
    "fill-mask": "fills gaps",
    "token-classification": "as labelled words",
    "text-embedding": "as embeddings",
    "question-answering": "as an answer",
    "diffusion": "out of noise",
    "latent-to-picture": "as a picture",
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
        self.save = title_button(
            "Save", "Save the picture and what it was made with (Ctrl+S)"
        )
        self.save.clicked.connect(lambda: self.save_as())
        self.add_action(self.save)
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
            events.step,
            events.looked_step,
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
            self.save.hide()
            return
        kinds = [type(part) for part in parts]
        if kinds != [kind for kind, _, _ in self._views]:
            self._make_views(kinds)
        frame = self.controller.pictures.frame
        pictures: dict[str, npt.NDArray[np.uint8]] = (
            {} if frame is None else dict(frame.pictures)
        )
        shown = list(zip(parts, self._views, strict=True))
        # Views of how a picture comes about may have another one shown: they are first.
        shown.sort(key=lambda pair: isinstance(pair[1][1], PictureView))
        for part, (_, view, label) in shown:
            label.setText(part.title)
            label.setVisible(bool(part.title) and part is not parts[0])
            view.show_part(part, pictures)
            pictures.update(view.instead)
        self._pages.setCurrentWidget(self._content)
        self.set_clause(parts[0].title or _WORDS.get(kinds[0], ""))
        self.save.setVisible(self._to_save() is not None)

    def save_as(self, path: str = "") -> None:
        """Write the picture that is shown, after asking where to.

        Parameters
        ----------
        path : str
            A .png file; where it is empty, the user is asked.
        """
        view = self._to_save()
        pixels = None if view is None else view.picture_to_save()
        if pixels is not None:
            save_picture(self, self.controller, pixels, self._metadata(), path)

    def _to_save(self) -> PartView | None:
        views = [view for view in self.views if view.isVisibleTo(self)]
        return next((v for v in views if v.picture_to_save() is not None), None)

    def _metadata(self) -> str:
        """Return what the picture shown was made with, empty where nobody knows."""
        answer = self.controller.session.answer
        told = next((view.metadata for view in self.views if view.metadata), "")
        if told or any(view.instead for view in self.views) or answer is None:
            return told
        pictures = [p for p in answer.parts if isinstance(p, PictureAnswer)]
        return str(pictures[0].metadata) if pictures else ""

    def _make_views(self, kinds: list[type[AnswerPart]]) -> None:
        for _, view, label in self._views:
            for widget in (label, view):
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        self._views = []
        standing_for = {VIEWS[kind].stands_for for kind in kinds}
        places = {True: 0, False: 0}
        for kind in kinds:
            view = VIEWS[kind](self.controller)
            view.changed.connect(self.mark_stale)
            label = QLabel()
            label.setProperty("role", "heading")
            large = VIEWS[kind].stands_for in kinds
            large = large or (not self._views and kind not in standing_for)
            column = self._first if large else self._rest
            column.addWidget(label)
            column.addWidget(view, 1)
            if kind in standing_for:
                view.hide()
            else:
                places[large] += 1
            self._views.append((kind, view, label))
        for _, view, _ in self._views:
            if isinstance(view, PictureView):
                for _, other, _ in self._views:
                    view.clicked.connect(other.picture_clicked)
        self._row.setStretch(1, 2 if places[False] else 0)
        self._row.setSpacing(16 if places[False] else 0)

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
