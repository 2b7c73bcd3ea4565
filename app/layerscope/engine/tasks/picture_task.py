"""What all picture tasks share: one picture in, its preprocessing editable."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.preprocessing import Preprocessing
from layerscope.engine.pictures import shrink
from layerscope.engine.sources import Sources, element_type, is_picture
from layerscope.engine.tasks import dimensions
from layerscope.engine.tasks.base import (
    Feeds,
    Inputs,
    Pictures,
    Prepared,
    PreparedPicture,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.feeding import TensorFeeder, fitted, tensor_slot
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import guess, picture_input
from layerscope.engine.tasks.picture_inputs import (
    SETTING_NAMES,
    PicturePreparer,
    preprocessing_specs,
)
from layerscope.protocol.inputs import InputSource, RandomTensor
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

PREVIEW_SIDE = 640

Pixels = npt.NDArray[np.uint8]


class PictureTask:
    """Base of the tasks that take one picture; other inputs are tensors.

    A subclass says what is usual for its kind of model and turns outputs into an
    answer.
    """

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    default: ClassVar[Preprocessing] = Preprocessing()
    side: ClassVar[int] = 224
    finish_settings: frozenset[str] = frozenset()

    def __init__(self, context: TaskContext) -> None:
        self.context = context
        info = main_picture(context)
        if info is None:
            raise BadInputError(
                f"{context.folder.name} takes no picture; choose the task for tensors."
            )
        self.facts = facts_of(context.model)
        self.preparer = PicturePreparer(info, self.guess(context, info))
        self.others = tuple(
            tensor_slot(other, context.outputs)
            for other in context.inputs
            if other.name != info.name
        )
        self._feeder = TensorFeeder(self.others, self.facts)
        self._cache: tuple[Hashable, Prepared] | None = None
        self._preview: tuple[Pixels, Pixels] | None = None

    def guess(self, context: TaskContext, info: TensorInfo) -> Preprocessing:
        """Guess the preprocessing of input `info`."""
        return guess(context, info, self.default, self.side)

    def slots(self) -> tuple[InputSlot, ...]:
        """List the picture and the other inputs."""
        return (self.preparer.slot(self.context.outputs), *self.others)

    def settings(self) -> tuple[SettingSpec, ...]:
        """List the preprocessing, the open sizes, then what the task adds."""
        shape = self.preparer.shape
        return (
            *self.own_settings(),
            *preprocessing_specs(
                self.preparer,
                open_size=shape.height is None or shape.width is None,
            ),
            *dimensions.specs(slot.tensor for slot in self.others),
        )

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List what the task adds to the preprocessing."""
        return ()

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds; nothing is done again while nothing changed.

        Raises
        ------
        BadInputError
            If a source cannot be used.
        """
        started = time.perf_counter()
        key = self._key(sources, inputs, settings)
        if key is not None and self._cache is not None and self._cache[0] == key:
            return again(self._cache[1], started)
        prepared = self._prepare(sources, inputs, settings, started)
        self._cache = (key, prepared) if key is not None else None
        return prepared

    def _prepare(
        self, sources: Sources, inputs: Inputs, settings: Settings, started: float
    ) -> Prepared:
        name = self.preparer.info.name
        chosen = self.preparer.with_settings(settings)
        source = inputs.get(name)
        feeds: Feeds = {}
        prepared = Prepared(feeds=feeds)
        decode_s = 0.0
        if is_picture(source):
            before = time.perf_counter()
            pixels = sources.picture(source)  # type: ignore[arg-type]
            decode_s = time.perf_counter() - before
            feeds[name], placement, placed = self.preparer.feed(pixels, chosen)
            prepared.by_slot[name] = PreparedPicture(pixels, placement, chosen)
            prepared.pictures[f"input:{name}"] = shrink(placed, PREVIEW_SIDE)
        else:
            feeds[name] = self._tensor(sources, source, chosen)
            if not feeds[name].size:
                raise BadInputError(
                    f"Input {name} was given an array without elements, which is no "
                    "picture; give an array with at least one."
                )
            seen = chosen.restore(feeds[name])
            placement = replace(chosen, resize="stretch").place(*seen.shape[:2])
            prepared.by_slot[name] = PreparedPicture(seen, placement, chosen)
            prepared.pictures[f"input:{name}"] = shrink(seen, PREVIEW_SIDE)
        if self.others:
            infos = tuple(slot.tensor for slot in self.others)
            sizes = dimensions.Sizes(infos, settings)
            given = self._feeder.given(sources, inputs, sizes)
            sizes.finish()
            feeds.update(self._feeder.made(sources, inputs, sizes, given))
        prepared.notes = sources.take_notes()
        prepared.decode_ms = decode_s * 1e3
        prepared.prepare_ms = (time.perf_counter() - started - decode_s) * 1e3
        return prepared

    def _tensor(
        self, sources: Sources, source: InputSource | None, chosen: Preprocessing
    ) -> npt.NDArray[np.generic]:
        """Feed a tensor where a picture was expected, as the graph takes it."""
        info = self.preparer.info
        slot = tensor_slot(info, self.context.outputs)
        settings: Settings = {}
        for axis, size in (
            (self.preparer.shape.height_axis, chosen.height),
            (self.preparer.shape.width_axis, chosen.width),
        ):
            open_name = dimensions.dimension_name(info, axis)
            if open_name:
                settings[dimensions.PREFIX + open_name] = size
        sizes = dimensions.Sizes((info,), settings)
        if source is None:
            source = RandomTensor()
        shape = getattr(source, "shape", None) or sizes.shape(info)
        n_values = 256 if element_type(slot).kind in "iu" else 10
        array = fitted(sources.tensor(source, slot, shape, n_values), slot)
        sizes.bind(info, array.shape)
        return array

    def _key(
        self, sources: Sources, inputs: Inputs, settings: Settings
    ) -> Hashable | None:
        parts: list[Hashable] = []
        for slot in (self.preparer.info, *(slot.tensor for slot in self.others)):
            source = inputs.get(slot.name)
            if source is None:
                parts.append(None)
                continue
            key = sources.key(source)
            if key is None:
                return None
            parts.append(key)
        used = tuple(
            (name, value)
            for name, value in sorted(settings.items())
            if name in SETTING_NAMES or name.startswith(dimensions.PREFIX)
        )
        return (tuple(parts), used)

    def picture_below(self, prepared: Prepared) -> tuple[str, Pictures, int, int]:
        """Return the picture that boxes and masks are drawn over.

        Returns
        -------
        str, dict, int, int
            Key of its frame part, the part, and height and width of the decoded
            picture in pixels.
        """
        picture = prepared.by_slot[self.preparer.info.name].pixels
        height, width = picture.shape[:2]
        if self._preview is None or self._preview[0] is not picture:
            self._preview = (picture, shrink(picture, PREVIEW_SIDE))
        return "answer:picture", {"answer:picture": self._preview[1]}, height, width


def main_picture(context: TaskContext) -> TensorInfo | None:
    """Return the only input that takes a picture; None for none or several."""
    found = [info for info in context.inputs if picture_input(info) is not None]
    return found[0] if len(found) == 1 else None


def again(prepared: Prepared, started: float) -> Prepared:
    """Return the feeds of an earlier run, without the notes told already."""
    return replace(
        prepared,
        notes=[],
        decode_ms=0.0,
        prepare_ms=(time.perf_counter() - started) * 1e3,
    )
