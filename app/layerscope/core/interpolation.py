"""Ways from one array to another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def on_sphere(start: Floats, end: Floats, share: float) -> Floats:
    """Go from one array to another along the great circle between them.

    Shoemake, "Animating Rotation with Quaternion Curves", 1985; between noise of
    deviation one, a straight line would lead through too little noise.

    Parameters
    ----------
    start, end : float32 array
        Of one shape.
    share : float
        0 at the start, 1 at the end.
    """
    a, b = start.ravel().astype(np.float64), end.ravel().astype(np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(np.clip(a @ b / lengths, -1, 1)) if lengths else 1.0
    if abs(cosine) > 0.9995:
        mixed = (1 - share) * a + share * b
    else:
        angle = np.arccos(cosine)
        first, second = np.sin((1 - share) * angle), np.sin(share * angle)
        mixed = (first * a + second * b) / np.sin(angle)
    made: Floats = mixed.reshape(start.shape).astype(np.float32)
    return made
