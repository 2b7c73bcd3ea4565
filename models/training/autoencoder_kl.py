"""A small autoencoder that takes pictures into the latent space and back.

Layer by layer it has the names of diffusers' ``AutoencoderKL``. Kingma and Welling,
"Auto-Encoding Variational Bayes", 2013 (https://arxiv.org/abs/1312.6114); with so small
a weight of the divergence as Rombach et al., 2022, use for latent diffusion.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from training.latent_blocks import Downsample2D, ResnetBlock2D, Upsample2D, group_norm


class DownEncoderBlock(nn.Module):
    """A ResNet block, and half the size unless it is the last."""

    def __init__(self, in_channels: int, out_channels: int, *, last: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock2D(in_channels, out_channels)])
        self.downsamplers = nn.ModuleList([] if last else [Downsample2D(out_channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h / 2, w / 2)."""
        for module in (*self.resnets, *self.downsamplers):
            x = module(x)
        return x


class UpDecoderBlock(nn.Module):
    """A ResNet block, and twice the size unless it is the last."""

    def __init__(self, in_channels: int, out_channels: int, *, last: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock2D(in_channels, out_channels)])
        self.upsamplers = nn.ModuleList([] if last else [Upsample2D(out_channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, 2 h, 2 w)."""
        for module in (*self.resnets, *self.upsamplers):
            x = module(x)
        return x


class MiddleBlock(nn.Module):
    """A ResNet block at the smallest size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList([ResnetBlock2D(channels, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to the same."""
        return self.resnets[0](x)


class Encoder(nn.Module):
    """From a picture to mean and log variance of its code."""

    def __init__(self, channels: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        before = (widths[0], *widths[:-1])
        self.down_blocks = nn.ModuleList(
            DownEncoderBlock(before[i], widths[i], last=i == len(widths) - 1)
            for i in range(len(widths))
        )
        self.mid_block = MiddleBlock(widths[-1])
        self.conv_norm_out = group_norm(widths[-1])
        self.conv_act = nn.SiLU()
        self.conv_out = nn.Conv2d(widths[-1], 2 * latent, 3, padding=1)

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w) to (n, 2 latent, smaller, smaller)."""
        x = self.conv_in(sample)
        for block in self.down_blocks:
            x = block(x)
        x = self.mid_block(x)
        return self.conv_out(self.conv_act(self.conv_norm_out(x)))


class Decoder(nn.Module):
    """From a code to a picture."""

    def __init__(self, channels: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(latent, widths[-1], 3, padding=1)
        self.mid_block = MiddleBlock(widths[-1])
        outward = tuple(reversed(widths))
        before = (outward[0], *outward[:-1])
        self.up_blocks = nn.ModuleList(
            UpDecoderBlock(before[i], outward[i], last=i == len(outward) - 1)
            for i in range(len(outward))
        )
        self.conv_norm_out = group_norm(outward[-1])
        self.conv_act = nn.SiLU()
        self.conv_out = nn.Conv2d(outward[-1], channels, 3, padding=1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Map (n, latent, small, small) to (n, channels, h, w)."""
        x = self.mid_block(self.conv_in(latent))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(self.conv_act(self.conv_norm_out(x)))


class VaeEncoder(nn.Module):
    """The encoder as a file of its own: the mean of the code, without chance."""

    def __init__(self, channels: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = Encoder(channels, widths, latent)
        self.quant_conv = nn.Conv2d(2 * latent, 2 * latent, 1)

    def moments(self, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log variance, (n, latent, small, small) each."""
        mean, log_variance = self.quant_conv(self.encoder(sample)).chunk(2, dim=1)
        return mean, log_variance.clamp(-20, 10)

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, h, w), -1 to 1, to (n, latent, small, small)."""
        return self.quant_conv(self.encoder(sample))[:, : self.latent]


class VaeDecoder(nn.Module):
    """The decoder as a file of its own."""

    def __init__(self, channels: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.post_quant_conv = nn.Conv2d(latent, latent, 1)
        self.decoder = Decoder(channels, widths, latent)

    def forward(self, latent_sample: torch.Tensor) -> torch.Tensor:
        """Map (n, latent, small, small) to (n, channels, h, w), about -1 to 1."""
        return self.decoder(self.post_quant_conv(latent_sample))


class AutoencoderKL(nn.Module):
    """Encoder and decoder together, for training.

    Parameters
    ----------
    channels : int
        Of the picture.
    widths : sequence of int
        Channels at each size, the full one first; each size is half of the one before.
    latent : int
        Channels of the code.
    """

    def __init__(self, channels: int, widths: Sequence[int], latent: int) -> None:
        super().__init__()
        self.encoder = VaeEncoder(channels, widths, latent)
        self.decoder = VaeDecoder(channels, widths, latent)

    def loss(self, sample: torch.Tensor, divergence_weight: float) -> torch.Tensor:
        """Return the error of the picture that comes back, and of a code too free."""
        mean, log_variance = self.encoder.moments(sample)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        back = self.decoder(code)
        error = (back - sample).abs().mean() + (back - sample).square().mean()
        divergence = mean.square() + log_variance.exp() - 1 - log_variance
        return error + divergence_weight * 0.5 * divergence.mean()
