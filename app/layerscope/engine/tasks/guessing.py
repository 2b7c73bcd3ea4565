"""Guessing the preprocessing of a model's picture input.

From the surest to the weakest: files beside the model, metadata inside it, the
graph's own arithmetic and quantisation, the statistics that the first batch
normalisation remembers, who exported it, and at last what is usual for its task.
Every step that decides something leaves a sentence in `Preprocessing.evidence`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layerscope.core.preprocessing import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocessing,
    Triple,
)
from layerscope.engine.tasks.base import TaskContext
from layerscope.engine.tasks.folder_hints import from_files
from layerscope.engine.tasks.graph_facts import GraphFacts, InputFacts, facts_of
from layerscope.protocol.values import Dimension, TensorInfo

# Mean and deviation of ImageNet's pixels, 0 … 255, and how alike neighbours are.
_PIXEL_MEAN = 255 * np.array(IMAGENET_MEAN)
_PIXEL_STD = 255 * np.array(IMAGENET_STD)
_COLOUR_CORRELATION = np.array([[1, 0.95, 0.87], [0.95, 1, 0.95], [0.87, 0.95, 1]])
_NEIGHBOUR_CORRELATION = 0.97
# Beyond a factor of two the remembered statistics contradict a guess.
_CONTRADICTION = math.log(2)

_PICTURE_TYPES = ("float32", "float16", "float64", "uint8", "int8")
# Names of what has a picture's shape by chance: attention caches, recurrent state.
_NO_PICTURE = re.compile(r"past|cache|state|hidden|attention|mask", re.IGNORECASE)

_CAFFE_MEAN_BGR: Triple = (103.94, 116.78, 123.68)
_TENSORFLOW_NAMES = ("tf2onnx", "keras2onnx", "tensorflow", "tf", "tflite2onnx")


@dataclass(frozen=True, slots=True)
class PictureInput:
    """How a graph input takes a picture.

    Attributes
    ----------
    layout : str
        ``NCHW`` or ``NHWC``; without N where `rank` is 3.
    height, width : int or None
        None where the graph leaves it open.
    height_axis, width_axis : int
    layout_open : bool
        Whether the graph does not state which axis holds the channels.
    n_channels : int
    """

    rank: int
    layout: str
    layout_open: bool
    n_channels: int
    height: int | None
    width: int | None
    height_axis: int
    width_axis: int


def picture_input(info: TensorInfo) -> PictureInput | None:
    """Read an input's shape as a picture's; None if it is not made for one."""
    shape = info.shape
    if info.dtype not in _PICTURE_TYPES or shape is None or len(shape) not in (3, 4):
        return None
    if _NO_PICTURE.search(info.name) or (len(shape) == 3 and 3 not in shape):
        return None
    if len(shape) == 4 and isinstance(shape[0], int) and shape[0] not in (1,):
        return None
    first = len(shape) - 3
    channel_first = _picture_axes(shape, first, first + 1, first + 2)
    channel_last = _picture_axes(shape, first + 2, first, first + 1)
    if channel_first and channel_last:
        # 1 x ? x ? x 3 fits both where sizes are open; a stated 3 decides.
        channel_last = shape[first + 2] in (1, 3) and not isinstance(shape[first], int)
        channel_first = not channel_last
    if channel_first:
        axes = (first, first + 1, first + 2)
    elif channel_last:
        axes = (first + 2, first, first + 1)
    else:
        return None
    channels, height, width = (shape[axis] for axis in axes)
    return PictureInput(
        rank=len(shape),
        layout="NCHW" if channel_first else "NHWC",
        layout_open=not isinstance(channels, int),
        n_channels=channels if isinstance(channels, int) else 3,
        height=height if isinstance(height, int) else None,
        width=width if isinstance(width, int) else None,
        height_axis=axes[1],
        width_axis=axes[2],
    )


def any_picture_input(info: TensorInfo) -> PictureInput | None:
    """Read any 3- or 4-dimensional input as a picture's, if one is to be tried."""
    shape = info.shape
    if info.dtype not in _PICTURE_TYPES or shape is None or len(shape) not in (3, 4):
        return None
    meant = picture_input(info)
    if meant is not None:
        return meant
    first = len(shape) - 3
    channels, height, width = shape[first:]
    return PictureInput(
        rank=len(shape),
        layout="NCHW",
        layout_open=not isinstance(channels, int),
        n_channels=channels if isinstance(channels, int) else 3,
        height=height if isinstance(height, int) else None,
        width=width if isinstance(width, int) else None,
        height_axis=first + 1,
        width_axis=first + 2,
    )


def _picture_axes(
    shape: tuple[Dimension, ...], channel: int, height: int, width: int
) -> bool:
    """Whether these axes can be a picture's: 1 or 3 channels, sides of 8 or more."""
    sides = (shape[height], shape[width])
    if any(isinstance(side, int) and side < 8 for side in sides):
        return False
    if shape[channel] in (1, 3):
        return True
    open_sides = not any(isinstance(side, int) for side in sides)
    return len(shape) == 4 and not isinstance(shape[channel], int) and open_sides


def guess(
    context: TaskContext,
    info: TensorInfo,
    default: Preprocessing,
    side: int = 224,
) -> Preprocessing:
    """Guess how pictures are prepared for one input.

    Parameters
    ----------
    context : TaskContext
        The model and what lies beside it.
    info : TensorInfo
        The input; `any_picture_input` must accept it.
    default : Preprocessing
        What is usual for the task, where nothing tells.
    side : int
        Pixels a side where the graph leaves them open.
    """
    shape = any_picture_input(info)
    if shape is None:
        return default
    base = replace(
        default,
        layout=shape.layout,
        height=shape.height or side,
        width=shape.width or shape.height or side,
    )
    if shape.n_channels != 3 and base.n_channels == 3:
        base = replace(base, colours="grey", mean=(0, 0, 0), std=(1, 1, 1))
    facts = facts_of(context.model)
    told = from_files(context.folder.preprocessor, context.folder.config, base)
    if told is None:
        told = from_metadata(facts, info.name, base)
    if told is None:
        told = from_graph(facts, facts.input_facts(info.name), info, base)
    return replace(
        told,
        layout=shape.layout,
        height=shape.height or told.height,
        width=shape.width or told.width,
    )


def from_metadata(
    facts: GraphFacts, name: str, base: Preprocessing
) -> Preprocessing | None:
    """Read the metadata of Windows ML and of Ultralytics; None if there is none."""
    metadata = facts.metadata
    pixel_format = metadata.get("Image.BitmapPixelFormat", "")
    if pixel_format or facts.denotation(name) == "IMAGE":
        nominal = metadata.get("Image.NominalPixelRange", "NominalRange_0_255")
        ranges = {"Normalized_0_1": "0..1", "Normalized_1_1": "-1..1"}
        colours = "RGB" if pixel_format.lower().startswith("rgb") else "BGR"
        if pixel_format.lower().startswith("gray") or base.n_channels == 1:
            colours = "grey"
        return replace(
            base,
            colours=colours,
            value_range=ranges.get(nominal, "0..255"),
            mean=(0, 0, 0),
            std=(1, 1, 1),
            evidence=("the file's metadata marks the input as an image",),
        )
    if "stride" in metadata and "task" in metadata and "names" in metadata:
        return replace(
            base,
            colours="RGB" if base.n_channels == 3 else base.colours,
            value_range="0..1",
            mean=(0, 0, 0),
            std=(1, 1, 1),
            resize="crop" if metadata["task"] == "classify" else "letterbox",
            evidence=("the file's metadata is Ultralytics'",),
        )
    return None


def from_graph(
    facts: GraphFacts, found: InputFacts, info: TensorInfo, base: Preprocessing
) -> Preprocessing:
    """Read the graph around the input, then weigh the default against it."""
    plain: Mapping[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    if info.dtype in ("uint8", "int8"):
        return replace(
            base,
            value_range="0..255",
            evidence=("the input takes bytes",),
            mean=(128, 128, 128) if info.dtype == "int8" else (0, 0, 0),
            std=(1, 1, 1),
        )
    if found.gain != 1.0 or found.shift:
        value_range = "0..255" if found.gain * 255 <= 8 else "0..1"
        if found.gain == 1.0 and max(map(abs, found.shift)) <= 2:
            value_range = "0..1"
        return replace(
            base,
            value_range=value_range,
            evidence=("the graph subtracts and divides by itself",),
            **plain,
        )
    if found.quantised_range is not None:
        return _from_range(found.quantised_range, base)
    exporter = _from_exporter(facts, found, info, base)
    if exporter is not None:
        base = exporter
    return _from_statistics(found, base)


def _from_range(limits: tuple[float, float], base: Preprocessing) -> Preprocessing:
    """Choose the scheme whose values fill the range that was quantised for."""
    low, high = limits
    schemes: tuple[tuple[float, float, dict[str, Any]], ...] = (
        (0.0, 255.0, {"value_range": "0..255", "mean": (0, 0, 0), "std": (1, 1, 1)}),
        (0.0, 1.0, {"value_range": "0..1", "mean": (0, 0, 0), "std": (1, 1, 1)}),
        (-1.0, 1.0, {"value_range": "-1..1", "mean": (0, 0, 0), "std": (1, 1, 1)}),
        (
            -2.118,
            2.640,
            {"value_range": "0..1", "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        ),
        (
            -123.68,
            151.06,
            {"value_range": "0..255", "mean": _CAFFE_MEAN_BGR, "std": (1, 1, 1)},
        ),
    )

    def misfit(scheme: tuple[float, float, dict[str, Any]]) -> float:
        width = max(high - low, 1e-9)
        return (abs(scheme[0] - low) + abs(scheme[1] - high)) / width

    best = min(schemes, key=misfit)
    if misfit(best) > 0.25:
        return base
    if base.n_channels == 1 and best[2]["mean"] != (0, 0, 0):
        return base
    colours = "BGR" if best[2]["mean"] == _CAFFE_MEAN_BGR else base.colours
    return replace(
        base,
        colours=colours,
        evidence=(f"the input is quantised for {low:.3g} to {high:.3g}",),
        **best[2],
    )


def _from_exporter(
    facts: GraphFacts, found: InputFacts, info: TensorInfo, base: Preprocessing
) -> Preprocessing | None:
    """Follow the habits of the framework that a model comes from."""
    producer = facts.producer_name
    plain: Mapping[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    if "caffe" in producer or info.name in ("data", "data_0"):
        caffe: Mapping[str, Any] = {"value_range": "0..255", "std": (1, 1, 1)}
        why = ("Caffe's models take 0 to 255, blue first, minus the mean",)
        if base.n_channels == 1:
            return replace(base, mean=(0, 0, 0), evidence=why, **caffe)
        mean = _CAFFE_MEAN_BGR
        return replace(base, colours="BGR", mean=mean, evidence=why, **caffe)
    if "cntk" in producer:
        why = ("CNTK's models take 0 to 255",)
        return replace(base, value_range="0..255", evidence=why, **plain)
    if producer.startswith(_TENSORFLOW_NAMES) and base.n_channels == 3:
        why = ("TensorFlow's models mostly take -1 to 1",)
        return replace(base, value_range="-1..1", evidence=why, **plain)
    return None


def _from_statistics(found: InputFacts, base: Preprocessing) -> Preprocessing:
    """Compare a guess with what the first batch normalisation was trained on.

    Its running variance remembers how large the values behind the first
    convolution were. Those that natural pictures would make under the guess are
    computed from the weights; if they are off by more than a factor of two and
    another common scheme fits, that one is taken.
    """
    if found.norm_variance is None or found.weight is None or base.n_channels != 3:
        return base
    trained = np.sqrt(np.maximum(found.norm_variance, 1e-12))

    def misfit(scheme: Preprocessing) -> float:
        ratio = first_layer_std(found, scheme) / trained
        return abs(float(np.median(np.log(np.maximum(ratio, 1e-9)))))

    own = misfit(base)
    if own <= _CONTRADICTION:
        return base
    plain: Mapping[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}
    imagenet: Mapping[str, Any] = {
        "value_range": "0..1",
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
    }
    others = (
        replace(base, value_range="0..1", **plain),
        replace(base, value_range="-1..1", **plain),
        replace(base, value_range="0..255", **plain),
        replace(base, **imagenet),
    )
    best = min(others, key=misfit)
    if misfit(best) > _CONTRADICTION:
        return base
    why = "the first batch normalisation remembers values of this size"
    return replace(best, evidence=(why,))


def first_layer_std(
    found: InputFacts, scheme: Preprocessing
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Deviation that natural pictures make behind the first convolution, (out,).

    Neighbouring pixels and colours of natural pictures are alike; the sum over a
    kernel therefore varies more than that of independent pixels would.
    """
    weight = found.weight
    if weight is None:
        return np.zeros(0)
    n_out, n_in, height, width = weight.shape
    unit = {"0..1": 255.0, "0..255": 1.0, "-1..1": 127.5}[scheme.value_range]
    spread = _PIXEL_STD[:n_in] / (unit * np.array(scheme.std[:n_in]))
    rows, columns = np.mgrid[:height, :width]
    places = np.stack([rows.ravel(), columns.ravel()], axis=1)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    kernel = weight.reshape(n_out, n_in, -1) * spread[None, :, None]
    mixed = np.einsum(
        "oci,ij,cd->odj",
        kernel,
        _NEIGHBOUR_CORRELATION**apart,
        _COLOUR_CORRELATION[:n_in, :n_in],
        optimize=True,
    )
    variance = (mixed * kernel).sum(axis=(1, 2))
    return np.asarray(np.sqrt(np.maximum(variance, 1e-18)))
