"""Boxes of found objects: overlap and non-maximum suppression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def overlap(
    box: npt.NDArray[np.floating], others: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Intersection over union of one box with many.

    Parameters
    ----------
    box : array
        (4,): left, top, right, bottom.
    others : array
        (n, 4).

    Returns
    -------
    (n,) float64 array
        0 where both are empty.
    """
    corners = np.asarray(others, dtype=np.float64)
    left, top, right, bottom = (float(value) for value in box)
    width = np.minimum(corners[:, 2], right) - np.maximum(corners[:, 0], left)
    height = np.minimum(corners[:, 3], bottom) - np.maximum(corners[:, 1], top)
    common = np.maximum(width, 0) * np.maximum(height, 0)
    sizes = np.maximum(corners[:, 2] - corners[:, 0], 0) * np.maximum(
        corners[:, 3] - corners[:, 1], 0
    )
    own = max(right - left, 0.0) * max(bottom - top, 0.0)
    union = sizes + own - common
    shares: npt.NDArray[np.float64] = np.divide(
        common, union, out=np.zeros_like(common), where=union > 0
    )
    return shares


def suppress(
    boxes: npt.NDArray[np.floating],
    scores: npt.NDArray[np.floating],
    classes: npt.NDArray[np.integer],
    *,
    iou: float,
    most: int,
) -> npt.NDArray[np.int64]:
    """Non-maximum suppression within each class.

    Parameters
    ----------
    boxes : array
        (n, 4): left, top, right, bottom.
    scores : array
        (n,).
    classes : array
        (n,); boxes of different classes never suppress each other.
    iou : float
        A box that overlaps a better one by more than this is dropped.
    most : int
        Boxes kept at most.

    Returns
    -------
    (k,) int64 array
        Indices of the kept boxes, the best first.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size and len(kept) < most:
        best = int(order[0])
        kept.append(best)
        rest = order[1:]
        same = classes[rest] == classes[best]
        near = overlap(boxes[best], boxes[rest]) > iou
        order = rest[~(same & near)]
    return np.array(kept, dtype=np.int64)


def from_centres(boxes: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Turn centre x, centre y, width, height into left, top, right, bottom."""
    centres = np.asarray(boxes, dtype=np.float32)
    half = centres[:, 2:4] / 2
    return np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1)
