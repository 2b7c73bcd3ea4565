"""Image to image: super-resolution, style transfer, enhancement, depth."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.preprocessing import Preprocessing
from layerscope.engine.pictures import place, resize, shrink
from layerscope.engine.tasks.base import (
    Pictures,
    Prepared,
    PreparedPicture,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import guess, picture_input
from layerscope.engine.tasks.picture_task import PictureTask, main_picture
from layerscope.protocol.answers import Answer, PictureAnswer
from layerscope.protocol.values import SettingSpec, TensorInfo

OUTPUT_RANGES = ("automatic", "0..1", "0..255", "-1..1", "smallest..largest")
_MOST_SIDE = 1536
_STEPS = {"0..1": (255.0, 0.0), "0..255": (1.0, 0.0), "-1..1": (127.5, 127.5)}

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# Every so many values are enough to tell a range by.
_SAMPLED = 20_000

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class ImageToImage(PictureTask):
    """A picture made of a picture."""

    id: ClassVar[str] = "image-to-image"
    title: ClassVar[str] = "Image to image"
    default: ClassVar[Preprocessing] = Preprocessing(
        resize="crop", interpolation="bicubic"
    )
    side: ClassVar[int] = 256
    finish_settings = frozenset({"output_range", "colour"})

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        found = picture_output(context)
        if found is None:
            raise BadInputError(
                f"No output of {context.folder.name} is a picture; choose the task for "
                "tensors."
            )
        self._output, self._layout, _ = found
        self._kept: tuple[PreparedPicture, Floats, Floats, Pixels] | None = None

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for one picture and an output that can be one."""
        if main_picture(context) is None:
            return 0.0
        found = picture_output(context)
        return 0.0 if found is None else found[2]

    def guess(self, context: TaskContext, info: TensorInfo) -> Preprocessing:
        """Take 0 to 1; one channel that stays one is brightness."""
        shape = picture_input(info)
        usual = self.default
        if shape is not None and shape.n_channels == 1:
            usual = Preprocessing(
                colours="luma", resize="crop", interpolation="bicubic"
            )
        return guess(context, info, usual, self.side)

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List how the output becomes a picture."""
        specs = [
            SettingSpec(
                name="output_range",
                label="Output range",
                kind="choice",
                default="automatic",
                choices=OUTPUT_RANGES,
                group="Output",
                help="Which values of the output are black and white; automatic "
                "looks at the graph's end, then at the values.",
            )
        ]
        if self.preparer.guess.n_channels == 1:
            specs.append(
                SettingSpec(
                    name="colour",
                    label="Keep colour",
                    kind="bool",
                    default=True,
                    group="Output",
                    help="Merge the brightness that the model makes with the colours "
                    "of the input, enlarged bicubically.",
                )
            )
        return tuple(specs)

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Turn the output into pixels, with the input beside it to compare."""
        source = prepared.by_slot[self.preparer.info.name]
        chosen = source.preprocessing
        planes = _planes(np.asarray(outputs[self._output.name]), self._layout)
        wanted = str(settings.get("output_range", "automatic"))
        if wanted not in _STEPS and wanted != OUTPUT_RANGES[-1]:
            wanted = self._range(planes, chosen)
        values = to_bytes(planes, wanted)
        height, width = values.shape[1:]
        before, red, blue = self._compared(source, height, width)
        if len(values) == 3:
            order = slice(None, None, -1 if chosen.colours == "BGR" else 1)
            after = np.ascontiguousarray(values[order].transpose(1, 2, 0))
        elif chosen.colours == "luma" and bool(settings.get("colour", True)):
            after = with_colours(values[0], red, blue)
        else:
            after = np.repeat(values[0][..., None], 3, axis=2)
        after, compared = _without_padding(after, before, source)
        pictures: Pictures = {
            "answer:picture": shrink(after, _MOST_SIDE),
            "answer:before": shrink(compared, _MOST_SIDE),
        }
        part = PictureAnswer(
            key="picture",
            width=after.shape[1],
            height=after.shape[0],
            compare="answer:before",
        )
        return Answer(parts=(part,)), pictures

    def _compared(
        self, source: PreparedPicture, height: int, width: int
    ) -> tuple[Pixels, Floats, Floats]:
        """Return the input enlarged to the output, and its colour differences.

        They are kept while the input stays, since a live view asks every time.
        """
        kept = self._kept
        if (
            kept is None
            or kept[0] is not source
            or kept[3].shape[:2] != (height, width)
        ):
            small = place(
                source.pixels, source.placement, source.preprocessing.interpolation
            )
            red, blue = colour_differences(small, height, width)
            large = resize(small, height, width, "bicubic")
            kept = self._kept = (source, red, blue, large)
        return kept[3], kept[1], kept[2]

    def _range(self, planes: Floats, chosen: Preprocessing) -> str:
        """Guess the range from the graph's end, then from the values."""
        last = facts_of(self.context.model).last_operators(self._output.name)[:1]
        if last == ("Tanh",):
            return "-1..1"
        if last == ("Sigmoid",):
            return "0..1"
        if self.preparer.guess.n_channels == 3 and len(planes) == 1:
            return "smallest..largest"  # depth and the like, in units of its own
        return range_of(planes, chosen)


def picture_output(context: TaskContext) -> tuple[TensorInfo, str, float] | None:
    """Find the output that can be a picture.

    Returns
    -------
    TensorInfo, str, float
        The output, its layout (``NCHW`` or ``NHWC``), and how sure that is.
    """
    info = main_picture(context)
    taken = picture_input(info) if info is not None else None
    if taken is None:
        return None
    for output in context.outputs:
        shape = output.shape
        if shape is None or not output.dtype.startswith(("float", "uint8")):
            continue
        if len(shape) == 3 and taken.rank == 4:
            # A map without the channel axis, as depth estimators give it.
            if _scaled(shape[1:], taken.height, taken.width) and shape[2] != 4:
                return output, "NHW", 0.45
            continue
        if len(shape) != taken.rank:
            continue
        start = len(shape) - 3
        for layout, channel, sides in (
            ("NCHW", shape[start], shape[start + 1 :]),
            ("NHWC", shape[start + 2], shape[start : start + 2]),
        ):
            if channel in (1, 3) and _scaled(sides, taken.height, taken.width):
                same = channel == taken.n_channels
                return output, layout, 0.7 if same else 0.5
        if not any(isinstance(size, int) for size in shape[start:]):
            return output, taken.layout, 0.3
    return None


def _scaled(sides: tuple[object, ...], height: int | None, width: int | None) -> bool:
    """Whether sides are those of the input times one whole number, or open."""
    if not all(isinstance(side, int) for side in sides) or not height or not width:
        return all(not isinstance(side, int) or side >= 8 for side in sides)
    rows, columns = (side for side in sides if isinstance(side, int))
    return (
        rows % height == 0
        and columns % width == 0
        and rows // height == columns // width
    )


def _planes(values: npt.NDArray[Any], layout: str) -> Floats:
    """Return the first picture of an output, (channels, h, w) float32."""
    planes = np.asarray(values, dtype=np.float32)
    if layout == "NHW":
        return planes[:1]
    planes = planes[0] if planes.ndim == 4 else planes
    if layout == "NHWC":
        planes = planes.transpose(2, 0, 1)
    return planes[:3] if len(planes) >= 3 else planes[:1]


def range_of(planes: Floats, chosen: Preprocessing) -> str:
    """Guess which range values lie in.

    Parameters
    ----------
    planes : array
        (channels, h, w) float32.
    chosen : Preprocessing
        What was fed; decides where the values do not.
    """
    sample = planes.reshape(-1)[:: max(1, planes.size // _SAMPLED)]
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return "0..1"
    low, high = np.percentile(finite, (1, 99))
    if max(abs(low), abs(high)) > 3:
        return "0..255"
    if low < -0.25:
        return "-1..1"
    return "-1..1" if chosen.value_range == "-1..1" and low < -0.05 else "0..1"


def to_bytes(planes: Floats, value_range: str) -> Pixels:
    """Scale values of a range to 0 … 255; not-a-number becomes black."""
    clean = planes
    if not np.isfinite(planes.sum()):
        clean = np.nan_to_num(planes, nan=0.0, posinf=1e9, neginf=-1e9)
    if value_range in _STEPS:
        factor, offset = _STEPS[value_range]
    else:
        low, high = float(clean.min()), float(clean.max())
        factor = 255.0 / max(high - low, 1e-12)
        offset = -low * factor
    scaled = clean * np.float32(factor)
    scaled += np.float32(offset)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    return scaled.astype(np.uint8)


def colour_differences(
    pixels: Pixels, height: int, width: int
) -> tuple[Floats, Floats]:
    """Red and blue minus brightness, enlarged bicubically.

    Parameters
    ----------
    pixels : array
        (h, w, 3) uint8 RGB.
    height, width : int
        Of the results.

    Returns
    -------
    two (height, width) float32 arrays
    """
    small = pixels.astype(np.float32)
    brightness = small @ _LUMA
    return tuple(  # type: ignore[return-value]
        resize(
            # Halved, differences of up to 255 both ways fit into a byte.
            np.rint(128 + (small[..., channel] - brightness) / 2).astype(np.uint8),
            height,
            width,
            "bicubic",
        ).astype(np.float32)
        * 2
        - 256
        for channel in (0, 2)
    )


def with_colours(luma: Pixels, red: Floats, blue: Floats) -> Pixels:
    """Give a (h, w) brightness picture the colours of `colour_differences`."""
    bright = luma.astype(np.float32)
    # The green difference follows, since the weighted sum of all three is zero.
    green = (red * _LUMA[0] + blue * _LUMA[2]) * (-1 / _LUMA[1])
    merged = np.stack([bright + red, bright + green, bright + blue], axis=-1)
    np.clip(np.rint(merged, out=merged), 0, 255, out=merged)
    return merged.astype(np.uint8)


def _without_padding(
    after: Pixels, before: Pixels, source: PreparedPicture
) -> tuple[Pixels, Pixels]:
    """Cut off what a letterbox added."""
    placement = source.placement
    if (placement.inner_height, placement.inner_width) == (
        placement.height,
        placement.width,
    ):
        return after, before
    scale_y = after.shape[0] / placement.height
    scale_x = after.shape[1] / placement.width
    top, left = round(placement.top * scale_y), round(placement.left * scale_x)
    bottom = top + max(1, round(placement.inner_height * scale_y))
    right = left + max(1, round(placement.inner_width * scale_x))
    return (
        np.ascontiguousarray(after[top:bottom, left:right]),
        np.ascontiguousarray(before[top:bottom, left:right]),
    )
