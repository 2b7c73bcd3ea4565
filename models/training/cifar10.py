"""CIFAR-10 as arrays and batches.

Reads ``data/cifar10-jpeg.tar.gz`` below the folder that ``LAYERSCOPE_CORPUS``
names: ``train/CLASS/NNNN.jpg`` and ``test/CLASS/NNNN.jpg``, 32x32 RGB.
Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from training import quick

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Pictures and labels of one half of the data set.

    Attributes
    ----------
    pictures : (n, 3, 32, 32) uint8 array, RGB, channels first
    labels : (n,) int64 array, index into `CLASSES`
    """

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]


def corpus_folder() -> Path:
    """Return the folder with the training data.

    Raises
    ------
    SystemExit
        If ``LAYERSCOPE_CORPUS`` names no folder that holds the archive.
    """
    folder = quick.corpus()
    if not (folder / "data" / "cifar10-jpeg.tar.gz").is_file():
        raise SystemExit(
            f"CIFAR-10 was looked for in {folder}/data/cifar10-jpeg.tar.gz and is not "
            "there. Set LAYERSCOPE_CORPUS to the folder that holds data/."
        )
    return folder


def load(limit_per_class: int | None = None) -> tuple[Split, Split]:
    """Decode the archive and return its training and test split.

    Parameters
    ----------
    limit_per_class : int, optional
        Read only so many pictures of each class, for a quick run.
    """
    archive = corpus_folder() / "data" / "cifar10-jpeg.tar.gz"
    cache_file = quick.checkpoint_folder() / "cifar10.npz"
    if limit_per_class is None and cache_file.is_file():
        with np.load(cache_file, allow_pickle=False) as arrays:
            return (
                Split(pictures=arrays["train_x"], labels=arrays["train_y"]),
                Split(pictures=arrays["test_x"], labels=arrays["test_y"]),
            )
    pictures: dict[str, list[npt.NDArray[np.uint8]]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    counts: dict[tuple[str, str], int] = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if not member.name.endswith(".jpg"):
                continue
            split, label, _ = member.name.split("/")[-3:]
            counts[split, label] = counts.get((split, label), 0) + 1
            if limit_per_class is not None and counts[split, label] > limit_per_class:
                continue
            file = tar.extractfile(member)
            assert file is not None
            picture = Image.open(io.BytesIO(file.read()), formats=("JPEG",))
            array = np.asarray(picture.convert("RGB"), dtype=np.uint8)
            pictures[split].append(array.transpose(2, 0, 1))
            labels[split].append(CLASSES.index(label))
    splits = {
        name: Split(
            pictures=np.stack(pictures[name]),
            labels=np.asarray(labels[name], dtype=np.int64),
        )
        for name in ("train", "test")
    }
    if limit_per_class is None:
        np.savez(
            cache_file,
            train_x=splits["train"].pictures,
            train_y=splits["train"].labels,
            test_x=splits["test"].pictures,
            test_y=splits["test"].labels,
        )
    return splits["train"], splits["test"]


def normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Map uint8 pictures to the floats the networks are trained on.

    Parameters
    ----------
    pictures : torch.Tensor
        (n, 3, 32, 32) uint8.
    """
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (pictures.float() / 255 - mean) / std


def augmented_batches(
    split: Split,
    batch_size: int,
    generator: torch.Generator,
    *,
    epoch: int = 0,
    shift: int = 2,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield one epoch of shuffled, flipped and shifted batches.

    Parameters
    ----------
    split : Split
        The pictures, all of which are used once.
    batch_size : int
        The last, smaller batch is left out.
    generator : torch.Generator
        Source of all randomness, so that a run can be repeated.
    epoch : int
        Half of the pictures is flipped in even epochs, the other half in odd ones,
        so that two epochs show each picture both ways.
    shift : int
        Pixels a picture is moved at most, in each direction.
    """
    data = torch.from_numpy(split.pictures)
    labels = torch.from_numpy(split.labels)
    order = torch.randperm(len(data), generator=generator)
    halves = torch.rand(len(data), generator=torch.Generator().manual_seed(7)) < 0.5
    rows = torch.arange(SIZE)
    for start in range(0, len(order) - batch_size + 1, batch_size):
        index = order[start : start + batch_size]
        batch = normalised(data[index])
        flip = halves[index] ^ bool(epoch % 2)
        batch[flip] = batch[flip].flip(3)
        padded = torch.nn.functional.pad(batch, (shift,) * 4, mode="reflect")
        moved = torch.randint(0, 2 * shift + 1, (batch_size, 2), generator=generator)
        y = (moved[:, :1] + rows)[:, :, None]
        x = (moved[:, 1:] + rows)[:, None, :]
        which = torch.arange(batch_size)[:, None, None]
        batch = padded.permute(0, 2, 3, 1)[which, y, x].permute(0, 3, 1, 2)
        yield batch, labels[index]
