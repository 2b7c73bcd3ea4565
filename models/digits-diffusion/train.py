"""Train digits-diffusion and write its folder: four networks, tokenizer, card."""

from __future__ import annotations

from pathlib import Path

from training.digits_diffusion import train_and_publish
from training.latent_diffusion import Recipe

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent, Recipe())
