"""Connect Four, many games at once, as bits: rules and two simple players.

A board is two 64-bit numbers, the stones of whom it is to move and the stones of both;
each column has seven bits, the lowest first, the seventh always empty. After Pons,
"Solving Connect 4", 2015 (http://blog.gamesolver.org).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

N_COLUMNS, N_ROWS = 7, 6
_HEIGHT = N_ROWS + 1
Bits = npt.NDArray[np.uint64]
_COLUMN = np.arange(N_COLUMNS, dtype=np.uint64) * np.uint64(_HEIGHT)
_BOTTOM = np.uint64(1) << _COLUMN
_TOP = _BOTTOM << np.uint64(N_ROWS - 1)
_LANDING = _BOTTOM.sum(dtype=np.uint64)  # adding it carries to the first free place
# Bit of each place, the top row first, as a picture of the board shows it.
_PLACES = (
    _COLUMN[None, :] + np.arange(N_ROWS - 1, -1, -1, dtype=np.uint64)[:, None]
).astype(np.uint64)


@dataclass(frozen=True, slots=True)
class Boards:
    """Positions of n games.

    Attributes
    ----------
    own : (n,) uint64 array
        Stones of whom it is to move.
    both : (n,) uint64 array
        Stones of both.
    """

    own: Bits
    both: Bits

    def __len__(self) -> int:
        return len(self.own)

    def of(self, index: npt.NDArray[np.generic] | slice) -> Boards:
        """Return some of the positions."""
        return Boards(self.own[index], self.both[index])

    def legal(self) -> npt.NDArray[np.bool_]:
        """Say which columns have room: (n, 7)."""
        return (self.both[:, None] & _TOP) == 0

    def full(self) -> npt.NDArray[np.bool_]:
        """Say which boards have no room: (n,)."""
        return ~self.legal().any(1)

    def after(self, columns: npt.NDArray[np.int64]) -> Boards:
        """Return the positions after a stone in a column of each; it must have room."""
        return Boards(self.own ^ self.both, self.both | (self.both + _BOTTOM[columns]))

    def lost(self) -> npt.NDArray[np.bool_]:
        """Say where the other, who moved last, has four in a row: (n,)."""
        return has_four(self.own ^ self.both)

    def children(self) -> Boards:
        """Return the seven next positions of each: 7 n, a full column's meaningless."""
        own = np.repeat(self.own ^ self.both, N_COLUMNS)
        both = self.both[:, None] | (self.both[:, None] + _BOTTOM)
        return Boards(own, both.reshape(-1))

    def winning(self) -> npt.NDArray[np.bool_]:
        """Say which columns win at once for whom it is to move: (n, 7)."""
        lost = self.children().lost().reshape(-1, N_COLUMNS)
        return lost & self.legal()

    def threatened(self) -> npt.NDArray[np.bool_]:
        """Say which columns would win at once for the other: (n, 7)."""
        return Boards(self.own ^ self.both, self.both).winning()

    def planes(self) -> npt.NDArray[np.float32]:
        """Return what the network sees: (n, 3, 6, 7).

        Own stones, the other's, and where a stone would come to lie in each column.
        """
        landing = (self.both + _LANDING) & ~self.both
        sides = np.stack([self.own, self.own ^ self.both, landing], 1)
        bits = (sides[:, :, None, None] >> _PLACES) & np.uint64(1)
        return bits.astype(np.float32)


Player = Callable[[Boards, np.random.Generator], npt.NDArray[np.int64]]


def empty(n: int) -> Boards:
    """Return n empty boards."""
    return Boards(np.zeros(n, np.uint64), np.zeros(n, np.uint64))


def has_four(stones: Bits) -> npt.NDArray[np.bool_]:
    """Say where four stones stand in a row: upright, level or aslant."""
    found = np.zeros(len(stones), np.bool_)
    for step in (1, _HEIGHT, _HEIGHT - 1, _HEIGHT + 1):
        pairs = stones & (stones >> np.uint64(step))
        found |= (pairs & (pairs >> np.uint64(2 * step))) != 0
    return found


def any_of(
    columns: npt.NDArray[np.bool_], random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return one of the marked columns of each row by lot."""
    lots = random.random(columns.shape)
    return np.where(columns, lots, -1.0).argmax(1).astype(np.int64)


def random_player(boards: Boards, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Move anywhere."""
    return any_of(boards.legal(), random)


def looking_player(
    boards: Boards, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Look one move ahead: win if it can, else stop the other, else move anywhere."""
    legal, winning = boards.legal(), boards.winning()
    stopping = boards.threatened() & legal
    choice = np.where(stopping.any(1, keepdims=True), stopping, legal)
    return any_of(np.where(winning.any(1, keepdims=True), winning, choice), random)


def share_won(player: Player, other: Player, n: int, seed: int) -> float:
    """Return the share of n games that `player` wins; it moves second in every other.

    Parameters
    ----------
    player, other : callable
        Boards and a generator to a column of each.
    n : int
        How many games; a draw counts as not won.
    seed : int
        Of the lots of both.
    """
    random = np.random.default_rng(seed)
    boards = empty(n)
    game = np.arange(n)
    ours = game % 2 == 0
    won = 0
    while len(boards):
        columns = np.where(ours, player(boards, random), other(boards, random))
        boards = boards.after(columns)
        over = boards.lost()
        won += int((over & ours).sum())
        left = ~(over | boards.full())
        boards, ours = boards.of(left), ~ours[left]
    return won / n
