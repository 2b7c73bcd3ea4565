"""The blocks that latent diffusion is built of, named as diffusers names them.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022
(https://arxiv.org/abs/2112.10752). Attention is written out, so that its
probabilities are a value of the exported graph.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

N_GROUPS = 8


def group_norm(channels: int) -> nn.GroupNorm:
    """Return the normalisation that is used everywhere."""
    return nn.GroupNorm(N_GROUPS, channels, eps=1e-5)


def zeroed(module: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """Let a layer begin by putting out nothing, so that a block begins as its input."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class ResnetBlock2D(nn.Module):
    """Two 3x3 convolutions and a shortcut; the time step is added between them.

    Parameters
    ----------
    in_channels, out_channels : int
    time_channels : int
        Size of the embedding of the time step; 0 for a block without one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, time_channels: int = 0
    ) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = (
            nn.Linear(time_channels, out_channels) if time_channels else None
        )
        self.norm2 = group_norm(out_channels)
        self.conv2 = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.nonlinearity = nn.SiLU()
        self.conv_shortcut = (
            nn.Conv2d(in_channels, out_channels, 1)
            if in_channels != out_channels
            else None
        )

    def forward(
        self, x: torch.Tensor, time: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Map (n, in_channels, h, w), and (n or 1, time_channels), to the same size."""
        hidden = self.conv1(self.nonlinearity(self.norm1(x)))
        if self.time_emb_proj is not None and time is not None:
            hidden = (
                hidden + self.time_emb_proj(self.nonlinearity(time))[:, :, None, None]
            )
        hidden = self.conv2(self.nonlinearity(self.norm2(hidden)))
        return hidden + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Attention(nn.Module):
    """Attention of a sequence to itself or to another one.

    Vaswani et al., "Attention Is All You Need", 2017.

    Parameters
    ----------
    channels : int
    n_heads : int
    context_channels : int, optional
        Of the other sequence; the sequence attends to itself without.
    """

    def __init__(
        self, channels: int, n_heads: int, context_channels: int | None = None
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.scale = 1 / math.sqrt(channels // n_heads)
        self.to_q = nn.Linear(channels, channels, bias=False)
        self.to_k = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_v = nn.Linear(context_channels or channels, channels, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        n_tokens, channels = x.shape[1:]
        per_head = (-1, n_tokens, self.n_heads, channels // self.n_heads)
        return x.reshape(per_head).transpose(1, 2)

    def forward(
        self, x: torch.Tensor, context: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Map (n, tokens, channels) to the same, looking at (n, others, …)."""
        seen = x if context is None else context
        query = self._heads(self.to_q(x)) * self.scale
        scores = query @ self._heads(self.to_k(seen)).transpose(2, 3)
        mixed = torch.softmax(scores, dim=-1) @ self._heads(self.to_v(seen))
        mixed = mixed.transpose(1, 2).reshape(-1, x.shape[1], x.shape[2])
        return self.to_out[0](mixed)


class GEGLU(nn.Module):
    """A linear layer one half of which gates the other (Shazeer, 2020)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (…, channels) to (…, inner)."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """The two linear layers of a transformer block."""

    def __init__(self, channels: int, factor: int) -> None:
        super().__init__()
        inner = channels * factor
        self.net = nn.Sequential(
            GEGLU(channels, inner), nn.Identity(), nn.Linear(inner, channels)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (…, channels) to the same."""
        return self.net(x)


class BasicTransformerBlock(nn.Module):
    """Attention to the picture itself, attention to the words, two linear layers."""

    def __init__(self, channels: int, n_heads: int, context_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, n_heads)
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, n_heads, context_channels)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels, 2)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Map (n, places, channels) to the same, given (n, words, …)."""
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer2DModel(nn.Module):
    """A transformer block over the places of a picture.

    Parameters
    ----------
    channels, n_heads, context_channels : int
    """

    def __init__(self, channels: int, n_heads: int, context_channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(
            [BasicTransformerBlock(channels, n_heads, context_channels)]
        )
        self.proj_out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to the same, given (n, words, …)."""
        _, channels, height, width = x.shape
        hidden = self.norm(x).reshape(-1, channels, height * width).transpose(1, 2)
        hidden = self.proj_in(hidden)
        for block in self.transformer_blocks:
            hidden = block(hidden, context)
        hidden = self.proj_out(hidden).transpose(1, 2)
        return x + hidden.reshape(-1, channels, height, width)


class Downsample2D(nn.Module):
    """Half the height and width by a convolution of stride two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to (n, channels, h // 2, w // 2)."""
        return self.conv(x)


class Upsample2D(nn.Module):
    """Twice the height and width: each place is repeated, then convolved."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to (n, channels, 2 h, 2 w)."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
