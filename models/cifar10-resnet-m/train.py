"""Train cifar10-resnet-m and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from training.cifar10_resnet import train_and_publish
from training.classifier import Cycle, Recipe

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        widths=(48, 144, 144),
        title="medium",
        recipe=Recipe(
            cycles=(Cycle(14), Cycle(10, 0.5, 0.0), Cycle(14, 0.5, 0.0, shift=3))
        ),
    )
