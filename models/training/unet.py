"""The network that removes noise: a U-Net that reads a time step and words.

Layer by layer it has the names of diffusers' ``UNet2DConditionModel``, so that what
is known about that network can be found again in this one. Ronneberger et al.,
"U-Net", 2015; Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion
Models", 2022 (https://arxiv.org/abs/2112.10752).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from training.latent_blocks import (
    Downsample2D,
    ResnetBlock2D,
    Transformer2DModel,
    Upsample2D,
    group_norm,
    zeroed,
)


class Timesteps(nn.Module):
    """A time step as sines and cosines of falling frequency."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        exponents = torch.arange(channels // 2) / (channels // 2)
        frequencies = torch.exp(-math.log(10_000) * exponents)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, timestep: torch.Tensor) -> torch.Tensor:
        """Map (n,) to (n, channels)."""
        phase = timestep.float()[:, None] * self.frequencies
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)


class TimestepEmbedding(nn.Module):
    """Two linear layers on top of the sines."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_channels, channels)
        self.act = nn.SiLU()
        self.linear_2 = nn.Linear(channels, channels)

    def forward(self, sines: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels) to (n, channels)."""
        return self.linear_2(self.act(self.linear_1(sines)))


class DownBlock(nn.Module):
    """ResNet and attention at one size, then half the size.

    Parameters
    ----------
    in_channels, out_channels, time_channels : int
    n_heads, context_channels : int
        Of the attention.
    last : bool
        Whether the size stays.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        time_channels: int,
        n_heads: int,
        context_channels: int,
        *,
        last: bool,
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            [ResnetBlock2D(in_channels, out_channels, time_channels)]
        )
        self.attentions = nn.ModuleList(
            [Transformer2DModel(out_channels, n_heads, context_channels)]
        )
        self.downsamplers = nn.ModuleList([] if last else [Downsample2D(out_channels)])

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the result and what the way up will be shown of the way there."""
        x = self.attentions[0](self.resnets[0](x, time), context)
        kept = [x]
        for downsampler in self.downsamplers:
            x = downsampler(x)
            kept.append(x)
        return x, kept


class UpBlock(nn.Module):
    """Two rounds of ResNet and attention, each shown a result of the way down.

    Parameters
    ----------
    in_channels, out_channels : int
    skip_channels : sequence of int
        Of the two results of the way down.
    time_channels, n_heads, context_channels : int
    last : bool
        Whether the size stays.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        skip_channels: Sequence[int],
        time_channels: int,
        n_heads: int,
        context_channels: int,
        *,
        last: bool,
    ) -> None:
        super().__init__()
        first, second = skip_channels
        self.resnets = nn.ModuleList(
            [
                ResnetBlock2D(in_channels + first, out_channels, time_channels),
                ResnetBlock2D(out_channels + second, out_channels, time_channels),
            ]
        )
        self.attentions = nn.ModuleList(
            Transformer2DModel(out_channels, n_heads, context_channels)
            for _ in range(2)
        )
        self.upsamplers = nn.ModuleList([] if last else [Upsample2D(out_channels)])

    def forward(
        self,
        x: torch.Tensor,
        time: torch.Tensor,
        context: torch.Tensor,
        kept: list[torch.Tensor],
    ) -> torch.Tensor:
        """Map (n, in_channels, h, w); takes its part off the end of `kept`."""
        for resnet, attention in zip(self.resnets, self.attentions, strict=True):
            x = attention(resnet(torch.cat([x, kept.pop()], dim=1), time), context)
        for upsampler in self.upsamplers:
            x = upsampler(x)
        return x


class MidBlock(nn.Module):
    """ResNet, attention, ResNet at the smallest size."""

    def __init__(
        self, channels: int, time_channels: int, n_heads: int, context_channels: int
    ) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(
            ResnetBlock2D(channels, channels, time_channels) for _ in range(2)
        )
        self.attentions = nn.ModuleList(
            [Transformer2DModel(channels, n_heads, context_channels)]
        )

    def forward(
        self, x: torch.Tensor, time: torch.Tensor, context: torch.Tensor
    ) -> torch.Tensor:
        """Map (n, channels, h, w) to the same."""
        x = self.attentions[0](self.resnets[0](x, time), context)
        return self.resnets[1](x, time)


class UNet2DConditionModel(nn.Module):
    """The U-Net: one ResNet block a size on the way down, two on the way up.

    Parameters
    ----------
    channels : int
        Of the latent.
    widths : sequence of int
        Channels at each size, the full one first.
    context_channels : int
        Of the hidden states of the words.
    n_heads : int
    """

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        context_channels: int,
        n_heads: int = 4,
    ) -> None:
        super().__init__()
        time_channels = 4 * widths[0]
        common = (time_channels, n_heads, context_channels)
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.time_proj = Timesteps(widths[0])
        self.time_embedding = TimestepEmbedding(widths[0], time_channels)
        before = (widths[0], *widths[:-1])
        n_sizes = len(widths)
        self.down_blocks = nn.ModuleList(
            DownBlock(before[i], widths[i], *common, last=i == n_sizes - 1)
            for i in range(n_sizes)
        )
        self.mid_block = MidBlock(widths[-1], *common)
        self.up_blocks = nn.ModuleList(
            UpBlock(
                widths[min(i + 1, n_sizes - 1)],
                widths[i],
                (widths[i], before[i]),
                *common,
                last=i == 0,
            )
            for i in reversed(range(n_sizes))
        )
        self.conv_norm_out = group_norm(widths[0])
        self.conv_act = nn.SiLU()
        self.conv_out = zeroed(nn.Conv2d(widths[0], channels, 3, padding=1))

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
    ) -> torch.Tensor:
        """Predict the velocity of a noisy latent.

        Parameters
        ----------
        sample : torch.Tensor
            (n, channels, h, w) float32.
        timestep : torch.Tensor
            (n,) or (1,) int64, 0 to 999.
        encoder_hidden_states : torch.Tensor
            (n, words, context_channels) float32.
        """
        time = self.time_embedding(self.time_proj(timestep))
        x = self.conv_in(sample)
        kept = [x]
        for block in self.down_blocks:
            x, new = block(x, time, encoder_hidden_states)
            kept += new
        x = self.mid_block(x, time, encoder_hidden_states)
        for block in self.up_blocks:
            x = block(x, time, encoder_hidden_states, kept)
        return self.conv_out(self.conv_act(self.conv_norm_out(x)))
