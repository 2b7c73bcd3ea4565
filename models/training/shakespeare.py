"""Shakespeare's plays as training text, and the tokenizers made from them.

``data/tinyshakespeare.txt`` below the corpus holds 40,000 lines of the plays. The first
nine tenths are for training, tokenizers included; the last tenth is held out. The
split is that of Karpathy, nanoGPT, https://github.com/karpathy/nanoGPT.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from training import publish, quick

TOKENIZER_FILE = "tokenizer.json"
START = "\n"  # what a text without a beginning begins with
PROMPTS = (
    "ROMEO:\nBut soft, what light",
    "KING RICHARD III:\nNow is the winter",
    "First Citizen:\nWe are accounted poor citizens,",
    "JULIET:\nO Romeo,",
)
_TRAINED_TENTHS = 0.9


def parts() -> tuple[str, str]:
    """Return the training text and the held-out text, in the order of the plays."""
    file = quick.corpus() / "data" / "tinyshakespeare.txt"
    text = file.read_text(encoding="utf-8")
    middle = int(len(text) * _TRAINED_TENTHS)
    return text[:middle], text[middle:]


def subword_tokenizer(text: str, n_tokens: int) -> Tokenizer:
    """Train a byte-level BPE tokenizer as GPT-2 has one.

    Every text can be tokenized, since all 256 bytes are tokens. Radford et al.,
    "Language Models are Unsupervised Multitask Learners", 2019.

    Parameters
    ----------
    text : str
        Training text.
    n_tokens : int
        Size of the vocabulary, at least 256.
    """
    tokenizer = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def character_tokenizer(text: str) -> Tokenizer:
    """Return a tokenizer with one token for every character that `text` holds.

    A byte-level BPE without a single merge, so that whatever reads tokenizer files
    reads this one. Characters outside of ASCII become several unknown tokens.

    Parameters
    ----------
    text : str
        ASCII text.
    """
    table = _byte_level(models.BPE()).pre_tokenizer
    names = sorted(
        {
            name
            for piece in set(text)
            for word, _ in table.pre_tokenize_str(piece)
            for name in word
        }
    )
    unknown = "<unk>"
    vocabulary = {unknown: 0} | {name: i for i, name in enumerate(names, start=1)}
    return _byte_level(models.BPE(vocab=vocabulary, merges=[], unk_token=unknown))


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def encoded(tokenizer: Tokenizer, text: str) -> npt.NDArray[np.int64]:
    """Return the ids of `text`, with those of `START` before them.

    Parameters
    ----------
    tokenizer : Tokenizer
        Of the model.
    text : str
        Any text.

    Returns
    -------
    (n + 1,) int64 array
        `START` is one token; the others have something before them to follow from.
    """
    ids = tokenizer.encode(START).ids + tokenizer.encode(text).ids
    return np.asarray(ids, dtype=np.int64)


def save_tokenizer(
    tokenizer: Tokenizer, folder: Path, n_positions: int | None = None
) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``.

    Parameters
    ----------
    tokenizer : Tokenizer
        Of the model.
    folder : Path
        Of the model.
    n_positions : int, optional
        The longest sequence that the model reads; any without.
    """
    tokenizer.save(str(folder / TOKENIZER_FILE))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **({"model_max_length": n_positions} if n_positions else {}),
    }
    publish.write_json(folder / "tokenizer_config.json", config)
