"""The output layouts of common object detectors, and how they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.boxes import from_centres
from layerscope.engine.tasks.graph_facts import GraphFacts
from layerscope.protocol.values import TensorInfo

Floats = npt.NDArray[np.float32]
_STRIDES = ((8, 16, 32), (8, 16, 32, 64), (16, 32), (8,), (16,), (32,))
_MOST_CLASSES = 1300


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """Boxes before suppression.

    Attributes
    ----------
    boxes : (n, 4) float32 array
        Left, top, right, bottom in pixels of the model's input.
    scores : (n,) float32 array
    classes : (n,) int64 array
    n_classes : int
        The background left out.
    """

    boxes: Floats
    scores: Floats
    classes: npt.NDArray[np.int64]
    n_classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One way to write detections into outputs.

    Attributes
    ----------
    family : str
        ``ssd``, ``detr``, ``yolo``, ``fastest``, ``final`` (suppressed already).
    decode : callable
        Takes outputs by name, and height and width of the input.
    """

    family: str
    decode: Callable[[Mapping[str, Any], int, int], Detections]


def find_head(
    outputs: tuple[TensorInfo, ...],
    facts: GraphFacts,
    height: int,
    width: int,
    n_labels: int = 0,
) -> Head | None:
    """Recognise a detector by the shapes of its outputs.

    Parameters
    ----------
    outputs : tuple of TensorInfo
        Of the graph, in order.
    facts : GraphFacts
        Of the same graph.
    height, width : int
        Of the model's input.
    n_labels : int
        Class names known, 0 for none; tells classes from other columns.
    """
    return (
        _final_triple(outputs)
        or _pair(outputs)
        or _map_head(outputs, facts, height, width)
        or _table(outputs, facts, height, width, n_labels)
    )


def _final_triple(outputs: tuple[TensorInfo, ...]) -> Head | None:
    """Boxes, scores and classes as three outputs, as torchvision gives them."""
    boxes = scores = classes = None
    for output in outputs:
        shape, name = output.shape or (), output.name.lower()
        if shape and shape[-1] == 4 and len(shape) in (2, 3) and boxes is None:
            boxes = output
        elif "score" in name and len(shape) in (1, 2):
            scores = output
        elif ("label" in name or "class" in name) and len(shape) in (1, 2):
            classes = output
    if boxes is None or scores is None or classes is None:
        return None
    names = (boxes.name, scores.name, classes.name)
    swapped = "detection_boxes" in boxes.name

    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        found = np.asarray(values[names[0]], dtype=np.float32).reshape(-1, 4)
        if swapped:  # TensorFlow writes top, left, bottom, right
            found = found[:, [1, 0, 3, 2]]
        kinds = np.asarray(values[names[2]]).reshape(-1).astype(np.int64)
        n_classes = int(kinds.max()) + 1 if kinds.size else 1
        return Detections(
            boxes=to_pixels(found, height, width),
            scores=np.asarray(values[names[1]], dtype=np.float32).reshape(-1),
            classes=kinds,
            n_classes=max(n_classes, 1),
        )

    return Head(family="final", decode=decode)


def _pair(outputs: tuple[TensorInfo, ...]) -> Head | None:
    """One output of boxes, one of class scores, row by row."""
    tables = [o for o in outputs if o.shape is not None and len(o.shape) == 3]
    for boxes in tables:
        if boxes.shape is None or boxes.shape[2] != 4:
            continue
        for scores in tables:
            if scores is boxes or scores.shape is None:
                continue
            n_classes = scores.shape[2]
            if scores.shape[1] != boxes.shape[1] or not isinstance(n_classes, int):
                continue
            if 1 <= n_classes <= _MOST_CLASSES:
                detr = "pred_boxes" in boxes.name or "logits" in scores.name
                return Head(
                    family="detr" if detr else "ssd",
                    decode=_pair_decoder(boxes.name, scores.name, detr),
                )
    return None


def _pair_decoder(
    boxes_name: str, scores_name: str, detr: bool
) -> Callable[[Mapping[str, Any], int, int], Detections]:
    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        boxes = np.asarray(values[boxes_name], dtype=np.float32)[0]
        scores = np.asarray(values[scores_name], dtype=np.float32)[0]
        if detr and scores.shape[1] in (92, 251):
            scores = softmax(scores)  # DETR: the last class is "nothing"
        elif scores.size and (scores.min() < 0 or scores.max() > 1.001):
            scores = sigmoid(scores)
        boxes = from_centres(boxes) if detr else to_corners(boxes)
        background = background_class(scores)
        if background is not None:
            scores = np.delete(scores, background, axis=1)
        return _best(to_pixels(boxes, height, width), scores)

    return decode


def _map_head(
    outputs: tuple[TensorInfo, ...], facts: GraphFacts, height: int, width: int
) -> Head | None:
    """FastestDet as published: one map, objectness, four offsets, classes."""
    if len(outputs) != 1 or outputs[0].shape is None or len(outputs[0].shape) != 4:
        return None
    name, shape = outputs[0].name, outputs[0].shape
    parts = facts.joined(name)
    rows, columns = shape[2], shape[3]
    if not {"Sigmoid", "Softmax"} <= set(parts):
        return None
    if not isinstance(rows, int) or not isinstance(columns, int):
        return None
    if not (rows < height and columns < width and shape[1] not in (1, 3)):
        return None

    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        planes = np.asarray(values[name], dtype=np.float32)[0]
        n_rows, n_columns = planes.shape[1:]
        ys, xs = np.mgrid[:n_rows, :n_columns].astype(np.float32)
        flat = planes.reshape(planes.shape[0], -1)
        centres = np.stack(
            [
                (xs.ravel() + np.tanh(flat[1])) / n_columns,
                (ys.ravel() + np.tanh(flat[2])) / n_rows,
                sigmoid(flat[3]),
                sigmoid(flat[4]),
            ],
            axis=1,
        )
        boxes = to_pixels(from_centres(centres), height, width)
        return _best(boxes, (flat[5:] * flat[:1]).T)

    return Head(family="fastest", decode=decode)


def _table(
    outputs: tuple[TensorInfo, ...],
    facts: GraphFacts,
    height: int,
    width: int,
    n_labels: int,
) -> Head | None:
    """One table: a row or a column for every candidate."""
    output = outputs[0]
    if output.shape is None or len(output.shape) != 3:
        return None
    _, first, second = output.shape
    if not output.dtype.startswith("float") or (first, second) == (height, width):
        return None
    told = facts.metadata.get("task", "") in ("detect", "segment", "pose")
    one_map = isinstance(first, int) and first == (height // 16) * (width // 16)
    if second == 6 and isinstance(first, int) and first <= 1000 and not one_map:
        return Head(family="final", decode=_final_rows(output.name))
    if isinstance(second, int) and 6 <= second <= _MOST_CLASSES + 5:
        anchors = is_candidate_count(first, height, width)
        if anchors or (told and not isinstance(first, int)):
            family = "fastest" if one_map else "yolo"
            return Head(family=family, decode=_row_decoder(output.name, n_labels))
    if isinstance(first, int) and 5 <= first <= _MOST_CLASSES + 4:
        anchors = is_candidate_count(second, height, width)
        if anchors or (told and not isinstance(second, int)):
            return Head(family="yolo", decode=_column_decoder(output.name, n_labels))
    return None


def is_candidate_count(count: object, height: int, width: int) -> bool:
    """Whether a detector with an input of this size makes `count` candidates."""
    if not isinstance(count, int) or count < 16:
        return False
    for strides in _STRIDES:
        cells = sum(-(-height // s) * -(-width // s) for s in strides)
        if count in (cells, 3 * cells):
            return True
    return False


def _final_rows(name: str) -> Callable[[Mapping[str, Any], int, int], Detections]:
    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        rows = np.asarray(values[name], dtype=np.float32)[0]
        kinds = rows[:, 5].round().astype(np.int64)
        return Detections(
            boxes=to_pixels(rows[:, :4], height, width),
            scores=rows[:, 4],
            classes=kinds,
            n_classes=max(int(kinds.max()) + 1 if kinds.size else 1, 1),
        )

    return decode


def _row_decoder(
    name: str, n_labels: int
) -> Callable[[Mapping[str, Any], int, int], Detections]:
    """Four numbers of the box, objectness, classes: YOLOv5, YOLOX, FastestDet."""

    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        rows = np.asarray(values[name], dtype=np.float32)[0]
        boxes, scores = rows[:, :4], rows[:, 4:]
        if n_labels and scores.shape[1] > n_labels + 1:
            scores = scores[:, : n_labels + 1]
        if scores.size and (scores.min() < -1e-3 or scores.max() > 1.001):
            scores = sigmoid(scores)
        if boxes.size and boxes[:, 2:].min() < -1:
            corners = from_centres(_on_grid(boxes, height, width))
        else:
            corners = to_pixels(to_corners(boxes), height, width)
        return _best(corners, scores[:, 1:] * scores[:, :1])

    return decode


def _column_decoder(
    name: str, n_labels: int
) -> Callable[[Mapping[str, Any], int, int], Detections]:
    """Four rows of boxes, then one for every class: YOLOv8 and later."""

    def decode(values: Mapping[str, Any], height: int, width: int) -> Detections:
        columns = np.asarray(values[name], dtype=np.float32)[0]
        scores = columns[4:].T
        if n_labels and scores.shape[1] > n_labels:
            scores = scores[:, :n_labels]  # mask coefficients or key points follow
        if scores.size and (scores.min() < -1e-3 or scores.max() > 1.001):
            scores = sigmoid(scores)
        corners = to_corners(columns[:4].T)
        return _best(to_pixels(corners, height, width), scores)

    return decode


def _on_grid(boxes: Floats, height: int, width: int) -> Floats:
    """Decode YOLOX: offsets from grid cells, logarithms of sizes; centre boxes."""
    for strides in _STRIDES:
        cells = [(-(-height // s), -(-width // s)) for s in strides]
        if sum(rows * columns for rows, columns in cells) != len(boxes):
            continue
        places, steps = [], []
        for (rows, columns), stride in zip(cells, strides, strict=True):
            ys, xs = np.mgrid[:rows, :columns]
            places.append(np.stack([xs.ravel(), ys.ravel()], axis=1))
            steps.append(np.full((rows * columns, 1), stride))
        step = np.concatenate(steps).astype(np.float32)
        centre = (boxes[:, :2] + np.concatenate(places).astype(np.float32)) * step
        size = np.exp(np.minimum(boxes[:, 2:4], 20)) * step
        return np.asarray(np.concatenate([centre, size], axis=1), dtype=np.float32)
    return boxes


def to_corners(boxes: Floats) -> Floats:
    """Tell corner boxes from centre boxes by their numbers; return corners.

    Right is never left of left in corner boxes; among thousands of centre boxes
    many are smaller than their distance from the origin.
    """
    ordered = (boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])
    if boxes.size == 0 or ordered.mean() > 0.98:
        return boxes
    return from_centres(boxes)


def to_pixels(boxes: Floats, height: int, width: int) -> Floats:
    """Scale boxes that are given as shares of the input to its pixels."""
    if boxes.size and np.percentile(np.abs(boxes), 98) <= 2:
        return np.asarray(boxes * np.array([width, height] * 2), dtype=np.float32)
    return np.asarray(boxes, dtype=np.float32)


def background_class(scores: Floats) -> int | None:
    """Index of the class "nothing" where each row is a distribution, else None."""
    if scores.shape[1] < 2 or scores.size == 0:
        return None
    if abs(float(np.median(scores.sum(axis=1))) - 1) > 0.05:
        return None
    usual = int(scores.mean(axis=0).argmax())
    return usual if usual in (0, scores.shape[1] - 1) else None


def _best(boxes: Floats, scores: Floats) -> Detections:
    classes = scores.argmax(axis=1).astype(np.int64)
    best = np.take_along_axis(scores, classes[:, None], axis=1)[:, 0]
    return Detections(
        boxes=boxes,
        scores=np.asarray(best, dtype=np.float32),
        classes=classes,
        n_classes=scores.shape[1],
    )


def sigmoid(values: Floats) -> Floats:
    """Logistic function, without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), dtype=np.float32)


def softmax(values: Floats) -> Floats:
    """Softmax over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float32)
