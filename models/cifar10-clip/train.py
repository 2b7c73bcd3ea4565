"""Train cifar10-clip and write its folder: two towers, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.cifar10_clip import Recipe, train_and_publish

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent, Recipe())
