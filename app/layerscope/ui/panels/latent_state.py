"""Where in the space of latents one is, and the plane through it that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from layerscope.protocol.inputs import InputSource, TensorArray, TensorFile

MAIN = -1
_MOST_VALUES = 1 << 20
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A place that was kept.

    Attributes
    ----------
    latent : (n,) float32 array
    picture : (h, w, 3) uint8 array or None
    """

    latent: Floats
    picture: npt.NDArray[np.uint8] | None = None


class LatentState:
    """A latent and the two axes of the pad.

    Attributes
    ----------
    shape : tuple of int
        Without the batch.
    latent : (n,) float32 array
    x, y : int
        Dimensions shown, `MAIN` for the main directions of the samples.
    directions : (2, n) float32 array or None
        Of length 1 and at right angles.
    middle : (n,) float32 array
        Of the samples.
    """

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        self.shape = shape
        n = int(np.prod(shape)) if shape else 0
        self.latent: Floats = np.zeros(n, np.float32)
        self.x, self.y = 0, min(1, max(0, n - 1))
        self.directions: Floats | None = None
        self.middle: Floats = np.zeros(n, np.float32)

    @property
    def n(self) -> int:
        """Number of dimensions."""
        return len(self.latent)

    @property
    def on_main(self) -> bool:
        """Whether the pad goes along the main directions of the samples."""
        return self.x == MAIN and self.directions is not None

    def place(self) -> tuple[float, float]:
        """Return where the latent is on the pad."""
        if self.on_main and self.directions is not None:
            at = self.directions @ (self.latent - self.middle)
            return float(at[0]), float(at[1])
        return float(self.latent[self.x]), float(self.latent[self.y])

    def move_to(self, x: float, y: float) -> None:
        """Go to a place of the pad; what the pad does not show stays."""
        if self.on_main and self.directions is not None:
            now = np.asarray(self.place())
            change = (np.asarray((x, y)) - now) @ self.directions
            self.latent = np.asarray(self.latent + change, dtype=np.float32)
        else:
            self.latent = self.latent.copy()
            self.latent[self.x], self.latent[self.y] = x, y

    def placed(self, latents: Floats) -> Floats:
        """Return (n, 2) places on the pad of (n, d) latents."""
        if self.on_main and self.directions is not None:
            found = (latents - self.middle) @ self.directions.T
            return np.asarray(found, dtype=np.float32)
        return np.ascontiguousarray(latents[:, [self.x, self.y]])

    def ground(self) -> Floats:
        """Return the latent of the pad's origin: what all its places share."""
        if self.on_main and self.directions is not None:
            at = self.directions @ (self.latent - self.middle)
            return np.asarray(self.latent - at @ self.directions, dtype=np.float32)
        kept = self.latent.copy()
        kept[[self.x, self.y]] = 0
        return kept

    def axis_name(self, axis: int) -> str:
        """Return how an axis of the pad is called; 0 is across."""
        if self.on_main:
            return f"main {axis + 1}"
        return f"z {(self.x, self.y)[axis]}"


def written(latent: Floats) -> str:
    """Return a latent as the lens reads it: numbers with blanks between."""
    return " ".join(f"{value:.6g}" for value in latent.tolist())


def between(start: Floats, end: Floats, share: float) -> Floats:
    """Return a latent on the way from one to another.

    Of more than three dimensions it goes along the sphere, where the latents that a
    model has been trained on lie; K. Shoemake, "Animating rotation with quaternion
    curves", SIGGRAPH 1985.

    Parameters
    ----------
    start, end : ndarray of float32
        (n,).
    share : float
        0 for `start`, 1 for `end`.
    """
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if len(start) > 3 and min(lengths) > 0:
        cosine = float(start @ end) / (lengths[0] * lengths[1])
        angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
        if 1e-3 < angle < np.pi - 1e-3:
            first = np.sin((1 - share) * angle) / np.sin(angle)
            second = np.sin(share * angle) / np.sin(angle)
            return np.asarray(first * start + second * end, dtype=np.float32)
    return np.asarray((1 - share) * start + share * end, dtype=np.float32)


def values_of(source: InputSource | None, n: int) -> Floats | None:
    """Return the values of a small file or array that feeds the latent, else None.

    Parameters
    ----------
    source : InputSource or None
        Where the latent comes from now.
    n : int
        Values that are needed.
    """
    if isinstance(source, TensorArray) and not source.array.block:
        latent = source.array.inline_array().astype(np.float32).reshape(-1)
        return latent[:n] if len(latent) >= n else None
    if not isinstance(source, TensorFile):
        return None
    try:
        path = Path(source.path)
        if path.stat().st_size > _MOST_VALUES:
            return None
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                loaded = loaded[source.key or loaded.files[0]]
        values = np.asarray(loaded, dtype=np.float32).reshape(-1)
    except (OSError, ValueError, KeyError, IndexError, EOFError, BadZipFile):
        return None
    return values[:n] if len(values) >= n else None
