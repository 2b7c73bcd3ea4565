"""CLIP's tokenizer from ``vocab.json`` and ``merges.txt``.

Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", 2021 (https://arxiv.org/abs/2103.00020): lower case, words cut by a
regular expression, byte pairs whose last piece ends in ``</w>``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerscope.core.errors import BadInputError
from layerscope.engine.model import tokenizer as tokenizers_of
from layerscope.engine.model.cards import read_json, read_text
from layerscope.engine.model.tokenizer import HubTokenizer, guarded
from layerscope.engine.model.wording import shown

START, END = "<|startoftext|>", "<|endoftext|>"
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|"
    r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def load(folder: Path, name: str) -> HubTokenizer:
    """Return the tokenizer in a folder of its own.

    Parameters
    ----------
    folder : Path
        With ``tokenizer.json``, or with ``vocab.json`` and ``merges.txt``.
    name : str
        Of the folder, for sentences.

    Raises
    ------
    BadInputError
        There is none that can be read.
    """
    notes: list[str] = []
    if (folder / "tokenizer.json").is_file():
        found = tokenizers_of.load(folder, folder / "model.onnx", notes)
        if found is not None:
            return found
    config = read_json(folder / "tokenizer_config.json", notes)
    vocabulary = read_json(folder / "vocab.json", notes)
    merges = read_text(folder / "merges.txt", notes)
    if not vocabulary or not merges:
        why = f" ({notes[0]})" if notes else ""
        raise BadInputError(
            f"The words cannot be read: {name}/ should hold tokenizer.json, or "
            f"vocab.json and merges.txt{why}."
        )
    built = guarded(
        lambda: _built(vocabulary, merges), f"{shown(name)}/vocab.json cannot be used"
    )
    return HubTokenizer(built, config)


def _built(vocabulary: dict[str, Any], merges: str) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, processors
    from tokenizers import pre_tokenizers as before

    pairs = [
        (parts[0], parts[1])
        for line in merges.splitlines()
        if not line.startswith("#version") and len(parts := line.split()) == 2
    ]
    ids = {str(word): int(number) for word, number in vocabulary.items()}
    made = Tokenizer(
        models.BPE(
            vocab=ids,
            merges=pairs,
            continuing_subword_prefix="",
            end_of_word_suffix="</w>",
            fuse_unk=False,
            unk_token=END if END in ids else None,
        )
    )
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    made.pre_tokenizer = before.Sequence(
        [
            before.Split(Regex(_WORDS), behavior="removed", invert=True),
            before.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([word for word in (START, END) if word in ids])
    if START in ids and END in ids:
        made.post_processor = processors.TemplateProcessing(
            single=f"{START} $A {END}",
            special_tokens=[(START, ids[START]), (END, ids[END])],
        )
    return made
