"""Settings of one run of diffusion, checked and put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from layerscope.core import diffusion
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.parts import Parts
from layerscope.protocol.inputs import SettingValue

PREVIEWS = ("automatic", "each step", "linear", "off")
MOST_PICTURES = 16
MOST_SIDE = 4096
Settings = dict[str, SettingValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one batch of pictures is made with.

    Attributes
    ----------
    prompt, negative_prompt, second_prompt : str
    seed, second_seed : int
        A second seed of -1 is none.
    steps : int
    guidance : float
        1 or less means that the conditional prediction is taken as it is.
    scheduler, prediction : str
    height, width : int
        In pixels.
    count : int
    label : int
        Number of the class.
    strength : float
        Share of the steps that a picture to begin from goes through, 0 to 1.
    blend : float
        0 to 1, from prompt and seed to the second ones.
    preview : str
        One of `PREVIEWS`.
    attention : bool
    """

    prompt: str = ""
    negative_prompt: str = ""
    second_prompt: str = ""
    seed: int = 0
    second_seed: int = -1
    steps: int = 20
    guidance: float = 7.5
    scheduler: str = "ddim"
    prediction: str = ""
    height: int = 512
    width: int = 512
    count: int = 1
    label: int = 0
    strength: float = 0.8
    blend: float = 0.0
    preview: str = "automatic"
    attention: bool = False


def usual_guidance(parts: Parts) -> float:
    """Return the guidance that suits a model; its card or size tells.

    Small networks, those below pictures of 128 pixels, bear less of it.
    """
    if parts.flows:
        return 5.0
    return 3.0 if max(parts.usual) < 128 or not parts.latent else 7.5


def usual_scheduler(parts: Parts) -> tuple[str, str, bool]:
    """Return the scheduler to begin with, a note, and whether the folder is at fault.

    Returns
    -------
    id, note : str
    unknown : bool
        True where the folder's own is one that nobody knows; a run is then refused
        until the user has chosen.
    """
    if not parts.scheduler:
        return "ddim", "", False
    try:
        return (*diffusion.scheduler_of(parts.scheduler), False)
    except BadInputError as error:
        return "ddim", str(error), True


def options_of(
    parts: Parts, texts: dict[str, str], settings: Settings, *, from_picture: bool
) -> Options:
    """Check settings and put them together.

    Parameters
    ----------
    parts : Parts
        Of the open model.
    texts : dict of str to str
        By slot.
    settings : dict
        Those that differ from their defaults.
    from_picture : bool
        Whether there is a picture to begin from.

    Raises
    ------
    BadInputError
        A value cannot be used.
    """
    usual, note, unknown = usual_scheduler(parts)
    scheduler = str(settings.get("scheduler", usual))
    if unknown and "scheduler" not in settings:
        raise BadInputError(note)
    diffusion.by_id(scheduler)
    prediction = str(settings.get("prediction", ""))
    if prediction and prediction not in ("epsilon", "v_prediction", "sample"):
        raise BadInputError(
            f"The prediction {prediction[:40]!r} was asked for; there are epsilon, "
            "v_prediction and sample."
        )
    height, width = _size(parts, settings)
    preview = str(settings.get("preview", "automatic"))
    if preview not in PREVIEWS:
        raise BadInputError(
            f"The preview {preview[:40]!r} was asked for; there are "
            f"{', '.join(PREVIEWS)}."
        )
    usual_steps = 4 if scheduler == "lcm" else 20
    return Options(
        prompt=texts.get("prompt", ""),
        negative_prompt=texts.get("negative_prompt", ""),
        second_prompt=texts.get("second_prompt", ""),
        seed=int(number(settings, "seed", 0, 0, 2**62)),
        second_seed=int(number(settings, "second_seed", -1, -1, 2**62)),
        steps=int(number(settings, "steps", usual_steps, 1, 1000)),
        guidance=number(settings, "guidance", usual_guidance(parts), 0, 100)
        if parts.guided
        else 1.0,
        scheduler=scheduler,
        prediction=prediction,
        height=height,
        width=width,
        count=int(number(settings, "count", 1, 1, MOST_PICTURES)),
        label=label_of(parts, settings.get("label", 0)),
        strength=number(settings, "strength", 0.8, 0, 1) if from_picture else 1.0,
        blend=number(settings, "blend", 0, 0, 1),
        preview=preview,
        attention=bool(settings.get("attention", False)),
    )


def number(
    settings: Settings, name: str, usual: float, low: float, high: float
) -> float:
    """Return a number among settings.

    Raises
    ------
    BadInputError
        It is none, or outside its limits.
    """
    value: Any = settings.get(name, usual)
    try:
        given = int(value) if isinstance(value, int) else float(value)
    except ValueError:
        given = float("nan")
    if not low <= given <= high:
        raise BadInputError(
            f"{name.replace('_', ' ').capitalize()} was set to {str(value)[:40]}; "
            f"{low:g} to {high:g} can be used."
        )
    return given


def label_of(parts: Parts, value: SettingValue) -> int:
    """Return the number of a class by its name or number.

    Raises
    ------
    BadInputError
        There is no such class.
    """
    text = str(value).strip()
    names = [name.lower() for name in parts.class_names]
    if text.lower() in names:
        return names.index(text.lower())
    if text.isdecimal() and int(text) < parts.n_classes:
        return int(text)
    there = ", ".join(parts.class_names[:8]) or f"0 to {parts.n_classes - 1}"
    raise BadInputError(f"The class {text[:40]!r} was asked for; there are {there}.")


def _size(parts: Parts, settings: Settings) -> tuple[int, int]:
    height, width = parts.usual
    given = settings.get("size")
    if given is not None:
        sides = str(given).split()
        if len(sides) != 2 or not all(side.isdecimal() for side in sides):
            raise BadInputError(
                f"The size {str(given)[:40]!r} was asked for; give height and width in "
                "pixels, 512 512 say."
            )
        height, width = (int(side) for side in sides)
    if parts.fixed is not None and (height, width) != parts.fixed:
        raise BadInputError(
            f"A picture of {height} x {width} pixels was asked for; the graph of "
            f"{parts.name} makes {parts.fixed[0]} x {parts.fixed[1]} only."
        )
    multiple = parts.multiple
    if height % multiple or width % multiple or not height or not width:
        near = [
            max(multiple, round(side / multiple) * multiple) for side in (height, width)
        ]
        raise BadInputError(
            f"A picture of {height} x {width} pixels was asked for; both sides must "
            f"be multiples of {multiple}, {near[0]} x {near[1]} say."
        )
    if max(height, width) > MOST_SIDE:
        raise BadInputError(
            f"A picture of {height} x {width} pixels was asked for; {MOST_SIDE} a "
            "side is the most."
        )
    return height, width
