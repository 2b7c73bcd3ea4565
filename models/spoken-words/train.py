"""Train spoken-words and write its folder: weights, configuration, sample, card."""

from __future__ import annotations

from pathlib import Path

from training.spoken_words import train_and_publish

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent)
