"""A decoder in the shape of GPT-2, small enough for a laptop and open to the eye.

Radford et al., "Language Models are Unsupervised Multitask Learners", 2019. Everything
a lens looks for has a module, and so a name in the exported graph:
``h.0.attn.softmax`` are the attention weights, ``h.0.output`` the residual stream after
a block, ``ln_f`` and ``lm_head`` what turns the stream into logits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from training.experts import Experts

_MASKED = -1e9  # finite, so that a row with nothing to look at is no NaN


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a decoder.

    Attributes
    ----------
    n_tokens : int
        Size of the vocabulary.
    n_positions : int
        Longest sequence.
    n_layers, n_heads, width : int
        Blocks, heads in each, width of the residual stream.
    n_experts : int
        Experts in the feed-forward part of each block; one means an ordinary block.
    """

    n_tokens: int
    n_positions: int = 256
    n_layers: int = 6
    n_heads: int = 6
    width: int = 192
    n_experts: int = 1


class Add(nn.Module):
    """A sum with a name of its own."""

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Return `left` plus `right`."""
        return left + right


class SharedDropout(nn.Module):
    """Dropout whose mask is the same at all positions of a sequence.

    A mask for each sequence in place of each token costs next to nothing. Gal and
    Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural
    Networks", 2016.

    Parameters
    ----------
    share : float
        Of the channels that are left out while training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return `x`, (batch, sequence, channels), thinned out while training."""
        if not self.training or self.share == 0:
            return x
        mask = torch.rand(x.shape[0], 1, x.shape[2]) >= self.share
        return x * (mask / (1 - self.share))


class CausalMask(nn.Module):
    """What is added to attention scores so that nobody sees what comes later."""

    def forward(self, attention_mask: torch.Tensor, n_queries: int) -> torch.Tensor:
        """Return (batch, 1, query, key) float32: 0 to look at, -1e9 to leave.

        Parameters
        ----------
        attention_mask : torch.Tensor
            (batch, key) int64, 0 for padding; past keys come first.
        n_queries : int
            How many of the keys, counted from the last, ask as well.
        """
        n_keys = attention_mask.shape[1]
        keys = torch.arange(n_keys)
        queries = torch.arange(n_queries) + (n_keys - n_queries)
        seen = (keys[None, :] <= queries[:, None])[None, None]
        seen = seen & (attention_mask[:, None, None, :] > 0)
        return torch.where(seen, 0.0, _MASKED)


class Scores(nn.Module):
    """How well each query fits each key."""

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Return (batch, head, query, key) scores before the softmax."""
        products = query @ key.transpose(2, 3)
        return products * float(query.shape[-1] ** -0.5) + mask


class Context(nn.Module):
    """Values, weighted with the attention that they get."""

    def forward(self, weights: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Return (batch, head, query, channel)."""
        return weights @ value


class Attention(nn.Module):
    """Causal self-attention of several heads.

    Parameters
    ----------
    shape : Shape
        Of the decoder.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.n_heads = shape.n_heads
        self.q = nn.Linear(shape.width, shape.width)
        self.k = nn.Linear(shape.width, shape.width)
        self.v = nn.Linear(shape.width, shape.width)
        self.scores = Scores()
        self.softmax = nn.Softmax(dim=-1)
        self.context = Context()
        self.c_proj = nn.Linear(shape.width, shape.width)

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.n_heads, width // self.n_heads).transpose(
            1, 2
        )

    def forward(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None = None,
        past: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return what the heads found, and all keys and values so far.

        Parameters
        ----------
        x : torch.Tensor
            (batch, sequence, width).
        mask : torch.Tensor, optional
            Of `CausalMask`. Without it, one fused kernel takes causality for granted.
        past : pair of torch.Tensor, optional
            Keys and values of earlier tokens, (batch, head, past, channel).
        """
        query, key, value = (self._heads(part(x)) for part in (self.q, self.k, self.v))
        if past is not None:
            key = torch.cat([past[0], key], dim=2)
            value = torch.cat([past[1], value], dim=2)
        if mask is None:
            found = functional.scaled_dot_product_attention(
                query, key, value, is_causal=True
            )
        else:
            weights = self.softmax(self.scores(query, key, mask))
            found = self.context(weights, value)
        return self.c_proj(found.transpose(1, 2).flatten(2)), key, value


class FeedForward(nn.Module):
    """The two layers that work on each token alone.

    Parameters
    ----------
    width : int
        Of the residual stream; the layer between is four times as wide.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.act = nn.GELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (…, width) to (…, width)."""
        output: torch.Tensor = self.c_proj(self.act(self.c_fc(x)))
        return output


class Block(nn.Module):
    """Attention, then a feed-forward part, each added to the residual stream.

    Parameters
    ----------
    shape : Shape
        Of the decoder.
    dropout : float
        Share of the channels of each part that is left out while training.
    """

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.width)
        self.attn = Attention(shape)
        self.residual = Add()
        self.ln_2 = nn.LayerNorm(shape.width)
        self.mlp: nn.Module = (
            Experts([FeedForward(shape.width) for _ in range(shape.n_experts)])
            if shape.n_experts > 1
            else FeedForward(shape.width)
        )
        self.output = Add()
        self.dropout = SharedDropout(dropout)

    def forward(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None = None,
        past: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the residual stream after this block, and its keys and values."""
        found, key, value = self.attn(self.ln_1(x), mask, past)
        x = self.residual(x, self.dropout(found))
        x = self.output(x, self.dropout(self.mlp(self.ln_2(x))))
        return x, key, value


class Decoder(nn.Module):
    """GPT-2 with as few and as narrow layers as `shape` says.

    Parameters
    ----------
    shape : Shape
        Its sizes.
    dropout : float
        See `Block`.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(shape.n_tokens, shape.width)
        self.wpe = nn.Embedding(shape.n_positions, shape.width)
        self.embeddings = Add()
        self.mask = CausalMask()
        self.dropout = SharedDropout(dropout)
        self.h = nn.ModuleList(Block(shape, dropout) for _ in range(shape.n_layers))
        self.ln_f = nn.LayerNorm(shape.width)
        self.lm_head = nn.Linear(shape.width, shape.n_tokens, bias=False)
        self.apply(_initialise)
        for name, weight in self.named_parameters():
            if name.endswith("c_proj.weight"):
                # Each block begins as the identity, so that depth costs no start.
                nn.init.zeros_(weight)
        self.lm_head.weight = self.wte.weight

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        *past: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Return logits, and with `past` all keys, values and routing as well.

        Parameters
        ----------
        input_ids : torch.Tensor
            (batch, sequence) int64.
        attention_mask : torch.Tensor, optional
            (batch, past + sequence) int64, 0 for padding.
        position_ids : torch.Tensor, optional
            (batch, sequence) int64; counted from zero without.
        *past : torch.Tensor
            Key and value of each block in turn, (batch, head, past, channel).

        Returns
        -------
        tuple of torch.Tensor
            Logits, (batch, sequence, token). With `past`: key and value of each
            block, and with several experts the probabilities of each block's router,
            (batch, sequence, expert).
        """
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1])
        x = self.dropout(self.embeddings(self.wte(input_ids), self.wpe(position_ids)))
        mask = None
        if attention_mask is not None:
            mask = self.mask(attention_mask, input_ids.shape[1])
        present = []
        for index, block in enumerate(self.h):
            pair = (past[2 * index], past[2 * index + 1]) if past else None
            x, key, value = block(x, mask, pair)
            present += [key, value]
        logits = self.lm_head(self.ln_f(x))
        if not past:
            return (logits,)
        return (logits, *present, *self.routing())

    def routing(self) -> list[torch.Tensor]:
        """Return what the routers said last, (batch, sequence, expert) each."""
        return [b.mlp.probabilities for b in self.h if isinstance(b.mlp, Experts)]

    def loss(self, input_ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean of nats per token, and what unequal load of experts costs.

        Parameters
        ----------
        input_ids, targets : torch.Tensor
            (batch, sequence) int64; the targets are one token ahead.
        """
        (logits,) = self(input_ids)
        loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        for block in self.h:
            if isinstance(block.mlp, Experts):
                loss = loss + block.mlp.imbalance()
        return loss


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
