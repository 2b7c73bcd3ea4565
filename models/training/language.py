"""Train a network to guess what comes next in a text."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training import quick
from training.muon import Muon

QUICK_SECONDS = 5.0
_CHECKPOINT_SECONDS = 60.0
_WATCHED_WINDOWS = 32  # of the held-out text, for the log alone


class LanguageNetwork(Protocol):
    """A network that can be trained on text."""

    def loss(self, input_ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return what to make small, of (batch, sequence) int64 each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How long and how fast a network is trained.

    Attributes
    ----------
    n_steps : int
        Batches.
    batch, length : int
        Sequences in a batch, tokens in a sequence.
    rate : float
        Highest learning rate of AdamW: embeddings, biases, normalisation, and
        everything where `matrix_rate` is zero.
    matrix_rate : float
        Highest learning rate of Muon, for the matrices of hidden layers.
    decay : float
        Weight decay of what Muon moves.
    warm_up : int
        Steps until the rates are at their highest.
    flat : float
        Share of the steps before the rates fall, in a straight line to zero.
    """

    n_steps: int
    batch: int = 16
    length: int = 256
    rate: float = 3e-3
    matrix_rate: float = 0.02
    decay: float = 0.1
    warm_up: int = 50
    flat: float = 0.3

    def share(self, step: int) -> float:
        """Return which share of the highest rates is used in `step`."""
        rest = (self.n_steps - step) / (self.n_steps * (1 - self.flat))
        return min(1.0, (step + 1) / self.warm_up, rest)


def windows(
    tokens: npt.NDArray[np.int64], recipe: Recipe, random: np.random.Generator
) -> Iterator[torch.Tensor]:
    """Yield batches without end; in each pass, every token comes about once.

    Parameters
    ----------
    tokens : (n,) int64 array
        The training text.
    recipe : Recipe
        Says how large a batch is.
    random : Generator
        Where the windows of a pass begin, and their order.

    Yields
    ------
    torch.Tensor
        (batch, length + 1) int64; inputs and targets overlap.
    """
    while True:
        first = int(random.integers(recipe.length))
        starts = np.arange(first, len(tokens) - recipe.length, recipe.length)
        random.shuffle(starts)
        for index in range(0, len(starts) - recipe.batch + 1, recipe.batch):
            rows = starts[index : index + recipe.batch]
            yield torch.from_numpy(
                np.stack([tokens[row : row + recipe.length + 1] for row in rows])
            )


def streams(
    tokens: npt.NDArray[np.int64], recipe: Recipe, random: np.random.Generator
) -> Iterator[torch.Tensor]:
    """Yield batches in which each row goes on where it ended in the batch before.

    For networks that carry a state. Parameters and batches are those of `windows`; in
    each pass the text is cut into as many streams as a batch has rows.
    """
    while True:
        first = int(random.integers(recipe.length))
        each = (len(tokens) - first - 1) // recipe.batch
        starts = first + each * np.arange(recipe.batch)
        for step in range(0, each - recipe.length + 1, recipe.length):
            yield torch.from_numpy(
                np.stack(
                    [
                        tokens[row + step : row + step + recipe.length + 1]
                        for row in starts
                    ]
                )
            )


def optimisers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return AdamW, and Muon for the matrices of hidden layers if the recipe has it.

    Parameters
    ----------
    network : nn.Module
        Embeddings and heads are told by their classes and the name ``lm_head``.
    recipe : Recipe
        With the rates, which are each optimiser's first ``lr``.
    """
    outer = {
        id(parameter)
        for name, module in network.named_modules()
        if isinstance(module, nn.Embedding) or name == "lm_head"
        for parameter in module.parameters()
    }
    inner: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for parameter in network.parameters():
        hidden = parameter.ndim == 2 and id(parameter) not in outer
        (inner if hidden and recipe.matrix_rate > 0 else rest).append(parameter)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=recipe.rate, betas=(0.9, 0.95), weight_decay=0.0)
    ]
    if inner:
        found.append(Muon(inner, lr=recipe.matrix_rate, weight_decay=recipe.decay))
    return found


def train(
    network: nn.Module,
    tokens: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.int64],
    recipe: Recipe,
    checkpoint: Path,
    *,
    cut: Callable[
        [npt.NDArray[np.int64], Recipe, np.random.Generator], Iterator[torch.Tensor]
    ] = windows,
    seconds: float | None = None,
) -> int:
    """Train `network` where it stands, or go on where a training stopped.

    Parameters
    ----------
    network : nn.Module
        A `LanguageNetwork`.
    tokens, held_out : (n,) int64 array
        Training text, and text whose loss is printed, never chosen by.
    recipe : Recipe
        How long and how fast.
    checkpoint : Path
        Written every minute; read first where it is there.
    cut : callable
        How batches are made of the text: `windows` or `streams`.
    seconds : float, optional
        Stop after so many and leave no checkpoint, for a quick run.

    Returns
    -------
    int
        Steps made, those before a stop included.
    """
    quick.threads()
    movers = optimisers(network, recipe)
    highest = [[group["lr"] for group in mover.param_groups] for mover in movers]
    step = 0
    if checkpoint.is_file() and seconds is None:
        step = _restored(checkpoint, network, movers)
    random = np.random.default_rng(0)
    batches = cut(tokens, recipe, random)
    for _ in range(step):
        next(batches)
    begun = saved = time.monotonic()
    seen: list[float] = []
    while step < recipe.n_steps:
        rows = next(batches)
        torch.manual_seed(step)  # so that a resumed run drops what the first would have
        for mover, rates in zip(movers, highest, strict=True):
            for group, rate in zip(mover.param_groups, rates, strict=True):
                group["lr"] = rate * recipe.share(step)
        seen.append(_step(network, rows, movers))
        step += 1
        now = time.monotonic()
        if seconds is not None:
            if now - begun > seconds:
                break
        elif now - saved > _CHECKPOINT_SECONDS or step == recipe.n_steps:
            saved = now
            _save(checkpoint, network, movers, step)
            watched = _watched(network, held_out, recipe)
            print(  # noqa: T201
                f"step {step} of {recipe.n_steps}: {np.mean(seen):.4f} nats a token, "
                f"held out {watched:.4f}, {(now - begun) / 60:.1f} min",
                flush=True,
            )
            seen.clear()
    network.eval()
    return step


def _step(
    network: nn.Module, rows: torch.Tensor, movers: list[torch.optim.Optimizer]
) -> float:
    network.train()
    loss = _loss(network, rows)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    for mover in movers:
        mover.step()
        mover.zero_grad(set_to_none=True)
    value = loss.item()
    if not math.isfinite(value):
        raise ArithmeticError("The loss is no number any more; lower the rates.")
    return value


def _loss(network: Any, rows: torch.Tensor) -> torch.Tensor:
    loss: torch.Tensor = network.loss(rows[:, :-1], rows[:, 1:])
    return loss


@torch.no_grad()
def _watched(
    network: nn.Module, held_out: npt.NDArray[np.int64], recipe: Recipe
) -> float:
    """Return nats a token on windows spread over the held-out text."""
    network.eval()
    last = len(held_out) - recipe.length - 1
    starts = np.linspace(0, last, _WATCHED_WINDOWS).astype(int)
    rows = np.stack([held_out[row : row + recipe.length + 1] for row in starts])
    return _loss(network, torch.from_numpy(rows)).item()


def _save(
    path: Path, network: nn.Module, movers: list[torch.optim.Optimizer], step: int
) -> None:
    state = {
        "network": network.state_dict(),
        "optimisers": [mover.state_dict() for mover in movers],
        "step": step,
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _restored(
    path: Path, network: nn.Module, movers: list[torch.optim.Optimizer]
) -> int:
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    for mover, saved in zip(movers, state["optimisers"], strict=True):
        mover.load_state_dict(saved)
    return int(state["step"])
