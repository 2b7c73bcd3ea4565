"""The ways a text went on from one prompt, kept as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layerscope.protocol.answers import Token
from layerscope.ui.widgets.token_looks import visible

MOST_BRANCHES = 64
_WORDS = 6


@dataclass(slots=True)
class Branch:
    """One way that the text went.

    Attributes
    ----------
    tokens : tuple of Token
        All made tokens, those before the fork too.
    parent : int
        The branch it left, -1 for one that began at the prompt.
    fork : int
        How many made tokens it shares with its parent.
    forced : tuple of int
        Ids that the model was told to begin with, until it has: tokens that come
        before are the end of another branch.
    """

    tokens: tuple[Token, ...] = ()
    parent: int = -1
    fork: int = 0
    forced: tuple[int, ...] = ()


class BranchTree:
    """Branches of one prompt; a new prompt begins a new tree.

    Attributes
    ----------
    branches : list of Branch
    current : int
        The one that is shown, -1 before the first token.
    """

    def __init__(self) -> None:
        self.branches: list[Branch] = []
        self.current = -1
        self._prompt: tuple[int, ...] = ()

    def show(
        self, prompt: Sequence[Token], made: tuple[Token, ...], *, running: bool
    ) -> tuple[Token, ...]:
        """Take what the model has made so far; return the made tokens to show.

        Parameters
        ----------
        prompt : sequence of Token
            What was given; where it differs from before, the tree is begun anew.
        made : tuple of Token
            Of the run under way, or of the last one.
        running : bool
            Whether more may come.
        """
        given = tuple(token.id for token in prompt)
        if given != self._prompt:
            self._prompt, self.branches, self.current = given, [], -1
        now = self.branches[self.current] if self.current >= 0 else None
        if now is not None and now.forced:
            begun = tuple(token.id for token in made[: len(now.forced)])
            if begun == now.forced or not running:
                now.forced = ()
            else:
                return now.tokens  # its first tokens are still to come
        if not made:
            return ()
        if now is None or not _agree(made, now.tokens):
            self._add(Branch(tokens=made))
        elif len(made) > len(now.tokens):
            now.tokens = made
        return made

    def continue_with(self, place: int, token: Token) -> tuple[int, ...]:
        """Begin a branch that leaves the current one; return the ids to force.

        Parameters
        ----------
        place : int
            Made token that another one takes the place of.
        token : Token
            The other one.
        """
        kept = self.branches[self.current].tokens[:place]
        forced = (*(each.id for each in kept), token.id)
        self._add(
            Branch(
                tokens=(*kept, token), parent=self.current, fork=place, forced=forced
            )
        )
        return forced

    def go_back(self, number: int) -> tuple[int, ...]:
        """Show another branch again; return the ids to force."""
        branch = self.branches[number]
        branch.forced = tuple(token.id for token in branch.tokens)
        self.current = number
        return branch.forced

    def depth(self, number: int) -> int:
        """Return how many forks lie before a branch."""
        depth, parent = 0, self.branches[number].parent
        while parent >= 0:
            depth, parent = depth + 1, self.branches[parent].parent
        return depth

    def in_order(self) -> list[int]:
        """Return the branches so that each follows the one it left."""
        found: list[int] = []

        def add(parent: int) -> None:
            for number, branch in enumerate(self.branches):
                if branch.parent == parent:
                    found.append(number)
                    add(number)

        add(-1)
        return found

    def title(self, number: int) -> str:
        """Say where a branch begins: ``"door" in place of "win" · 24 tokens``."""
        branch = self.branches[number]
        n = f"{len(branch.tokens)} tokens"
        if branch.parent >= 0 and branch.fork < len(branch.tokens):
            word = visible(branch.tokens[branch.fork].text)
            before = self.branches[branch.parent].tokens
            if branch.fork < len(before):
                left = visible(before[branch.fork].text)
                return f"“{word}” in place of “{left}” · {n}"
            return f"“{word}” · {n}"
        text = "".join(token.text for token in branch.tokens)
        words = text.split()
        more = " …" if len(words) > _WORDS else ""
        return f"{' '.join(words[:_WORDS])}{more} · {n}"

    def _add(self, branch: Branch) -> None:
        if len(self.branches) >= MOST_BRANCHES:
            self.branches, branch.parent = [], -1
        self.branches.append(branch)
        self.current = len(self.branches) - 1


def _agree(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """Whether one of two texts begins with the other."""
    return all(a.id == b.id for a, b in zip(one, other, strict=False))
