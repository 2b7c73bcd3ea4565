"""Recurrent state: what a network of LSTM, GRU or RNN layers remembers, over a text."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.looking import number, tokens_of, values_of
from layerscope.engine.runtime.cancelling import CancelToken

_CELLS = frozenset({"LSTM", "GRU", "RNN"})
_STATE = "state"


class RecurrentState:
    """States over time, as a map.

    Question ``{}``: ``texts["names"]`` of the states and ``["tokens"]``. Question
    ``{"state": i}``: ``arrays["values"]``, (time, units) float32, ``texts["name"]``
    and ``["tokens"]``.
    """

    id: ClassVar[str] = "recurrent-state"

    def suits(self, model: LookedAt) -> bool:
        """Whether there are recurrent layers, or states that are fed back."""
        wiring = getattr(getattr(model.task, "purpose", None), "wiring", None)
        return bool(getattr(wiring, "states", ())) or bool(_layers(model))

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Return the names of the states, or one of them."""
        steps = model.keepsakes.steps(_STATE)
        kept = [model.keepsakes.get(_STATE, step) or {} for step in steps]
        layers = () if kept else _layers(model)
        names = tuple(kept[0]) if kept else tuple(name for name, _ in layers)
        if not names:
            raise BadInputError(
                "The recurrent state was asked for, but there is none yet; run the "
                "model first."
            )
        if "state" not in question:
            found = LensAnswer(texts={"names": names})
            n = len(kept)
            if layers:
                tensor = layers[0][1]
                n = len(values_of(model, [tensor], token)[tensor])
            found.texts["tokens"] = _tokens(model, n)
            return found
        at = number(question, "state", 0)
        if not 0 <= at < len(names):
            raise BadInputError(
                f"State {at} was asked for; there are states 0 to {len(names) - 1}."
            )
        if kept:
            values = np.stack([arrays[names[at]].reshape(-1) for arrays in kept])
        else:
            tensor = layers[at][1]
            values = over_time(values_of(model, [tensor], token)[tensor])
        return LensAnswer(
            arrays={"values": np.ascontiguousarray(values, dtype=np.float32)},
            texts={"name": (names[at],), "tokens": _tokens(model, len(values))},
        )


def over_time(states: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the hidden states of a recurrent operator as (time, units).

    Parameters
    ----------
    states : (time, directions, batch, units) array
        As ONNX defines the output Y; both directions come side by side, and of a
        batch the first.
    """
    first = states[:, :, 0] if states.ndim == 4 else states
    return first.reshape(len(first), -1)


def _tokens(model: LookedAt, n: int) -> tuple[str, ...]:
    ids = model.keepsakes.get("ids", 0)
    if ids is not None and len(ids["prompt"]) + len(ids["made"]) >= n:
        together = [*ids["prompt"].tolist(), *ids["made"].tolist()][:n]
        return tuple(model.task.reader.piece(int(token)) for token in together)
    return tokens_of(model, n)


def _layers(model: LookedAt) -> tuple[tuple[str, str], ...]:
    """Return name and hidden states of each recurrent layer of the main graph."""
    structure = model.structure
    found = []
    for info, node in zip(structure.nodes, structure.node_protos, strict=True):
        if info.graph != 0 or node.op_type not in _CELLS or not node.output:
            continue
        if node.output[0]:
            group = structure.groups[info.group].path if info.group >= 0 else ""
            found.append((group.replace("/", ".") or info.name, node.output[0]))
    return tuple(found)
