"""Digits in many looks, each with the words that describe it.

A scan is turned into a picture by choices of slant, size, weight of the stroke and
colour of the ink; a caption names the digit and some of the choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from training import digits

COLOURS = {
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.25, 0.2),
    "orange": (1.0, 0.6, 0.1),
    "yellow": (1.0, 0.95, 0.25),
    "green": (0.3, 1.0, 0.35),
    "blue": (0.3, 0.5, 1.0),
    "pink": (1.0, 0.45, 0.8),
}
WEIGHTS = ("thin", "", "bold")
SIZES = ("small", "", "large")
SLANTS = ("slanted left", "", "slanted right")
FRAMES = (
    "a {look} {digit} {slant}",
    "a {look} {digit} {slant}",
    "a {look} handwritten {digit} {slant}",
    "a handwritten {look} {digit} {slant}",
    "the {look} number {digit} {slant}",
    "the {look} digit {digit} {slant}",
    "a picture of a {look} {digit} {slant}",
    "{look} {digit} {slant}",
)
SHARE_NAMED = 0.6  # how often a caption names a choice that it could name


@dataclass(frozen=True, slots=True)
class Looks:
    """The choices behind each of n pictures, as indices.

    Attributes
    ----------
    digit, colour, weight, size, slant : (n,) int64 array
        Into 0 to 9, `COLOURS`, `WEIGHTS`, `SIZES` and `SLANTS`.
    """

    digit: npt.NDArray[np.int64]
    colour: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    slant: npt.NDArray[np.int64]

    def caption(self, index: int, random: np.random.Generator) -> str:
        """Return words for one of the pictures that name some of its choices."""
        named = random.random(4) < SHARE_NAMED
        look = [
            SIZES[self.size[index]] * bool(named[0]),
            WEIGHTS[self.weight[index]] * bool(named[1]),
            tuple(COLOURS)[self.colour[index]] * bool(named[2]),
        ]
        digit = int(self.digit[index])
        words = FRAMES[random.integers(len(FRAMES))].format(
            look=" ".join(look),
            digit=digits.WORDS[digit] if random.random() < 0.7 else digit,
            slant=SLANTS[self.slant[index]] * bool(named[3]),
        )
        return " ".join(words.split())


def all_words() -> set[str]:
    """Return every word of a caption."""
    frames = [frame.format(look="", digit="", slant="") for frame in FRAMES]
    texts = (*frames, *COLOURS, *WEIGHTS, *SIZES, *SLANTS)
    words = {word for text in texts for word in text.split()}
    return words | set(digits.WORDS) | set(digits.LABELS)


def pictured(
    split: digits.Split, n: int, generator: torch.Generator
) -> tuple[torch.Tensor, Looks]:
    """Return n pictures of random scans in random looks.

    Parameters
    ----------
    split : Split
        The scans, 32x32.
    n : int
        How many.
    generator : torch.Generator
        Source of all randomness.

    Returns
    -------
    pictures : torch.Tensor
        (n, 3, 32, 32) float32, -1 (black) to 1.
    looks : Looks
    """

    def draw(upper: int) -> torch.Tensor:
        return torch.randint(upper, (n,), generator=generator)

    def around(centre: torch.Tensor, width: float) -> torch.Tensor:
        return centre + width * (2 * torch.rand(n, generator=generator) - 1)

    which = draw(len(split.labels))
    colour, weight, size, slant = (
        draw(len(choices)) for choices in (COLOURS, WEIGHTS, SIZES, SLANTS)
    )
    scans = torch.from_numpy(split.pictures)[which]
    scale = around(torch.tensor([1.27, 1.12, 0.98])[size], 0.05)
    shear = around(torch.tensor([-0.28, 0.0, 0.28])[slant], 0.06)
    angle = around(torch.zeros(n), 0.08)
    zero = around(torch.zeros(n), 0.08)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    rows = [
        torch.stack([cos, shear * cos - sin, zero], 1),
        torch.stack([sin, shear * sin + cos, around(torch.zeros(n), 0.08)], 1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, 1), list(scans.shape), align_corners=False
    )
    inked = functional.grid_sample(scans, grid, align_corners=False)
    threshold = around(torch.tensor([0.36, 0.24, 0.13])[weight], 0.03)
    inked = ((inked - threshold[:, None, None, None]) / 0.45).clamp(0, 1)
    ink = torch.tensor(tuple(COLOURS.values()))[colour][:, :, None, None]
    looks = Looks(
        torch.from_numpy(split.labels)[which].numpy(),
        *(choice.numpy() for choice in (colour, weight, size, slant)),
    )
    return 2 * inked * ink - 1, looks


def ink_of(pictures: torch.Tensor) -> torch.Tensor:
    """Return what a classifier of grey digits reads: (n, 1, h, w), 0 to 1.

    Parameters
    ----------
    pictures : torch.Tensor
        (n, 3, h, w), -1 to 1; every colour has one channel that is full.
    """
    return ((pictures + 1) / 2).clamp(0, 1).amax(dim=1, keepdim=True)
