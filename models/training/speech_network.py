"""A network that hears words: spectrogram, mel bands and convolutions in one graph.

The bands are those of Stevens, Volkmann and Newman, "A Scale for the Measurement of
the Psychological Magnitude Pitch", 1937; the network is after Sainath and Parada,
"Convolutional Neural Networks for Small-footprint Keyword Spotting", 2015.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from training.speech import RATE, WORDS

WINDOW, HOP = 512, 160  # samples: 32 ms, every 10 ms
N_BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
WIDTHS = (16, 32, 48)


def mel_bands() -> torch.Tensor:
    """Return what each frequency gives to each band: (N_BANDS, WINDOW // 2 + 1)."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    mels = torch.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), N_BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    hertz = torch.linspace(0, RATE / 2, WINDOW // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    return torch.minimum(rising, falling).clamp(min=0)


class Spectrogram(nn.Module):
    """The power of each frequency in windows of 32 ms."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map (n, samples) to (n, WINDOW // 2 + 1, frames)."""
        waves = torch.stft(
            audio,
            WINDOW,
            HOP,
            window=self.window,
            center=False,
            onesided=True,
            return_complex=True,
        )
        return torch.view_as_real(waves).square().sum(-1)


class MelBands(nn.Module):
    """Few bands of frequencies as the ear hears them, on a scale of loudness."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bands", mel_bands(), persistent=False)

    def forward(self, power: torch.Tensor) -> torch.Tensor:
        """Map (n, frequencies, frames) to (n, 1, N_BANDS, frames)."""
        loudness = torch.log(torch.matmul(self.bands, power) + 1e-5)
        return loudness[:, None]


class Normalise(nn.Module):
    """Take away the mean and divide by the deviation, of each sound by itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 1, bands, frames) to the same."""
        mean = x.mean((2, 3), keepdim=True)
        deviation = ((x - mean) ** 2).mean((2, 3), keepdim=True).sqrt()
        return (x - mean) / (deviation + 1e-3)


class Stage(nn.Module):
    """Two convolutions, the first at half the size, and a shortcut around the other."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h / 2, w / 2)."""
        x = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(x + self.bn2(self.conv2(x)))


class WordHearer(nn.Module):
    """Sound to words, of any length from one window on."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = Spectrogram()
        self.mel = MelBands()
        self.normalise = Normalise()
        self.stage1 = Stage(1, WIDTHS[0])
        self.stage2 = Stage(WIDTHS[0], WIDTHS[1])
        self.stage3 = Stage(WIDTHS[1], WIDTHS[2])
        self.dropout = nn.Dropout(0.2)
        # Five places are left of the bands; which of them sounds is what tells words
        # apart, so they stay apart.
        self.head = nn.Linear(WIDTHS[2] * 5, len(WORDS))

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """Map (n, samples), -1 to 1, to (n, 10) logits."""
        x = self.normalise(self.mel(self.spectrogram(audio)))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.head(self.dropout(x.amax(3).flatten(1)))
