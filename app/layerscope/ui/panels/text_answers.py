"""Views of what models of text say: gaps filled, words labelled, texts as points."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from PySide6.QtWidgets import QHBoxLayout

from layerscope.controller.texts import choose_token
from layerscope.core.colours import distinct
from layerscope.protocol.answers import Embeddings, FilledMask, Token, TokenLabels
from layerscope.ui.panels.part_view import PartView, Pictures
from layerscope.ui.widgets.bars import ScoreBars
from layerscope.ui.widgets.key_list import Key, KeyList
from layerscope.ui.widgets.point_map import PointMap
from layerscope.ui.widgets.readable import share
from layerscope.ui.widgets.table_window import TableModel
from layerscope.ui.widgets.token_looks import visible
from layerscope.ui.widgets.token_strip import TokenStrip


class FilledMaskView(PartView):
    """The text with its gaps filled, and what else could stand in one."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.strip = TokenStrip("The text with its gaps filled")
        self.strip.token_chosen.connect(partial(choose_token, controller))
        self.bars = ScoreBars()
        self.bars.table_wanted.connect(self.show_table)
        self.column.addWidget(self.strip, 2)
        self.column.addWidget(self.bars, 3)
        self._part: FilledMask | None = None

    def show_part(self, part: FilledMask, pictures: Pictures) -> None:
        """Show the words of the chosen gap, or of the first."""
        self._part = part
        self.strip.set_tokens(part.tokens)
        self.strip.set_selected(self.controller.session.token)
        gap = self._gap()
        self.bars.setVisible(gap is not None)
        if gap is not None:
            self.bars.set_scores(
                [(visible(a.text), a.probability) for a in gap.alternatives]
            )

    def show_table(self) -> None:
        """Show id, word and probability of the alternatives."""
        gap = self._gap()
        if gap is not None:
            rows = [(a.id, a.text, a.probability) for a in gap.alternatives]
            model = TableModel(("id", "word", "probability"), rows)
            self.table("Words for the gap", f"the best {len(rows)}", model)

    def _gap(self) -> Token | None:
        part = self._part
        if part is None or not part.gaps:
            return None
        chosen = self.controller.session.token
        place = chosen if chosen in part.gaps else part.gaps[0]
        return part.tokens[place]


class TokenLabelsView(PartView):
    """The text with its words coloured by what they are, and a list of them."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.strip = TokenStrip("The text, coloured by what each word is")
        self.strip.token_chosen.connect(partial(choose_token, controller))
        self.list = KeyList("What was found in the text")
        self.list.empty = "nothing found"
        self.list.table_wanted.connect(self.show_table)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.strip, 3)
        row.addWidget(self.list, 2)
        self.column.addLayout(row)
        self._part: TokenLabels | None = None

    def show_part(self, part: TokenLabels, pictures: Pictures) -> None:
        """Colour the tokens of each stretch that was found."""
        self._part = part
        labels = sorted({span.label for span in part.spans})
        classes = [self._class_of(token, part, labels) for token in part.tokens]
        self.strip.set_tokens(part.tokens, classes)
        self.strip.set_selected(self.controller.session.token)
        self.list.set_keys(
            [
                Key(
                    distinct(labels.index(span.label)),
                    f"{span.text} · {span.label}",
                    share(span.score),
                )
                for span in part.spans
            ]
        )

    def show_table(self) -> None:
        """Show where each stretch begins and ends, its class and score."""
        if self._part is not None:
            rows = [
                (s.text, s.label, s.score, s.start, s.end) for s in self._part.spans
            ]
            columns = ("text", "class", "score", "first character", "end")
            self.table("Found in the text", "", TableModel(columns, rows))

    @staticmethod
    def _class_of(token: Token, part: TokenLabels, labels: list[str]) -> int:
        for span in part.spans:
            if token.start < span.end and token.end > span.start and token.end > 0:
                return labels.index(span.label)
        return -1


class EmbeddingsView(PartView):
    """Texts, or the tokens of one, as points; those alike stand together."""

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self.map = PointMap("Embeddings as points")
        self.map.table_wanted.connect(self.show_table)
        self.column.addWidget(self.map, 1)
        self._part: Embeddings | None = None

    def show_part(self, part: Embeddings, pictures: Pictures) -> None:
        """Show the points; the pointer over one names its nearest."""
        if part is self._part:
            return
        self._part = part
        n = len(part.texts)
        alike = np.asarray(part.similarity, np.float32).reshape(n, n)
        words = [
            visible(t) if part.of_tokens else " ".join(t.split()) for t in part.texts
        ]
        self.map.set_points(part.points, words, alike)
        what = "tokens" if part.of_tokens else "texts"
        self.map.note = (
            f"{n} {what} · {part.n_dimensions} dimensions, of which two keep "
            f"{share(part.kept)} of the variance · type several lines to compare texts"
            if part.of_tokens
            else f"{n} {what} · two of {part.n_dimensions} dimensions keep "
            f"{share(part.kept)} of the variance"
        )

    def show_table(self) -> None:
        """Show the cosine of every pair."""
        if self._part is not None:
            part, n = self._part, len(self._part.texts)
            rows = [
                (text, *part.similarity[place * n : (place + 1) * n])
                for place, text in enumerate(part.texts)
            ]
            model = TableModel(("text", *part.texts), rows)
            self.table("Similarity", "cosine of each pair, -1 to 1", model)
