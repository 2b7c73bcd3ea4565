"""What can be given to a model of diffusion, and what can be set."""

from __future__ import annotations

from layerscope.core import diffusion
from layerscope.core.diffusion.noise import PREDICTIONS
from layerscope.engine.diffusion.options import (
    MOST_PICTURES,
    PREVIEWS,
    usual_guidance,
    usual_scheduler,
)
from layerscope.engine.diffusion.parts import Parts
from layerscope.engine.diffusion.sweeps import NONE, settings_to_sweep
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

_TEXT_NOTES = {
    "prompt": "what the picture is to show",
    "negative_prompt": "what it is not to show",
    "second_prompt": "where blending leads to",
}
_PICTURE_NOTES = {
    "image": "a picture to begin from",
    "mask": "white where the picture is to be made anew",
}


def slots_of(parts: Parts) -> tuple[InputSlot, ...]:
    """Return prompts and pictures, as far as the model takes them."""
    slots = []
    if parts.words is not None:
        slots += [
            InputSlot(
                name=name,
                kind="text",
                tensor=TensorInfo(name=name, dtype="string", shape=()),
                note=note,
                optional=name != "prompt",
            )
            for name, note in _TEXT_NOTES.items()
        ]
    if not parts.latent or "vae_encoder" in parts.components:
        slots += [
            InputSlot(
                name=name,
                kind="picture",
                tensor=TensorInfo(
                    name=name, dtype="uint8", shape=("height", "width", 3)
                ),
                note=note,
                optional=True,
            )
            for name, note in _PICTURE_NOTES.items()
        ]
    return tuple(slots)


def settings_of(parts: Parts, has_attention: bool) -> tuple[SettingSpec, ...]:
    """Return what can be set, each with its guess as the default."""
    specs = [*_sampling(parts), *_picture(parts)]
    specs += [
        _number("blend", "Blend", 0.0, 0, 1, "Blend", "From the prompt and seed, 0, to "
                "the second prompt and seed, 1."),
        _whole("second_seed", "Second seed", -1, -1, 2**31 - 1, "Blend",
               "Noise that blending leads to; -1 leaves the seed alone."),
        SettingSpec(
            name="preview",
            label="Preview",
            kind="choice",
            default="automatic",
            choices=PREVIEWS,
            group="Looking",
            help="How each step is shown; automatic decodes within 2 % of the time and "
            "estimates otherwise.",
        ),
    ]  # fmt: skip
    if has_attention:
        specs.append(
            SettingSpec(
                name="attention",
                label="Keep attention",
                kind="bool",
                default=False,
                group="Looking",
                help="Keep the attention to each word at every step; else it is "
                "computed when it is looked at.",
            )
        )
    return (*specs, *_variations(parts))


def _sampling(parts: Parts) -> list[SettingSpec]:
    usual, _, _ = usual_scheduler(parts)
    specs = [
        _whole("seed", "Seed", 0, 0, 2**31 - 1, "Sampling",
               "The same seed gives the same picture; of several pictures, each has "
               "the next one."),
        _whole("steps", "Steps", 4 if usual == "lcm" else 20, 1, 1000, "Sampling",
               "From noise to picture; more take longer."),
    ]  # fmt: skip
    if parts.guided:
        specs.append(
            _number("guidance", "Guidance", usual_guidance(parts), 0, 30, "Sampling",
                    "How strongly the words count; 1 takes them as they are.")
        )  # fmt: skip
    specs.append(
        SettingSpec(
            name="scheduler",
            label="Scheduler",
            kind="choice",
            default=usual,
            choices=tuple(
                kind.id
                for kind in diffusion.SCHEDULERS
                if (kind.id == "flow-euler") == parts.flows
            ),
            group="Sampling",
            help="The way from noise to picture.",
        )
    )
    if not parts.flows:
        stated = str(parts.scheduler.get("prediction_type", "epsilon"))
        specs.append(
            SettingSpec(
                name="prediction",
                label="Predicts",
                kind="choice",
                default=stated if stated in PREDICTIONS else "epsilon",
                choices=PREDICTIONS,
                group="Sampling",
                help="What the network was trained to predict; the folder says it.",
            )
        )
    return specs


def _picture(parts: Parts) -> list[SettingSpec]:
    specs = []
    height, width = parts.usual
    if parts.fixed is None:
        specs.append(
            SettingSpec(
                name="size",
                label="Size",
                kind="size",
                default=f"{height} {width}",
                minimum=parts.multiple,
                maximum=2048,
                group="Picture",
                help=f"Height and width in pixels, multiples of {parts.multiple}.",
            )
        )
    specs.append(
        _whole("count", "Pictures", 1, 1, MOST_PICTURES, "Picture",
               "Made at once, each with the next seed.")
    )  # fmt: skip
    if parts.label is not None:
        names = parts.class_names or tuple(str(n) for n in range(parts.n_classes))
        specs.append(
            SettingSpec(
                name="label",
                label="Class",
                kind="choice",
                default=names[0],
                choices=names,
                group="Picture",
                help="What the picture is to show.",
            )
        )
    if not parts.latent or "vae_encoder" in parts.components:
        specs.append(
            _number("strength", "Strength", 0.8, 0, 1, "Picture",
                    "How far the result may go from the picture given; 1 makes it "
                    "all anew.")
        )  # fmt: skip
    return specs


def _variations(parts: Parts) -> list[SettingSpec]:
    choices = (NONE, *settings_to_sweep(parts))
    specs = []
    for axis, shown in (("row", "Rows"), ("column", "Columns")):
        specs.append(
            SettingSpec(
                name=f"sweep_{axis}s",
                label=shown,
                kind="choice",
                default=NONE,
                choices=choices,
                group="Variations",
                help=f"The setting that changes from {axis} to {axis} of a grid of "
                "pictures.",
            )
        )
        specs.append(
            SettingSpec(
                name=f"sweep_{axis}_values",
                label=f"{shown} values",
                kind="text",
                default="",
                group="Variations",
                help="Its values, parted by blanks; nothing takes usual ones.",
            )
        )
    return specs


def _number(
    name: str, label: str, usual: float, low: float, high: float, group: str, said: str
) -> SettingSpec:
    return SettingSpec(
        name=name,
        label=label,
        kind="float",
        default=float(usual),
        minimum=low,
        maximum=high,
        group=group,
        help=said,
    )


def _whole(
    name: str, label: str, usual: int, low: int, high: int, group: str, said: str
) -> SettingSpec:
    return SettingSpec(
        name=name,
        label=label,
        kind="int",
        default=usual,
        minimum=low,
        maximum=high,
        group=group,
        help=said,
    )
