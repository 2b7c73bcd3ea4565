"""Train shakespeare-moe and write its folder: weights, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.gpt import Shape
from training.language import Recipe
from training.shakespeare_gpt import N_TOKENS, train_and_publish

if __name__ == "__main__":
    train_and_publish(
        Path(__file__).parent,
        Shape(n_tokens=N_TOKENS, n_layers=4, n_heads=4, width=128, n_experts=4),
        Recipe(n_steps=400, batch=8),
    )
