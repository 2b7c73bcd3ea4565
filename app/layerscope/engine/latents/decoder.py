"""Graphs that turn a vector or a small grid into a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.engine.model.cards import Json, read_json
from layerscope.engine.model.folders import ModelFolder
from layerscope.protocol.values import TensorInfo

RANGES = ("automatic", "0..1", "-1..1", "0..255")
LATENT_NAMES = (
    "latent_sample", "latent", "latents", "z", "noise", "code", "w", "input",
)  # fmt: skip
MOST_NUMBERS = 16384
LEAST_SIDE = 8
_SCALES = {"0..1": (255.0, 0.0), "-1..1": (127.5, 127.5), "0..255": (1.0, 0.0)}
_PASSING = frozenset({"Identity", "Cast", "Reshape", "Transpose", "DepthToSpace"})
_PASSED = 6

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class LatentDecoder:
    """How a graph is fed with latents, and how its output is read.

    Attributes
    ----------
    latent, output : TensorInfo
    layout : str
        ``"NCHW"`` or ``"NHWC"``.
    surely : float
        How sure it is that the graph is one, 0 to 1.
    scale : float
        What latents of deviation one are multiplied with before they go in.
    value_range : str
        One of `RANGES` but the first; what the output's values are.
    """

    latent: TensorInfo
    output: TensorInfo
    layout: str
    surely: float
    scale: float = 1.0
    value_range: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of a latent without the batch, open sides taken as 8."""
        sizes = (self.latent.shape or ())[1:]
        return tuple(size if isinstance(size, int) else 8 for size in sizes)

    @property
    def many(self) -> bool:
        """Whether several latents can be decoded at once."""
        first = (self.latent.shape or (1,))[0]
        return not isinstance(first, int)

    def pictures(self, values: npt.NDArray[np.generic], wanted: str = "") -> Pixels:
        """Return (n, h, w, 3) uint8 pictures of an output.

        Parameters
        ----------
        values : array
            Of the graph's output; not-a-number becomes black.
        wanted : str
            One of `RANGES`; automatic where empty.
        """
        planes = np.asarray(values, dtype=np.float32)
        planes = planes[None] if planes.ndim == 3 else planes
        if self.layout == "NHWC":
            planes = planes.transpose(0, 3, 1, 2)
        chosen = wanted if wanted in _SCALES else self._guessed(planes)
        factor, offset = _SCALES[chosen]
        clean = np.nan_to_num(planes, nan=0.0, posinf=1e9, neginf=-1e9)
        scaled = clean * np.float32(factor) + np.float32(offset)
        pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        pixels = pixels.transpose(0, 2, 3, 1)
        if pixels.shape[-1] < 3:
            pixels = np.repeat(pixels[..., :1], 3, axis=-1)
        return np.ascontiguousarray(pixels[..., :3])

    def _guessed(self, planes: Floats) -> str:
        """Guess by the values what nothing states, and stay with it.

        A guess of 0 to 1 is given up as soon as values say otherwise.
        """
        low, high = float(np.min(planes, initial=0)), float(np.max(planes, initial=0))
        found = self.value_range
        if found in ("", "0..1") and np.isfinite(low + high):
            if high > 8:
                found = "0..255"
            elif low < -0.25:
                found = "-1..1"
            else:
                found = found or "0..1"
        self.value_range = found or "0..1"
        return self.value_range

    @property
    def step(self) -> float:
        """What one of 255 steps of brightness is in the output's values."""
        return 1 / _SCALES[self.value_range or "0..1"][0]


def find(
    folder: ModelFolder,
    graph: onnx.GraphProto,
    inputs: Sequence[TensorInfo],
    outputs: Sequence[TensorInfo],
) -> LatentDecoder | None:
    """Return how a graph makes pictures of latents, None if it is another kind.

    Parameters
    ----------
    folder : ModelFolder
        Whose main graph it is.
    graph : GraphProto
        Its nodes tell the range of the values.
    inputs, outputs : sequence of TensorInfo
        Of the graph.
    """
    output, layout = _picture(outputs)
    if output is None:
        return None
    named_decoder = (
        "decoder" in folder.main.parent.name or "decoder" in folder.main.stem
    )
    best: LatentDecoder | None = None
    for info in inputs:
        surely = _is_latent(info, output, layout, named_decoder)
        if surely and (best is None or surely > best.surely):
            best = LatentDecoder(info, output, layout, surely)
    if best is None or _others_are_pictures(inputs, best.latent):
        return None
    notes: list[str] = []
    config = read_json(folder.main.parent / "config.json", notes) or folder.config
    best.scale = _scale(config) if len(best.latent.shape or ()) == 4 else 1.0
    best.value_range = _range_by_graph(graph, output.name)
    if not best.value_range and "scaling_factor" in config:
        best.value_range = "-1..1"  # diffusers' autoencoders
    return best


def _picture(outputs: Sequence[TensorInfo]) -> tuple[TensorInfo | None, str]:
    for info in outputs:
        shape = info.shape
        if shape is None or len(shape) != 4 or not info.dtype.startswith("float"):
            continue
        for layout, channel, sides in (
            ("NCHW", shape[1], shape[2:]),
            ("NHWC", shape[3], shape[1:3]),
        ):
            large = all(not isinstance(s, int) or s >= LEAST_SIDE for s in sides)
            if channel in (1, 3) and large:
                return info, layout
    return None, ""


def _is_latent(
    info: TensorInfo, output: TensorInfo, layout: str, named_decoder: bool
) -> float:
    """Say how surely an input is a latent, 0 for not at all."""
    shape = info.shape
    if shape is None or not info.dtype.startswith("float"):
        return 0.0
    named = info.name.lower() in LATENT_NAMES[:-1]
    if len(shape) == 2:
        size = shape[1]
        right = isinstance(size, int) and 1 <= size <= MOST_NUMBERS
        return (0.9 if named or named_decoder else 0.75) if right else 0.0
    if len(shape) != 4 or not isinstance(shape[1], int):
        return 0.0
    sides, made = shape[2:], output.shape or ()
    made_sides = made[2:] if layout == "NCHW" else made[1:3]
    smaller = all(
        not isinstance(a, int) or not isinstance(b, int) or b >= 2 * a
        for a, b in zip(sides, made_sides, strict=True)
    )
    vector = all(side == 1 for side in sides)
    if not smaller or (shape[1] in (1, 3) and not (named or vector)):
        return 0.0
    if not (named or named_decoder or vector) and shape[1] < 4:
        return 0.0
    return 0.9 if named or named_decoder else 0.6


def _others_are_pictures(inputs: Sequence[TensorInfo], latent: TensorInfo) -> bool:
    """Whether there are more inputs than a latent and a few small ones."""
    others = [info for info in inputs if info.name != latent.name]
    return any(info.shape is None or len(info.shape) > 2 for info in others)


def _scale(config: Json) -> float:
    factor = config.get("scaling_factor")
    if isinstance(factor, int | float) and not isinstance(factor, bool) and factor > 0:
        return 1 / float(factor)
    return 1.0


def _range_by_graph(graph: onnx.GraphProto, name: str) -> str:
    """Tell the range by the last operator that makes one."""
    producer = {output: node for node in graph.node for output in node.output}
    for _ in range(_PASSED):
        node = producer.get(name)
        if node is None:
            return ""
        if node.op_type == "Tanh":
            return "-1..1"
        if node.op_type in ("Sigmoid", "HardSigmoid"):
            return "0..1"
        if node.op_type not in _PASSING:
            return ""
        name = node.input[0]
    return ""
