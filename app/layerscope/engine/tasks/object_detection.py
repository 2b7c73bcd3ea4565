"""Object detection: one picture in, boxes with classes and scores out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from layerscope.core.boxes import suppress
from layerscope.core.errors import BadInputError
from layerscope.core.labels import detection_names
from layerscope.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from layerscope.engine.tasks.base import Pictures, Prepared, Settings, TaskContext
from layerscope.engine.tasks.detection_heads import Head, find_head
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import guess, picture_input
from layerscope.engine.tasks.picture_task import PictureTask, main_picture
from layerscope.protocol.answers import Answer, Box, BoxesAnswer
from layerscope.protocol.values import SettingSpec, TensorInfo

_OPEN_SIDE = 640
# More candidates above the threshold are never shown and would only cost time.
_MOST_CANDIDATES = 4000
_USUAL = {
    "yolo": Preprocessing(resize="letterbox"),
    "fastest": Preprocessing(
        colours="BGR",
        resize="stretch",
        evidence=("one map of boxes, as FastestDet makes it, trained on OpenCV's BGR",),
    ),
    "ssd": Preprocessing(
        value_range="0..255",
        mean=(127, 127, 127),
        std=(128, 128, 128),
        resize="stretch",
        evidence=("boxes and scores apart, as PyTorch's SSD family makes them",),
    ),
    "detr": Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="stretch"),
    "final": Preprocessing(resize="letterbox"),
}


class ObjectDetection(PictureTask):
    """Which things are where in the picture."""

    id: ClassVar[str] = "object-detection"
    title: ClassVar[str] = "Object detection"
    side: ClassVar[int] = _OPEN_SIDE
    finish_settings = frozenset({"threshold", "iou", "most"})

    def __init__(self, context: TaskContext) -> None:
        info = main_picture(context)
        head = _head(context, info) if info is not None else None
        if head is None:
            raise BadInputError(
                f"The outputs of {context.folder.name} are no known layout of boxes; "
                "choose the task for tensors."
            )
        self._head = head
        super().__init__(context)

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for one picture and outputs that a known detector makes."""
        info = main_picture(context)
        head = _head(context, info) if info is not None else None
        return 0.0 if head is None else 0.85

    def guess(self, context: TaskContext, info: TensorInfo) -> Preprocessing:
        """Take the habits of the family that the outputs belong to."""
        usual = _USUAL[self._head.family]
        guessed = guess(context, info, usual, self.side)
        if self._head.family in ("fastest", "ssd") and guessed.resize == "letterbox":
            return replace(guessed, resize="stretch")
        return guessed

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List the thresholds; none of them needs the model to run again."""
        return (
            SettingSpec(
                name="threshold",
                label="Least score",
                kind="float",
                default=0.4,
                minimum=0.01,
                maximum=1.0,
                group="Boxes",
                help="Boxes with a lower score are not shown.",
            ),
            SettingSpec(
                name="iou",
                label="Most overlap",
                kind="float",
                default=0.45,
                minimum=0.05,
                maximum=1.0,
                group="Boxes",
                help="Of two boxes of a class that overlap by more, as intersection "
                "over union, the weaker one is dropped.",
            ),
            SettingSpec(
                name="most",
                label="Most boxes",
                kind="int",
                default=100,
                minimum=1,
                maximum=500,
                group="Boxes",
                help="How many boxes are shown at most, the surest first.",
            ),
        )

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Decode, keep the sure ones, suppress overlaps, map onto the picture."""
        picture = prepared.by_slot[self.preparer.info.name]
        size = (picture.preprocessing.height, picture.preprocessing.width)
        found = self._head.decode(outputs, *size)
        threshold = _float(settings, "threshold", 0.4)
        likely = np.flatnonzero(found.scores >= threshold)
        if likely.size > _MOST_CANDIDATES:
            order = np.argsort(-found.scores[likely], kind="stable")
            likely = likely[order[:_MOST_CANDIDATES]]
        kept = likely[
            suppress(
                found.boxes[likely],
                found.scores[likely],
                found.classes[likely],
                iou=_float(settings, "iou", 0.45),
                most=max(1, min(int(_float(settings, "most", 100)), 500)),
            )
        ]
        over, parts, height, width = self.picture_below(prepared)
        places = picture.placement.to_picture(found.boxes[kept], (height, width))
        names = self._names(found.n_classes)
        boxes = tuple(
            Box(
                left=float(place[0]),
                top=float(place[1]),
                right=float(place[2]),
                bottom=float(place[3]),
                score=float(found.scores[n]),
                index=int(found.classes[n]),
                label=_name(names, int(found.classes[n])),
            )
            for n, place in zip(kept, places, strict=True)
        )
        answer = BoxesAnswer(over=over, width=width, height=height, boxes=boxes)
        return Answer(parts=(answer,)), parts

    def _names(self, n_classes: int) -> tuple[str, ...]:
        known = self.context.folder.labels
        if self._head.family == "final" and known:
            return known
        if len(known) == n_classes + 1:
            return known[1:]
        if n_classes == 1 and not known:
            path = self.context.folder.main
            words = f"{path.parent.name} {path.name} {self.context.folder.name}".lower()
            return ("face",) if "face" in words else ("object",)
        return detection_names(n_classes, known)


def _head(context: TaskContext, info: TensorInfo | None) -> Head | None:
    shape = picture_input(info) if info is not None else None
    if shape is None:
        return None
    return find_head(
        context.outputs,
        facts_of(context.model),
        shape.height or _OPEN_SIDE,
        shape.width or _OPEN_SIDE,
        len(context.folder.labels),
    )


def _name(names: tuple[str, ...], index: int) -> str:
    return names[index] if 0 <= index < len(names) else f"class {index}"


def _float(settings: Settings, name: str, fallback: float) -> float:
    value = settings.get(name, fallback)
    return float(value) if isinstance(value, int | float) else fallback
