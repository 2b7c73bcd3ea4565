"""From what was typed to the tokens a graph takes, and back to tokens to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.model import chat_template
from layerscope.engine.model.cards import read_json
from layerscope.engine.model.tokenizer import (
    ByteTokenizer,
    Encoded,
    HubTokenizer,
    IdTokenizer,
    TextTokenizer,
    load,
    typed_ids,
)
from layerscope.engine.tasks.base import TaskContext
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.text_wiring import Wiring
from layerscope.protocol.answers import Alternative, Token
from layerscope.protocol.inputs import InputSource, TokenIds, TypedText

MOST_SHOWN = 4096
# Where nothing states how many tokens a model takes, attention's memory does.
MOST_TOKENS = 4096
_LIMITS = (
    "context_length", "n_positions", "max_position_embeddings", "n_ctx",
    "max_sequence_length", "max_seq_len", "seq_length",
)  # fmt: skip
_EXAMPLE = "The quick brown fox jumps over the lazy dog."
_EXAMPLE_IDS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as the graph takes it.

    Attributes
    ----------
    text : str
        As it was typed; the chat template left out.
    encoded : Encoded
        Its tokens, cut to what the model takes.
    notes : tuple of str
        What was left out or replaced.
    second : str
        The second text of a pair, or of a single text itself.
    """

    text: str
    encoded: Encoded
    notes: tuple[str, ...] = ()
    second: str = ""

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """The tokens as an array, (n,)."""
        return np.array(self.encoded.ids, dtype=np.int64)


class TextReader:
    """Reads texts for one model.

    Parameters
    ----------
    context : TaskContext
        The model.
    wiring : Wiring
        Of its graph.

    Attributes
    ----------
    tokenizer : TextTokenizer
    limit : int
        Tokens the model takes, 0 where nothing states it.
    notes : list of str
        What was found wrong with the folder's tokenizer.
    """

    def __init__(self, context: TaskContext, wiring: Wiring) -> None:
        self._wiring = wiring
        self.notes: list[str] = []
        folder = context.folder
        self.root = folder.root
        found = None
        if not wiring.as_bytes:
            found = load(folder.root, folder.main, self.notes)
        self.tokenizer: TextTokenizer
        if wiring.as_bytes:
            self.tokenizer = ByteTokenizer()
        elif found is not None:
            self.tokenizer = found
        else:
            self.tokenizer = IdTokenizer(
                "There is no tokenizer.json beside the model that can be read, so it "
                "takes token ids instead of text.",
                wiring.n_ids,
            )
        self.config = self._flat(folder.config)
        self.generation = {
            **self._flat(folder.config.get("search")),
            **read_json(folder.root / "generation_config.json", self.notes),
        }
        self.limit = self._limit(context, wiring)
        self._pieces: dict[int, str] = {}

    @property
    def has_template(self) -> bool:
        """Whether the folder has a chat template."""
        tokenizer = self.tokenizer
        return isinstance(tokenizer, HubTokenizer) and bool(
            chat_template.template_of(tokenizer.config)
        )

    @property
    def note(self) -> str:
        """What a slot takes, in words."""
        limit = f", at most {self.limit:,} tokens" if self.limit else ""
        if self.tokenizer.missing:
            return f"token ids{limit}: there is no tokenizer.json"
        return f"text{limit}"

    def example(self) -> str:
        """Return a text for a slot that was given none."""
        stated = read_json(self.root / "samples.json", []).get("text")
        if isinstance(stated, list) and stated and isinstance(stated[0], str):
            return stated[0]
        if not self.tokenizer.missing:
            return _EXAMPLE
        most = self._wiring.n_ids or _EXAMPLE_IDS + 1
        return "ids: " + " ".join(str(at % most) for at in range(1, _EXAMPLE_IDS + 1))

    def read(
        self,
        source: InputSource | None,
        second: str | None = None,
        *,
        chat: bool = False,
        keep_end: bool = False,
        room: int = 0,
    ) -> Reading:
        """Return the tokens of a source.

        Parameters
        ----------
        source : InputSource, optional
            A text or token ids; None for an example.
        second : str, optional
            The second text of a pair.
        chat : bool
            Put it into the folder's chat template.
        keep_end : bool
            Where the text is too long, keep its end instead of its beginning.
        room : int
            Tokens to leave free of those the model takes.

        Raises
        ------
        BadInputError
            The source is no text, there are no tokens in it, or the model does not
            know one of them.
        """
        notes = []
        text = self.example() if source is None else ""
        if isinstance(source, TypedText):
            text = source.text
            notes += [source.note] if source.note else []
        if isinstance(source, TokenIds):
            ids = list(source.ids)
            encoded = Encoded(
                ids, [(-1, -1)] * len(ids), [False] * len(ids), [0] * len(ids)
            )
        elif source is not None and not isinstance(source, TypedText):
            raise BadInputError(
                "A text was needed, but the source holds a picture or a tensor; type a "
                "text, or take the task for tensors."
            )
        else:
            encoded = self.encoded(text, second, chat=chat)
        most = (self.limit or MOST_TOKENS) - room
        if len(encoded.ids) > most:
            notes.append(
                f"The text has {len(encoded.ids):,} tokens; its "
                f"{'last' if keep_end else 'first'} {most:,} are used, "
                f"{'as many as the model takes' if self.limit else 'to be safe'}."
            )
            encoded = _cut(encoded, most, keep_end)
        self.check(encoded.ids)
        return Reading(text, encoded, tuple(notes), text if second is None else second)

    def encoded(
        self, text: str, second: str | None = None, *, chat: bool = False
    ) -> Encoded:
        """Return all tokens of a text."""
        if text.lstrip()[:4].lower() == "ids:":
            return typed_ids(text)
        if chat and isinstance(self.tokenizer, HubTokenizer) and self.has_template:
            text = chat_template.rendered(self.tokenizer.config, text)
            return self.tokenizer.encode(text, special=False)
        return self.tokenizer.encode(text, second)

    def check(self, ids: list[int]) -> None:
        """Refuse ids that the model has no embedding for.

        Raises
        ------
        BadInputError
        """
        rows = self._wiring.n_ids
        largest = int(np.iinfo(np.dtype(self._wiring.ids.dtype)).max)
        most = min(rows - 1, largest) if rows else largest
        for token in ids:
            if not 0 <= token <= most:
                raise BadInputError(
                    f"Token id {token:,} was given; the model knows 0 to {most:,}. "
                    "Type others, or open the tokenizer that belongs to the model."
                )

    def tokens(self, encoded: Encoded) -> tuple[Token, ...]:
        """Return tokens to be shown."""
        return tuple(
            Token(
                id=token,
                text=self.piece(token),
                start=-1 if special else span[0],
                end=-1 if special else span[1],
                special=special,
            )
            for token, span, special in zip(
                encoded.ids, encoded.spans, encoded.special, strict=True
            )
        )

    def tokenise(self, text: str) -> tuple[tuple[Token, ...], int, int, str]:
        """Return the first tokens of a text, how many, how many fit, and a note."""
        if self.tokenizer.missing and not text.strip():
            return (), 0, self.limit, self.tokenizer.missing
        encoded = self.encoded(text)
        n = len(encoded.ids)
        shown = encoded if n <= MOST_SHOWN else _cut(encoded, MOST_SHOWN, False)
        return self.tokens(shown), n, self.limit, self.tokenizer.missing

    def piece(self, token: int) -> str:
        """Return how a token is shown."""
        found = self._pieces.get(token)
        if found is None:
            found = self._pieces[token] = self.tokenizer.piece(token)
        return found

    def alternatives(
        self, ids: npt.NDArray[Any], probabilities: npt.NDArray[Any]
    ) -> tuple[Alternative, ...]:
        """Return tokens with their probabilities, as they are given."""
        return tuple(
            Alternative(
                id=int(token), text=self.piece(int(token)), probability=float(p)
            )
            for token, p in zip(ids, probabilities, strict=True)
        )

    def special_ids(self, key: str) -> tuple[int, ...]:
        """Return the ids that the folder states for ``eos_token`` and the like."""
        for source in (self.generation, self.config):
            stated = source.get(f"{key}_id")
            if isinstance(stated, int) and not isinstance(stated, bool):
                return (stated,)
            if isinstance(stated, list) and all(isinstance(i, int) for i in stated):
                return tuple(stated)
        if isinstance(self.tokenizer, HubTokenizer):
            found = self.tokenizer.special_id(key)
            return (found,) if found >= 0 else ()
        return ()

    @staticmethod
    def _flat(config: object) -> dict[str, Any]:
        """Return a configuration with what stands under ``model`` at its top."""
        found = dict(config) if isinstance(config, dict) else {}
        for key in ("text_config", "decoder", "model"):
            if isinstance(found.get(key), dict):
                found = {**found, **found[key]}
        return found

    def _limit(self, context: TaskContext, wiring: Wiring) -> int:
        found = [wiring.length] if wiring.length else []
        found += [
            rows
            for info in wiring.positions
            if (rows := facts_of(context.model).n_values(info.name))
        ]
        stated = [self.config.get(key) for key in _LIMITS]
        if isinstance(self.tokenizer, HubTokenizer):
            stated.append(self.tokenizer.config.get("model_max_length"))
        found += [
            value
            for value in stated
            if isinstance(value, int) and not isinstance(value, bool)
            if 1 < value <= 1 << 24
        ]
        return min(found, default=0)


def _cut(encoded: Encoded, most: int, keep_end: bool) -> Encoded:
    """Return a part of the tokens; a special one at the end of a text stays."""
    n = len(encoded.ids)
    order = list(range(n - most, n)) if keep_end else list(range(most))
    if not keep_end and encoded.special[-1] and most > 1:
        order[-1] = n - 1
    return Encoded(
        [encoded.ids[at] for at in order],
        [encoded.spans[at] for at in order],
        [encoded.special[at] for at in order],
        [encoded.parts[at] for at in order],
    )
