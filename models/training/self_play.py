"""Learn Connect Four from games against oneself.

Each move is chosen by looking one move ahead with the network's own judgement of where
that leads, wins and losses within sight counted exactly; the network learns to choose
so at a glance and to foresee how it ends. Anthony, Tian and Barber, "Thinking Fast and
Slow with Deep Learning and Tree Search", 2017 (https://arxiv.org/abs/1705.08439); what
is foreseen is smoothed over the game as in Sutton, "Learning to Predict by the Methods
of Temporal Differences", 1988.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from training import connect_four
from training.connect_four import N_COLUMNS, N_ROWS, Boards

Floats = npt.NDArray[np.float32]
PATIENCE = 0.98  # what a move later is worth
N_PATTERNS, N_THREATS, N_HIDDEN = 128, 64, 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How many games and how they are learnt.

    Attributes
    ----------
    rounds, games, kept_rounds, steps, batch_size : int
        Rounds of self-play; games in each; rounds whose games are learnt from; steps
        of learning after each.
    rate : float
        Peak of the learning rate.
    sharpness : float
        How far the learnt choice prefers the better move.
    adventure, opening : float and int
        Share of moves drawn by lot, and how many moves of a game are more varied.
    smoothing : float
        Lambda of the temporal differences: 1 looks at the end of the game alone.
    seed : int
    """

    rounds: int = 40
    games: int = 256
    kept_rounds: int = 6
    steps: int = 40
    batch_size: int = 512
    rate: float = 3e-3
    sharpness: float = 8.0
    adventure: float = 0.04
    opening: int = 10
    smoothing: float = 0.8
    seed: int = 0


class Patterns(nn.Module):
    """A 4x4 convolution: each of its twelve places holds ten rows of four."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, N_PATTERNS, 4)
        self.relu = nn.ReLU()

    def forward(self, board: torch.Tensor) -> torch.Tensor:
        """Map (n, 3, 6, 7) to (n, patterns, 3, 4)."""
        return self.relu(self.conv(board))


class Threats(nn.Module):
    """A 1x1 convolution: which patterns of a place mean something together."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(N_PATTERNS, N_THREATS, 1)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, patterns, 3, 4) to (n, threats, 3, 4)."""
        return self.relu(self.conv(x))


class PolicyValueNetwork(nn.Module):
    """Where to move and how it will end, from the board."""

    def __init__(self) -> None:
        super().__init__()
        self.patterns = Patterns()
        self.threats = Threats()
        self.flatten = nn.Flatten()
        places = (N_ROWS - 3) * (N_COLUMNS - 3)
        self.position = nn.Linear(N_THREATS * places, N_HIDDEN)
        self.relu = nn.ReLU()
        self.policy_head = nn.Linear(N_HIDDEN, N_COLUMNS)
        self.value_head = nn.Linear(N_HIDDEN, 1)

    def forward(self, board: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, 3, 6, 7) to (n, 7) logits and (n, 1), -1 (lost) to 1 (won)."""
        x = self.flatten(self.threats(self.patterns(board)))
        x = self.relu(self.position(x))
        return self.policy_head(x), torch.tanh(self.value_head(x))


@torch.inference_mode()
def look_ahead(network: nn.Module, boards: Boards) -> Floats:
    """Return the worth of each column: (n, 7), -1 to 1, -2 where there is no room.

    Parameters
    ----------
    network : nn.Module
        Judges where the game stands after the move.
    boards : Boards
        Nobody has won yet.
    """
    network.eval()
    next_boards = boards.children()
    worth = np.zeros(len(next_boards), np.float32)
    lost = next_boards.lost()
    beaten = next_boards.winning().any(1)
    room = boards.legal().reshape(-1)
    open_ = np.flatnonzero(room & ~lost & ~beaten & ~next_boards.full())
    planes = torch.from_numpy(next_boards.of(open_).planes())
    planes = planes.contiguous(memory_format=torch.channels_last)
    judged = [network(part)[1][:, 0] for part in planes.split(1024)]
    if judged:  # a little less than said, so that the shorter way to win is better
        worth[open_] = -PATIENCE * torch.cat(judged).numpy()
    worth[beaten] = -1
    worth[lost] = 1
    worth[~room] = -2
    return worth.reshape(-1, N_COLUMNS)


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


@dataclass(slots=True)
class Lessons:
    """What is to be learnt of one round.

    Attributes
    ----------
    planes, policy, value : float32 arrays
        (n, 3, 6, 7); (n, 7), adding up to one; (n,), -1 to 1.
    """

    planes: Floats
    policy: Floats
    value: Floats


def play(network: nn.Module, recipe: Recipe, random: np.random.Generator) -> Lessons:
    """Play a round of games against oneself and return what they teach.

    Parameters
    ----------
    network : nn.Module
        Judges the positions.
    recipe : Recipe
        How many games and how varied.
    random : Generator
        Of the lots.
    """
    boards = connect_four.empty(recipe.games)
    game = np.arange(recipe.games)
    turns: list[tuple[npt.NDArray[np.int64], Floats, Floats, Floats]] = []
    end = np.zeros(recipe.games, np.float32)  # for whom would be to move next
    while len(boards):
        worth = look_ahead(network, boards)
        policy = _softmax(np.where(worth > -1.5, worth * recipe.sharpness, -1e9))
        turns.append((game, boards.planes(), policy, worth.max(1)))
        varied = len(turns) <= recipe.opening
        chances = policy ** (0.5 if varied else 2.0) * (worth > -1.5)
        lots = random.random(len(boards)) < recipe.adventure
        chances = np.where(lots[:, None], worth > -1.5, chances)
        summed = np.cumsum(chances, 1)
        drawn = random.random((len(boards), 1)) * summed[:, -1:]
        columns = (summed <= drawn).sum(1).clip(0, N_COLUMNS - 1)
        boards = boards.after(columns)
        lost = boards.lost()
        end[game[lost]] = -1
        left = ~(lost | boards.full())
        boards, game = boards.of(left), game[left]
    values = []
    foreseen = end
    for numbers, _, _, best in reversed(turns):
        kept = recipe.smoothing
        value = (1 - kept) * best + kept * -foreseen[numbers]
        values.append(value)
        foreseen = foreseen.copy()
        foreseen[numbers] = value
    return Lessons(
        np.concatenate([planes for _, planes, _, _ in turns]),
        np.concatenate([policy for _, _, policy, _ in turns]),
        np.concatenate(values[::-1]).astype(np.float32),
    )


def learn(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    lessons: list[Lessons],
    recipe: Recipe,
    random: np.random.Generator,
) -> float:
    """Take some steps on the lessons and their mirror images; return the mean loss.

    Parameters
    ----------
    network : nn.Module
        Learns in place.
    optimiser : Optimizer
        Of its parameters.
    lessons : list of Lessons
        Of the last rounds.
    recipe : Recipe
        How many steps, how large.
    random : Generator
        Of the lots.
    """
    planes, policy, value = (
        torch.from_numpy(np.concatenate([getattr(one, name) for one in lessons]))
        for name in ("planes", "policy", "value")
    )
    network.train()
    total = 0.0
    for _ in range(recipe.steps):
        index = torch.from_numpy(random.integers(0, len(value), recipe.batch_size))
        board, wanted = planes[index], policy[index]
        half = recipe.batch_size // 2
        board[:half], wanted[:half] = board[:half].flip(3), wanted[:half].flip(1)
        board = board.contiguous(memory_format=torch.channels_last)
        logits, judged = network(board)
        loss = functional.cross_entropy(logits, wanted)
        loss = loss + functional.mse_loss(judged[:, 0], value[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total / recipe.steps


def train(
    network: nn.Module,
    recipe: Recipe,
    checkpoint: Path | None = None,
    limit_s: float | None = None,
) -> None:
    """Play and learn in turns.

    Parameters
    ----------
    network : nn.Module
        Learns in place.
    recipe : Recipe
        How many games and how they are learnt.
    checkpoint : Path, optional
        Written after each round; a run that finds it goes on from there, with lessons
        of its own.
    limit_s : float, optional
        Stop after so many seconds.
    """
    torch.manual_seed(recipe.seed)
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.rate, weight_decay=1e-3, fused=True
    )
    first, started = 0, time.monotonic()
    if checkpoint is not None and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        first = int(state["round"])
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    lessons: deque[Lessons] = deque(maxlen=recipe.kept_rounds)
    for number in range(first, recipe.rounds):
        random = np.random.default_rng(recipe.seed * 10_000 + number)
        lessons.append(play(network, recipe, random))
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1.0, 1.6 * (1 - number / recipe.rounds))
        loss = learn(network, optimiser, list(lessons), recipe, random)
        sys.stdout.write(f"round {number + 1}/{recipe.rounds} loss {loss:.3f}\n")
        sys.stdout.flush()
        if limit_s is not None and time.monotonic() - started > limit_s:
            break
        if checkpoint is not None:
            state = {
                "round": number + 1,
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
            }
            torch.save(state, checkpoint)
