"""Small residual networks for 32x32 pictures that learn in few epochs.

After Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024
(https://arxiv.org/abs/2404.00498): a first layer that whitens patches and is not
trained, convolutions that begin as identities, and a pooled stage for each width;
with the shortcuts of He et al., "Deep Residual Learning for Image Recognition", 2015
(https://arxiv.org/abs/1512.03385), and ReLU.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

N_WHITENED = 24  # 12 patterns of a 2x2 RGB patch and their negatives
LOGIT_SCALE = 1 / 9


class WhiteningConv(nn.Conv2d):
    """A 2x2 convolution whose outputs are uncorrelated over the training pictures."""

    def __init__(self) -> None:
        super().__init__(3, N_WHITENED, 2)
        self.weight.requires_grad = False

    @torch.no_grad()
    def fit(self, pictures: torch.Tensor) -> None:
        """Set the weights from (n, 3, h, w) normalised pictures."""
        patches = pictures.unfold(2, 2, 1).unfold(3, 2, 1)
        patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, 12)
        covariance = patches.T @ patches / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        scaled = vectors.T.flip(0) / (values.flip(0)[:, None] + 5e-4).sqrt()
        scaled = scaled.reshape(12, 3, 2, 2)
        self.weight.copy_(torch.cat([scaled, -scaled]))


class IdentityConv(nn.Conv2d):
    """A 3x3 convolution that begins by handing its inputs on."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)
        nn.init.dirac_(self.weight[:in_channels].data)


class Norm(nn.BatchNorm2d):
    """Batch normalisation that learns where zero is, but no scale."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=0.4)
        self.weight.requires_grad = False


class Stage(nn.Module):
    """Two 3x3 convolutions at half the size, and a shortcut around the second.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = IdentityConv(in_channels, out_channels)
        self.pool = nn.MaxPool2d(2)
        self.bn1 = Norm(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = IdentityConv(out_channels, out_channels)
        self.bn2 = Norm(out_channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h // 2, w // 2)."""
        x = self.relu1(self.bn1(self.pool(self.conv1(x))))
        return self.relu2(x + self.bn2(self.conv2(x)))


class ResNet(nn.Module):
    """A whitening stem, a stage for each width, pooling and a linear head.

    Parameters
    ----------
    widths : tuple of int
        Channels of each of the three stages.
    n_classes : int
    """

    def __init__(self, widths: tuple[int, int, int], n_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(OrderedDict(conv=WhiteningConv(), relu=nn.ReLU()))
        self.stage1 = Stage(N_WHITENED, widths[0])
        self.stage2 = Stage(widths[0], widths[1])
        self.stage3 = Stage(widths[1], widths[2])
        self.pool = nn.MaxPool2d(3)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(widths[2], n_classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, 32, 32) normalised pictures to (n, n_classes) logits."""
        x = self.stage3(self.stage2(self.stage1(self.stem(x))))
        return self.head(self.flatten(self.pool(x))) * LOGIT_SCALE
