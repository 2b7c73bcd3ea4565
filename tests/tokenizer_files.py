"""Small tokenizers in the form that the Hub keeps them in."""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mat",
         "dog", "ran", ".", "a", "hat")  # fmt: skip


def word_tokenizer(folder, **config):
    """Write a tokenizer of words, in the manner of BERT's."""
    vocabulary = {word: at for at, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(WORDS[:5]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    stated = {"mask_token": "[MASK]", "pad_token": "[PAD]"} | config
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))


def byte_tokenizer(folder, **config):
    """Write a tokenizer of bytes, in the manner of GPT-2's."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: at for at, piece in enumerate(alphabet)}
    vocabulary["Ġt"] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "t")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
