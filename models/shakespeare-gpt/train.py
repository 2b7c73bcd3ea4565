"""Train shakespeare-gpt and write its folder: weights, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.gpt import Shape
from training.language import Recipe
from training.shakespeare_gpt import N_TOKENS, train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        Shape(n_tokens=N_TOKENS, n_layers=6, n_heads=5, width=160),
        Recipe(n_steps=900, flat=0.55),
    )
