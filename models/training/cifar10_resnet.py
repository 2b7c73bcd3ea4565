"""The CIFAR-10 residual networks: one script's worth of work for every size."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from training import cifar10, classifier, publish, quick
from training.resnet import ResNet


def train_and_publish(
    folder: Path,
    *,
    widths: tuple[int, int, int],
    title: str,
    recipe: classifier.Recipe,
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
    recipe : Recipe
        How long and how fast.
    """
    quick_run = quick.arguments(folder.name).quick
    quick.threads()
    torch.manual_seed(0)
    network = ResNet(widths)
    train_split, test_split = cifar10.load(limit_per_class=64 if quick_run else None)
    trained = classifier.train(
        network,
        train_split,
        test_split,
        recipe,
        None if quick_run else quick.checkpoint_folder() / f"{folder.name}.pt",
        time_limit_s=quick.time_limit(quick_run),
    )
    target = quick.target_folder(folder, quick_run)
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
