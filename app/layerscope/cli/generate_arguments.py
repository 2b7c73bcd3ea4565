"""What ``layerscope generate`` can be told."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

from layerscope.core.errors import BadInputError

MAX_TOKENS = 1 << 16
MAX_WORDS = 50
# What does not count where the likeliest is taken; a penalty does.
SAMPLING = ("temperature", "top_k", "top_p", "min_p", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """Let a language model go on from a text.

    Attributes
    ----------
    prompt : str
    max_new_tokens, temperature, top_k, top_p, min_p, seed : number or None
        None for what the model's folder states.
    repetition_penalty : float or None
        1 for none, 2 at most; it counts for the likeliest token too.
    greedy : bool
        Always the likeliest token.
    save_attention : Path or None
        Where to write the weights of every layer and head.
    logit_lens : int
        Words to tell for each layer, 0 for none.
    """

    model: str
    prompt: str
    max_new_tokens: int | None = None
    greedy: bool = False
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    device: str = "auto"
    save_attention: Path | None = None
    logit_lens: int = 0
    json: bool = False


def add(parser: argparse.ArgumentParser) -> None:
    """Add what can be told of generating to a parser that knows the model."""
    parser.add_argument(
        "--prompt",
        metavar="S",
        required=True,
        help="the text to go on from, or token ids: 'ids: 15 11 99'",
    )
    parser.add_argument("--max-new-tokens", metavar="N", type=_count(1, MAX_TOKENS))
    parser.add_argument(
        "--greedy", action="store_true", help="always take the likeliest token"
    )
    parser.add_argument("--temperature", metavar="T", type=_number(0.0, 100.0))
    parser.add_argument("--top-k", metavar="K", type=_count(0, 1 << 24))
    parser.add_argument("--top-p", metavar="P", type=_number(0.0, 1.0))
    parser.add_argument(
        "--min-p",
        metavar="P",
        type=_number(0.0, 1.0),
        help="leave out tokens less than this share as likely as the likeliest",
    )
    parser.add_argument(
        "--repetition-penalty",
        metavar="R",
        type=_number(1.0, 2.0),
        help="above 1, tokens that are there already become less likely",
    )
    parser.add_argument("--seed", metavar="N", type=_count(0, 1 << 60))
    parser.add_argument(
        "--save-attention",
        metavar="F.npz",
        type=Path,
        help="write (heads, queries, keys) of every layer by its name",
    )
    parser.add_argument(
        "--logit-lens",
        metavar="K",
        type=_count(1, MAX_WORDS),
        default=0,
        help="the K likeliest words of every layer where the last token was made",
    )


def request_of(known: argparse.Namespace) -> GenerateRequest:
    """Return what was parsed.

    Raises
    ------
    BadInputError
        If ``--greedy`` stands beside a setting of sampling.
    """
    stated = [name for name in SAMPLING if getattr(known, name) is not None]
    if known.greedy and stated:
        raise BadInputError(
            f"--greedy and --{stated[0].replace('_', '-')} were both given, but what "
            "is always the likeliest is not drawn; leave one of them out."
        )
    return GenerateRequest(**vars(known))


class _count:  # noqa: N801 - argparse names it in its errors
    """Reads a whole number within limits."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> int:
        if re.fullmatch(r"\d{1,18}", text) and self._low <= int(text) <= self._high:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"{self._low:,} to {self._high:,} is wanted, not '{text}'"
        )


class _number:  # noqa: N801 - argparse names it in its errors
    """Reads a number within limits."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def __call__(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if self._low <= value <= self._high:
            return value
        raise argparse.ArgumentTypeError(
            f"{self._low:g} to {self._high:g} is wanted, not '{text}'"
        )
