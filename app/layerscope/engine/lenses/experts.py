"""Mixture of experts: which experts each token took in each layer.

Shazeer et al., 2017, https://arxiv.org/abs/1701.06538.
"""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np

from layerscope.core.errors import BadInputError
from layerscope.core.sampling import softmax
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.looking import tokens_of, values_of
from layerscope.engine.runtime.cancelling import CancelToken

_NAMED = re.compile(r"router.?prob|routing.?weights|gate.?prob", re.IGNORECASE)
_FUSED = frozenset({"MoE", "QMoE"})
_CHOSEN = 2  # where the folder does not state how many experts a token takes
_MOST_EXPERTS = 1024


class Experts:
    """Router probabilities of every layer and token.

    Question ``{}``: ``texts["names"]`` of the layers, ``["tokens"]``,
    ``arrays["probability"]``, (layers, tokens, experts) float32, ``["chosen"]``,
    (layers, tokens, k) int32, the likeliest first, and ``["load"]``, (layers, experts)
    float32: the share of the tokens that chose each.
    """

    id: ClassVar[str] = "experts"

    def suits(self, model: LookedAt) -> bool:
        """Whether the graph has routers."""
        return bool(_routers(model))

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Return probabilities, choices and loads."""
        del question
        routers = _routers(model)
        if not routers:
            raise BadInputError(
                f"Experts were asked for, but {model.folder.name} routes nothing to "
                "any; look at its layers instead."
            )
        values = values_of(model, [tensor for _, tensor in routers], token)
        rows = []
        for _, tensor in routers:
            value = np.asarray(values[tensor], dtype=np.float32)
            value = value.reshape(-1, value.shape[-1])
            sums = value.sum(axis=1)
            shares = value.min() >= 0 and np.abs(sums - 1).max() < 0.02
            rows.append(value if shares else softmax(value))
        n, n_experts = rows[0].shape
        same = [row.shape == (n, n_experts) for row in rows]
        if not all(same) or not 2 <= n_experts <= _MOST_EXPERTS:
            raise BadInputError(
                "The routers of this model have different sizes, so they cannot be "
                "shown side by side; look at their layers instead."
            )
        stated = model.folder.config.get("num_experts_per_tok", _CHOSEN)
        k = stated if isinstance(stated, int) else _CHOSEN
        k = min(max(k, 1), n_experts)
        shares_of = np.stack(rows)
        chosen = np.argsort(-shares_of, axis=2, kind="stable")[:, :, :k]
        load = np.stack(
            [np.bincount(layer.ravel(), minlength=n_experts) / n for layer in chosen]
        )
        return LensAnswer(
            arrays={
                "probability": np.asarray(shares_of, dtype=np.float32),
                "chosen": chosen.astype(np.int32),
                "load": load.astype(np.float32),
            },
            texts={
                "names": tuple(name for name, _ in routers),
                "tokens": tokens_of(model, n),
            },
        )


def _routers(model: LookedAt) -> tuple[tuple[str, str], ...]:
    """Return name and probabilities of every router of the main graph."""
    structure = model.structure
    by_name, by_shape = [], []
    for index, node in enumerate(structure.node_protos):
        info = structure.nodes[index]
        if info.graph != 0:
            continue
        group = structure.groups[info.group].path if info.group >= 0 else ""
        label = group.replace("/", ".") or info.name
        named = [name for name in node.output if _NAMED.search(name)]
        if named:
            by_name.append((label, named[0]))
        if node.op_type in _FUSED and len(node.input) > 1:
            by_shape.append((label, node.input[1]))
        elif node.op_type == "Softmax":
            takers = structure.consumers.get(node.output[0], ())
            if any(structure.node_protos[at].op_type == "TopK" for at in takers):
                by_shape.append((label, node.output[0]))
    return tuple(by_name or by_shape)
