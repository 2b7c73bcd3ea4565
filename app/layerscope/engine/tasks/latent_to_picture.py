"""Latent to picture: generators, decoders of autoencoders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from layerscope.core.errors import BadInputError
from layerscope.core.made_with import MOST_VALUES, MadeWith, array_text
from layerscope.core.mosaic import near_square, side_by_side
from layerscope.engine.latents import decoder as decoders
from layerscope.engine.latents.space import LatentSpace
from layerscope.engine.pictures import shrink
from layerscope.engine.sources import Sources
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.tensors import Tensors
from layerscope.protocol.answers import Answer, PictureAnswer
from layerscope.protocol.values import InputSlot, SettingSpec

MOST_SIDE = 1536


class LatentToPicture(Tensors):
    """A picture made of a vector or a small grid.

    Attributes
    ----------
    decoder : LatentDecoder
        How the graph is fed and read.
    space : LatentSpace
        What is known of its latents; the lens ``latent-map`` fills it.
    """

    id: ClassVar[str] = "latent-to-picture"
    title: ClassVar[str] = "Latent to picture"
    finish_settings: frozenset[str] = frozenset({"output_range"})

    def __init__(self, context: TaskContext) -> None:
        found = _found(context)
        if found is None:
            raise BadInputError(
                f"{context.folder.name} makes no picture of a latent; take the task "
                "for tensors."
            )
        super().__init__(context)
        self.decoder = found
        self.space = LatentSpace()
        self._made: tuple[Prepared, float, Prepared] | None = None

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for a small input and a picture that comes out."""
        found = _found(context)
        return 0.0 if found is None else found.surely

    def slots(self) -> tuple[InputSlot, ...]:
        """List the graph's inputs, the latent first."""
        name = self.decoder.latent.name
        return tuple(sorted(super().slots(), key=lambda slot: slot.name != name))

    def settings(self) -> tuple[SettingSpec, ...]:
        """List the scale of the latent, the output's range and open sizes."""
        return (
            SettingSpec(
                name="scale",
                label="Scale",
                kind="float",
                default=round(self.decoder.scale, 6),
                minimum=0.0,
                maximum=max(4.0, 4 * self.decoder.scale),
                group="Latent",
                help="What the latent is multiplied with; less than usual keeps "
                "nearer to the mean picture.",
            ),
            SettingSpec(
                name="output_range",
                label="Output range",
                kind="choice",
                default=decoders.RANGES[0],
                choices=decoders.RANGES,
                group="Output",
                help="Which values of the output are black and white; automatic "
                "looks at the graph's end, then at the values.",
            ),
            *super().settings(),
        )

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds, the latent scaled."""
        scale = self.scale(settings)
        prepared = super().prepare(sources, inputs, settings)
        if scale == 1.0:
            return prepared
        made = self._made
        if made is not None and made[0] is prepared and made[1] == scale:
            return made[2]
        name = self.decoder.latent.name
        latent = prepared.feeds[name]
        factor = latent.dtype.type(scale)
        scaled = np.ascontiguousarray(latent * factor)  # type: ignore[operator]
        changed = replace(prepared, feeds={**prepared.feeds, name: scaled})
        self._made = (prepared, scale, changed)
        return changed

    def scale(self, settings: Settings) -> float:
        """Return what latents are multiplied with.

        Raises
        ------
        BadInputError
            It is no number.
        """
        given = settings.get("scale", round(self.decoder.scale, 6))
        try:
            value = float(given)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise BadInputError(
                f"The scale was set to {str(given)[:40]}; give a number, 1 say."
            )
        return value

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Turn the output into a picture; of several latents, into one of all."""
        wanted = str(settings.get("output_range", decoders.RANGES[0]))
        values = np.asarray(outputs[self.decoder.output.name])
        pictures = self.decoder.pictures(values, wanted)
        columns = near_square(len(pictures))
        whole = pictures[0] if len(pictures) == 1 else side_by_side(pictures, columns)
        part = PictureAnswer(
            key="picture",
            width=whole.shape[1],
            height=whole.shape[0],
            metadata=self.metadata(prepared, settings),
        )
        return Answer(parts=(part,)), {"answer:picture": shrink(whole, MOST_SIDE)}

    def metadata(self, prepared: Prepared, settings: Settings) -> str:
        """Return what a picture was made with, as JSON; the latent unscaled.

        Empty where the inputs are too large to be told in a picture's file.
        """
        made = self._made
        unscaled = made[0] if made and made[2] is prepared else prepared
        feeds = {k: np.asarray(array) for k, array in unscaled.feeds.items()}
        if sum(array.size for array in feeds.values()) > MOST_VALUES:
            return ""
        return MadeWith(
            model=self.context.folder.name,
            sha256=self.context.model.sha256[:16],
            path=self.context.folder.root.name,
            task=self.id,
            settings={**settings, "scale": self.scale(settings)},
            arrays={k: array_text(array) for k, array in feeds.items()},
        ).json()


def _found(context: TaskContext) -> decoders.LatentDecoder | None:
    return decoders.find(
        context.folder, context.model.proto.graph, context.inputs, context.outputs
    )
