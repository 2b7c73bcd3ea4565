"""Token classification: a class for every token, names and places in a text say."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np

from layerscope.core.sampling import softmax
from layerscope.engine.tasks.base import Pictures, Prepared, Settings
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.text_purpose import TOKENS
from layerscope.engine.tasks.text_task import PreparedText, TextTask
from layerscope.protocol.answers import Answer, Scored, Span, Token, TokenLabels

# How the class that means none is called by convention.
_NONE = re.compile(r"^(O|LABEL_0|class 0)$")
# The position within an entity, as in B-PER, I-PER, E-PER, S-PER.
_PLACE = re.compile(r"^([BILESU])[-_](.+)$")


class TokenClassification(TextTask):
    """One text in, a class for each of its tokens out."""

    id: ClassVar[str] = "token-classification"
    title: ClassVar[str] = "Token classification"
    kind: ClassVar[str] = TOKENS

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Label every token, and put neighbours of one class together."""
        del settings
        assert isinstance(prepared, PreparedText)
        rows = self.rows(outputs, prepared)
        last = facts_of(self.context.model).last_operators(self.purpose.output.name)[:1]
        if last == ("LogSoftmax",):
            rows = np.exp(rows)
        elif last not in (("Softmax",), ("Sigmoid",)):
            rows = softmax(rows)
        reading = prepared.readings[0]
        names = self.context.folder.labels
        if len(names) != rows.shape[1]:
            names = tuple(f"class {n}" for n in range(rows.shape[1]))
        best = rows.argmax(axis=1)
        labels = tuple(
            Scored(index=int(n), label=names[n], score=float(row[n]))
            for n, row in zip(best, rows, strict=True)
        )
        tokens = self.reader.tokens(reading.encoded)
        part = TokenLabels(
            source=reading.text,
            tokens=tokens,
            labels=labels,
            spans=spans_of(reading.text, tokens, labels),
        )
        return Answer(parts=(part,)), {}


def spans_of(
    text: str, tokens: tuple[Token, ...], labels: tuple[Scored, ...]
) -> tuple[Span, ...]:
    """Put neighbouring tokens of one class together.

    Parameters
    ----------
    text : str
        The text that the tokens count the characters of.
    tokens : tuple of Token
        Its tokens; special ones end a stretch.
    labels : tuple of Scored
        One for each token.
    """
    found: list[Span] = []
    scores: list[float] = []
    was = ""
    for token, label in zip(tokens, labels, strict=True):
        if token.special or token.start < 0 or _NONE.match(label.label):
            was = ""
            continue
        place = _PLACE.match(label.label)
        name = place[2] if place else label.label
        begins = place is not None and place[1] in "BSU"
        if found and was == name and not begins:
            scores.append(label.score)
            last = found.pop()
            start, end = last.start, max(last.end, token.end)
        else:
            scores = [label.score]
            start, end = token.start, token.end
        was = name
        found.append(
            Span(
                start=start,
                end=end,
                text=text[start:end],
                label=name,
                score=float(np.mean(scores)),
            )
        )
    return tuple(found)
