"""Train connect-four and write its folder: weights, configuration, sample, card."""

from __future__ import annotations

from pathlib import Path

from training.connect_four_model import train_and_publish
from training.self_play import Recipe

if __name__ == "__main__":
    train_and_publish(Path(__file__).parent, Recipe())
