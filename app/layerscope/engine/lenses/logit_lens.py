"""Logit lens: what the model would say next if it stopped after each layer.

nostalgebraist, "interpreting GPT: the logit lens", 2020
(https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru): the stream after each block goes
through the model's own last norm and product with the vocabulary.
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.core.sampling import softmax
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.looking import number, token_ids, tokens_of
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.residuals import Stream, expose, find, tail
from layerscope.engine.runtime.cancelling import CancelToken

MOST_WORDS = 50
_MOST_LOGITS = 8 << 20
_LOGITS = ("next", "mask")
Array = npt.NDArray[Any]


class LogitLens:
    """Words of each layer: the likeliest few of one position, or one of each.

    Question ``{"position": p, "n": k}``, p counted from 0 or -1 for the last:
    ``texts["names"]`` of the L rows, the embedding first and the model's own answer
    last, ``texts["words"]``, ``numbers["probability"]`` and ``["id"]``, L x k in rows,
    and ``numbers["position"]``.

    Question ``{}``: the likeliest word of every layer and position; ``texts["names"]``
    (L), ``["tokens"]`` (T), ``["words"]``, ``numbers["probability"]`` and ``["id"]``,
    L x T in rows.
    """

    id: ClassVar[str] = "logit-lens"

    def __init__(self) -> None:
        self._streams: WeakKeyDictionary[OnnxModel, Stream | bool] = WeakKeyDictionary()
        self._lock = threading.Lock()
        self._last: tuple[Any, list[Array]] | None = None

    def suits(self, model: LookedAt) -> bool:
        """Whether the graph has a residual stream and logits of words."""
        return self._of(model) is not None

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Return the words of one position, or of all."""
        stream = self._of(model)
        if stream is None:
            raise BadInputError(
                f"The logit lens was asked for, but {model.folder.name} has no stream "
                "of sums that ends in logits; look at its layers instead."
            )
        values = self._values(model, stream, token)
        n = values[0].shape[0]
        if "position" not in question:
            return self._all(model, stream, values, token)
        position = number(question, "position", -1)
        position = n + position if position < 0 else position
        if not 0 <= position < n:
            raise BadInputError(
                f"Position {position} was asked for; the text has {n} tokens."
            )
        rows = np.stack([value[position] for value in values])
        chances = softmax(self._logits(model, stream, rows, token))
        count = min(max(number(question, "n", 5), 1), MOST_WORDS, chances.shape[1])
        order = np.argsort(-chances, axis=1, kind="stable")[:, :count]
        found = np.take_along_axis(chances, order, axis=1)
        return LensAnswer(
            numbers={
                "probability": tuple(float(chance) for chance in found.ravel()),
                "id": tuple(float(word) for word in order.ravel()),
                "position": (float(position),),
            },
            texts={
                "names": stream.names,
                "words": tuple(_word(model, int(word)) for word in order.ravel()),
                "tokens": tokens_of(model, n),
            },
        )

    def _all(
        self,
        model: LookedAt,
        stream: Stream,
        values: list[Array],
        token: CancelToken,
    ) -> LensAnswer:
        n = values[0].shape[0]
        rows = np.concatenate(values)
        words = np.zeros(len(rows), dtype=np.int64)
        chances = np.zeros(len(rows), dtype=np.float32)
        at, piece = 0, 16
        while at < len(rows):
            logits = self._logits(model, stream, rows[at : at + piece], token)
            best = logits.argmax(axis=1)
            words[at : at + len(best)] = best
            shares = softmax(logits)
            chances[at : at + len(best)] = shares[np.arange(len(best)), best]
            at += len(best)
            piece = max(16, _MOST_LOGITS // logits.shape[1])
        return LensAnswer(
            numbers={
                "probability": tuple(float(chance) for chance in chances),
                "id": tuple(float(word) for word in words),
            },
            texts={
                "names": stream.names,
                "tokens": tokens_of(model, n),
                "words": tuple(_word(model, int(word)) for word in words),
            },
        )

    def _of(self, model: LookedAt) -> Stream | None:
        purpose = getattr(model.task, "purpose", None)
        if purpose is None or purpose.kind not in _LOGITS:
            return None
        with self._lock:
            if model.file not in self._streams:
                found = find(model.structure, purpose.output.name)
                self._streams[model.file] = found or False
            known = self._streams[model.file]
        return known if isinstance(known, Stream) else None

    def _values(
        self, model: LookedAt, stream: Stream, token: CancelToken
    ) -> list[Array]:
        """Return the stream after each block, (T, d) each, padding left out."""
        if not model.feeds:
            raise BadInputError(
                "The logit lens was asked for, but nothing has been run; run the model "
                "first."
            )
        with self._lock:
            # A run may end meanwhile: what is found belongs to what was there first.
            feeds = model.feeds
            if self._last is not None and self._last[0] is feeds:
                return self._last[1]
            found = model.runner().edited(
                ("stream", stream.tensors),
                lambda proto: expose(proto, stream.tensors),
                feeds,
                token,
            )
            ids = token_ids(model)
            n = len(ids) if ids is not None else -1
            rows = [
                np.asarray(value).reshape(-1, value.shape[-1])[:n] for value in found
            ]
            self._last = (feeds, rows)
            return rows

    @staticmethod
    def _logits(
        model: LookedAt, stream: Stream, rows: Array, token: CancelToken
    ) -> Array:
        """Put rows of the stream, (n, d), through the last norm and the vocabulary."""
        data_type = onnx.helper.np_dtype_to_tensor_dtype(rows.dtype)

        def cut(proto: onnx.ModelProto) -> None:
            tail(proto, stream, data_type)

        def run(part: Array) -> Array:
            feeds = {stream.tensors[-1]: np.ascontiguousarray(part[None])}
            key = ("tail", stream.tensors[-1])
            logits = model.runner().edited(key, cut, feeds, token)[0]
            return np.asarray(logits, dtype=np.float32).reshape(-1, logits.shape[-1])

        found = run(rows)
        if len(found) == len(rows):
            return found
        # A graph that keeps the last position only
        return np.concatenate([run(rows[at : at + 1]) for at in range(len(rows))])


def _word(model: LookedAt, token: int) -> str:
    return str(model.task.reader.piece(token))
