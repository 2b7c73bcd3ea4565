"""Making feeds from tensor sources: conventions, feedback, types, shapes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.sources import (
    Sources,
    element_type,
    is_picture,
    shape_text,
)
from layerscope.engine.tasks.base import Feeds, Inputs
from layerscope.engine.tasks.dimensions import Sizes
from layerscope.engine.tasks.graph_facts import GraphFacts
from layerscope.protocol.inputs import (
    InputSource,
    PreviousOutput,
    RandomTensor,
    TensorArray,
    TensorFile,
)
from layerscope.protocol.values import InputSlot, TensorInfo

Array = npt.NDArray[Any]

_SAMPLE_RATES = ("sr", "sample_rate", "sampling_rate")
# How the output that carries on an input's state is called, by convention.
_FEEDBACK_RULES = (
    (r"^past_key_values(.*)$", r"present\1"),
    (r"^past_key_values(.*)$", r"present_key_values\1"),
    (r"past", "present"),
    (r"^(.*)$", r"\1_out"),
    (r"^(.*)$", r"\1N"),
    (r"^(.*)$", r"\1_n"),
    (r"^(.*)$", r"\1n"),
    (r"^(.*)$", r"\1_output"),
    (r"^(.*)$", r"output_\1"),
    (r"^(.*)$", r"out_\1"),
    (r"^(.*)$", r"new_\1"),
    (r"^(.*)$", r"next_\1"),
    (r"^(.*)$", r"updated_\1"),
    (r"^(.*)_in$", r"\1_out"),
    (r"^in_(.*)$", r"out_\1"),
    (r"^(.*_)in(_.*)$", r"\1out\2"),
    (r"^([hc])_?i_?(\d*)$", r"\1o\2"),
    (r"^([hc])_?0$", r"\1n"),
    (r"^([hc])_?0$", r"\1_n"),
    (r"^([hc]|state|hidden|cell)(_?)0$", r"\1\g<2>1"),
    (r"^([hc])$", r"\1n"),
    (r"^prev_(.*)$", r"\1"),
    (r"^initial_(.*)$", r"final_\1"),
)


def feedback_output(info: TensorInfo, outputs: tuple[TensorInfo, ...]) -> str:
    """Find the output whose value is the next value of input `info`.

    Returns
    -------
    str
        Its name, or empty where names, types and shapes give none.
    """
    by_name = {output.name: output for output in outputs}
    for pattern, replacement in _FEEDBACK_RULES:
        name, count = re.subn(pattern, replacement, info.name)
        output = by_name.get(name) if count and name != info.name else None
        if output is not None and _compatible(info, output):
            return name
    return ""


def _compatible(info: TensorInfo, output: TensorInfo) -> bool:
    if info.dtype != output.dtype or info.shape is None or output.shape is None:
        return False
    return len(info.shape) == len(output.shape) and all(
        not (isinstance(a, int) and isinstance(b, int)) or a == b
        for a, b in zip(info.shape, output.shape, strict=True)
    )


def tensor_slot(info: TensorInfo, outputs: tuple[TensorInfo, ...]) -> InputSlot:
    """Describe a graph input that takes a tensor."""
    return InputSlot(
        name=info.name,
        kind="tensor",
        tensor=info,
        note=f"{info.dtype} {shape_text(info.shape or ())}".replace(" x ", " × "),
        feedback=feedback_output(info, outputs),
    )


class TensorFeeder:
    """Fills tensor slots from whatever source each has."""

    def __init__(self, slots: tuple[InputSlot, ...], facts: GraphFacts) -> None:
        self._slots = slots
        self._n_values = {
            slot.name: facts.n_values(slot.tensor.name) or 10 for slot in slots
        }

    def given(self, sources: Sources, inputs: Inputs, sizes: Sizes) -> Feeds:
        """Read the arrays that are given, and bind the sizes they state.

        Raises
        ------
        BadInputError
            If one does not fit its input.
        """
        arrays: Feeds = {}
        for slot in self._slots:
            source = inputs.get(slot.name)
            if isinstance(source, TensorFile | TensorArray):
                array = sources.tensor(source, slot, ())
                arrays[slot.name] = fitted(array, slot)
            elif isinstance(source, PreviousOutput):
                value = sources.previous(source.output)
                if value is None or source.shape is not None:
                    continue
                arrays[slot.name] = sources.tensor(source, slot, value.shape)
            if slot.name in arrays:
                sizes.bind(slot.tensor, arrays[slot.name].shape)
            elif (shape := getattr(source, "shape", None)) is not None:
                sizes.bind(slot.tensor, shape)
        return arrays

    def made(
        self, sources: Sources, inputs: Inputs, sizes: Sizes, given: Feeds
    ) -> Feeds:
        """Make what is not given: random, constant or conventional values.

        Raises
        ------
        BadInputError
            If a source cannot fill its input.
        """
        feeds: Feeds = dict(given)
        for slot in self._slots:
            if slot.name in feeds:
                continue
            shape = sizes.shape(slot.tensor)
            source = inputs.get(slot.name)
            if source is not None and is_picture(source):
                raise BadInputError(
                    f"Input {slot.name} takes {slot.note}, which no picture fills; "
                    "choose random or constant values or a .npy file."
                )
            feeds[slot.name] = self._make(sources, source, slot, shape, sizes.past)
        return feeds

    def _make(
        self,
        sources: Sources,
        source: InputSource | None,
        slot: InputSlot,
        shape: tuple[int, ...],
        past: int,
    ) -> Array:
        if source is None or isinstance(source, RandomTensor):
            usual = conventional(slot, shape, random=source is not None, past=past)
            if usual is not None:
                return usual
        chosen = source if source is not None else RandomTensor()
        return sources.tensor(chosen, slot, shape, self._n_values[slot.name])


def conventional(
    slot: InputSlot, shape: tuple[int, ...], *, random: bool, past: int = 0
) -> Array | None:
    """Values that an input's name asks for; None where anything does.

    Parameters
    ----------
    slot : InputSlot
        The input.
    shape : tuple of int
        What it takes now.
    random : bool
        Whether random values were asked for: then only what would make no sense
        at random, positions, masks and sample rates, is kept.
    past : int
        Positions count from here.
    """
    kind = element_type(slot)
    name = slot.name.lower()
    whole = kind.kind in "iub"
    if whole and name in _SAMPLE_RATES:
        return np.full(shape, 16000, dtype=kind)
    if whole and "mask" in name:
        return np.ones(shape, dtype=kind)
    if whole and "position" in name and shape:
        return np.broadcast_to(past + np.arange(shape[-1]), shape).astype(kind)
    if random:
        return None
    if slot.feedback or (whole and ("type" in name or "zero_point" in name)):
        return np.zeros(shape, dtype=kind)
    if kind.kind == "b":
        return np.zeros(shape, dtype=kind)
    if kind.kind == "f" and "scale" in name:
        return np.ones(shape, dtype=kind)
    return None


def fitted(array: Array, slot: InputSlot) -> Array:
    """Return `array`, C-contiguous, in the type and rank of a slot.

    A missing batch axis of one is added. What is mapped from a file is copied, for
    the file may be cut short while the model reads it.

    Raises
    ------
    BadInputError
        If its values cannot be held by the slot's type.
    """
    kind = element_type(slot)
    shape = slot.tensor.shape
    values = np.asarray(array)
    if (
        shape is not None
        and len(shape) == values.ndim + 1
        and (shape[0] == 1 or not isinstance(shape[0], int))
        and _agree(shape[1:], values.shape)
    ):
        values = values[None]
    if kind.kind == "O":
        return np.array(values.astype(str), dtype=object, order="C")
    if values.dtype == kind:
        if isinstance(array, np.memmap):
            return np.array(values, dtype=kind, order="C")
        return np.asarray(values, order="C")  # keeps a scalar a scalar
    if values.dtype.kind not in "biuf" or not _holds(values, kind):
        raise BadInputError(
            f"Input {slot.name} takes {slot.tensor.dtype}, but the array given holds "
            f"{values.dtype} values that do not fit; convert it first."
        )
    return np.asarray(values.astype(kind), order="C")


def _agree(shape: tuple[object, ...], given: tuple[int, ...]) -> bool:
    return all(
        not isinstance(size, int) or size == side
        for size, side in zip(shape, given, strict=True)
    )


def _holds(values: Array, kind: np.dtype[Any]) -> bool:
    """Whether `kind` can hold all values: fractions never become integers."""
    if kind.kind in "fc" or values.size == 0:
        return True
    low, high = values.min(), values.max()
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        return False
    if kind.kind == "b":
        return bool(low >= 0 and high <= 1)
    limits = np.iinfo(kind)
    return bool(low >= limits.min and high <= limits.max)
