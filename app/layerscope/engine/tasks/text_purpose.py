"""What a text graph is for, by its outputs and what lies beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.tasks.base import TaskContext
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.text_wiring import Wiring, wire
from layerscope.protocol.values import TensorInfo

CLASSES = "classes"
TOKENS = "tokens"
MASK = "mask"
EMBEDDING = "embedding"
SPAN = "span"
NEXT = "next"

MOST_CLASSES = 22_000
_MOST_TOKEN_CLASSES = 512
_LEAST_VOCABULARY = 1_000
_HIDDEN = re.compile(r"hidden|embed|pool|sentence")
_SCORES = re.compile(r"logit|prob|score|label|class|output")
_MASKED = re.compile(r"MaskedLM|BertForPreTraining")
_CAUSAL_LM = re.compile(r"CausalLM|LMHead")
_CAUSAL_OPS = frozenset({"Trilu", "GroupQueryAttention", "SparseAttention"})


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a text graph is for.

    Attributes
    ----------
    wiring : Wiring
        Of its inputs.
    kind : str
        `CLASSES`, `TOKENS`, `MASK`, `EMBEDDING`, `SPAN` or `NEXT`.
    output : TensorInfo
        What answers: logits, hidden states, ….
    second : TensorInfo, optional
        Where a span ends.
    hidden : TensorInfo, optional
        A vector for each token.
    """

    wiring: Wiring
    kind: str
    output: TensorInfo
    second: TensorInfo | None = None
    hidden: TensorInfo | None = None


_known: WeakKeyDictionary[OnnxModel, Purpose | bool] = WeakKeyDictionary()


def purpose_of(context: TaskContext) -> Purpose | None:
    """Return what a graph is for, None where it reads no text; found out once."""
    if context.model not in _known:
        _known[context.model] = _find(context) or False
    found = _known[context.model]
    return found if isinstance(found, Purpose) else None


def _find(context: TaskContext) -> Purpose | None:
    wiring = wire(context)
    if wiring is None:
        return None
    carried = set(wiring.fed_back.values())
    outputs = [
        info
        for info in context.outputs
        if info.name not in carried
        and info.dtype.startswith(("float", "bfloat"))
        and len(info.shape or ()) in (2, 3)
    ]
    by_name = {info.name.lower(): info for info in outputs}
    start, end = by_name.get("start_logits"), by_name.get("end_logits")
    if start is not None and end is not None:
        return Purpose(wiring, SPAN, start, second=end)
    if not outputs:
        return None
    words = _vocabulary(context, wiring, outputs)
    hidden = next((info for info in outputs if len(info.shape or ()) == 3), None)
    if words is not None:
        kind = NEXT if _goes_on(context, wiring) else MASK
        return Purpose(wiring, kind, words, hidden=hidden)
    if wiring.caches or wiring.encoder is not None:
        return None
    flat = [info for info in outputs if len(info.shape or ()) == 2]
    if hidden is None:
        embeds = _HIDDEN.search(flat[0].name.lower())
        size = (flat[0].shape or (0,))[-1]
        if isinstance(size, int) and size > MOST_CLASSES:
            return None
        return Purpose(wiring, EMBEDDING if embeds else CLASSES, flat[0])
    named = next((one for one in flat if _HIDDEN.search(one.name.lower())), None)
    if named is not None or not _labels_tokens(context, hidden):
        return Purpose(wiring, EMBEDDING, named or hidden, hidden=hidden)
    return Purpose(wiring, TOKENS, hidden, hidden=hidden)


def _vocabulary(
    context: TaskContext, wiring: Wiring, outputs: list[TensorInfo]
) -> TensorInfo | None:
    """Return the output with a logit for every word, None where none has."""
    stated = context.folder.config.get("vocab_size")
    for info in outputs:
        size = (info.shape or (None,))[-1]
        if len(info.shape or ()) != 3 or not isinstance(size, int):
            continue
        rows = wiring.n_ids
        if size == stated or (rows and 0.8 * rows <= size <= 1.25 * rows):
            return info
        if not rows and size >= _LEAST_VOCABULARY and "logit" in info.name.lower():
            return info
    # Some exporters leave the size of the vocabulary open.
    carries = bool(wiring.carried) or wiring.encoder is not None
    for info in outputs:
        if carries and info.name.lower() in ("logits", "lm_logits"):
            return info
    return None


def _goes_on(context: TaskContext, wiring: Wiring) -> bool:
    """Whether a language model sees only what comes before."""
    if wiring.carried or wiring.encoder is not None:
        return True
    stated = context.folder.config.get("architectures")
    names = " ".join(map(str, stated)) if isinstance(stated, list) else ""
    if _MASKED.search(names):
        return False
    if _CAUSAL_LM.search(names):
        return True
    nodes = context.model.proto.graph.node
    for node in nodes:
        if node.op_type in _CAUSAL_OPS:
            return True
        if node.op_type in ("Attention", "MultiHeadAttention") and any(
            item.name in ("unidirectional", "is_causal") and item.i
            for item in node.attribute
        ):
            return True
    return any(node.op_type in ("LSTM", "GRU", "RNN") for node in nodes)


def _labels_tokens(context: TaskContext, info: TensorInfo) -> bool:
    size = (info.shape or (None,))[-1]
    if not isinstance(size, int) or not 2 <= size <= _MOST_TOKEN_CLASSES:
        return False
    if len(context.folder.labels) == size or "logit" in info.name.lower():
        return True
    if _HIDDEN.search(info.name.lower()):
        return False
    last = facts_of(context.model).last_operators(info.name)
    return last[:1] in (("Softmax",), ("LogSoftmax",), ("MatMul",), ("Gemm",)) or (
        last[:2] == ("Add", "MatMul")
    )
