"""``layerscope decode`` and ``layerscope encode``: between latents and pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from layerscope.cli import text
from layerscope.cli.imagine_arguments import DecodeRequest, EncodeRequest
from layerscope.cli.imagining import ask, check_parent, pixels_of
from layerscope.cli.opening import (
    MODEL_NUMBER,
    OpenedModel,
    open_model,
    running_engine,
)
from layerscope.core.errors import BadInputError, EngineLostError
from layerscope.core.png import write_png
from layerscope.library.bundled import find_model
from layerscope.protocol.inputs import TensorFile
from layerscope.protocol.messages import Noted, Run, RunAnswered

TASK, LENS = "latent-to-picture", "latent-map"


def decode(request: DecodeRequest) -> None:
    """Decode the latents of a file into one picture each.

    Raises
    ------
    LayerscopeError
        If the model decodes nothing, or a file cannot be used.
    """
    check_parent(request.output)
    if request.output.suffix.lower() != ".png":
        raise BadInputError(
            f"'{request.output}' was to be written; pictures are written as PNG, so "
            "give a name that ends in .png."
        )
    if not request.latent.is_file():
        raise BadInputError(
            f"There is no file '{request.latent}'; give a .npy file with a latent."
        )
    path = find_model(request.model)
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        slot = _decoded(opened)
        source = TensorFile(path=str(request.latent.absolute()))
        command = Run(job=client.next_job(), model=MODEL_NUMBER, inputs={slot: source})
        answered = None
        for event in client.call(command):
            if isinstance(event, RunAnswered):
                answered = event
            elif isinstance(event, Noted):
                opened.notes.append(event.text)
        if answered is None:
            raise EngineLostError("The engine did not answer the run; try again.")
        said = ask(client, LENS, {"what": "last"})
        pictures = pixels_of(client, said, "pictures")
    files = _write_all(request.output, pictures)
    fields: dict[str, Any] = {
        "model": opened.name,
        "files": files,
        "height": pictures.shape[1],
        "width": pictures.shape[2],
        "model_ms": answered.stages.model_ms,
    }
    _tell(opened, fields, as_json=request.json)


def encode(request: EncodeRequest) -> None:
    """Encode a picture into a latent.

    Raises
    ------
    LayerscopeError
        If the model encodes nothing, or a file cannot be used.
    """
    check_parent(request.output)
    if not request.image.is_file():
        raise BadInputError(
            f"There is no picture '{request.image}'; give the path of a picture file."
        )
    path = find_model(request.model)
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        _decoded(opened)
        question = {"what": "encode", "path": str(request.image.absolute())}
        said = ask(client, LENS, dict(question))
        latent = client.arrays_in.get(said.arrays["latent"])
    _write_array(request.output, latent)
    fields: dict[str, Any] = {
        "model": opened.name,
        "files": [str(request.output)],
        "shape": list(latent.shape),
        "score": said.numbers["score"][0],
    }
    _tell(opened, fields, as_json=request.json)


def _decoded(opened: OpenedModel) -> str:
    """Return the slot of the latent.

    Raises
    ------
    BadInputError
        The model decodes nothing.
    """
    assert opened.task is not None
    if LENS not in opened.task.lenses or opened.task.task != TASK:
        raise BadInputError(
            f"{opened.name} was to turn latents into pictures, but it is for "
            f"{opened.task.task}; open a decoder or a generator."
        )
    return opened.task.slots[0].name


def _write_all(output: Path, pictures: Any) -> list[str]:
    files = []
    for number, picture in enumerate(pictures, 1):
        target = output
        if len(pictures) > 1:
            target = output.with_name(f"{output.stem}-{number}{output.suffix}")
        write_png(target, np.ascontiguousarray(picture))
        files.append(str(target))
    return files


def _write_array(path: Path, array: Any) -> None:
    """Write a ``.npy`` file, whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.absolute().parent, suffix=".npy", delete=False
        ) as file:
            np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
        Path(file.name).replace(path)
    except OSError as error:
        raise BadInputError(
            f"'{path}' cannot be written ({error.strerror or error}); choose another "
            "place."
        ) from error


def _tell(opened: OpenedModel, fields: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        if opened.notes:
            fields["notes"] = [text.one_line(note) for note in opened.notes]
        text.say_json(fields)
        return
    for name in fields["files"]:
        text.say(f"wrote {name}")
    if "score" in fields:
        text.say(f"reconstruction error {fields['score']:.4g}")
    for note in opened.notes:
        text.say(text.sentence(note))
