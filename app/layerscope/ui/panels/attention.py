"""Where every head looks: all of them small, one large, pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from layerscope.controller.texts import choose_token
from layerscope.protocol.messages import LensAnswered
from layerscope.ui.panels.asking import LensQuestions
from layerscope.ui.panels.base import ElidedLabel, Panel, title_button
from layerscope.ui.panels.head_reading import CAPTION, HeadReading
from layerscope.ui.panels.naming import nothing_yet
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.widgets.attention_lines import AttentionLines
from layerscope.ui.widgets.head_grid import HeadGrid
from layerscope.ui.widgets.matrix_pyramid import brightened
from layerscope.ui.widgets.matrix_view import MatrixView
from layerscope.ui.widgets.patch_view import PatchView

LENS = "attention"
# While tokens come, the engine has better things to do than to draw.
RUNNING_INTERVAL_S = 0.5
_WAITING = "Run the model (Ctrl+Enter): where every head looks appears here."
_LOOKING = "Looking at all heads; the first time takes a moment."
_FIELDS = ("n_runs", "model", "lenses", "tokens", "token", "running", "refusal")
_GRID_SHARE = 0.46
_LEAST_GRID = 150
_MATRIX_SHARE = 0.6
_LEAST_BOTH = 420


class AttentionPanel(Panel):
    """An overview of all heads and one large head, as a matrix or as lines."""

    def __init__(self, controller: Any) -> None:
        super().__init__("attention", "Attention", controller)
        self.grid = HeadGrid()
        self.grid.head_chosen.connect(self.choose_head)
        self.matrix = MatrixView("Attention of the chosen head")
        self.matrix.setToolTip(
            "Rows look at columns. Wheel zooms, drag moves, double click shows all."
        )
        self.matrix.hovered.connect(lambda *_: self._tell())
        self.matrix.chosen.connect(self._on_pair)
        self.lines = AttentionLines()
        self.lines.query_hovered.connect(lambda *_: self._tell())
        self.lines.query_chosen.connect(self._on_query)
        self.patches = PatchView("Attention over the picture")
        self.patches.setToolTip("Click a patch to see where it looks.")
        self.patches.patch_hovered.connect(lambda _: self._tell())
        self.patches.patch_chosen.connect(self._on_patch)
        self._head_name = QLabel()
        self._head_name.setProperty("role", "value")
        self._told = ElidedLabel()
        self._caption = QLabel(CAPTION)
        self._caption.setProperty("role", "caption")
        self._empty = self.empty_state(_WAITING)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._content())
        self.body.addWidget(self._pages)
        self._add_actions()
        self._overview = LensQuestions(
            controller, LENS, self._on_overview, self._on_failure
        )
        self._head = LensQuestions(controller, LENS, self._on_head, self._on_failure)
        self._pair = LensQuestions(controller, LENS, self._on_pair_told, lambda _: None)
        self._pace = Pace(self, RUNNING_INTERVAL_S)
        self._asked: object = None
        self._asked_pair = (-1, -1)
        self._model = 0
        self.reading = HeadReading()
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def _content(self) -> QWidget:
        content = QWidget()
        row = QHBoxLayout(content)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        right = QVBoxLayout()
        right.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._head_name)
        line.addWidget(self._told, 1)
        right.addLayout(line)
        views = QHBoxLayout()
        views.setSpacing(16)
        views.addWidget(self.matrix)
        views.addWidget(self.lines, 1)
        views.addWidget(self.patches, 1)
        self._view_row = views
        right.addLayout(views, 1)
        right.addWidget(self._caption)
        row.addWidget(self.grid)
        row.addLayout(right, 1)
        return content

    def _add_actions(self) -> None:
        self.as_matrix = title_button(
            "Matrix", "Queries in rows, keys in columns", checkable=True
        )
        self.as_lines = title_button(
            "Lines", "Lines from each token to those it looks at", checkable=True
        )
        self.over_picture = title_button(
            "Picture", "The weights over the picture, patch by patch", checkable=True
        )
        self.over_picture.setVisible(False)
        for button in (self.as_matrix, self.as_lines, self.over_picture):
            button.setChecked(True)
            button.clicked.connect(self._on_choice)
            self.add_action(button)

    # --- what is shown --------------------------------------------------------------

    def refresh(self) -> None:
        """Ask for what is new, and show what there is."""
        session = self.controller.session
        if session.model != self._model:
            self._model, self._asked = session.model, None
            self.reading = HeadReading()
            for questions in (self._overview, self._head, self._pair):
                questions.forget()
        if LENS in session.lenses and session.model:
            self._ask_if_new()
        if self.reading.layers:
            self._pages.setCurrentIndex(1)
            self._mark_token()
        else:
            usual = _LOOKING if self._overview.busy else _WAITING
            self._empty.set_text(nothing_yet(session, self.reading.trouble or usual))
            self._pages.setCurrentIndex(0)
        self._write_clause()

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        """Share the new room."""
        super().resizeEvent(event)
        self._fit_views()

    def choose_head(self, layer: int, head: int) -> None:
        """Show one head large."""
        self.reading.layer, self.reading.head = layer, head
        self.grid.set_selected(layer, head)
        self._ask_head()
        self._write_clause()

    def _ask_if_new(self) -> None:
        session = self.controller.session
        topic = (session.n_runs, len(session.tokens), bool(session.running))
        if topic == self._asked or (session.running and not session.tokens):
            return
        if session.running and not self._pace.due(session.model):
            return
        if session.n_runs or session.tokens:
            self._asked = topic
            self._overview.ask(overview=True)

    def _ask_head(self) -> None:
        if self.reading.layer >= 0:
            self._head.ask(layer=self.reading.layer, head=self.reading.head)

    def _on_overview(self, event: LensAnswered) -> None:
        maps = self.controller.get_array(event.arrays["overview"])
        self.reading.take_overview(event)
        self.grid.set_maps(
            brightened(maps),
            self.reading.heads,
            self.reading.short_names,
            self.reading.names,
        )
        self._fit_views()
        self.grid.set_selected(self.reading.layer, self.reading.head)
        self._ask_head()
        self.mark_stale()

    def _on_head(self, event: LensAnswered) -> None:
        weights: npt.NDArray[np.float32] = self.controller.get_array(
            event.arrays["weights"]
        )
        reading = self.reading
        reading.take_head(event, weights)
        self.matrix.set_matrix(weights, reading.queries, reading.keys)
        self.lines.set_attention(weights, reading.queries, reading.keys)
        self._caption.setToolTip(reading.caption)
        if self._sees() != self.over_picture.isVisibleTo(self):
            # The picture stands where the lines would, until they are asked for.
            self.over_picture.setVisible(self._sees())
            self.as_lines.setChecked(not self._sees())
        self._fit_views()
        self._mark_token()
        self._tell()
        self._write_clause()

    def _on_failure(self, message: str) -> None:
        # While it runs, a question may just have come too early.
        self.reading.trouble = "" if self.controller.session.running else message
        self.mark_stale()

    def _on_choice(self, on: bool) -> None:
        if not on and not any(button.isChecked() for button in self._choices()):
            self.sender().setChecked(True)  # type: ignore[attr-defined]
        elif self.sender() is self.over_picture:
            self.as_lines.setChecked(not on)
        elif on and self.sender() is self.as_lines:
            self.over_picture.setChecked(False)
        self._fit_views()
        self._tell()

    def _fit_views(self) -> None:
        """Give the overview the room its maps need, the matrix a square."""
        width, height = self.width() - 40, self.height() - 32 - 20
        most = max(_LEAST_GRID, round(width * _GRID_SHARE))
        matrix = self.as_matrix.isChecked()
        picture = self._sees() and self.over_picture.isChecked()
        lines = picture or self.as_lines.isChecked()  # they share one place
        grid = min(most, self.grid.wanted_width(height))
        if matrix and lines:
            grid = min(grid, max(_LEAST_GRID, width - _LEAST_BOTH))
        self.grid.setFixedWidth(grid)
        room = width - grid
        if matrix and lines and room < _LEAST_BOTH:
            lines = False
        self.matrix.setVisible(matrix)
        self.lines.setVisible(lines and not picture)
        self.patches.setVisible(lines and picture)
        if matrix and lines:
            self.matrix.setFixedWidth(min(height - 44, round(room * _MATRIX_SHARE)))
        else:
            self.matrix.setMinimumWidth(80)
            self.matrix.setMaximumWidth(16_777_215)

    def _write_clause(self) -> None:
        self.set_clause(self.reading.sizes())
        self._head_name.setText(self.reading.head_name())

    # --- what is pointed at ---------------------------------------------------------

    def _mark_token(self) -> None:
        row = self.reading.row_of(self.controller.session.token)
        row = row if row < len(self.reading.queries) else -1
        self.matrix.set_locked(row)
        self.lines.set_locked(row)
        if self._sees():
            self.patches.set_picture(self._picture())
            self.patches.set_weights(*self.reading.patches(row))

    def _picture(self) -> npt.NDArray[np.uint8] | None:
        """Return the last picture the model was given, (h, w, 3) RGB."""
        frame, slots = self.controller.pictures.frame, self.controller.session.slots
        names = [f"input:{slot.name}" for slot in slots if slot.kind == "picture"]
        if frame is None or not names:
            return None
        pixels: npt.NDArray[np.uint8] | None = frame.pictures.get(names[-1])
        return pixels

    def _sees(self) -> bool:
        """Whether the tokens are patches of a picture that is there."""
        reading = self.reading
        there = bool(reading.grid) and bool(reading.weights.size)
        return there and self._picture() is not None

    def _choices(self) -> list[QToolButton]:
        buttons = [self.as_matrix, self.as_lines]
        return [*buttons, self.over_picture] if self._sees() else buttons

    def _on_patch(self, patch: int) -> None:
        if patch >= 0:
            choose_token(self.controller, patch + self.reading.grid[2])

    def _on_query(self, row: int) -> None:
        choose_token(self.controller, self.reading.token_of(row))

    def _on_pair(self, row: int, column: int) -> None:
        choose_token(self.controller, self.reading.token_of(row))
        self._asked_pair = (row, column)
        self._pair.ask(
            layer=self.reading.layer, head=self.reading.head, query=row, key=column
        )

    def _on_pair_told(self, event: LensAnswered) -> None:
        self.reading.take_pair(self._asked_pair, event, self.controller.get_array)
        self._tell()

    def _tell(self) -> None:
        """Write the pair under the pointer, or what the head does in all."""
        row, column = self.matrix.cell
        if row >= 0 and self.matrix.isVisible():
            words = self.reading.pair_words(row, column)
        else:
            words = self.reading.query_words(self.lines.hovered_query)
        self._told.set_whole(words)
