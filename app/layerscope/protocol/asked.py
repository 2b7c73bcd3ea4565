"""Answers to questions about an open model and its last run."""

from __future__ import annotations

import msgspec

from layerscope.protocol.answers import Token
from layerscope.protocol.message import Message, ModelId
from layerscope.protocol.values import ArrayRef


class LensAnswered(Message, frozen=True, kw_only=True):
    """Answer to `AskLens`; what the entries are, the lens documents.

    Attributes
    ----------
    arrays : dict of str to ArrayRef
    numbers : dict of str to tuple of float
    texts : dict of str to tuple of str
    """

    model: ModelId
    lens: str
    arrays: dict[str, ArrayRef] = msgspec.field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Tokenised(Message, frozen=True, kw_only=True):
    """Answer to `Tokenise`.

    Attributes
    ----------
    tokens : tuple of Token
        Special ones included; the first 4,096 where there are more.
    n : int
        How many there are in all.
    limit : int
        How many the model takes, 0 where nothing states it.
    note : str
        What is worth telling, ``"There is no tokenizer.json …"`` say, or empty.
    """

    model: ModelId
    tokens: tuple[Token, ...]
    n: int
    limit: int = 0
    note: str = ""
