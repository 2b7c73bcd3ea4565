"""Residual networks for 32x32 pictures, in several widths.

He et al., "Deep Residual Learning for Image Recognition", 2015
(https://arxiv.org/abs/1512.03385), basic blocks with projection shortcuts.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
        Stride of the first convolution and of the shortcut.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(
            in_channels, out_channels, 3, stride=stride, padding=1, bias=False
        )
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                OrderedDict(
                    conv=nn.Conv2d(
                        in_channels, out_channels, 1, stride=stride, bias=False
                    ),
                    bn=nn.BatchNorm2d(out_channels),
                )
            )
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, in_channels, h, w) to (n, out_channels, h/stride, w/stride)."""
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu2(y + self.shortcut(x))


class ResNet(nn.Module):
    """A stem, stages of basic blocks, global pooling and a linear head.

    Parameters
    ----------
    widths : tuple of int
        Channels of each stage; every stage after the first halves the picture.
    depths : tuple of int
        Blocks of each stage.
    n_classes : int
    """

    def __init__(
        self, widths: tuple[int, ...], depths: tuple[int, ...], n_classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(3, widths[0], 3, padding=1, bias=False),
                bn=nn.BatchNorm2d(widths[0]),
                relu=nn.ReLU(),
            )
        )
        channels = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = []
            for index in range(depth):
                stride = 2 if stage and not index else 1
                blocks.append(BasicBlock(channels, width, stride))
                channels = width
            self.add_module(f"stage{stage + 1}", nn.Sequential(*blocks))
        self.n_stages = len(widths)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(channels, n_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, 32, 32) normalised pictures to (n, n_classes) logits."""
        x = self.stem(x)
        for stage in range(self.n_stages):
            x = self.get_submodule(f"stage{stage + 1}")(x)
        return self.head(self.flatten(self.pool(x)))
