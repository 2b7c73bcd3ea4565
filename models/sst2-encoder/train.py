"""Train sst2-encoder and write its folder: weights, tokenizer, configuration, card."""

from __future__ import annotations

from pathlib import Path

from training.sst2 import Recipe
from training.sst2_encoder import train_and_publish

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent, Recipe())
