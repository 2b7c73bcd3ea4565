"""``layerscope imagine``: pictures by diffusion, on the engine the window uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.cli import archives, text
from layerscope.cli.imagine_arguments import ImagineRequest
from layerscope.cli.opening import (
    MODEL_NUMBER,
    OpenedModel,
    open_model,
    running_engine,
)
from layerscope.client.engine_client import EngineClient
from layerscope.core.errors import BadInputError, EngineLostError
from layerscope.core.made_with import MadeWith
from layerscope.core.png import write_png
from layerscope.library.bundled import find_model
from layerscope.protocol.answers import Denoising
from layerscope.protocol.inputs import (
    InputSource,
    PictureFile,
    SettingValue,
    TypedText,
)
from layerscope.protocol.messages import (
    AskLens,
    LensAnswered,
    Noted,
    Run,
    RunAnswered,
    Stepped,
)

STEPS_LENS, ATTENTION_LENS = "denoising-steps", "cross-attention"
_PLAIN_SETTINGS = ("steps", "guidance", "scheduler", "seed", "count", "label")


@dataclass(slots=True)
class Imagined:
    """What a run made.

    Attributes
    ----------
    denoising : Denoising
        Of the last step.
    steps_ms : list of float
        Of each step.
    files, step_files : list of str
        What was written.
    settings : dict
        What the first picture was made with.
    """

    denoising: Denoising
    steps_ms: list[float] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    step_files: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def imagine(request: ImagineRequest) -> None:
    """Make pictures, write them, and print how it went.

    Raises
    ------
    LayerscopeError
        If the model makes no pictures, or something given cannot be used.
    """
    for path in (request.output, request.save_attention):
        if path is not None:
            check_parent(path)
    if request.output.suffix.lower() != ".png":
        raise BadInputError(
            f"'{request.output}' was to be written; pictures are written as PNG, so "
            "give a name that ends in .png."
        )
    path = find_model(request.model)
    with running_engine() as client:
        opened = open_model(client, path, request.device)
        made = run(client, opened, request)
        save_pictures(client, request.output, made)
        if request.save_steps is not None:
            save_steps(client, request.save_steps, made)
        if request.save_attention is not None:
            save_attention(client, opened, request.save_attention, made)
    if request.json:
        text.say_json(as_json(opened, made))
        return
    for line in as_lines(opened, made):
        text.say(line)


def run(client: EngineClient, opened: OpenedModel, request: ImagineRequest) -> Imagined:
    """Run the model to the end."""
    task = opened.task
    assert task is not None
    if STEPS_LENS not in task.lenses:
        raise BadInputError(
            f"{opened.name} was to make pictures by diffusion, but it is for "
            f"{task.task}; use `layerscope run`, or open a diffusion model."
        )
    command = Run(
        job=client.next_job(),
        model=MODEL_NUMBER,
        inputs=inputs_of(opened, request),
        settings=settings_of(opened, request),
    )
    made: Imagined | None = None
    answered = False
    steps_ms = []
    for event in client.call(command):
        if isinstance(event, Stepped) and event.answer is not None:
            steps_ms.append(event.ms)
            for part in event.answer.parts:
                if isinstance(part, Denoising):
                    made = Imagined(part)
        elif isinstance(event, Noted):
            opened.notes.append(event.text)
        elif isinstance(event, RunAnswered):
            answered = True
    if made is None or not answered:
        raise EngineLostError("The engine did not answer the run; try again.")
    made.steps_ms = steps_ms
    return made


def inputs_of(opened: OpenedModel, request: ImagineRequest) -> dict[str, InputSource]:
    """Return the sources of all slots that something was given for.

    Raises
    ------
    BadInputError
        The model does not take what was given, or a file is not there.
    """
    assert opened.task is not None
    slots = {slot.name for slot in opened.task.slots}
    given: dict[str, InputSource] = {}
    for name, words in (
        ("prompt", request.prompt),
        ("negative_prompt", request.negative),
    ):
        if words is not None:
            given[name] = TypedText.of(words)
    for name, path in (("image", request.image), ("mask", request.mask)):
        if path is not None:
            if not path.is_file():
                raise BadInputError(
                    f"There is no picture '{path}'; give the path of a picture file."
                )
            given[name] = PictureFile(path=str(path.absolute()))
    for name in given:
        if name not in slots:
            there = ", ".join(sorted(slots)) or "nothing"
            raise BadInputError(
                f"{opened.name} takes no {name.replace('_', ' ')}; it takes {there}."
            )
    return given


def settings_of(
    opened: OpenedModel, request: ImagineRequest
) -> dict[str, SettingValue]:
    """Return what was set, by the names of the task's settings.

    Raises
    ------
    BadInputError
        The model has no such setting.
    """
    assert opened.task is not None
    settings: dict[str, SettingValue] = {
        name: value
        for name in _PLAIN_SETTINGS
        if (value := getattr(request, name)) is not None
    }
    if request.strength is not None:
        settings["strength"] = request.strength
    if request.size is not None:
        settings["size"] = f"{request.size[1]} {request.size[0]}"
    there = {spec.name for spec in opened.task.settings}
    for name in settings:
        if name not in there and name != "size":
            raise BadInputError(
                f"{opened.name} has no {name} to set; it has "
                f"{', '.join(sorted(there - {'attention', 'preview'}))}."
            )
    if request.save_attention is not None and "attention" in there:
        settings["attention"] = True
    settings["preview"] = "off"
    return settings


def save_pictures(client: EngineClient, output: Path, made: Imagined) -> None:
    """Write each picture with what it was made with."""
    for index in range(made.denoising.count):
        said = ask(
            client,
            STEPS_LENS,
            {"what": "picture", "step": made.denoising.n_calls, "index": index},
        )
        facts = MadeWith.from_json(said.texts["metadata"][0])
        target = output
        if made.denoising.count > 1:
            target = output.with_name(f"{output.stem}-{index + 1}{output.suffix}")
        write_png(target, pixels_of(client, said, "picture"), facts.texts())
        made.files.append(str(target))
        made.settings = made.settings or dict(facts.settings)


def save_steps(client: EngineClient, folder: Path, made: Imagined) -> None:
    """Write the clean picture that each step of the first picture pointed to.

    Raises
    ------
    BadInputError
        The folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"The folder '{folder}' cannot be made ({error.strerror or error}); choose "
            "another place."
        ) from error
    there = ask(client, STEPS_LENS, {"what": "steps"}).numbers["steps"]
    for step in (int(number) for number in there):
        said = ask(client, STEPS_LENS, {"what": "picture", "step": step})
        target = folder / f"step-{step + 1:03}.png"
        write_png(target, pixels_of(client, said, "picture"))
        made.step_files.append(str(target))


def save_attention(
    client: EngineClient, opened: OpenedModel, path: Path, made: Imagined
) -> None:
    """Write the attention of the first picture to each word, by step.

    Raises
    ------
    BadInputError
        The model attends to no words.
    """
    assert opened.task is not None
    if ATTENTION_LENS not in opened.task.lenses:
        raise BadInputError(
            f"The attention of {opened.name} was to be saved, but its network attends "
            "to no words in a way that can be seen; leave --save-attention out."
        )
    there = ask(client, STEPS_LENS, {"what": "steps"}).numbers["steps"]
    steps = [int(number) for number in there if number < made.denoising.n_calls]
    maps = []
    words: tuple[str, ...] = ()
    for step in steps:
        said = ask(client, ATTENTION_LENS, {"step": step, "picture": False})
        shown = client.arrays_in.get(said.arrays["maps"])
        maps.append(shown.astype(np.float32) * np.float32(said.numbers["largest"][0]))
        words = said.texts["words"]
    with archives.npz_writer(path) as archive:
        archive.write("maps", np.stack(maps))
        archive.write("words", np.array(words))
        archive.write("steps", np.array(steps))
    made.files.append(str(path))


def ask(
    client: EngineClient, lens: str, question: dict[str, SettingValue]
) -> LensAnswered:
    """Ask a lens, and return what it says."""
    command = AskLens(
        job=client.next_job(), model=MODEL_NUMBER, lens=lens, question=question
    )
    for event in client.call(command):
        if isinstance(event, LensAnswered):
            return event
    raise EngineLostError("The engine did not answer a question; try again.")


def pixels_of(
    client: EngineClient, said: LensAnswered, name: str
) -> npt.NDArray[np.uint8]:
    """Return a picture of a lens's answer."""
    return np.asarray(client.arrays_in.get(said.arrays[name]), dtype=np.uint8)


def check_parent(path: Path) -> None:
    """Say now that a file could not be written later.

    Raises
    ------
    BadInputError
        The folder it is to be in is not there.
    """
    parent = path.absolute().parent
    if not parent.is_dir():
        raise BadInputError(
            f"'{path}' cannot be written, since there is no folder '{parent}'; make "
            "it first."
        )


def as_json(opened: OpenedModel, made: Imagined) -> dict[str, Any]:
    """Return the fields of ``imagine --json``."""
    fields: dict[str, Any] = {
        "model": opened.name,
        "seeds": list(made.denoising.seeds),
        "settings": made.settings,
        "words": list(made.denoising.words),
        "files": made.files,
        "step_files": made.step_files,
        "steps_ms": made.steps_ms[:-1],
        "decode_ms": made.steps_ms[-1],
    }
    if opened.notes:
        fields["notes"] = [text.one_line(note) for note in opened.notes]
    return fields


def as_lines(opened: OpenedModel, made: Imagined) -> list[str]:
    """Return what ``imagine`` prints for people."""
    steps = made.steps_ms[:-1]
    lines = [f"{opened.name} · {opened.ready.provider if opened.ready else ''}"]
    settings = made.settings
    told = [f"seed {settings.get('seed', 0)}", str(settings.get("scheduler", ""))]
    if steps:
        middle = float(np.median(steps))
        told.append(f"{len(steps)} steps of {text.milliseconds(middle)}")
    lines.append(" · ".join(told))
    lines += [f"wrote {name}" for name in made.files]
    if made.step_files:
        lines.append(f"wrote {len(made.step_files)} steps, {made.step_files[0]} first")
    lines += [text.sentence(note) for note in opened.notes]
    return lines
