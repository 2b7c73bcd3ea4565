"""Segmentation: one picture in, a class for every pixel out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.labels import segmentation_names
from layerscope.core.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Placement,
    Preprocessing,
)
from layerscope.engine.tasks.base import Pictures, Prepared, Settings, TaskContext
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import guess, picture_input
from layerscope.engine.tasks.picture_task import PictureTask, main_picture
from layerscope.protocol.answers import Answer, LegendEntry, MaskAnswer
from layerscope.protocol.values import SettingSpec, TensorInfo

Colour = tuple[int, int, int]
Classes = npt.NDArray[np.int64]

# Okabe and Ito's colours, which colour-blind people can tell apart, then lighter and
# darker ones of them; the background, class 0, is never painted.
_BASE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_MOST_CLASSES = 300
_LEAST_SIDE = 16
_TEXT_SIDE = 736
_KNOWN_COUNTS = (2, 19, 21)


class Segmentation(PictureTask):
    """Which pixels belong to what."""

    id: ClassVar[str] = "segmentation"
    title: ClassVar[str] = "Segmentation"
    default: ClassVar[Preprocessing] = Preprocessing(
        mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="stretch"
    )
    side: ClassVar[int] = 512
    finish_settings = frozenset({"opacity", "threshold", "background"})

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        found = mask_output(context)
        if found is None:
            raise BadInputError(
                f"No output of {context.folder.name} has a class for every pixel; "
                "choose the task for tensors."
            )
        self._output, self._layout = found

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for one picture and an output with classes at every place."""
        if main_picture(context) is None:
            return 0.0
        found = mask_output(context)
        if found is None:
            return 0.0
        output, layout = found
        n_classes = _class_count(output, layout)
        return 0.8 if n_classes in _KNOWN_COUNTS or layout != "NCHW" else 0.6

    def guess(self, context: TaskContext, info: TensorInfo) -> Preprocessing:
        """Take ImageNet's habits; Paddle's text detectors feed them blue first."""
        found = mask_output(context)
        if facts_of(context.model).from_paddle and found and found[1] == "binary":
            usual = replace(
                self.default,
                colours="BGR",
                evidence=("one map from Paddle, as its text detectors make it",),
            )
            return guess(context, info, usual, _TEXT_SIDE)
        return super().guess(context, info)

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List how the mask is drawn, and where a single map is cut."""
        specs = [
            SettingSpec(
                name="opacity",
                label="Opacity",
                kind="float",
                default=0.6,
                minimum=0.0,
                maximum=1.0,
                group="Mask",
                help="How strongly the classes cover the picture.",
            ),
            SettingSpec(
                name="background",
                label="Paint class 0",
                kind="bool",
                default=self._paints_zero(),
                group="Mask",
                help="Whether the first class, mostly the background, is painted too.",
            ),
        ]
        if _class_count(self._output, self._layout) <= 1:
            specs.append(
                SettingSpec(
                    name="threshold",
                    label="Threshold",
                    kind="float",
                    default=0.5,
                    minimum=0.0,
                    maximum=1.0,
                    group="Mask",
                    help="A pixel counts from this value on.",
                )
            )
        return tuple(specs)

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Choose the class of every pixel and paint it over the picture."""
        values = np.asarray(outputs[self._output.name])
        threshold = _float(settings, "threshold", 0.5)
        classes, n_classes = class_map(values, self._layout, threshold)
        picture = prepared.by_slot[self.preparer.info.name]
        over, parts, height, width = self.picture_below(prepared)
        below = parts[over]
        classes = on_picture(
            classes,
            picture.placement,
            (height, width),
            (below.shape[0], below.shape[1]),
        )
        names = segmentation_names(n_classes, self.context.folder.labels)
        paints_zero = bool(settings.get("background", self._paints_zero()))
        colours = palette(n_classes, paints_zero=paints_zero)
        opacity = min(max(_float(settings, "opacity", 0.6), 0.0), 1.0)
        counts = np.bincount(classes[classes >= 0], minlength=n_classes)
        legend = tuple(
            LegendEntry(
                index=int(n),
                label=names[n] if n < len(names) else f"class {n}",
                colour=colours[n],
                share=float(counts[n] / max(classes.size, 1)),
            )
            for n in np.argsort(-counts, kind="stable")
            if counts[n] and (n or paints_zero)
        )
        parts["answer:mask"] = painted(classes, colours, opacity, paints_zero)
        mask = MaskAnswer(
            key="mask",
            width=below.shape[1],
            height=below.shape[0],
            over=over,
            legend=legend,
        )
        return Answer(parts=(mask,)), parts

    def _paints_zero(self) -> bool:
        names = segmentation_names(
            max(_class_count(self._output, self._layout), 2), self.context.folder.labels
        )
        return "background" not in names[0].lower() and names[0] != "class 0"


def mask_output(context: TaskContext) -> tuple[TensorInfo, str] | None:
    """Find the output with classes at every place, and its layout.

    Returns
    -------
    TensorInfo, str
        The layout is ``NCHW``, ``NHWC`` (scores), ``map`` (class numbers) or
        ``binary`` (one score).
    """
    info = main_picture(context)
    taken = picture_input(info) if info is not None else None
    if taken is None:
        return None
    height, width = taken.height or 0, taken.width or 0
    facts = facts_of(context.model)
    for output in context.outputs:
        shape = output.shape
        if shape is None or len(shape) not in (2, 3, 4):
            continue
        last = facts.last_operators(output.name)[:2]
        if len(shape) == 4 and output.dtype.startswith(("float", "uint8", "int8")):
            for layout, channel, sides in (
                ("NCHW", shape[1], (shape[2], shape[3])),
                ("NHWC", shape[3], (shape[1], shape[2])),
            ):
                many = isinstance(channel, int) and 2 <= channel <= _MOST_CLASSES
                # As many channels as pictures have, at full size: a picture.
                picture = channel == 3 and last[:1] != ("Softmax",)
                if many and not picture and _places(sides, height, width):
                    return output, layout
        places = [size for size in shape if size != 1]
        inner = shape[-2:] if shape[-1] != 1 else shape[-3:-1]
        if len(places) > 3 or (len(places) == 3 and isinstance(shape[0], int)):
            continue
        if not _places(tuple(inner), height, width):
            continue
        if output.dtype in ("int64", "int32", "uint8", "bool") or "ArgMax" in last:
            return output, "map"
        if "Sigmoid" in last or "HardSigmoid" in last:
            return output, "binary"
    return None


def _places(sides: Sequence[object], height: int, width: int) -> bool:
    """Whether sides can be those of a mask: the picture's, or a part of them."""
    if len(sides) != 2:
        return False
    stated = [side for side in sides if isinstance(side, int)]
    if any(side < _LEAST_SIDE for side in stated):
        return False
    if len(stated) < 2 or not height or not width:
        return True
    shares = (stated[0] / height, stated[1] / width)
    alike = abs(shares[0] - shares[1]) <= 0.1 * max(shares)
    return alike and min(shares) >= 1 / 16 and max(shares) <= 1


def _class_count(output: TensorInfo, layout: str) -> int:
    shape = output.shape or ()
    if layout in ("NCHW", "NHWC"):
        channel = shape[1 if layout == "NCHW" else 3]
        return channel if isinstance(channel, int) else 0
    return 0 if layout == "map" else 1


def class_map(
    values: npt.NDArray[Any], layout: str, threshold: float
) -> tuple[Classes, int]:
    """Return the class of every place, (h, w), and the number of classes."""
    if layout == "NCHW":
        return values[0].argmax(axis=0), values.shape[1]
    if layout == "NHWC":
        return values[0].argmax(axis=-1), values.shape[3]
    plane = np.squeeze(values)
    while plane.ndim > 2:
        plane = plane[0]
    plane = np.atleast_2d(plane)
    if layout == "binary":
        return (plane >= threshold).astype(np.int64), 2
    classes = np.maximum(plane.astype(np.int64), 0)
    return classes, max(int(classes.max()) + 1, 2)


def on_picture(
    classes: Classes,
    placement: Placement,
    picture: tuple[int, int],
    target: tuple[int, int],
) -> Classes:
    """Lay a class map over the picture; -1 where the model saw nothing of it.

    Parameters
    ----------
    classes : array
        (h, w) class numbers over the whole input of the model.
    placement : Placement
        Where the picture lay in the input.
    picture : (int, int)
        Height and width of the decoded picture.
    target : (int, int)
        Height and width of the result.
    """
    rows = (np.arange(target[0]) + 0.5) * picture[0] / target[0]
    columns = (np.arange(target[1]) + 0.5) * picture[1] / target[1]
    x0, y0, x1, y1 = placement.source
    rows = (rows - y0) / (y1 - y0) * placement.inner_height + placement.top
    columns = (columns - x0) / (x1 - x0) * placement.inner_width + placement.left
    y = np.floor(rows / placement.height * classes.shape[0]).astype(np.int64)
    x = np.floor(columns / placement.width * classes.shape[1]).astype(np.int64)
    inside_y = (y >= 0) & (y < classes.shape[0])
    inside_x = (x >= 0) & (x < classes.shape[1])
    y = np.clip(y, 0, classes.shape[0] - 1)
    x = np.clip(x, 0, classes.shape[1] - 1)
    laid = classes[y[:, None], x[None, :]]
    return np.where(inside_y[:, None] & inside_x[None, :], laid, -1)


def palette(n_classes: int, *, paints_zero: bool) -> list[Colour]:
    """Colours of classes that colour-blind people can tell apart."""
    colours: list[Colour] = []
    for index in range(n_classes):
        number = index if paints_zero else index - 1
        if number < 0:
            colours.append((0, 0, 0))
            continue
        base = np.array(_BASE[number % len(_BASE)], dtype=np.float64)
        turn = number // len(_BASE)
        # Every further turn is nearer to white or to black, by turns.
        amount = 0.45 * ((turn + 1) // 2) / ((turn + 1) // 2 + 0.6) if turn else 0.0
        goal = 255.0 if turn % 2 else 0.0
        mixed = base + (goal - base) * amount
        red, green, blue = (int(value) for value in mixed.round())
        colours.append((red, green, blue))
    return colours


def painted(
    classes: Classes, colours: list[Colour], opacity: float, paints_zero: bool
) -> npt.NDArray[np.uint8]:
    """Return a mask to lay over a picture, (h, w, 4) uint8 RGBA."""
    table = np.zeros((len(colours) + 1, 4), dtype=np.uint8)
    table[:-1, :3] = colours
    table[:-1, 3] = round(255 * opacity)
    if not paints_zero:
        table[0, 3] = 0
    return table[classes]


def _float(settings: Settings, name: str, fallback: float) -> float:
    value = settings.get(name, fallback)
    return float(value) if isinstance(value, int | float) else fallback
