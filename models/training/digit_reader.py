"""A classifier of 32x32 digits that judges what the generating networks draw.

It is trained apart from everything that it judges: other network, other seed, other
distortions. So that it is sure only of pictures that are one digit, a quarter of each
batch are blends of two digits with the labels blended alike (Zhang et al., "mixup:
Beyond Empirical Risk Minimization", 2017, https://arxiv.org/abs/1710.09412), and some
are noise and scrambled digits, of which it is to say that they might be any.
"""

from __future__ import annotations

import sys

import torch
from torch import nn
from torch.nn import functional

from training import digits, quick

EPOCHS = 60
BATCH_SIZE = 64
LEARNING_RATE = 3e-3
SEED = 4711
N_NONSENSE = 10  # pictures of a batch that are no digit


class DigitReader(nn.Sequential):
    """Map (n, 1, 32, 32) pictures, 0 to 1, to (n, 10) logits."""

    def __init__(self) -> None:
        super().__init__(
            nn.AvgPool2d(2),
            nn.Conv2d(1, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.SiLU(),
            nn.Conv2d(24, 48, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(48),
            nn.SiLU(),
            nn.Conv2d(48, 96, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(96),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(96 * 16, 10),
        )


def reader(split_seed: int = digits.SPLIT_SEED, *, epochs: int = EPOCHS) -> nn.Module:
    """Return the classifier in evaluation mode, trained first where it is missing.

    Parameters
    ----------
    split_seed : int
        Of `digits.load`; what that holds out, the classifier has not seen.
    epochs : int
        Fewer make it quick and bad; only the full training is kept.
    """
    path = quick.checkpoint_folder() / f"digit-reader-{split_seed}.pt"
    network = DigitReader()
    if epochs == EPOCHS and path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
    else:
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            network = DigitReader()
            _train(network, split_seed, epochs)
        if epochs == EPOCHS:
            torch.save(network.state_dict(), path)
    return network.eval().requires_grad_(False)


def accuracy(network: nn.Module, split: digits.Split) -> float:
    """Return the share of `split` that `network` reads rightly."""
    network.eval()
    with torch.inference_mode():
        answer = network(torch.from_numpy(split.pictures)).argmax(1)
    return float((answer == torch.from_numpy(split.labels)).float().mean())


def _train(network: nn.Module, split_seed: int, epochs: int) -> None:
    train, _ = digits.load(seed=split_seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), LEARNING_RATE, weight_decay=0.05
    )
    steps = epochs * (len(train.labels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, steps)
    generator = torch.Generator().manual_seed(SEED)
    network.train()
    distortion = {"degrees": 15, "shift": 0.08, "scale": 0.15, "shear": 0.2}
    for batch, labels in digits.batches(
        train, steps, generator, batch_size=BATCH_SIZE, **distortion
    ):
        target = functional.one_hot(labels, 10).float()
        share = torch.rand(BATCH_SIZE, generator=generator)
        share[: 3 * BATCH_SIZE // 4] = 1
        other = torch.randperm(BATCH_SIZE, generator=generator)
        target = share[:, None] * target + (1 - share[:, None]) * target[other]
        share = share[:, None, None, None]
        batch = share * batch + (1 - share) * batch[other]
        batch[:N_NONSENSE] = _nonsense(batch[:N_NONSENSE], generator)
        target[:N_NONSENSE] = 0.1
        loss = functional.cross_entropy(network(batch), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()


def _nonsense(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return noise of several grains, and the rest of `batch` cut up and mixed."""
    n, side = len(batch), batch.shape[-1]
    third = n // 3
    noise = torch.rand(third, 1, side, side, generator=generator)
    grain = 4 * int(torch.randint(1, 5, (), generator=generator))
    blobs = 2 * torch.rand(third, 1, grain, grain, generator=generator) - 0.5
    blobs = functional.interpolate(blobs, (side, side), mode="bilinear").clamp(0, 1)
    rest = batch[2 * third :]
    tiles = rest.unfold(2, 8, 8).unfold(3, 8, 8).reshape(len(rest), 16, 8, 8)
    tiles = tiles[:, torch.randperm(16, generator=generator)]
    mixed = tiles.reshape(-1, 1, 4, 4, 8, 8).permute(0, 1, 2, 4, 3, 5)
    return torch.cat([noise, blobs, mixed.reshape(rest.shape)])


if __name__ == "__main__":
    quick.threads()
    judge = reader()
    for name, split in zip(("seen", "held out"), digits.load(), strict=True):
        sys.stdout.write(f"{name}: {100 * accuracy(judge, split):.2f} %\n")
