"""Measure the figure of every card again: ``make verify-models``.

Ends with status 1 where a card states another figure than raw onnxruntime finds on
the published files.
"""

from __future__ import annotations

import sys

from layerscope.library.bundled import bundled_models
from training import cifar10, publish

TOLERANCE = 0.001  # ten of the 10,000 pictures: kernels of other processors round apart


def main() -> int:
    """Print stated and measured figure of each model; return the exit status."""
    _, test_split = cifar10.load()
    wrong = 0
    for entry in bundled_models():
        figure = publish.measured_accuracy(entry.path, test_split)
        agrees = abs(figure - entry.value) <= TOLERANCE
        wrong += not agrees
        verdict = "as stated" if agrees else f"but the card says {entry.value:.4f}"
        sys.stdout.write(f"{entry.id}: {entry.metric} {figure:.4f}, {verdict}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
