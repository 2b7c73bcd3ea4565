"""Quantise cifar10-resnet-m and write the folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from training.quantised import quantise_and_publish

if __name__ == "__main__":
    quantise_and_publish(
        Path(__file__).parent,
        Path(__file__).parents[1] / "cifar10-resnet-m",
        title="CIFAR-10 ResNet M int8",
    )
