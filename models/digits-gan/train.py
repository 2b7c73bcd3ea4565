"""Train digits-gan and write its folder: weights, configuration, card."""

from __future__ import annotations

from pathlib import Path

from training.digits_gan import train_and_publish

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent)
