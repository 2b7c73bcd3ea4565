"""Train cifar10-resnet-l and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from training.cifar10_resnet import train_and_publish
from training.classifier import Cycle, Recipe

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        widths=(64, 256, 256),
        title="large",
        recipe=Recipe(cycles=(Cycle(12),)),
    )
