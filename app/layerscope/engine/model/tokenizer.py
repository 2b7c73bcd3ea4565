"""The tokenizer that lies beside a model, and what stands in where there is none.

Only the library ``tokenizers`` is used: it reads ``tokenizer.json`` and runs no code
of the folder. What strangers wrote can still hurt: a regular expression that never
ends makes the library panic, which Python sees as a `BaseException`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

from layerscope.core.errors import BadInputError
from layerscope.engine.model import older_tokenizers
from layerscope.engine.model.cards import Json, read_json, read_text
from layerscope.engine.model.reading import check_plain_file
from layerscope.engine.model.wording import shown, size

MAX_TOKENIZER_BYTES = 64 << 20
_GAP = "___"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens of one text, or of a pair of texts.

    Attributes
    ----------
    ids : list of int
    spans : list of (int, int)
        The characters each stands for, of its own text.
    special : list of bool
    parts : list of int
        The text each belongs to, 0 or 1, as BERT's token types count; -1 for one
        that belongs to none.
    """

    ids: list[int]
    spans: list[tuple[int, int]]
    special: list[bool]
    parts: list[int]


class TextTokenizer(Protocol):
    """What tasks need of a tokenizer.

    Attributes
    ----------
    missing : str
        Why text cannot be read as text, one sentence; empty where it can.
    n_ids : int
        Ids that it knows, 0 where that is open.
    gap : str
        What stands for a word to be guessed, ``"[MASK]"``; empty for none.
    gap_id : int
        Its id, -1 for none.
    """

    missing: str
    n_ids: int
    gap: str
    gap_id: int

    def encode(self, text: str, second: str | None = None) -> Encoded:
        """Cut a text, or a pair, into tokens, special ones included.

        Raises
        ------
        BadInputError
            The text cannot be read, or the tokenizer breaks down on it.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, special ones left out."""
        ...

    def piece(self, token: int) -> str:
        """Return how one token is shown; bytes that are no character as ``<0xE2>``."""
        ...

    def id_of(self, word: str) -> int:
        """Return the id of a token by its name, -1 where there is none."""
        ...


class HubTokenizer:
    """A ``tokenizer.json``.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    config : dict
        ``tokenizer_config.json``, or nothing.
    """

    missing = ""

    def __init__(self, tokenizer: Any, config: Json) -> None:
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.n_ids = int(tokenizer.get_vocab_size(with_added_tokens=True))
        self.config = config
        self.gap = self._named("mask_token", ("[MASK]", "<mask>"))
        self.gap_id = self.id_of(self.gap) if self.gap else -1
        self._by_bytes = "ByteLevel" in str(tokenizer.decoder) or (
            tokenizer.decoder is None and "ByteLevel" in str(tokenizer.pre_tokenizer)
        )

    def encode(
        self, text: str, second: str | None = None, *, special: bool = True
    ) -> Encoded:
        """Cut a text, or a pair, into tokens; without special ones if so wanted."""
        if self.gap:
            text = text.replace(_GAP, self.gap)
        found = guarded(
            lambda: self._tokenizer.encode(text, second, add_special_tokens=special),
            "The text cannot be read",
        )
        parts = [-1 if part is None else int(part) for part in found.sequence_ids]
        return Encoded(
            ids=list(found.ids),
            spans=[(int(a), int(b)) for a, b in found.offsets],
            special=[part < 0 for part in parts],
            parts=parts if second is None else list(found.type_ids),
        )

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, special ones left out."""
        known = [token for token in ids if 0 <= token < max(self.n_ids, 1)]
        return str(
            guarded(
                lambda: self._tokenizer.decode(known, skip_special_tokens=True),
                "The tokens cannot be put together",
            )
        )

    def piece(self, token: int) -> str:
        """Return how one token is shown; bytes that are no character as ``<0xE2>``."""
        name = self._tokenizer.id_to_token(token) if token >= 0 else None
        if name is None:
            return f"<{token}>"
        if token in self._added or not name:
            return str(name)
        if self._by_bytes:
            try:
                data = bytes(_BYTE_OF[character] for character in name)
            except KeyError:
                return str(name)
            return readable(data)
        byte = _BYTE_TOKEN.fullmatch(name)
        if byte:
            return readable(bytes([int(byte[1], 16)]))
        return str(name).replace("\u2581", " ")

    def id_of(self, word: str) -> int:
        """Return the id of a token by its name, -1 where there is none."""
        found = self._tokenizer.token_to_id(word)
        return -1 if found is None else int(found)

    def special_id(self, key: str) -> int:
        """Return the id of ``eos_token`` and the like, as the folder names it."""
        name = self._named(key, ())
        return self.id_of(name) if name else -1

    @cached_property
    def _added(self) -> frozenset[int]:
        return frozenset(self._tokenizer.get_added_tokens_decoder())

    def _named(self, key: str, usual: Sequence[str]) -> str:
        stated = self.config.get(key)
        if isinstance(stated, dict):
            stated = stated.get("content")
        for name in (stated, *usual):
            if isinstance(name, str) and name and self.id_of(name) >= 0:
                return name
        return ""


class ByteTokenizer:
    """For graphs that read the bytes of a text themselves."""

    missing = ""
    n_ids = 256
    gap = ""
    gap_id = -1

    def encode(self, text: str, second: str | None = None) -> Encoded:
        """Return the bytes of a text; each stands for the character it is of."""
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for at, character in enumerate(text + (second or "")):
            data = character.encode("utf-8", errors="replace")
            ids += data
            spans += [(at, at + 1)] * len(data)
        return Encoded(ids, spans, [False] * len(ids), [0] * len(ids))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that bytes spell."""
        data = bytes(token for token in ids if 0 <= token < 256)
        return data.decode("utf-8", errors="replace")

    def piece(self, token: int) -> str:
        """Return how one byte is shown."""
        return readable(bytes([token])) if 0 <= token < 256 else f"<{token}>"

    def id_of(self, word: str) -> int:
        """Return a byte by its character."""
        return ord(word) if len(word) == 1 and ord(word) < 128 else -1


class IdTokenizer:
    """Stands in for a tokenizer that is missing: token ids, typed as numbers.

    Parameters
    ----------
    missing : str
        What is missing, one sentence.
    n_ids : int
        Rows of the model's embedding table, 0 where they are not known.
    """

    gap = ""
    gap_id = -1

    def __init__(self, missing: str, n_ids: int = 0) -> None:
        self.missing = missing
        self.n_ids = n_ids

    def encode(self, text: str, second: str | None = None) -> Encoded:
        """Read numbers; anything else is refused with what is missing."""
        return typed_ids(f"{text} {second}" if second else text, self.missing)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the ids, separated by blanks."""
        return " ".join(str(token) for token in ids)

    def piece(self, token: int) -> str:
        """Return the number."""
        return str(token)

    def id_of(self, word: str) -> int:
        """Return the number that a word is."""
        return int(word) if re.fullmatch(r"\d{1,10}", word) else -1


def typed_ids(text: str, missing: str = "") -> Encoded:
    """Read token ids from ``"ids: 15 11 99"``; the word before them may be left out.

    Raises
    ------
    BadInputError
        There is something else than whole numbers.
    """
    given = text.strip()
    given = given[4:] if given[:4].lower() == "ids:" else given
    ids: list[int] = []
    spans = []
    start = text.find(given) if given else 0
    for found in re.finditer(r"[^\s,;]+", given):
        if not re.fullmatch(r"-?\d{1,18}", found[0]):
            raise BadInputError(
                f"{missing or 'Token ids were to be read.'} Type token ids as whole "
                f"numbers, 15 11 99 say, instead of {shown(found[0], 40)!r}."
            )
        ids.append(int(found[0]))
        spans.append((start + found.start(), start + found.end()))
    return Encoded(ids, spans, [False] * len(ids), [0] * len(ids))


def load(root: Path, main: Path, notes: list[str]) -> HubTokenizer | None:
    """Return the tokenizer of a model's folder, None where none can be read.

    Parameters
    ----------
    root, main : Path
        The folder, and the model file.
    notes : list of str
        Takes a sentence where one is there but cannot be used.
    """
    for folder in dict.fromkeys((root, root / "tokenizer", main.parent)):
        path = folder / "tokenizer.json"
        config = read_json(folder / "tokenizer_config.json", notes)
        try:
            if path.exists() or path.is_symlink():
                tokenizer = _read(path)
            else:
                tokenizer = _older(folder, config, notes)
        except BadInputError as error:
            notes.append(str(error))
            continue
        if tokenizer is None:
            continue
        template = read_text(folder / "chat_template.jinja", notes)
        if template:
            config = {**config, "chat_template": template}
        return HubTokenizer(tokenizer, config)
    return None


def _older(folder: Path, config: Json, notes: list[str]) -> Any:
    what = f"The word list in {shown(folder.name)} was left out"
    return guarded(lambda: older_tokenizers.found(folder, config, notes), what)


def _read(path: Path) -> Any:
    from tokenizers import Tokenizer  # a folder without text does without it

    n_bytes = check_plain_file(path)
    if n_bytes > MAX_TOKENIZER_BYTES:
        raise BadInputError(
            f"{shown(path.name)} was left out: it is {size(n_bytes)}, and tokenizers "
            f"are read up to {size(MAX_TOKENIZER_BYTES)}."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"{shown(path.name)} was left out: it cannot be read as text "
            f"({shown(str(error), 80)})."
        ) from None
    return guarded(lambda: Tokenizer.from_str(text), f"{shown(path.name)} was left out")


def guarded(work: Callable[[], _T], what: str) -> _T:
    """Call into the tokenizer library, whose panics derive from no `Exception`.

    Raises
    ------
    BadInputError
        Whatever was raised, as one sentence that begins with `what`.
    """
    try:
        return work()
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic is no Exception
        if "retry-limit" in str(error):
            why = (
                "a regular expression in tokenizer.json takes for ever on this text; "
                "get the tokenizer from another source"
            )
        else:
            said = shown(" ".join(str(error).split()), 120)
            why = f"the tokenizer breaks down ({said})"
        raise BadInputError(f"{what}: {why}.") from None


def readable(data: bytes) -> str:
    """Return bytes as text, those that are no character as ``<0xE2>``."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    shown_bytes = []
    at = 0
    while at < len(data):
        for length in (1, 2, 3, 4):
            try:
                shown_bytes.append(data[at : at + length].decode("utf-8"))
            except UnicodeDecodeError:
                continue
            at += length
            break
        else:
            shown_bytes.append(f"<0x{data[at]:02X}>")
            at += 1
    return "".join(shown_bytes)


def _byte_alphabet() -> dict[str, int]:
    """Return the byte of each character of GPT-2's alphabet.

    Radford et al., 2019: bytes that print stand for themselves, the others for the
    characters from U+0100 on.
    """
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    found = {chr(byte): byte for byte in plain}
    found.update({chr(256 + at): byte for at, byte in enumerate(others)})
    return found


_BYTE_OF = _byte_alphabet()
