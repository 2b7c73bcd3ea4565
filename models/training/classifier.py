"""Train a picture classifier with cycles of the learning rate, resumably."""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training import cifar10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """One rise and fall of the learning rate.

    Attributes
    ----------
    epochs : int
    peak_learning_rate : float
        Reached after a fifth of the cycle's steps, then falling to zero on a line.
    weight_decay : float
        Of the convolutions and the head; the rest has none.
    cutout : int
        Side of the square cut out of each picture, in pixels.
    """

    epochs: int
    peak_learning_rate: float
    weight_decay: float
    cutout: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How long and how fast to train.

    Attributes
    ----------
    cycles : tuple of Cycle
        Long and strong first, then gentler ones that settle what was learned
        (Loshchilov and Hutter, "SGDR", 2017, https://arxiv.org/abs/1608.03983).
    batch_size : int
    label_smoothing : float
    average_decay : float
        Of the exponential moving average of the weights that is kept.
    seed : int
    """

    cycles: tuple[Cycle, ...] = (
        Cycle(epochs=18, peak_learning_rate=0.2, weight_decay=5e-4, cutout=8),
        Cycle(epochs=9, peak_learning_rate=0.08, weight_decay=2e-4),
        Cycle(epochs=9, peak_learning_rate=0.05, weight_decay=2e-4),
    )
    batch_size: int = 128
    label_smoothing: float = 0.1
    average_decay: float = 0.998
    seed: int = 0

    @property
    def total_epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(cycle.epochs for cycle in self.cycles)

    def cycle_at(self, epoch: int) -> tuple[Cycle, int]:
        """Return the cycle that an epoch belongs to, and the epoch it began with."""
        first = 0
        for cycle in self.cycles:
            if epoch < first + cycle.epochs:
                return cycle, first
            first += cycle.epochs
        raise ValueError(f"epoch {epoch} lies behind the last cycle")

    def learning_rate(self, epoch: float) -> float:
        """Return the rate at a point in time, in epochs from the start."""
        cycle, first = self.cycle_at(int(epoch))
        done = (epoch - first) / cycle.epochs
        return cycle.peak_learning_rate * min(done / 0.2, (1 - done) / 0.8)


def accuracy(network: nn.Module, split: cifar10.Split) -> float:
    """Return the share of `split` that `network` names rightly."""
    network.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(split.labels), 500):
            batch = cifar10.normalised(
                torch.from_numpy(split.pictures[start : start + 500])
            )
            answer = network(batch.contiguous(memory_format=torch.channels_last))
            labels = torch.from_numpy(split.labels[start : start + 500])
            right += int((answer.argmax(1) == labels).sum())
    return right / len(split.labels)


def train(
    network: nn.Module,
    train_split: cifar10.Split,
    test_split: cifar10.Split,
    recipe: Recipe,
    checkpoint: Path | None = None,
    *,
    time_limit_s: float | None = None,
) -> nn.Module:
    """Train `network` and return the averaged copy that is to be published.

    Parameters
    ----------
    network : nn.Module
        Maps (n, 3, 32, 32) to (n, 10) logits; trained in place.
    train_split, test_split : Split
        The test split is only measured, never chosen by.
    recipe : Recipe
        How long and how fast.
    checkpoint : Path, optional
        Written after each epoch; a run that finds it goes on from there.
    time_limit_s : float, optional
        Stop after so many seconds, for a quick check of the script.
    """
    torch.manual_seed(recipe.seed)
    started = time.monotonic()
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    decayed = [p for p in network.parameters() if p.ndim > 1]
    other = [p for p in network.parameters() if p.ndim <= 1]
    optimiser = torch.optim.SGD(
        [
            {"params": decayed, "weight_decay": 0.0},
            {"params": other, "weight_decay": 0.0},
        ],
        lr=0.0,
        momentum=0.9,
        nesterov=True,
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    steps_per_epoch = len(train_split.labels) // recipe.batch_size
    first_epoch = 0
    if checkpoint is not None and checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        first_epoch = saved["epoch"]
    for epoch in range(first_epoch, recipe.total_epochs):
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        cycle, _ = recipe.cycle_at(epoch)
        optimiser.param_groups[0]["weight_decay"] = cycle.weight_decay
        network.train()
        loss_sum = 0.0
        batches = cifar10.augmented_batches(
            train_split,
            recipe.batch_size,
            generator,
            cutout=cycle.cutout,
        )
        for step, (pictures, labels) in enumerate(batches):
            now = epoch + step / steps_per_epoch
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate(now)
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            loss = loss_of(network(pictures), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            loss_sum += loss.item()
            _update_average(average, network, recipe.average_decay, now)
            out_of_time = (
                time_limit_s is not None and time.monotonic() - started > time_limit_s
            )
            if out_of_time:
                return average.eval()
        reached = accuracy(average, test_split)
        sys.stdout.write(
            f"epoch {epoch + 1}/{recipe.total_epochs}  "
            f"loss {loss_sum / max(1, steps_per_epoch):.3f}  "
            f"test {100 * reached:.2f} %  {time.monotonic() - started:.0f} s\n"
        )
        sys.stdout.flush()
        if checkpoint is not None:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            torch.save(
                {
                    "network": network.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "epoch": epoch + 1,
                },
                checkpoint,
            )
    return average.eval()


@torch.no_grad()
def _update_average(
    average: nn.Module, network: nn.Module, decay: float, epoch: float
) -> None:
    keep = min(decay, epoch)
    for kept, new in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - keep)
        else:
            kept.copy_(new)
