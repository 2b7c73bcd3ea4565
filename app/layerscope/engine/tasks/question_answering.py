"""Question answering: the stretch of a text that answers a question."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.sampling import softmax
from layerscope.engine.sources import Sources
from layerscope.engine.tasks.base import Inputs, Pictures, Prepared, Settings
from layerscope.engine.tasks.text_purpose import SPAN
from layerscope.engine.tasks.text_task import PreparedText, TextTask
from layerscope.protocol.answers import Answer, Span, TextAnswer, TokenLabels
from layerscope.protocol.inputs import TypedText
from layerscope.protocol.values import InputSlot

_LONGEST = 30  # tokens of an answer
_QUESTION, _CONTEXT = "question", "context"
_EXAMPLE = ("What does the fox jump over?", "The quick brown fox jumps over the dog.")


class QuestionAnswering(TextTask):
    """A question and a text in, the words of the text that answer it out."""

    id: ClassVar[str] = "question-answering"
    title: ClassVar[str] = "Question answering"
    kind: ClassVar[str] = SPAN

    def slots(self) -> tuple[InputSlot, ...]:
        """List the question and the text."""
        return (self.slot(_QUESTION, _EXAMPLE[0]), self.slot(_CONTEXT, _EXAMPLE[1]))

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds of the question and the text as a pair."""
        del sources, settings
        started = time.perf_counter()
        prepared = PreparedText(feeds={})
        question = inputs.get(_QUESTION) or TypedText(text=_EXAMPLE[0])
        context = inputs.get(_CONTEXT) or TypedText(text=_EXAMPLE[1])
        second = context.text if isinstance(context, TypedText) else None
        reading = self.reader.read(question, second)
        self.feed(prepared, reading)
        prepared.notes = [*self.new_notes(), *prepared.notes]
        prepared.prepare_ms = (time.perf_counter() - started) * 1e3
        return prepared

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Take the likeliest start and end that belong together."""
        del settings
        assert isinstance(prepared, PreparedText)
        assert self.purpose.second is not None
        encoded = prepared.readings[0].encoded
        n = len(encoded.ids)
        starts, ends = (
            np.asarray(outputs[info.name], dtype=np.float64).reshape(-1)[:n]
            for info in (self.purpose.output, self.purpose.second)
        )
        inside = np.array(encoded.parts) == 1
        inside &= ~np.array(encoded.special)
        if not inside.any():
            inside = ~np.array(encoded.special)
        first, last, score = best_span(starts, ends, inside)
        start, end = encoded.spans[first][0], encoded.spans[last][1]
        source = prepared.readings[0].second
        words = source[start:end] or self.reader.tokenizer.decode(
            encoded.ids[first : last + 1]
        )
        span = Span(start=start, end=end, text=words, label="answer", score=score)
        parts = (
            TextAnswer(text=words, title=f"{score:.0%}"),
            TokenLabels(source=source, spans=(span,)),
        )
        return Answer(parts=parts), {}


def best_span(
    starts: npt.NDArray[np.float64],
    ends: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
) -> tuple[int, int, float]:
    """Return first and last token of the likeliest answer, and its probability.

    Devlin et al., 2019 (https://arxiv.org/abs/1810.04805): the largest sum of the two
    logits with the end not before the start.

    Parameters
    ----------
    starts, ends : (n,) float64 arrays
        Logits.
    inside : (n,) bool array
        Tokens that an answer may consist of.
    """
    first = np.where(inside, starts, -np.inf)
    last = np.where(inside, ends, -np.inf)
    n = len(first)
    allowed = np.triu(np.ones((n, n), bool)) & ~np.triu(np.ones((n, n), bool), _LONGEST)
    sums = np.where(allowed, first[:, None] + last[None, :], -np.inf)
    at, to = np.unravel_index(int(sums.argmax()), sums.shape)
    chance = softmax(first)[at] * softmax(last)[to]
    return int(at), int(to), float(chance)
