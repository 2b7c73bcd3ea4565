"""The CIFAR-10 residual networks: one script's worth of work for every size."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch

from training import cifar10, classifier, publish
from training.resnet import ResNet


def train_and_publish(
    folder: Path, *, widths: tuple[int, int, int], title: str
) -> None:
    """Train one network, export it, measure it with onnxruntime, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    widths : tuple of int
        See `ResNet`.
    title : str
        The word for its size in the card.
    """
    parser = argparse.ArgumentParser(description=f"Train {folder.name}.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="five seconds on a few pictures, into a temporary folder",
    )
    quick = parser.parse_args().quick
    torch.manual_seed(0)
    network = ResNet(widths)
    recipe = classifier.Recipe()
    train_split, test_split = cifar10.load(limit_per_class=64 if quick else None)
    cache = Path(os.environ.get("LAYERSCOPE_TRAIN_CACHE", "out/training"))
    trained = classifier.train(
        network,
        train_split,
        test_split,
        recipe,
        None if quick else cache / f"{folder.name}.pt",
        time_limit_s=5.0 if quick else None,
    )
    target = Path(tempfile.mkdtemp(prefix=folder.name)) if quick else folder
    publish.picture_classifier(
        trained.to(memory_format=torch.contiguous_format), target
    )
    figure = publish.measured_accuracy(target, test_split)
    publish.cifar10_card(
        target,
        model_id=folder.name,
        title=title,
        n_parameters=sum(p.numel() for p in network.parameters()),
        figure=figure,
        epochs=recipe.total_epochs,
        n_pictures=len(test_split.labels),
    )
    sys.stdout.write(f"{target}: {100 * figure:.2f} % of {len(test_split.labels)}\n")
