"""Sampling: what other settings would have drawn, from the logits that were kept."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from layerscope.core.errors import BadInputError
from layerscope.core.sampling import Sampling, choose, distribution, softmax
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.looking import number
from layerscope.engine.runtime.cancelling import CancelToken

MOST_WORDS = 200


class NextToken:
    """The distribution of one made token, drawn again without running the model.

    Question: ``step``, the position among the made tokens, -1 for the last; the
    settings of sampling by their names; ``n``, how many words. Answer:
    ``texts["tokens"]``, ``numbers["id"]``, ``["probability"]`` (the model's own),
    ``["sampled"]`` (after the settings), the likeliest first; ``numbers["choice"]``
    and ``texts["choice"]``, what these settings draw, and ``numbers["step"]``.
    """

    id: ClassVar[str] = "sampling"

    def suits(self, model: LookedAt) -> bool:
        """Whether the model makes a text."""
        kind = getattr(getattr(model.task, "purpose", None), "kind", "")
        return kind == "next" and hasattr(model.task, "generate")

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Return the likeliest words with the chances that settings give them."""
        del token
        steps = model.keepsakes.steps("logits")
        step = number(question, "step", -1)
        step = steps[-1] if step < 0 and steps else step
        kept = model.keepsakes.get("logits", step)
        if kept is None:
            raise BadInputError(
                f"The logits of token {step} were asked for; "
                + (
                    f"kept are those of {steps[0]} to {steps[-1]}."
                    if steps
                    else "there are none, so run the model first."
                )
            )
        logits = kept["logits"].astype(np.float32)
        ids = model.keepsakes.get("ids", 0) or {}
        empty = np.zeros(0, dtype=np.int64)
        seen = [
            *ids.get("prompt", empty).tolist(),
            *ids.get("made", empty)[:step].tolist(),
        ]
        sampling = sampling_of(question)
        plain = softmax(logits)
        chances = distribution(logits, sampling, seen)
        count = min(max(number(question, "n", 20), 1), MOST_WORDS, len(logits))
        order = np.argsort(-plain, kind="stable")[:count]
        choice = choose(logits, sampling, seen, step)
        piece = model.task.reader.piece
        return LensAnswer(
            numbers={
                "id": tuple(float(word) for word in order),
                "probability": tuple(float(plain[word]) for word in order),
                "sampled": tuple(float(chances[word]) for word in order),
                "choice": (float(choice),),
                "step": (float(step),),
            },
            texts={
                "tokens": tuple(piece(int(word)) for word in order),
                "choice": (piece(choice),),
            },
        )


def sampling_of(question: Question) -> Sampling:
    """Return the settings of sampling that a question states."""

    def real(name: str, default: float) -> float:
        value = question.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    return Sampling(
        greedy=question.get("greedy") is True,
        temperature=max(real("temperature", 1.0), 0.0),
        top_k=number(question, "top_k", 0),
        top_p=real("top_p", 1.0),
        min_p=real("min_p", 0.0),
        repetition_penalty=real("repetition_penalty", 1.0),
        seed=number(question, "seed", 0),
    )
