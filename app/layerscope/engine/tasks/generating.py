"""Running a decoder token by token: what the graph is fed, and which logits count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.engine.model import (
    attention_sites,
    inside_taps,
    residuals,
    structure,
)
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.steps import Runner
from layerscope.engine.tasks.base import Feeds
from layerscope.engine.tasks.text_wiring import Wiring

# Logits of a piece of the prompt take at most so many numbers.
_MOST_LOGITS = 16 << 20
_LEAST_PIECE = 64
_IN_PLACE = frozenset({"GroupQueryAttention"})

Row = npt.NDArray[Any]


def writes_in_place(model: OnnxModel) -> bool:
    """Whether keys and values may be one long buffer that the graph writes on in."""
    ops = {node.op_type for node in model.proto.graph.node}
    return bool(ops & _IN_PLACE) and not ops & {"Attention", "MultiHeadAttention"}


@dataclass(frozen=True, slots=True)
class Inside:
    """Inner tensors that come out with each step.

    Attributes
    ----------
    names : dict of str to str
        Tensors by what they are.
    edit : callable
        Makes a model give them, in place.
    """

    names: dict[str, str]
    edit: Callable[[onnx.ModelProto], None]


def inside_of(model: OnnxModel, logits: str) -> Inside:
    """Return every attention map and the residual stream of a model.

    Parameters
    ----------
    model : OnnxModel
        A decoder.
    logits : str
        Its output of logits.
    """
    described = structure.describe(model)
    sites = attention_sites.find(described)
    stream = residuals.find(described, logits)
    return Inside(
        names=inside_taps.tapped_names(sites, stream),
        edit=lambda proto: inside_taps.tap(proto, sites, stream),
    )


class TextRun:
    """A text in the making: the tokens so far, and the logits of the next.

    Parameters
    ----------
    runner : Runner
        Of the job.
    wiring : Wiring
        Of the graph.
    logits : str
        Its output of logits.
    n_logits : int
        Size of the vocabulary, 0 where it is not stated.
    longest : int
        Tokens the text may come to have, where keys and values are one long buffer,
        else 0.
    component : str
        The graph, where it is not the shown one.
    fixed : dict
        What other inputs get in each step: an encoder's states.
    state : dict
        First values of what is fed back, where they are not empty.
    inside : Inside, optional
        What is to be kept of each step besides.
    """

    def __init__(
        self,
        runner: Runner,
        wiring: Wiring,
        logits: str,
        *,
        n_logits: int = 0,
        longest: int = 0,
        component: str = "",
        fixed: Feeds | None = None,
        state: Feeds | None = None,
        inside: Inside | None = None,
    ) -> None:
        self._runner = runner
        self._wiring = wiring
        self._fixed = fixed or {}
        self._inside = inside
        self._decoder = runner.graph(component).decoder(
            wiring.fed_back,
            logits,
            tuple(inside.names.values()) if inside is not None else (),
            edit=inside.edit if inside is not None else None,
            held=[item.info.name for item in wiring.carried if item.cross],
            shared=bool(longest),
        )
        self._decoder.begin({**wiring.first_state(longest), **(state or {})})
        self.ids: list[int] = []
        self._singly = False  # whether the last step was of one token
        last = (wiring.ids.shape or (None,))[-1]
        self._one_by_one = bool(wiring.states) or last == 1
        self._piece = max(_LEAST_PIECE, _MOST_LOGITS // max(n_logits, 1))
        self._quick = self._quick_feeds()

    def take(self, new: list[int], wanted: int = 1) -> list[Row]:
        """Run the graph on the next tokens.

        Parameters
        ----------
        new : list of int
            At least one.
        wanted : int
            Of how many of the last ones the logits are wanted.

        Returns
        -------
        list of (n_logits,) float arrays
            Of the last tokens; fewer where the graph gives no more.

        Raises
        ------
        JobCancelledError
            The user stopped the job.
        LayerscopeError
            The graph cannot be run on these tokens.
        """
        if not self._wiring.carried:
            self.ids += new
            return self._rows(self.ids, 0, wanted)
        rows: list[Row] = []
        size = 1 if self._one_by_one else self._piece
        for start in range(0, len(new), size):
            piece = new[start : start + size]
            past = len(self.ids)
            self.ids += piece
            left = len(new) - start - len(piece)
            found = self._rows(piece, past, min(len(piece), max(wanted - left, 0)))
            rows += found
            if self._wiring.states:
                self._runner.keepsakes.put("state", past, self._decoder.state())
        return rows

    def _rows(self, ids: list[int], past: int, wanted: int) -> list[Row]:
        if self._quick is not None and len(ids) == 1 and past + 1 < self._longest:
            feeds = self._quick_step(ids[0], past)
        else:
            feeds = self._wiring.feeds(np.array(ids, dtype=np.int64), past)
            feeds.update(self._fixed)
        again = len(ids) == 1 and past > 0 and self._singly
        logits = self._decoder.step(feeds, self._runner.token, again=again)
        self._singly = len(ids) == 1
        if self._inside is not None:
            kept = self._decoder.kept
            arrays = {key: kept[name] for key, name in self._inside.names.items()}
            self._runner.keepsakes.put("inside", past, arrays)
        rows = logits.reshape(-1, logits.shape[-1])
        if wanted == 1 and len(rows) == 1:
            return [rows[0]]
        rows = rows[: len(ids)]  # what comes after is padding
        # Copies, since a view would keep the logits of the whole prompt.
        return [row.copy() for row in rows[len(rows) - min(wanted, len(rows)) :]]

    def _quick_feeds(self) -> Feeds | None:
        """Return arrays for steps of one token, written to in place; None if none."""
        wiring = self._wiring
        plain = all(len(info.shape or (0, 0)) == 2 for info in wiring.masks)
        if not wiring.caches or wiring.others or wiring.types or not plain:
            return None
        self._longest = 1 << 16
        feeds = wiring.feeds(np.zeros(1, dtype=np.int64), 0)
        self._ones = {
            info.name: np.ones((1, self._longest), dtype=np.dtype(info.dtype))
            for info in wiring.masks
        }
        return {**feeds, **self._fixed}

    def _quick_step(self, token: int, past: int) -> Feeds:
        feeds = self._quick
        assert feeds is not None
        feeds[self._wiring.ids.name].fill(token)
        for info in self._wiring.positions:
            feeds[info.name].fill(past)
        for name, ones in self._ones.items():
            feeds[name] = ones[:, : past + 1]
        return feeds
