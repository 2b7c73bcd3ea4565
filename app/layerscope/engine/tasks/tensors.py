"""Tensors: any model, any mix of sources, outputs as they are."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from layerscope.engine.pictures import shrink
from layerscope.engine.sources import Sources, is_picture
from layerscope.engine.tasks import dimensions
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    PreparedPicture,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.feeding import TensorFeeder, tensor_slot
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import any_picture_input, guess, picture_input
from layerscope.engine.tasks.picture_inputs import (
    PicturePreparer,
    preprocessing_specs,
)
from layerscope.engine.tasks.picture_task import PREVIEW_SIDE, again
from layerscope.protocol.answers import Answer, TensorsAnswer, TensorSummary
from layerscope.protocol.arrays import dtype_name
from layerscope.protocol.inputs import TensorArray
from layerscope.protocol.values import InputSlot, SettingSpec, Statistics, TensorInfo

_PIECE = 1 << 15
_PREVIEW_ELEMENTS = 8
_TEXT_LIMIT = 2000
_MOST_HEAT_MAPS = 12
_HEAT_MAP_SIDE = 256
_USUAL = Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD)


class Tensors:
    """Whatever goes in and comes out, as numbers."""

    id: ClassVar[str] = "tensors"
    title: ClassVar[str] = "Tensors"
    finish_settings: frozenset[str] = frozenset()

    def __init__(self, context: TaskContext) -> None:
        self.context = context
        facts = facts_of(context.model)
        self.preparers = {
            info.name: PicturePreparer(info, guess(context, info, _USUAL))
            for info in context.inputs
            if any_picture_input(info) is not None
        }
        self._slots = tuple(self._slot(info) for info in context.inputs)
        self._feeder = TensorFeeder(self._slots, facts)
        self._cache: tuple[Hashable, Prepared] | None = None
        self._last: tuple[Inputs, Settings, Prepared] | None = None

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Suit every model, but less than any task that knows what it is for."""
        del context
        return 0.01

    def slots(self) -> tuple[InputSlot, ...]:
        """List the graph's inputs."""
        return self._slots

    def settings(self) -> tuple[SettingSpec, ...]:
        """List the open sizes, and the preprocessing of pictures if one fits."""
        specs = dimensions.specs(self.context.inputs)
        for preparer in self.preparers.values():
            if picture_input(preparer.info) is not None:
                return (*specs, *preprocessing_specs(preparer, open_size=False))
        return specs

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds; nothing is done again while nothing changed.

        Raises
        ------
        BadInputError
            If a source cannot be used, or two disagree about a size.
        """
        started = time.perf_counter()
        prepared = self._refilled(sources, inputs, settings, started)
        if prepared is None:
            prepared = self._prepared(sources, inputs, settings, started)
        self._last = (inputs, settings, prepared)
        return prepared

    def _refilled(
        self, sources: Sources, inputs: Inputs, settings: Settings, started: float
    ) -> Prepared | None:
        """Put new arrays of the window in the place of the last ones, if that is all.

        What a live input changes many times a second is the elements alone.
        """
        if self._last is None or settings != self._last[1]:
            return None
        last_inputs, _, last = self._last
        feeds = {}
        for name, before in last.feeds.items():
            source = inputs.get(name)
            if type(source) is not TensorArray:
                return None
            if source == last_inputs.get(name):
                feeds[name] = before
                continue
            ref = source.array
            if ref.shape != before.shape or ref.dtype != dtype_name(before.dtype):
                return None
            array = sources.borrowed(source)
            if array is None:
                return None
            feeds[name] = array
        if last.by_slot or len(inputs) != len(feeds):
            return None
        return Prepared(feeds, prepare_ms=(time.perf_counter() - started) * 1e3)

    def _prepared(
        self, sources: Sources, inputs: Inputs, settings: Settings, started: float
    ) -> Prepared:
        key = self._key(sources, inputs, settings)
        if key is not None and self._cache is not None and self._cache[0] == key:
            return again(self._cache[1], started)
        prepared = Prepared(feeds={})
        sizes = dimensions.Sizes(self.context.inputs, settings)
        given = self._feeder.given(sources, inputs, sizes)
        sizes.finish()
        decode_s = 0.0
        for name, preparer in self.preparers.items():
            source = inputs.get(name)
            if source is None or not is_picture(source):
                continue
            before = time.perf_counter()
            pixels = sources.picture(source)
            decode_s += time.perf_counter() - before
            shape = sizes.shape(preparer.info)
            chosen = preparer.with_settings(
                {
                    **settings,
                    "size": f"{shape[preparer.shape.height_axis]} "
                    f"{shape[preparer.shape.width_axis]}",
                }
            )
            given[name], placement, placed = preparer.feed(pixels, chosen)
            prepared.by_slot[name] = PreparedPicture(pixels, placement, chosen)
            prepared.pictures[f"input:{name}"] = shrink(placed, PREVIEW_SIDE)
        prepared.feeds = self._feeder.made(sources, inputs, sizes, given)
        prepared.notes = sources.take_notes()
        prepared.decode_ms = decode_s * 1e3
        prepared.prepare_ms = (time.perf_counter() - started - decode_s) * 1e3
        self._cache = (key, prepared) if key is not None else None
        return prepared

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Summarise every output."""
        del prepared, settings
        pictures: Pictures = {}
        summaries = []
        for name, value in outputs.items():
            heat_map = None
            if len(pictures) < _MOST_HEAT_MAPS:
                heat_map = heat_map_of(value)
            key = ""
            if heat_map is not None:
                key = f"tensor{len(pictures)}"
                pictures[f"answer:{key}"] = heat_map
            summaries.append(summary_of(name, value, key))
        return Answer(parts=(TensorsAnswer(tensors=tuple(summaries)),)), pictures

    def _slot(self, info: TensorInfo) -> InputSlot:
        if picture_input(info) is not None:
            return self.preparers[info.name].slot(self.context.outputs)
        return tensor_slot(info, self.context.outputs)

    def _key(
        self, sources: Sources, inputs: Inputs, settings: Settings
    ) -> Hashable | None:
        parts: list[Hashable] = []
        for slot in self._slots:
            source = inputs.get(slot.name)
            key = sources.key(source) if source is not None else ""
            if key is None:
                return None
            parts.append(key)
        return (tuple(parts), tuple(sorted(settings.items())))


def summary_of(name: str, value: Any, key: str = "") -> TensorSummary:
    """Describe one output, whatever its type.

    Parameters
    ----------
    name : str
        Of the output.
    value : array, list or dict
        Its value.
    key : str
        Of its heat map, or empty.
    """
    if not isinstance(value, np.ndarray):
        return TensorSummary(
            info=TensorInfo(name=name, dtype=_kind_of(value)), text=text_of(value)
        )
    dtype = dtype_name(value.dtype)
    info = TensorInfo(
        name=name,
        dtype="string" if value.dtype.kind in "OUS" else dtype,
        shape=value.shape,
    )
    first = value.reshape(-1)[:_PREVIEW_ELEMENTS]
    if value.dtype.kind == "f":
        preview = tuple([f"{item:.5g}" for item in first.tolist()])
    else:
        preview = tuple([_element(item) for item in first])
    if value.dtype.kind not in "biuf" and dtype != "bfloat16":
        return TensorSummary(info=info, preview=preview)
    return TensorSummary(
        info=info, statistics=statistics_of(value), key=key, preview=preview
    )


def statistics_of(value: npt.NDArray[Any]) -> Statistics:
    """Summarise the elements of an array of numbers."""
    flat = value.reshape(-1)
    n = flat.size
    if value.dtype.kind not in "biuf":  # bfloat16, which numpy does not know
        flat = flat.astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinities of both signs
        total = float(np.add.reduce(flat, dtype=np.float64))
    if n and math.isfinite(total):
        mean = total / n
        squares = 0.0
        for start in range(0, n, _PIECE):  # pieces stay in the cache
            piece = flat[start : start + _PIECE].astype(np.float64)
            piece -= mean
            squares += float(piece @ piece)
        return Statistics(
            mean=mean,
            std=math.sqrt(squares / n),
            minimum=float(np.min(flat)),
            maximum=float(np.max(flat)),
            active=int(np.count_nonzero(flat)) / n,
        )
    flat = flat.astype(np.float64)
    finite = flat[np.isfinite(flat)]
    flags = []
    if np.isnan(flat).any():
        flags.append("nan")
    if np.isinf(flat).any():
        flags.append("inf")
    if finite.size == 0:
        return Statistics(n_nonfinite=int(flat.size), flags=tuple(flags))
    return Statistics(
        mean=float(finite.mean()),
        std=float(finite.std()),
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        active=float(np.count_nonzero(finite) / flat.size),
        n_nonfinite=int(flat.size - finite.size),
        flags=tuple(flags),
    )


def heat_map_of(value: Any) -> npt.NDArray[np.uint8] | None:
    """Return the last two axes of an array as brightness, None if it has none.

    Returns
    -------
    (h, w) uint8 array
        At most 256 a side, by steps; smallest value 0, largest 255.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return None
    if value.ndim < 1 or value.size < 2:
        return None
    plane = value.reshape(-1, value.shape[-1])
    rows = value.shape[-2] if value.ndim > 1 else 1
    plane = plane[:rows] if rows > 1 else plane
    step_y = -(-plane.shape[0] // _HEAT_MAP_SIDE)
    step_x = -(-plane.shape[1] // _HEAT_MAP_SIDE)
    small = plane[::step_y, ::step_x].astype(np.float64)
    low, high = float(small.min()), float(small.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        small = np.nan_to_num(small, posinf=0.0, neginf=0.0)
        low, high = float(small.min()), float(small.max())
    small -= low
    small *= 255.0 / (high - low) if high > low else 0.0
    return np.rint(small, out=small).astype(np.uint8, order="C")


def text_of(value: Any) -> str:
    """Write a sequence or map for people, cut where it gets long."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + " …"


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _kind_of(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return "sequence"
    return "map" if isinstance(value, dict) else type(value).__name__


def _element(item: object) -> str:
    if isinstance(item, np.floating):
        return f"{float(item):.5g}"
    return str(item)[:80]
