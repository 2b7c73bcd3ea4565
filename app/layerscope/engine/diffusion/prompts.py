"""Words on their way into the denoising graph: tokens, hidden states, one vector."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion import clip_tokens
from layerscope.engine.diffusion.parts import Parts
from layerscope.engine.model.cards import read_json
from layerscope.engine.model.tokenizer import HubTokenizer, typed_ids
from layerscope.engine.steps import Runner
from layerscope.protocol.values import TensorInfo

Array = npt.NDArray[Any]
USUAL_LENGTH = 77
LONG_LENGTH = 256  # what Stable Diffusion 3 gives its third encoder
_NUMBERED = re.compile(r"hidden_states[._](\d+)$")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a prompt and the tokens that stand for it."""

    text: str
    tokens: tuple[int, ...]


@dataclass(slots=True)
class Meant:
    """A prompt as the denoising graph takes it.

    Attributes
    ----------
    hidden : (1, tokens, channels) array
    pooled : (1, channels) array or None
    words : tuple of Word
        In order; positions count the tokens of `hidden`.
    notes : list of str
        ``"The prompt was cut …"``.
    """

    hidden: Array
    pooled: Array | None = None
    words: tuple[Word, ...] = ()
    notes: list[str] = field(default_factory=list)


class Prompts:
    """Turns prompts into what a model understands, and remembers the last few.

    Parameters
    ----------
    parts : Parts
    root : Path
        The model's folder.
    """

    def __init__(self, parts: Parts, root: Path) -> None:
        self._parts = parts
        self._root = root
        self._tokenizers: dict[str, tuple[HubTokenizer, dict[str, Any]]] = {}
        self._known: dict[tuple[str, bool], Meant] = {}

    def tokenizer(self, encoder: str = "text_encoder") -> HubTokenizer:
        """Return the tokenizer of a text encoder."""
        return self._tokenizer(encoder)[0]

    def length(self, encoder: str = "text_encoder") -> int:
        """Return how many tokens a text encoder takes."""
        if encoder == "text_encoder_3":
            return LONG_LENGTH
        notes: list[str] = []
        config = read_json(self._root / encoder / "config.json", notes)
        for value in (
            config.get("max_position_embeddings"),
            self._tokenizer(encoder)[1].get("model_max_length"),
        ):
            if isinstance(value, int) and 0 < value <= 1 << 20:
                return value
        return USUAL_LENGTH

    def meant(self, runner: Runner, text: str, *, empty_is_nothing: bool) -> Meant:
        """Return what a prompt means to the model.

        Parameters
        ----------
        runner : Runner
            Runs the text encoders.
        text : str
            May be empty.
        empty_is_nothing : bool
            Zeros instead of the empty text, where the folder says that.

        Raises
        ------
        BadInputError
            A tokenizer or an encoder cannot be used.
        """
        nothing = bool(
            empty_is_nothing
            and not text
            and self._parts.index.get("force_zeros_for_empty_prompt")
        )
        known = self._known.get((text, nothing))
        if known is not None:
            return known
        made = self._made(runner, text)
        if nothing:
            made.hidden = np.zeros_like(made.hidden)
            if made.pooled is not None:
                made.pooled = np.zeros_like(made.pooled)
        while len(self._known) >= 8:
            del self._known[next(iter(self._known))]
        self._known[(text, nothing)] = made
        return made

    def _made(self, runner: Runner, text: str) -> Meant:
        parts = self._parts
        several = parts.pooled is not None
        states, vectors = [], []
        long: Array | None = None
        made: Meant | None = None
        for encoder in parts.encoders:
            ids, words, notes = self.ids(encoder, text)
            given, outputs = self._run(runner, encoder, ids)
            if encoder == "text_encoder_3":
                long = _last(given)
                continue
            if made is None:
                made = Meant(hidden=ids, words=words, notes=notes)
            hidden = _last(given)
            if several:
                hidden = _before_last(given, outputs, hidden)
                vector = _vector(given)
                if vector is not None:
                    vectors.append(vector)
            states.append(hidden)
        if made is None:
            raise BadInputError(
                f"{parts.name} has no text encoder that is known; its folder should "
                "have text_encoder/model.onnx."
            )
        made.hidden = np.concatenate(states, axis=-1)
        if parts.sizes is not None and vectors:
            made.pooled = vectors[-1]  # SDXL takes that of the last encoder
        elif vectors:
            made.pooled = np.concatenate(vectors, axis=-1)
        if parts.pooled is not None and parts.sizes is None:
            made.hidden = self._joined(made.hidden, long)
        if several and made.pooled is None:
            raise BadInputError(
                f"{parts.name} wants the text as one vector too, but no text encoder "
                "of its folder gives text_embeds; export them with projection."
            )
        return made

    def _joined(self, hidden: Array, long: Array | None) -> Array:
        """Put the states of the third encoder behind those of the first two."""
        assert self._parts.words is not None
        shape = self._parts.words.shape
        stated = shape[-1] if shape else None
        wide = self._parts.config.get("joint_attention_dim")
        width = stated if isinstance(stated, int) else wide
        if not isinstance(width, int):
            width = hidden.shape[-1] if long is None else long.shape[-1]
        missing = max(0, width - hidden.shape[-1])
        hidden = np.pad(hidden, ((0, 0), (0, 0), (0, missing)))
        if long is None:
            long = np.zeros((1, LONG_LENGTH, width), dtype=hidden.dtype)
        return np.concatenate([hidden, long.astype(hidden.dtype)], axis=1)

    def ids(self, encoder: str, text: str) -> tuple[Array, tuple[Word, ...], list[str]]:
        """Return the padded token ids of a text, its words, and notes.

        Returns
        -------
        ids : (1, length) int64 array
        words : tuple of Word
        notes : list of str
            Says where the text was cut.
        """
        tokenizer = self.tokenizer(encoder)
        length = self.length(encoder)
        by_number = text[:4].lower() == "ids:"
        found = typed_ids(text) if by_number else tokenizer.encode(text)
        ids, notes = list(found.ids), []
        end = tokenizer.special_id("eos_token")
        if len(ids) > length:
            closing = ids[-1:] if found.special[-1:] == [True] else []
            kept = length - len(closing)
            notes.append(
                f"The prompt has {len(ids)} tokens; {encoder} takes {length}, so it "
                "was cut at the end."
            )
            ids = ids[:kept] + closing
        n_real = len(ids)
        pad = tokenizer.special_id("pad_token")
        if pad < 0:
            pad = end if end >= 0 else 0
        ids += [pad] * (length - len(ids))
        top = tokenizer.n_ids
        if by_number and any(not 0 <= number < top for number in ids):
            raise BadInputError(
                f"Token ids of the prompt go from 0 to {top - 1}; one is outside."
            )
        words = _words(text, found.spans[:n_real], found.special[:n_real])
        return np.array([ids], dtype=np.int64), words, notes

    def _run(
        self, runner: Runner, encoder: str, ids: Array
    ) -> tuple[Mapping[str, Any], Sequence[str]]:
        running = runner.graph(encoder)
        feeds = {}
        for info in running.inputs:
            if "mask" in info.name:
                feeds[info.name] = np.ones(ids.shape, dtype=_kind(info))
            elif "position" in info.name:
                feeds[info.name] = np.arange(ids.shape[1], dtype=_kind(info))[None]
            else:
                feeds[info.name] = ids.astype(_kind(info))
        outputs = runner.run(feeds, encoder)
        return outputs, [info.name for info in running.outputs]

    def _tokenizer(self, encoder: str) -> tuple[HubTokenizer, dict[str, Any]]:
        known = self._tokenizers.get(encoder)
        if known is None:
            name = encoder.replace("text_encoder", "tokenizer")
            if not (self._root / name).is_dir() and (self._root / "tokenizer").is_dir():
                name = "tokenizer"
            loaded = clip_tokens.load(self._root / name, name)
            known = self._tokenizers[encoder] = (loaded, loaded.config)
        return known


def _kind(info: TensorInfo) -> np.dtype[Any]:
    return np.dtype(info.dtype if info.dtype in ("int32", "int64") else "int64")


def _last(outputs: Mapping[str, Any]) -> Array:
    """Return the hidden states of the last layer."""
    named = outputs.get("last_hidden_state")
    if named is None:
        named = next((v for v in outputs.values() if np.ndim(v) == 3), None)
    if named is None:
        raise BadInputError(
            "The text encoder gives no hidden states (batch, tokens, channels); "
            f"it gives {', '.join(outputs)}."
        )
    return np.asarray(named)


def _before_last(
    outputs: Mapping[str, Any], names: Sequence[str], last: Array
) -> Array:
    """Return the hidden states before the last layer, where the graph gives them."""
    found = {int(match[1]): name for name in names if (match := _NUMBERED.search(name))}
    if len(found) < 2:
        return last
    return np.asarray(outputs[found[sorted(found)[-2]]])


def _vector(outputs: Mapping[str, Any]) -> Array | None:
    for name in ("text_embeds", "pooler_output", "pooled_output"):
        if name in outputs and np.ndim(outputs[name]) == 2:
            return np.asarray(outputs[name])
    return None


def _words(
    text: str, spans: Sequence[tuple[int, int]], special: Sequence[bool]
) -> tuple[Word, ...]:
    """Return the words of a text, as blanks part them, with their tokens."""
    found = []
    for match in re.finditer(r"\S+", text):
        tokens = tuple(
            at
            for at, (start, end) in enumerate(spans)
            if not special[at]
            and start < match.end()
            and end > match.start()
            and end > start
        )
        if tokens:
            found.append(Word(match[0], tokens))
    return tuple(found)
