"""Train shakespeare-lstm and write its folder: weights, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.language import Recipe
from training.shakespeare_lstm import train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        # AdamW alone: Muon is meant for layers that a token passes once.
        Recipe(
            n_steps=2000, batch=32, length=64, rate=4e-3, matrix_rate=0.0, flat=0.45
        ),
        width=256,
        dropout=0.0,
    )
