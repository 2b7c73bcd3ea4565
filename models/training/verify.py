"""Measure the figure of cards again: ``make verify-models``, ``MODEL=<id>`` for one.

Ends with status 1 where a card states another figure than raw onnxruntime finds on
the published files.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from layerscope.library.bundled import bundled_models
from training import cards, figures


def main(wanted: Sequence[str]) -> int:
    """Print stated and measured figure of each model; return the exit status.

    Parameters
    ----------
    wanted : sequence of str
        Ids of bundled models; all of them where it is empty.
    """
    entries = {entry.id: entry for entry in bundled_models()}
    unknown = sorted(set(wanted) - set(entries))
    if unknown:
        sys.stderr.write(
            f"There is no bundled model {', '.join(unknown)}; there are: "
            f"{', '.join(entries)}.\n"
        )
        return 1
    wrong = 0
    for model_id in wanted or entries:
        entry = entries[model_id]
        stated = cards.stated_figure(entry.path)
        figure = figures.measure(model_id, entry.path)
        agrees = abs(figure - stated) <= figures.tolerance(model_id)
        wrong += not agrees
        verdict = "as stated" if agrees else f"but the card says {stated:.4f}"
        sys.stdout.write(f"{model_id}: {entry.metric} {figure:.4f}, {verdict}\n")
        sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the figure of cards again.")
    parser.add_argument("model", nargs="*", help="id of a bundled model; all without")
    sys.exit(main(parser.parse_args().model))
