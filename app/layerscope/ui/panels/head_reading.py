"""What the attention lens says of all heads and of the chosen one, in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.protocol.messages import LensAnswered
from layerscope.ui.widgets.readable import number, share
from layerscope.ui.widgets.token_looks import visible

CAPTION = "Weights, not importance: each row shares out what its token looks at."
_STRONGEST = 3
_SHARED = 0.4  # of the weight, then a head's habit has a name
Weights = npt.NDArray[np.float32]


@dataclass
class HeadReading:
    """The overview of all heads, and the weights of the chosen one.

    Attributes
    ----------
    layer, head : int
        The chosen one; the layer counts rows of the overview.
    names, kinds : tuple of str
        Of each row: its name, and ``"self"`` or ``"cross"``.
    weights : (queries, keys) float32 array
    offset : int
        Position in the text of the first query.
    grid : tuple of int
        Rows and columns of patches, and the tokens before them, where the network
        looks at a picture; else empty.
    trouble : str
        Why there is nothing, one sentence, or empty.
    """

    layer: int = -1
    head: int = 0
    layers: tuple[int, ...] = ()
    heads: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    offset: int = 0
    grid: tuple[int, ...] = ()
    caption: str = CAPTION
    trouble: str = ""
    weights: Weights = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    _pair: tuple[int, int] = (-1, -1)
    _pair_note: str = ""

    def take_overview(self, event: LensAnswered) -> None:
        """Take which heads there are; the chosen one stays if it is among them."""
        self.layers = tuple(int(n) for n in event.numbers["layers"])
        self.heads = tuple(int(n) for n in event.numbers["heads"])
        self.names = event.texts.get("names", ()) or tuple(
            f"layer {n}" for n in self.layers
        )
        self.kinds = event.texts.get("kinds", ()) or ("self",) * len(self.layers)
        self.trouble = ""
        if not 0 <= self.layer < len(self.layers):
            self.layer, self.head = len(self.layers) // 2, 0
        self.head = min(self.head, self.heads[self.layer] - 1)

    def take_head(self, event: LensAnswered, weights: Weights) -> None:
        """Take the weights of the chosen head, (queries, keys)."""
        self.weights = weights
        self.queries = tuple(visible(t) for t in event.texts["queries"])
        self.keys = tuple(visible(t) for t in event.texts["keys"])
        self.offset = int(event.numbers.get("query_offset", (0.0,))[0])
        self.grid = tuple(int(n) for n in event.numbers.get("grid", ()))
        self.caption = (event.texts.get("caption") or (CAPTION,))[0]
        self._pair, self._pair_note = (-1, -1), ""

    def take_pair(
        self, pair: tuple[int, int], event: LensAnswered, get: Callable[[Any], Any]
    ) -> None:
        """Take the score of a row and a column, and which dimensions made it."""
        score = event.numbers.get("pair", (math.nan,))[0]
        note = f"score {number(float(score), 3)} before the softmax"
        if "q" in event.arrays and "k" in event.arrays:
            product = np.asarray(get(event.arrays["q"])) * get(event.arrays["k"])
            most = np.argsort(-np.abs(product))[:_STRONGEST]
            parts = ", ".join(f"{n}: {number(float(product[n]), 2)}" for n in most)
            note += f" · most of q·k in dimensions {parts}"
        self._pair_note, self._pair = note, pair

    def row_of(self, token: int) -> int:
        """Return the row of a token of the text, -1 where it has none."""
        return token - self.offset if token >= self.offset else -1

    def token_of(self, row: int) -> int:
        """Return the token of the text that a row is about; -1 stays."""
        return row + self.offset if row >= 0 else -1

    def patches(self, token: int) -> tuple[Weights, int]:
        """Return what the patches get, and the patch that gives it.

        Parameters
        ----------
        token : int
            The one that looks; -1 for the first where tokens stand before the
            patches, as the one that stands for the class does, else for all alike.

        Returns
        -------
        (rows, columns) float array, int
            -1 for a token that is no patch.
        """
        rows, columns, before = self.grid
        token = 0 if token < 0 and before else token
        every = not 0 <= token < len(self.weights)
        line = self.weights.mean(axis=0) if every else self.weights[token]
        patch = token - before if token >= before else -1
        weights = line[before : before + rows * columns].reshape(rows, columns)
        return weights, -1 if every else patch

    @property
    def short_names(self) -> tuple[str, ...]:
        """``"L0"`` for each row; ``"X0"`` where it looks at another text."""
        return tuple(
            f"{'X' if kind == 'cross' else 'L'}{layer}"
            for layer, kind in zip(self.layers, self.kinds, strict=True)
        )

    def sizes(self) -> str:
        """Say how many layers and heads there are: ``"6 layers × 6 heads"``."""
        if not self.heads:
            return ""
        least, most = min(self.heads), max(self.heads)
        heads = str(most) if least == most else f"{least} to {most}"
        n = len(self.layers)
        words = "head" if most == 1 else "heads"
        return f"{n} {'layer' if n == 1 else 'layers'} × {heads} {words}"

    def head_name(self) -> str:
        """Name the chosen head: ``"layer 2 · head 1"``."""
        if not 0 <= self.layer < len(self.layers):
            return ""
        cross = " · cross" if self.kinds[self.layer] == "cross" else ""
        return f"layer {self.layers[self.layer]}{cross} · head {self.head}"

    def pair_words(self, row: int, column: int) -> str:
        """Say what one token gives another."""
        weight = float(self.weights[row, column])
        words = f"“{self.queries[row]}” → “{self.keys[column]}” · {share(weight)}"
        told = (row, column) == self._pair
        more = self._pair_note if told else "click for query and key"
        return f"{words} · {more}" if more else words

    def query_words(self, row: int) -> str:
        """Say what one token looks at most, or with -1 what the head does."""
        if not self.weights.size:
            return ""
        if not 0 <= row < len(self.weights):
            return " · ".join((self.habit(), f"entropy {self.entropy():.2f} nats"))
        order = np.argsort(-self.weights[row])[:_STRONGEST]
        parts = [
            f"“{self.keys[n]}” {share(float(self.weights[row, n]))}" for n in order
        ]
        return f"“{self.queries[row]}” looks at {', '.join(parts)}"

    def entropy(self) -> float:
        """Return the mean entropy of the rows, in nats."""
        safe = np.maximum(self.weights, 1e-12)
        rows = -np.sum(np.where(self.weights > 0, safe * np.log(safe), 0.0), axis=1)
        return float(rows.mean())

    def habit(self) -> str:
        """Say in words where most of the weight goes."""
        n_rows, n_keys = self.weights.shape
        rows = np.arange(n_rows)
        own = rows + (n_keys - n_rows if n_keys >= n_rows else 0)
        square = 0 <= own[-1] < n_keys and n_rows > 1
        shares = {"looks mostly at the first token": float(self.weights[:, 0].mean())}
        if square:
            itself = self.weights[rows, own].mean()
            before = self.weights[rows[1:], own[1:] - 1].mean()
            shares["looks mostly at the token itself"] = float(itself)
            shares["looks mostly at the token before"] = float(before)
        words, most = max(shares.items(), key=lambda pair: pair[1])
        return words if most >= _SHARED else "spreads over many tokens"
