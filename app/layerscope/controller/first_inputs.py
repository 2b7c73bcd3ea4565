"""What a model looks at first when it is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from layerscope.library.samples import OwnSamples, own_samples, sample_pictures
from layerscope.protocol.inputs import (
    InputSource,
    PictureFile,
    TensorFile,
    TypedText,
)
from layerscope.protocol.values import InputSlot

Inputs = dict[str, InputSource]


class FirstInputs:
    """Chooses inputs, and tells what was chosen here from what the user chose.

    A model with a ``samples.json`` opens with its own sample. Else it takes over
    what the user has given the model before, but never the own sample of that one:
    a digit says nothing to a network of animals.
    """

    def __init__(self) -> None:
        self._given: tuple[InputSource, ...] = ()

    def choose(
        self,
        slots: Sequence[InputSlot],
        path: str,
        inputs: Mapping[str, InputSource],
        *,
        opening: bool,
    ) -> Inputs:
        """Return the inputs of a model.

        Parameters
        ----------
        slots : sequence of InputSlot
            What it takes.
        path : str
            Its file or folder, for the sample of its own.
        inputs : mapping
            What the model before had, or this one till now.
        opening : bool
            Whether it is opened; else, as after a restart of the engine, what was
            chosen before stays.
        """
        own = proposed(slots, own_samples(Path(path)))
        carried = {
            name: source
            for name, source in inputs.items()
            if not opening or source not in self._given
        }
        # What need not be given is not carried from one model to another.
        names = {slot.name for slot in slots if not (opening and slot.optional)}
        kept = {name: source for name, source in carried.items() if name in names}
        chosen = {**kept, **own} if opening else {**own, **kept}
        picture = (
            next((s for s in carried.values() if isinstance(s, PictureFile)), None)
            or _bundled()
        )
        for slot in slots:
            wanted = slot.kind == "picture" and not slot.optional
            if wanted and slot.name not in chosen and picture:
                chosen[slot.name] = picture
            if slot.example and slot.name not in chosen:
                chosen[slot.name] = TypedText.of(slot.example)
        if opening:
            users = list(carried.values())
            self._given = tuple(s for s in chosen.values() if s not in users)
        return chosen


def proposed(slots: Sequence[InputSlot], own: OwnSamples) -> Inputs:
    """Return the sources that a model's own samples are for its slots."""
    chosen: Inputs = {}
    slots = [slot for slot in slots if not slot.optional]
    for number, slot in enumerate(slot for slot in slots if slot.kind == "text"):
        if own.text:
            text = own.text[min(number, len(own.text) - 1)]
            chosen[slot.name] = TypedText.of(text)
    for slot in slots:
        if slot.kind == "picture" and own.pictures:
            chosen[slot.name] = PictureFile(path=str(own.pictures[0]))
        elif own.inputs is not None and slot.name in own.arrays:
            chosen[slot.name] = TensorFile(path=str(own.inputs), key=slot.name)
    return chosen


def _bundled() -> PictureFile | None:
    with contextlib.suppress(OSError, IndexError):
        return PictureFile(path=str(sample_pictures()[0]))
    return None
