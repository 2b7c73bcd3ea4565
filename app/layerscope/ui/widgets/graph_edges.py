"""Edges: soft curves where they can be seen as such, straight pixels where not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QPainterPath

from layerscope.ui.widgets.graph_scene import GraphScene, Rows
from layerscope.ui.widgets.graph_view import GraphView

_TURN = 14.0


def pixel_ends(
    scene: GraphScene, edges: Rows, view: GraphView
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return (m, 4) ends and (m,) lanes of edges, in pixels."""
    ends = scene.edge_ends[edges].astype(np.float64)
    ends[:, 0::2] = (ends[:, 0::2] - view.x) * view.scale
    ends[:, 1::2] = (ends[:, 1::2] - view.y) * view.scale
    lanes = (scene.lanes[edges].astype(np.float64) - view.y) * view.scale
    return ends, lanes


def straight_lines(
    scene: GraphScene, edges: Rows, view: GraphView
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return lines in pixels that make up edges, and the edge each belongs to."""
    ends, lanes = pixel_ends(scene, edges, view)
    plain = np.isnan(lanes)
    direct = ends[plain]
    around, lane = ends[~plain], lanes[~plain]
    turn = _TURN * view.scale
    x0, y0, x1, y1 = around.T if len(around) else np.zeros((4, 0))
    if turn < 1.5:  # the turns are not to be seen
        lines = np.concatenate([direct, np.column_stack([x0, lane, x1, lane])])
        return lines, np.concatenate([edges[plain], edges[~plain]])
    back = np.where(x1 >= x0, 1.0, -1.0) * turn
    lines = np.concatenate(
        [
            direct,
            np.column_stack([x0, y0, x0 + back, lane]),
            np.column_stack([x0 + back, lane, x1 - back, lane]),
            np.column_stack([x1 - back, lane, x1, y1]),
        ]
    )
    owners = np.concatenate([edges[plain], edges[~plain], edges[~plain], edges[~plain]])
    return lines, owners


def curves(scene: GraphScene, edges: Rows, view: GraphView) -> QPainterPath:
    """Return all of `edges` as one path of soft curves, in pixels."""
    path = QPainterPath()
    if not len(edges):
        return path
    ends, lanes = pixel_ends(scene, edges, view)
    turn = _TURN * view.scale
    far = max(view.width, view.height) * 4
    np.clip(ends, -far, far, out=ends)
    for (x0, y0, x1, y1), lane in zip(ends.tolist(), lanes.tolist(), strict=True):
        path.moveTo(x0, y0)
        if lane != lane:
            if abs(y1 - y0) < 0.5:
                path.lineTo(x1, y1)
            else:
                middle = (x0 + x1) / 2
                path.cubicTo(middle, y0, middle, y1, x1, y1)
            continue
        ahead = turn if x1 >= x0 else -turn
        if x1 < x0:  # a cycle: leave to the right, come back from the left
            path.cubicTo(x0 + turn, y0, x0 + turn, lane, x0, lane)
            path.lineTo(x1, lane)
            path.cubicTo(x1 - turn, lane, x1 - turn, y1, x1, y1)
            continue
        path.cubicTo(x0 + ahead * 0.6, y0, x0 + ahead * 0.4, lane, x0 + ahead, lane)
        path.lineTo(x1 - ahead, lane)
        path.cubicTo(x1 - ahead * 0.4, lane, x1 - ahead * 0.6, y1, x1, y1)
    return path
