"""A small text encoder and the tokenizer of its words, in the shape of CLIP's.

Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", 2021 (https://arxiv.org/abs/2103.00020). Here both are made for the few
words that captions are made of, and the encoder learns together with the U-Net.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from torch import nn
from torch.nn import functional

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
LENGTH = 16  # tokens, start and end among them
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def tokenizer_of(words: Iterable[str]) -> Tokenizer:
    """Return a byte-pair tokenizer to which each of `words` is one token.

    Parameters
    ----------
    words : iterable of str
        Of ASCII letters, in lower case, or a single digit. Any other text comes out
        in bytes.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges(sorted(set(words)))
    tokens = [
        START,
        END,
        *alphabet,
        *(letter + WORD_END for letter in alphabet),
        *(first + second for first, second in merges),
    ]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=merges,
            unk_token=END,
            end_of_word_suffix=WORD_END,
            continuing_subword_prefix="",
        )
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    specials = [(token, vocabulary[token]) for token in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=specials
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _merges(words: list[str]) -> list[tuple[str, str]]:
    """Return the merges that make each of `words` one token, the commonest first.

    Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
    2016. The trainer of ``tokenizers`` is not used: it breaks ties by chance.
    """
    pieces = [[*word[:-1], word[-1] + WORD_END] for word in words]
    merges = []
    while any(len(word) > 1 for word in pieces):
        pairs = Counter(pair for word in pieces for pair in itertools.pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word in pieces:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == best:
                    word[place : place + 2] = ["".join(best)]
                place += 1
    return merges


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer` the way diffusers' folders hold it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))  # vocab.json and merges.txt
    config = {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "do_lower_case": True,
        "add_prefix_space": False,
        "model_max_length": LENGTH,
    }
    specials = {key: value for key, value in config.items() if key.endswith("_token")}
    for name, value in (("tokenizer_config", config), ("special_tokens_map", specials)):
        text = json.dumps(value, indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def encoded(tokenizer: Tokenizer, captions: Iterable[str]) -> list[list[int]]:
    """Return the token ids of each caption, cut or filled up to `LENGTH`."""
    end = tokenizer.token_to_id(END)
    rows = []
    for encoding in tokenizer.encode_batch(list(captions)):
        ids = encoding.ids
        if len(ids) > LENGTH:
            ids = [*ids[: LENGTH - 1], end]
        rows.append(ids + [end] * (LENGTH - len(ids)))
    return rows


class CLIPAttention(nn.Module):
    """Attention of each word to itself and the words before it."""

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = 1 / math.sqrt(channels // n_heads)
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(channels, channels))
        mask = torch.full((LENGTH, LENGTH), -1e4).triu(1)
        self.register_buffer("causal_mask", mask, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        _, n_words, channels = x.shape
        per_head = (-1, n_words, self.n_heads, channels // self.n_heads)
        query, key, value = (
            projection(x).reshape(per_head).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = query * self.scale @ key.transpose(2, 3) + self.causal_mask
        mixed = torch.softmax(scores, dim=-1) @ value
        return self.out_proj(mixed.transpose(1, 2).reshape(-1, n_words, channels))


class CLIPMLP(nn.Module):
    """The two linear layers of an encoder layer."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 2 * channels)
        self.fc2 = nn.Linear(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (…, channels) to the same."""
        return self.fc2(functional.gelu(self.fc1(x)))


class CLIPEncoderLayer(nn.Module):
    """Attention and linear layers, each with a normalisation before it."""

    def __init__(self, channels: int, n_heads: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(channels)
        self.self_attn = CLIPAttention(channels, n_heads)
        self.layer_norm2 = nn.LayerNorm(channels)
        self.mlp = CLIPMLP(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class CLIPTextEmbeddings(nn.Module):
    """What a token means, plus where it stands."""

    def __init__(self, n_tokens: int, channels: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(n_tokens, channels)
        self.position_embedding = nn.Parameter(torch.empty(LENGTH, channels))
        nn.init.normal_(self.token_embedding.weight, std=0.1)
        nn.init.normal_(self.position_embedding, std=0.02)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Map (n, LENGTH) to (n, LENGTH, channels)."""
        return self.token_embedding(input_ids) + self.position_embedding


class CLIPEncoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, channels: int, n_heads: int, n_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            CLIPEncoderLayer(channels, n_heads) for _ in range(n_layers)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        for layer in self.layers:
            x = layer(x)
        return x


class CLIPTextModel(nn.Module):
    """Words to hidden states, one for each token.

    Parameters
    ----------
    n_tokens : int
        Of the vocabulary.
    channels, n_heads, n_layers : int
    """

    def __init__(
        self, n_tokens: int, channels: int = 64, n_heads: int = 4, n_layers: int = 2
    ) -> None:
        super().__init__()
        self.embeddings = CLIPTextEmbeddings(n_tokens, channels)
        self.encoder = CLIPEncoder(channels, n_heads, n_layers)
        self.final_layer_norm = nn.LayerNorm(channels)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Map (n, LENGTH) int32 token ids to (n, LENGTH, channels)."""
        return self.final_layer_norm(self.encoder(self.embeddings(input_ids)))
