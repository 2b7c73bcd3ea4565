"""What is known of a space of latents: labelled points and their main directions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.model.cards import Json

Floats = npt.NDArray[np.float32]
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
MOST_NUMBERS = 16384
_SEED = re.compile(r"seed:\s*(\d{1,18})")
_PARTED = re.compile(r"[_\-]")


@dataclass(slots=True)
class LatentSpace:
    """Labelled latents.

    Attributes
    ----------
    latents : (n, d) float32 array
    labels : tuple of str
        One for each; may be empty texts.
    middle : (d,) float32 array
    directions : (2, d) float32 array
        The two main components, each as long as the deviation along it.
    kept : float
        Share of the variance that they keep, 0 to 1.
    scores : (n,) float32 array
        Reconstruction errors, empty where there were no pictures.
    """

    latents: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    labels: tuple[str, ...] = ()
    middle: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    directions: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    kept: float = 0.0
    scores: Floats = field(default_factory=lambda: np.zeros(0, np.float32))

    def learn(self, latents: Floats, labels: tuple[str, ...], scores: Floats) -> None:
        """Take samples, (n, d) float32, and find their main directions."""
        self.latents, self.labels, self.scores = latents, labels, scores
        self.middle = latents.mean(axis=0)
        apart = latents - self.middle
        _, lengths, axes = np.linalg.svd(apart, full_matrices=False)
        n = max(1, len(latents) - 1)
        deviations = np.zeros(2, dtype=np.float32)
        rows = np.zeros((2, latents.shape[1]), dtype=np.float32)
        found = min(2, len(axes))
        rows[:found] = axes[:found]
        deviations[:found] = lengths[:found] / np.sqrt(n)
        if latents.shape[1] == 2:
            # A plane is drawn as it is.
            rows = np.eye(2, dtype=np.float32)
            deviations = latents.std(axis=0).astype(np.float32)
        self.directions = rows * deviations[:, None]
        whole = float((lengths**2).sum())
        self.kept = 1.0
        if latents.shape[1] > 2 and whole:
            self.kept = float((lengths[:2] ** 2).sum() / whole)

    def placed(self, latents: Floats) -> Floats:
        """Return where (n, d) latents lie along the main directions, (n, 2)."""
        lengths = np.linalg.norm(self.directions, axis=1, keepdims=True)
        unit = self.directions / np.maximum(lengths, 1e-12)
        along = (latents - self.middle) @ unit.T
        made = along / np.maximum(lengths.T, 1e-12)
        return np.asarray(made, dtype=np.float32)


def read_latent(text: str, shape: tuple[int, ...]) -> Floats:
    """Return the latent that a text says: numbers, ``seed:12``, or nothing for zeros.

    Parameters
    ----------
    text : str
        Numbers parted by blanks or commas, in C order.
    shape : tuple of int
        Of one latent.

    Raises
    ------
    BadInputError
        There are too few or too many, or they are none.
    """
    n = int(np.prod(shape))
    if not text.strip():
        return np.zeros(shape, dtype=np.float32)
    seeded = _SEED.fullmatch(text.strip())
    if seeded:
        random = np.random.default_rng(int(seeded[1]))
        drawn: Floats = random.standard_normal((1, *shape), dtype=np.float32)
        return drawn.reshape(shape)
    try:
        words = text.replace(",", " ").split()
        values = np.array([float(word) for word in words], dtype=np.float32)
    except ValueError as error:
        raise BadInputError(
            "A latent was to be read, but it holds something that is no number; give "
            f"{n} numbers parted by blanks."
        ) from error
    if values.size != n or not np.isfinite(values).all():
        raise BadInputError(
            f"A latent of {values.size} numbers was given; the model takes {n} that "
            "are finite."
        )
    return values.reshape(shape)


def stated_means(config: Json, n: int) -> tuple[Floats, tuple[str, ...]] | None:
    """Return the mean latent of each class and its name, where a folder states them.

    Parameters
    ----------
    config : dict
        ``config.json``, with ``latent_class_means`` and ``id2label``.
    n : int
        Numbers in a latent.
    """
    means: Any = config.get("latent_class_means")
    if not isinstance(means, list) or not 2 <= len(means) <= 10_000:
        return None
    try:
        found = np.array(means, dtype=np.float32)
    except (TypeError, ValueError):
        return None
    if found.ndim != 2 or found.shape[1] != n or not np.isfinite(found).all():
        return None
    names: Any = config.get("id2label")
    names = names if isinstance(names, dict) else {}
    labels = tuple(str(names.get(str(at), at)) for at in range(len(found)))
    return found, labels


def holds_pictures(folder: Path) -> bool:
    """Whether there is a folder with a picture in it, at any depth."""
    return folder.is_dir() and any(
        path.suffix.lower() in SUFFIXES and path.is_file() for path in folder.rglob("*")
    )


def labelled_pictures(folder: Path, most: int) -> list[tuple[Path, str]]:
    """Return pictures of a folder and what each is called, evenly chosen.

    The label is the name of the folder it lies in, below the one given; else the part
    of its name before the first ``_`` or ``-``.

    Raises
    ------
    BadInputError
        There is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise BadInputError(
            f"There is no folder '{folder.name}' of samples; choose a folder of "
            "pictures."
        )
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            own = path.parent != folder
            label = path.parent.name if own else _PARTED.split(path.stem, 1)[0]
            found.append((path, label))
        if len(found) >= 100_000:
            break
    if not found:
        raise BadInputError(
            f"The folder '{folder.name}' holds no pictures; choose one that does."
        )
    if len(found) > most:
        chosen = np.linspace(0, len(found) - 1, most).round().astype(int)
        found = [found[at] for at in chosen]
    return found
