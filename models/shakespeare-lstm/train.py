"""Train shakespeare-lstm and write its folder: weights, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.language import Recipe
from training.shakespeare_lstm import train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        # No Muon: its steps suit layers that are used once, not at every character.
        Recipe(n_steps=3000, batch=32, length=64, rate=4e-3, matrix_rate=0.0),
        width=256,
        dropout=0.0,
    )
