"""What lenses share: inner tensors of the last run, the tokens it was of, questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.lenses.asked import LookedAt, Question
from layerscope.engine.model.extract import cut_at
from layerscope.engine.model.reading import initializer_array
from layerscope.engine.runtime.cancelling import CancelToken

Array = npt.NDArray[Any]


def values_of(
    model: LookedAt, names: Sequence[str], cancel: CancelToken
) -> dict[str, Array]:
    """Return tensors of the last run in full: inputs, weights and inner ones.

    The inner ones are computed by one run of the graph cut there.

    Parameters
    ----------
    model : LookedAt
        After a run.
    names : sequence of str
        Of tensors of the main graph.
    cancel : CancelToken
        Of the question.

    Raises
    ------
    BadInputError
        Nothing has been run yet.
    """
    feeds = model.feeds
    if not feeds:
        raise BadInputError(
            "The inside of a run was asked for, but nothing has been run; run the "
            "model first."
        )
    found: dict[str, Array] = {}
    inner = []
    for name in dict.fromkeys(names):
        if name in feeds:
            found[name] = np.asarray(feeds[name])
        elif name in model.structure.producer:
            inner.append(name)
        else:
            try:
                found[name] = np.asarray(initializer_array(model.file, name))
            except (KeyError, LookupError):
                continue  # an optional input that nothing fills

    def cut(proto: onnx.ModelProto) -> None:
        cut_at(proto, inner)

    if inner:
        arrays = model.runner().edited(("cut", tuple(inner)), cut, feeds, cancel)
        found.update(zip(inner, arrays, strict=True))
    return found


def tokens_of(model: LookedAt, n: int) -> tuple[str, ...]:
    """Return how the tokens of the last run are shown; places where it had none.

    Parameters
    ----------
    model : LookedAt
        After a run.
    n : int
        How many are wanted.
    """
    ids = token_ids(model)
    if ids is None or len(ids) < n:
        return tuple(str(at) for at in range(n))
    return tuple(model.task.reader.piece(int(token)) for token in ids[:n])


def token_ids(model: LookedAt) -> npt.NDArray[np.int64] | None:
    """Return the tokens that the last run was given, None for a model of no text."""
    purpose = getattr(model.task, "purpose", None)
    if purpose is None or getattr(model.task, "reader", None) is None:
        return None
    name = purpose.wiring.ids.name
    if name not in model.feeds:
        return None
    ids = np.asarray(model.feeds[name])
    return np.asarray(ids.reshape(-1, ids.shape[-1])[0], dtype=np.int64)


def number(question: Question, name: str, default: int) -> int:
    """Return what a question states as a whole number."""
    value = question.get(name, default)
    return int(value) if isinstance(value, int | float) else default
