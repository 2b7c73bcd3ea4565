"""Train a picture classifier on CIFAR-10 in few epochs, resumably.

The recipe is that of Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024
(https://arxiv.org/abs/2404.00498).
"""

from __future__ import annotations

import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from training import cifar10
from training.resnet import Norm, ResNet


@dataclass(frozen=True, slots=True)
class Cycle:
    """One rise and fall of the learning rate.

    Attributes
    ----------
    epochs : int
    share : float
        Its peak, as a share of the recipe's.
    last : float
        Where it ends, as a share of its own peak.
    shift : int
        Pixels a picture is moved at most.
    """

    epochs: int
    share: float = 1.0
    last: float = 0.07
    shift: int = 2

    def rate(self, done: float) -> float:
        """Return the share of the recipe's peak at `done`, 0 to 1, of the cycle."""
        if done < 0.23:
            return self.share * (0.2 + 0.8 * done / 0.23)
        return self.share * (1 - (1 - self.last) * (done - 0.23) / 0.77)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How long and how fast to train.

    Attributes
    ----------
    cycles : tuple of Cycle
        One after the other.
    batch_size : int
    learning_rate : float
        Peak, for the mean loss of a batch; it rises to it over the first 23 % of a
        cycle from a fifth of it.
    bias_factor : float
        How much faster the biases of the normalisations learn.
    momentum : float
        Of Nesterov's method.
    weight_decay : float
        Per step, not multiplied by the learning rate.
    label_smoothing : float
    lookahead_steps : int
        After so many steps the weights are pulled back to their average, the less
        the further the training (Zhang et al., "Lookahead Optimizer", 2019,
        https://arxiv.org/abs/1907.08610).
    seed : int
    """

    cycles: tuple[Cycle, ...]
    batch_size: int = 512
    learning_rate: float = 0.75
    bias_factor: float = 64.0
    momentum: float = 0.85
    weight_decay: float = 1e-3
    label_smoothing: float = 0.2
    lookahead_steps: int = 5
    seed: int = 0

    @property
    def total_epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(cycle.epochs for cycle in self.cycles)

    def cycle_at(self, epoch: float) -> tuple[Cycle, float]:
        """Return the cycle at a point in time, in epochs, and its share done."""
        for cycle in self.cycles:
            if epoch < cycle.epochs:
                return cycle, epoch / cycle.epochs
            epoch -= cycle.epochs
        return self.cycles[-1], 1.0

    def rate(self, epoch: float) -> float:
        """Return the share of the peak rate at a point in time, in epochs."""
        cycle, done = self.cycle_at(epoch)
        return cycle.rate(done)

    def average_decay(self, done: float) -> float:
        """Return how much of the average the weights are pulled back to."""
        return float(0.95**self.lookahead_steps * done**3)


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
    network: ResNet,
    train_split: cifar10.Split,
    test_split: cifar10.Split,
    recipe: Recipe,
    checkpoint: Path | None = None,
    *,
    time_limit_s: float | None = None,
) -> nn.Module:
    """Train `network` and return it, ready to be published.

    Parameters
    ----------
    network : ResNet
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
    network.stem.conv.fit(
        cifar10.normalised(torch.from_numpy(train_split.pictures[::10]))
    )
    network = network.to(memory_format=torch.channels_last)
    average = copy.deepcopy(network)
    optimiser = _optimiser(network, recipe)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    steps_per_epoch = max(1, len(train_split.labels) // recipe.batch_size)
    total = steps_per_epoch * recipe.total_epochs
    first_epoch = 0
    if checkpoint is not None and checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        first_epoch = saved["epoch"]
    peaks = [group["lr"] for group in _optimiser(network, recipe).param_groups]
    for epoch in range(first_epoch, recipe.total_epochs):
        generator = torch.Generator().manual_seed(recipe.seed * 1000 + epoch)
        network.train()
        loss_sum = 0.0
        batches = cifar10.augmented_batches(
            train_split,
            min(recipe.batch_size, len(train_split.labels)),
            generator,
            epoch=epoch,
            shift=recipe.cycle_at(epoch)[0].shift,
        )
        for step, (pictures, labels) in enumerate(batches):
            number = epoch * steps_per_epoch + step
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * recipe.rate(number / steps_per_epoch)
                group["weight_decay"] = recipe.weight_decay / peak
            pictures = pictures.contiguous(memory_format=torch.channels_last)
            loss = loss_of(network(pictures), labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            loss_sum += loss.item()
            if (number + 1) % recipe.lookahead_steps == 0:
                _look_ahead(average, network, recipe.average_decay(number / total))
            out_of_time = (
                time_limit_s is not None and time.monotonic() - started > time_limit_s
            )
            if out_of_time:
                return network.eval()
        reached = accuracy(network, test_split)
        sys.stdout.write(
            f"epoch {epoch + 1}/{recipe.total_epochs}  "
            f"loss {loss_sum / steps_per_epoch:.3f}  "
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
    _look_ahead(average, network, 1.0)
    return network.eval()


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    biases = [m.bias for m in network.modules() if isinstance(m, Norm)]
    known = {id(bias) for bias in biases}
    others = [p for p in network.parameters() if p.requires_grad and id(p) not in known]
    return torch.optim.SGD(
        [
            {"params": biases, "lr": recipe.learning_rate * recipe.bias_factor},
            {"params": others, "lr": recipe.learning_rate},
        ],
        momentum=recipe.momentum,
        nesterov=True,
    )


@torch.no_grad()
def _look_ahead(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the average towards the weights, and the weights onto it."""
    for kept, new in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - keep)
            new.copy_(kept)
