"""The 1,797 scanned digits that come with scikit-learn, as arrays and batches.

They are the test half of Alpaydin and Kaynak, "Optical Recognition of Handwritten
Digits", UCI Machine Learning Repository, 1998 (https://doi.org/10.24432/C50P49):
scans of 32x32 black or white pixels, counted in blocks of 4x4, which gives 8x8 pixels
of 17 greys.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

DATASET, DATASET_NAME = "scikit-learn/digits", "Optical recognition of digits"
WORDS = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
)
LABELS = tuple(str(digit) for digit in range(10))
SIZE = 32
SCANNED_SIZE = 8
TEST_SHARE = 0.2
# The first seed that leaves the two sample pictures, scans 3 and 8, out of training.
SPLIT_SEED = 3


class Split(NamedTuple):
    """Pictures and labels of one part of the data set.

    Attributes
    ----------
    pictures : (n, 1, size, size) float32 array, 0 (paper) to 1 (ink)
    labels : (n,) int64 array, the digit
    """

    pictures: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def load(size: int = SIZE, seed: int = SPLIT_SEED) -> tuple[Split, Split]:
    """Return the 1,437 digits to train on and the 360 that are held out.

    Parameters
    ----------
    size : int
        Pixels a side. 8 is as scanned; above that the scans are enlarged by cubic
        interpolation.
    seed : int
        Of the split, in which each digit keeps its share.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    scans, labels = load_digits(return_X_y=True)
    scans = (scans.astype(np.float32) / 16).reshape(-1, SCANNED_SIZE, SCANNED_SIZE)
    pictures = enlarged(scans, size)[:, None]
    train_x, test_x, train_y, test_y = train_test_split(
        pictures,
        labels.astype(np.int64),
        test_size=TEST_SHARE,
        random_state=seed,
        stratify=labels,
    )
    return Split(train_x, train_y), Split(test_x, test_y)


def enlarged(scans: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Return (n, h, w) pictures as (n, size, size), smoothly, within 0 to 1."""
    if scans.shape[-1] == size:
        return scans
    bigger = [
        np.asarray(Image.fromarray(scan).resize((size, size), Image.Resampling.BICUBIC))
        for scan in scans
    ]
    return np.clip(np.stack(bigger), 0, 1)


def distorted(
    pictures: torch.Tensor,
    generator: torch.Generator,
    *,
    degrees: float = 10.0,
    shift: float = 0.06,
    scale: float = 0.1,
    shear: float = 0.1,
) -> torch.Tensor:
    """Turn, move, stretch and slant each picture a little, each in its own way.

    Parameters
    ----------
    pictures : torch.Tensor
        (n, 1, h, w); what lies outside is 0.
    generator : torch.Generator
        Source of all randomness.
    degrees, shift, scale, shear : float
        At most so much: turned in degrees, moved in shares of the side, larger or
        smaller by a share, slanted by a share.
    """
    n = len(pictures)
    turn, right, down, wide, high, slant = 2 * torch.rand(6, n, generator=generator) - 1
    angle = turn * np.deg2rad(degrees)
    cos, sin = torch.cos(angle), torch.sin(angle)
    wide, high = 1 + scale * wide, 1 + scale * high
    slant = shear * slant
    rows = [
        torch.stack([cos * wide, (slant * cos - sin) * high, 2 * shift * right], 1),
        torch.stack([sin * wide, (slant * sin + cos) * high, 2 * shift * down], 1),
    ]
    grid = functional.affine_grid(
        torch.stack(rows, 1), list(pictures.shape), align_corners=False
    )
    return functional.grid_sample(pictures, grid, align_corners=False)


def batches(
    split: Split,
    steps: int,
    generator: torch.Generator,
    *,
    batch_size: int = 64,
    seconds: float | None = None,
    **distortion: float,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield distorted pictures and their labels, drawn at random.

    Parameters
    ----------
    split : Split
        To draw from.
    steps : int
        How many batches.
    generator : torch.Generator
        Source of all randomness.
    batch_size : int
        Pictures a batch.
    seconds : float, optional
        Stop after so long, for a quick check of a script.
    **distortion : float
        See `distorted`.
    """
    pictures, labels = torch.from_numpy(split.pictures), torch.from_numpy(split.labels)
    end = time.monotonic() + seconds if seconds is not None else float("inf")
    for _ in range(steps):
        if time.monotonic() > end:
            return
        index = torch.randint(len(labels), (batch_size,), generator=generator)
        yield distorted(pictures[index], generator, **distortion), labels[index]
