"""Drawings of what scikit-learn learns: trees, and the examples on the border."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from PIL import Image, ImageDraw

from layerscope.core.colours import viridis
from training.thumbnail_pixels import GROUND, Pixels, coloured, tiled

_BRANCH = (79, 120, 138)
_LEVELS = 5
_SIDE = 256
_SONS = ("nodes_truenodeids", "nodes_falsenodeids")


def tree(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return the top of the first tree of an ensemble."""
    node = next((n for n in graph.graph.node if n.op_type.startswith("TreeEns")), None)
    if node is None:
        return None
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    trees = np.asarray(values["nodes_treeids"])
    numbers, sizes = np.unique(trees, return_counts=True)
    rows = np.flatnonzero(trees == numbers[np.argmax(sizes)])
    return _Drawn(values, rows).pixels()


class _Drawn:
    """One tree, as wide at each branch as it has leaves there."""

    def __init__(self, values: Mapping[str, Any], rows: Any) -> None:
        self._values = values
        self._at = {int(values["nodes_nodeids"][row]): int(row) for row in rows}
        root = min(self._at)
        self._deepest = max(1, self._depth(root, 0))
        self._image = Image.new("RGB", (_SIDE, _SIDE), GROUND)
        self._brush = ImageDraw.Draw(self._image)
        self._draw(root, 10.0, _SIDE - 10.0, 0)

    def pixels(self) -> Pixels:
        return np.asarray(self._image)

    def _sons(self, node: int, level: int) -> list[int]:
        row = self._at[node]
        if level == _LEVELS or self._values["nodes_modes"][row] in (b"LEAF", "LEAF"):
            return []
        return [int(self._values[name][row]) for name in _SONS]

    def _depth(self, node: int, level: int) -> int:
        sons = self._sons(node, level)
        return 1 + max(self._depth(s, level + 1) for s in sons) if sons else 0

    def _leaves(self, node: int, level: int) -> int:
        sons = self._sons(node, level)
        return sum(self._leaves(son, level + 1) for son in sons) if sons else 1

    def _draw(
        self, node: int, left: float, right: float, level: int
    ) -> tuple[float, float]:
        place = ((left + right) / 2, 22 + level * (_SIDE - 44) / self._deepest)
        sons = self._sons(node, level)
        shares = [self._leaves(son, level + 1) for son in sons]
        edge = left
        for son, share in zip(sons, shares, strict=True):
            wide = (right - left) * share / sum(shares)
            end = self._draw(son, edge, edge + wide, level + 1)
            self._brush.line([place, end], fill=_BRANCH, width=4)
            edge += wide
        dot = 8 if sons else min(8.0, max(4.0, (right - left) / 2))
        shade = 100 + 155 * level // self._deepest
        colour = tuple(int(part) for part in viridis()[shade])
        x, y = place
        self._brush.ellipse([x - dot, y - dot, x + dot, y + dot], fill=colour)
        return place


def support_vectors(folder: Path, graph: onnx.ModelProto) -> Pixels | None:
    """Return some of the examples by which a support vector machine decides."""
    node = next((n for n in graph.graph.node if n.op_type.startswith("SVM")), None)
    if node is None:
        return None
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    per_class = np.asarray(values["vectors_per_class"])
    vectors = np.asarray(values["support_vectors"], dtype=np.float32)
    vectors = vectors.reshape(int(per_class.sum()), -1)
    side = math.isqrt(vectors.shape[1])
    firsts = np.concatenate([[0], np.cumsum(per_class)[:-1]])[:9]
    chosen = vectors[firsts, : side * side].reshape(-1, side, side)
    return tiled([coloured(one) for one in chosen], 3)
