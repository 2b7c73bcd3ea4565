"""Tokenizers of folders from before ``tokenizer.json``: word lists and merges.

BERT's ``vocab.txt`` (Devlin et al., 2019, https://arxiv.org/abs/1810.04805) and GPT-2's
``vocab.json`` with ``merges.txt`` (Radford et al., 2019).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layerscope.engine.model.cards import Json, may_be_read, read_json, read_text


def found(folder: Path, config: Json, notes: list[str]) -> Any:
    """Return a tokenizer made of a folder's lists, None where there are none.

    Parameters
    ----------
    folder : Path
        Where the lists lie.
    config : dict
        ``tokenizer_config.json``; says whether capitals count.
    notes : list of str
        Takes a sentence about a list that is left out.
    """
    words, merges = folder / "vocab.txt", folder / "merges.txt"
    if may_be_read(words):
        return _of_words(read_text(words, notes), config)
    vocabulary = folder / "vocab.json"
    named = str(config.get("tokenizer_class", "GPT2Tokenizer"))
    by_bytes = named.startswith(("GPT2", "Roberta", "Bart"))
    if by_bytes and may_be_read(vocabulary) and may_be_read(merges):
        return _of_bytes(read_json(vocabulary, notes), read_text(merges, notes))
    return None


def _of_words(text: str, config: Json) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing

    vocabulary = {word: at for at, word in enumerate(text.splitlines()) if word}
    if "[UNK]" not in vocabulary:
        return None
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    lower = config.get("do_lower_case", True) is not False
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    tokenizer.add_special_tokens([word for word in special if word in vocabulary])
    if "[CLS]" in vocabulary and "[SEP]" in vocabulary:
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(word, vocabulary[word]) for word in ("[CLS]", "[SEP]")],
        )
    return tokenizer


def _of_bytes(vocabulary: Json, text: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    pairs = []
    for line in text.splitlines():
        parts = line.split(" ")
        if len(parts) == 2 and not line.startswith("#version"):
            pairs.append((parts[0], parts[1]))
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [w for w in ("<|endoftext|>", "<s>", "</s>", "<pad>") if w in vocabulary]
    tokenizer.add_special_tokens(special)
    return tokenizer
