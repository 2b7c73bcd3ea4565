"""One graph input that takes a picture: its preprocessing and its settings."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.preprocessing import (
    COLOURS,
    INTERPOLATIONS,
    LAYOUTS,
    POLARITIES,
    RANGES,
    RESIZES,
    Placement,
    Preprocessing,
    numbers_text,
    with_settings,
)
from layerscope.engine.pictures import place
from layerscope.engine.sources import shape_text
from layerscope.engine.tasks.base import Settings
from layerscope.engine.tasks.feeding import tensor_slot
from layerscope.engine.tasks.guessing import PictureInput, any_picture_input
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

GROUP = "Preprocessing"
SETTING_NAMES = (
    "size",
    "layout",
    "colours",
    "range",
    "mean",
    "std",
    "resize",
    "crop_share",
    "interpolation",
    "polarity",
)


class PicturePreparer:
    """Prepares pictures for one graph input.

    Attributes
    ----------
    info : TensorInfo
    shape : PictureInput
        How the input takes a picture.
    guess : Preprocessing
        What the settings start from.
    """

    def __init__(self, info: TensorInfo, guessed: Preprocessing) -> None:
        shape = any_picture_input(info)
        if shape is None:
            raise BadInputError(
                f"Input {info.name} of {shape_text(info.shape or ())} takes no "
                "picture; choose the task for tensors."
            )
        self.info = info
        self.shape: PictureInput = shape
        self.guess = guessed

    def slot(self, outputs: tuple[TensorInfo, ...]) -> InputSlot:
        """Describe the input."""
        return picture_slot(self.info, outputs)

    def with_settings(self, settings: Settings) -> Preprocessing:
        """Return the guess with the user's changes, as far as the graph lets."""
        chosen = with_settings(self.guess, settings)
        if not self.shape.layout_open:
            chosen = replace(chosen, layout=self.shape.layout)
        return replace(
            chosen,
            height=self.shape.height or chosen.height,
            width=self.shape.width or chosen.width,
        )

    def feed(
        self, pixels: npt.NDArray[np.uint8], chosen: Preprocessing
    ) -> tuple[npt.NDArray[np.generic], Placement, npt.NDArray[np.uint8]]:
        """Make the feed of a picture.

        Returns
        -------
        array, Placement, (height, width, 3) uint8 array
            The feed, where the picture lies in it, and the picture as placed.
        """
        placement = chosen.place(*pixels.shape[:2])
        placed = place(pixels, placement, chosen.interpolation)
        values = chosen.apply(placed, np.dtype(self.info.dtype))
        if self.shape.n_channels not in (1, 3):
            # No picture has that many channels: each one gets the brightness.
            axis = 1 if chosen.layout == "NCHW" else 3
            values = np.repeat(
                values[:, :1] if axis == 1 else values[..., :1],
                self.shape.n_channels,
                axis=axis,
            )
        if self.shape.rank == 3:
            values = values[0]
        return values, placement, placed


def picture_slot(info: TensorInfo, outputs: tuple[TensorInfo, ...]) -> InputSlot:
    """Describe a graph input that takes a picture."""
    slot = tensor_slot(info, outputs)
    return msgspec.structs.replace(slot, kind="picture", feedback="")


def preprocessing_specs(
    preparer: PicturePreparer, *, open_size: bool
) -> tuple[SettingSpec, ...]:
    """List the settings of a preprocessing, the guess as the defaults.

    Parameters
    ----------
    preparer : PicturePreparer
        Of the input concerned.
    open_size : bool
        Whether height and width are to be set here.
    """
    chosen = preparer.guess
    why = "; ".join(chosen.evidence) or "usual for this task, nothing else tells"
    guessed = f" Guessed: {why}."
    colours = COLOURS[:2] if chosen.n_channels == 3 else COLOURS[2:]

    def choice(
        name: str, label: str, value: str, of: tuple[str, ...], text: str
    ) -> SettingSpec:
        return SettingSpec(
            name=name,
            label=label,
            kind="choice",
            default=value,
            choices=of,
            group=GROUP,
            help=text,
        )

    specs: list[SettingSpec] = []
    if open_size:
        specs.append(
            SettingSpec(
                name="size",
                label="Size",
                kind="size",
                default=f"{chosen.height} {chosen.width}",
                group=GROUP,
                help="Height and width in pixels that the picture is brought to.",
            )
        )
    specs += [
        choice(
            "layout",
            "Layout",
            chosen.layout,
            LAYOUTS if preparer.shape.layout_open else (chosen.layout,),
            "Order of batch, channels, height and width.",
        ),
        choice(
            "colours",
            "Colours",
            chosen.colours,
            colours,
            "Order of the colours, or how they become one channel." + guessed,
        ),
        choice(
            "range",
            "Range",
            chosen.value_range,
            RANGES,
            "What pixel values 0 to 255 become before the mean is subtracted."
            + guessed,
        ),
        SettingSpec(
            name="mean",
            label="Mean",
            kind="triple",
            default=numbers_text(chosen.mean),
            group=GROUP,
            help="Subtracted from each channel, in the order they are fed." + guessed,
        ),
        SettingSpec(
            name="std",
            label="Deviation",
            kind="triple",
            default=numbers_text(chosen.std),
            group=GROUP,
            help="Each channel is divided by it." + guessed,
        ),
        choice(
            "resize",
            "Resize",
            chosen.resize,
            RESIZES,
            "Crop the middle, stretch, or keep the aspect ratio on grey.",
        ),
        SettingSpec(
            name="crop_share",
            label="Crop",
            kind="float",
            default=chosen.crop_share,
            minimum=0.05,
            maximum=1.0,
            group=GROUP,
            help="Share of the shorter side that a crop keeps.",
        ),
        choice(
            "interpolation",
            "Interpolation",
            chosen.interpolation,
            INTERPOLATIONS,
            "How pixels are mixed when the size changes.",
        ),
        choice(
            "polarity",
            "Polarity",
            chosen.polarity,
            POLARITIES,
            "Invert always, never, or where the rim of the picture is light.",
        ),
    ]
    return tuple(specs)
