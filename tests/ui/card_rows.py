"""Scenes for the tests of the network's drawing."""

import numpy as np

from layerscope.ui.widgets.graph_scene import NODE, GraphScene

WIDE, TALL, PITCH = 72.0, 108.0, 88.0


def row_of_cards(n, *, kind=NODE):
    """Return a scene of `n` cards in a row, each feeding the next."""
    items = np.array([[kind, at] for at in range(n)], dtype=np.int32)
    boxes = np.zeros((n, 4), dtype=np.float32)
    boxes[:, 0] = PITCH * np.arange(n)
    boxes[:, 2:] = WIDE, TALL
    edges = np.column_stack([np.arange(n - 1), np.arange(1, n)]).astype(np.int32)
    return GraphScene(items, boxes, edges, np.full(n - 1, np.nan, dtype=np.float32))
