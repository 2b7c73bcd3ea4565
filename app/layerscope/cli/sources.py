"""Where the inputs of a command-line run come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layerscope.cli import archives
from layerscope.cli.arguments import RunRequest
from layerscope.controller.first_inputs import proposed
from layerscope.core.errors import BadInputError
from layerscope.library.samples import own_samples, sample_pictures
from layerscope.protocol.inputs import (
    InputSource,
    PictureFile,
    RandomTensor,
    TensorFile,
    TypedText,
)
from layerscope.protocol.values import InputSlot

Inputs = dict[str, InputSource]


def inputs_for(request: RunRequest, slots: Sequence[InputSlot], model: Path) -> Inputs:
    """Return the source of every slot, as the command line asks.

    With no flag, a model gets the samples of its own that its folder names. A picture
    that is needed but not given is the model's own, else the first sample picture. An
    input without an entry takes what the task holds for usual: an example for a text,
    zeros for a state, ones for a mask, else random values of seed 0.

    Parameters
    ----------
    request : RunRequest
        What was typed.
    slots : sequence of InputSlot
        What the model takes.
    model : Path
        Its file or folder.

    Raises
    ------
    BadInputError
        If what is given does not fit the model.
    """
    if request.inputs is not None:
        return archive_inputs(request.inputs, slots)
    if request.seed is not None:
        return random_inputs(slots, request.seed)
    own = own_samples(model)
    chosen: Inputs = {}
    if request.image is not None and request.text is not None:
        chosen = captioned_inputs(request.image, request.text, slots)
    elif request.image is not None:
        chosen = picture_inputs(request.image, slots)
    elif request.text is not None:
        chosen = text_inputs(request.text, slots)
    else:
        # Not beside what is given: the arrays of a sample fit only one another.
        chosen = proposed(slots, own)
    picture = next(iter((*own.pictures, *sample_pictures())), None)
    for slot in slots:
        if picture is not None and _wants_picture(slot) and slot.name not in chosen:
            chosen[slot.name] = PictureFile(path=str(picture.absolute()))
    return chosen


def captioned_inputs(image: Path, text: str, slots: Sequence[InputSlot]) -> Inputs:
    """Return a picture and a text for a model that takes both.

    Raises
    ------
    BadInputError
        If it takes only one of them, or there is no such file.
    """
    names = _listed(tuple(slot.tensor.name for slot in slots))
    for kind, flag in (("picture", "--image"), ("text", "--text")):
        if not any(slot.kind == kind for slot in slots):
            raise BadInputError(
                f"A picture and a text were given, but the model takes {names} and "
                f"none of that is a {kind}; leave {flag} out."
            )
    return picture_inputs(image, slots) | text_inputs(text, slots)


def text_inputs(text: str, slots: Sequence[InputSlot]) -> Inputs:
    """Return a text for the slot that takes one.

    A model with two slots, a question and what it is about say, takes the first line
    for the first and the rest for the second.

    Raises
    ------
    BadInputError
        If none does.
    """
    wanted = [slot for slot in slots if slot.kind == "text"]
    if not wanted:
        names = _listed(tuple(slot.tensor.name for slot in slots))
        raise BadInputError(
            f"A text was given, but the model takes {names} and none of that is a "
            "text; give a picture with --image or arrays with --inputs F.npz."
        )
    parts = text.split("\n", len(wanted) - 1) if len(wanted) > 1 else [text]
    return {
        slot.name: TypedText.of(part) for slot, part in zip(wanted, parts, strict=False)
    }


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
        If there is one that the model does not take, or none that it takes.
    """
    held = archives.array_names(path)
    wanted = {slot.tensor.name: slot for slot in slots}
    given = [name for name in wanted if name in held]
    unknown = [name for name in held if name not in wanted]
    if unknown or (wanted and not given):
        raise BadInputError(
            f"'{path.name}' holds {_listed(held)}, but the model takes "
            f"{_listed(tuple(wanted))}; write one array for each input name."
        )
    return {
        slot.name: TensorFile(path=str(path.absolute()), key=name)
        for name, slot in wanted.items()
        if name in held
    }


def left_to_defaults(path: Path, slots: Sequence[InputSlot]) -> str:
    """Say which inputs an archive leaves to their default values; "" for none."""
    held = archives.array_names(path)
    left = tuple(slot.tensor.name for slot in slots if slot.tensor.name not in held)
    if not left:
        return ""
    return f"'{path.name}' holds nothing for {_listed(left)}: the default is taken."


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
