"""Where the inputs of a command-line run come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layerscope.cli import archives
from layerscope.cli.arguments import RunRequest
from layerscope.core.errors import BadInputError
from layerscope.library.samples import sample_pictures
from layerscope.protocol.inputs import (
    InputSource,
    PictureFile,
    RandomTensor,
    TensorFile,
)
from layerscope.protocol.values import InputSlot

Inputs = dict[str, InputSource]


def inputs_for(request: RunRequest, slots: Sequence[InputSlot]) -> Inputs:
    """Return the source of every slot, as the command line asks.

    With no flag, a model of pictures gets a sample picture. An input without an
    entry takes what the task holds for usual: zeros for a state, ones for a mask,
    else random values of seed 0.

    Raises
    ------
    BadInputError
        If what is given does not fit the model.
    """
    if request.inputs is not None:
        return archive_inputs(request.inputs, slots)
    if request.image is not None:
        return picture_inputs(request.image, slots)
    if request.seed is not None:
        return random_inputs(slots, request.seed)
    samples = sample_pictures()
    if samples and any(_wants_picture(slot) for slot in slots):
        return picture_inputs(samples[0], slots)
    return {}


def random_inputs(slots: Sequence[InputSlot], seed: int) -> Inputs:
    """Return repeatable random values for every slot."""
    return {
        slot.name: RandomTensor(seed=seed + position)
        for position, slot in enumerate(slots)
    }


def archive_inputs(path: Path, slots: Sequence[InputSlot]) -> Inputs:
    """Return the arrays of an ``.npz`` file, by the names of the graph's inputs.

    Raises
    ------
    BadInputError
        If an array is missing, or there is one that the model does not take.
    """
    held = archives.array_names(path)
    wanted = {slot.tensor.name: slot for slot in slots}
    missing = [name for name in wanted if name not in held]
    unknown = [name for name in held if name not in wanted]
    if missing or unknown:
        raise BadInputError(
            f"'{path.name}' holds {_listed(held)}, but the model takes "
            f"{_listed(tuple(wanted))}; write one array for each input name."
        )
    return {
        slot.name: TensorFile(path=str(path.absolute()), key=name)
        for name, slot in wanted.items()
    }


def picture_inputs(path: Path, slots: Sequence[InputSlot]) -> Inputs:
    """Return the picture for the first slot that takes one.

    Raises
    ------
    BadInputError
        If none does, or there is no such file.
    """
    if not path.is_file():
        raise BadInputError(
            f"There is no picture '{path}'; give the path of a picture file."
        )
    slot = next((slot for slot in slots if slot.kind == "picture"), None)
    slot = slot or next((slot for slot in slots if _like_a_picture(slot)), None)
    if slot is None:
        names = _listed(tuple(slot.tensor.name for slot in slots))
        raise BadInputError(
            f"A picture was given, but the model takes {names} and none of that is "
            "a picture; give arrays with --inputs F.npz."
        )
    return {slot.name: PictureFile(path=str(path.absolute()))}


def _wants_picture(slot: InputSlot) -> bool:
    return slot.kind == "picture" and not slot.optional


def _like_a_picture(slot: InputSlot) -> bool:
    shape = slot.tensor.shape
    return (
        shape is not None
        and len(shape) == 4
        and (shape[1] in (1, 3, 4) or shape[3] in (1, 3, 4))
    )


def _listed(names: Sequence[str], most: int = 8) -> str:
    if not names:
        return "nothing"
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
