"""Attention: which token looks at which, in every layer and head.

What is shown are weights, not importance: see Jain & Wallace, 2019
(https://arxiv.org/abs/1902.10186).
"""

from __future__ import annotations

import threading
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.attention_weights import (
    check_head,
    head_weights,
    n_heads,
    vectors,
)
from layerscope.engine.lenses.looking import number, tokens_of, values_of
from layerscope.engine.model.attention_sites import AttentionSite, find
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.runtime.cancelling import CancelToken

MAP_SIDE = 32
CAPTION = (
    "Rows are queries, columns are keys. These are the weights by which values are "
    "mixed, not how much a token matters for the answer."
)
Array = npt.NDArray[Any]


class Attention:
    """Weights of one head, or small maps of all of them.

    Question ``{}`` or ``{"overview": True}``: ``numbers["layers"]`` and ``["heads"]``,
    ``texts["names"]``, ``["kinds"]`` (self or cross) and ``["tokens"]``, and
    ``arrays["overview"]``, (layers, heads, rows, columns) uint8, each map scaled to its
    own largest weight.

    Question ``{"layer": i, "head": h}``: ``arrays["weights"]``, (queries, keys)
    float32, ``texts["queries"]``, ``["keys"]``, ``["name"]`` and ``["caption"]``,
    ``numbers["query_offset"]``, and where the tokens are patches of a picture
    ``numbers["grid"]``: rows, columns, tokens before them. With ``"query": q`` and
    ``"key": k`` also ``arrays["q"]`` and ``["k"]``, (d,) float32, and
    ``numbers["pair"]``: their product and the weight.
    """

    id: ClassVar[str] = "attention"

    def __init__(self) -> None:
        self._sites: WeakKeyDictionary[OnnxModel, tuple[AttentionSite, ...]] = (
            WeakKeyDictionary()
        )
        self._lock = threading.Lock()
        self._last: tuple[Any, dict[str, Array]] | None = None

    def suits(self, model: LookedAt) -> bool:
        """Whether the graph attends anywhere."""
        return bool(self._of(model))

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Return one head, or the overview."""
        sites = self._of(model)
        if not sites:
            raise BadInputError(
                f"Attention was asked for, but {model.folder.name} has none that is "
                "understood; look at its layers instead."
            )
        values = self._values(model, sites, token)
        if "layer" not in question:
            return self._overview(model, sites, values)
        layer = number(question, "layer", 0)
        if not 0 <= layer < len(sites):
            raise BadInputError(
                f"Layer {layer} was asked for; attention is in layers 0 to "
                f"{len(sites) - 1}."
            )
        site, head = sites[layer], number(question, "head", 0)
        check_head(head, n_heads(site, values), site.name)
        weights = head_weights(site, values, head)
        found = LensAnswer(
            arrays={"weights": weights},
            numbers={"query_offset": (float(weights.shape[1] - len(weights)),)},
            texts={"name": (site.name,), "caption": (CAPTION,)},
        )
        found.texts["keys"] = _named(model, site, weights.shape[1], keys=True)
        found.texts["queries"] = _named(model, site, len(weights), keys=False)
        grid = grid_of(model, weights.shape[1])
        if grid:
            found.numbers["grid"] = grid
        if "key" in question:
            _add_pair(found, site, values, head, question)
        return found

    def _of(self, model: LookedAt) -> tuple[AttentionSite, ...]:
        with self._lock:
            if model.file not in self._sites:
                self._sites[model.file] = find(model.structure)
            return self._sites[model.file]

    def _values(
        self, model: LookedAt, sites: tuple[AttentionSite, ...], token: CancelToken
    ) -> dict[str, Array]:
        """Return queries and keys of all layers, computed once for each run."""
        with self._lock:
            # A run may end meanwhile: what is found belongs to what was there first.
            feeds = model.feeds
            if self._last is not None and self._last[0] is feeds:
                return self._last[1]
            names = [name for site in sites for name in site.tensors]
            values = values_of(model, names, token)
            self._last = (feeds, values)
            return values

    @staticmethod
    def _overview(
        model: LookedAt, sites: tuple[AttentionSite, ...], values: dict[str, Array]
    ) -> LensAnswer:
        counts = [n_heads(site, values) for site in sites]
        maps: list[list[Array]] = []
        length = 0
        for site, count in zip(sites, counts, strict=True):
            row = []
            for head in range(count):
                small, n_keys = small_map(site, values, head)
                row.append(small)
                length = max(length, n_keys)
            maps.append(row)
        rows = max(small.shape[0] for row in maps for small in row)
        columns = max(small.shape[1] for row in maps for small in row)
        pixels = np.zeros((len(sites), max(counts), rows, columns), dtype=np.uint8)
        for layer, row in enumerate(maps):
            for head, small in enumerate(row):
                pixels[layer, head, : small.shape[0], : small.shape[1]] = small
        return LensAnswer(
            arrays={"overview": pixels},
            numbers={
                "layers": tuple(float(at) for at in range(len(sites))),
                "heads": tuple(float(count) for count in counts),
            },
            texts={
                "names": tuple(site.name for site in sites),
                "kinds": tuple("cross" if site.cross else "self" for site in sites),
                "tokens": tokens_of(model, length),
                "caption": (CAPTION,),
            },
        )


def small_map(
    site: AttentionSite, values: dict[str, Array], head: int
) -> tuple[npt.NDArray[np.uint8], int]:
    """Return a head's map at most `MAP_SIDE` a side, and how many keys it is of.

    Of a long text, some queries are taken and the largest weight of several keys.
    """
    query, _ = (values[site.query], None)
    n_queries = (
        query.shape[1]
        if query.ndim == 3 and len(site.chain) == 1
        else (query.shape[-2])
    )
    rows = np.unique(
        np.linspace(0, n_queries - 1, min(MAP_SIDE, n_queries)).round().astype(np.int64)
    )
    weights = np.nan_to_num(head_weights(site, values, head, rows))
    n_keys = weights.shape[1]
    if n_keys > MAP_SIDE:
        starts = np.linspace(0, n_keys, MAP_SIDE + 1).astype(int)[:-1]
        weights = np.maximum.reduceat(weights, starts, axis=1)
    largest = float(weights.max(initial=0.0))
    return (weights * (255 / (largest or 1))).round().astype(np.uint8), n_keys


def grid_of(model: LookedAt, n: int) -> tuple[float, ...]:
    """Return rows, columns and tokens before them where tokens are patches."""
    if getattr(model.task, "reader", None) is not None:
        return ()
    for before in (1, 0, 2, 5):
        side = round(max(n - before, 0) ** 0.5)
        if side > 1 and side * side == n - before:
            return (float(side), float(side), float(before))
    return ()


def _named(
    model: LookedAt, site: AttentionSite, n: int, *, keys: bool
) -> tuple[str, ...]:
    if site.cross and keys:
        source = getattr(model.task, "source_tokens", None)
        names = source(n) if callable(source) else ()
        return tuple(names) or tuple(str(at) for at in range(n))
    return tokens_of(model, n)


def _add_pair(
    found: LensAnswer,
    site: AttentionSite,
    values: dict[str, Array],
    head: int,
    question: Question,
) -> None:
    weights = found.arrays["weights"]
    query, key = number(question, "query", 0), number(question, "key", 0)
    if not (0 <= query < weights.shape[0] and 0 <= key < weights.shape[1]):
        raise BadInputError(
            f"The pair {query}, {key} was asked for; there are {weights.shape[0]} "
            f"queries and {weights.shape[1]} keys."
        )
    queries, all_keys = vectors(site, values, head)
    found.arrays["q"] = np.ascontiguousarray(queries[query])
    found.arrays["k"] = np.ascontiguousarray(all_keys[key])
    score = float(queries[query] @ all_keys[key])
    found.numbers["pair"] = (score, float(weights[query, key]))
