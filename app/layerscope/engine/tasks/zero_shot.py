"""Zero-shot classification: one picture against captions that the user types."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError, LayerscopeError
from layerscope.core.preprocessing import Preprocessing
from layerscope.engine.model.reading import OnnxModel, read_model
from layerscope.engine.sources import Sources
from layerscope.engine.steps import Runner, Step
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.picture_task import PictureTask, main_picture
from layerscope.engine.tasks.text_purpose import EMBEDDING, Purpose, purpose_of
from layerscope.engine.tasks.text_reading import Reading, TextReader
from layerscope.engine.tasks.text_task import real
from layerscope.protocol.answers import Answer, Scored, Scores, Token
from layerscope.protocol.inputs import InputSource, TypedText
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

SLOT = "captions"
TEXT = "text"
MOST_CAPTIONS = 128
_EXAMPLE = "a photo of a cat\na photo of a dog\na photo of a ship"
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# OpenAI's models end at 100, and their configurations still say what they began with.
_LAST_SCALE, _FIRST_SCALE = 100.0, 2.6592
_MOST_SCALE = 1000.0

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class PreparedCaptions(Prepared):
    """Feeds of the picture, and the captions, one for each line."""

    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Towers:
    """What puts pictures and texts into one space.

    Attributes
    ----------
    image : TensorInfo
        The drawn graph's output.
    context : TaskContext
        Of the text tower.
    purpose : Purpose
        Of its inputs and outputs.
    """

    image: TensorInfo
    context: TaskContext
    purpose: Purpose


_known: WeakKeyDictionary[OnnxModel, Towers | bool] = WeakKeyDictionary()


class ZeroShot(PictureTask):
    """Which of some captions fits a picture, by the cosines of two towers.

    Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", 2021 (https://arxiv.org/abs/2103.00020). The drawn graph is the image
    tower; the text tower is a part of the model, and what it makes of a caption is
    kept until other captions are typed.
    """

    id: ClassVar[str] = "zero-shot-image-classification"
    title: ClassVar[str] = "Picture against captions"
    default: ClassVar[Preprocessing] = Preprocessing(
        mean=_CLIP_MEAN, std=_CLIP_STD, resize="crop", interpolation="bicubic"
    )

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        found = towers_of(context)
        if found is None:
            raise BadInputError(
                f"{self.title} was asked for, but {context.folder.name} has no text "
                "tower beside its image tower; take the task for tensors."
            )
        self.towers = found
        self.reader = TextReader(found.context, found.purpose.wiring)
        self._embeds: dict[str, Floats] = {}
        self._told = False

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for a text tower beside a graph that takes a picture."""
        return 0.95 if towers_of(context) is not None else 0.0

    def slots(self) -> tuple[InputSlot, ...]:
        """List the picture, the captions and the other inputs."""
        picture, *others = super().slots()
        stated = self.reader.example()
        captions = InputSlot(
            name=SLOT,
            kind="text",
            tensor=self.towers.purpose.wiring.ids,
            note=f"{self.reader.note}, one caption a line",
            example=stated if "\n" in stated else _EXAMPLE,
        )
        return (picture, captions, *others)

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List what cosines are multiplied by before the softmax."""
        return (
            SettingSpec(
                name="scale",
                label="Sharpness",
                kind="float",
                default=round(_stated_scale(self.context.folder.config), 3),
                minimum=1.0,
                maximum=_MOST_SCALE,
                group="Captions",
                help="What cosines are multiplied by before the softmax: the larger, "
                "the surer the scores.",
            ),
        )

    def tokenise(self, text: str, slot: str) -> tuple[tuple[Token, ...], int, int, str]:
        """Return the tokens of the captions, as `TextReader.tokenise` does."""
        del slot
        return self.reader.tokenise(text)

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds of the picture, and read the captions.

        Raises
        ------
        BadInputError
            If a source cannot be used, or there are no captions.
        """
        made = super().prepare(sources, inputs, settings)
        readings, notes = self._read(inputs.get(SLOT))
        told, self._told = self._told, True
        return PreparedCaptions(
            feeds=made.feeds,
            pictures=made.pictures,
            decode_ms=made.decode_ms,
            prepare_ms=made.prepare_ms,
            notes=[*([] if told else self.reader.notes), *made.notes, *notes],
            by_slot=made.by_slot,
            readings=readings,
        )

    def generate(
        self, runner: Runner, prepared: Prepared, settings: Settings
    ) -> Iterator[Step]:
        """Run the image tower, and the text tower for captions that are new."""
        assert isinstance(prepared, PreparedCaptions)
        outputs = runner.run(prepared.feeds)
        image = _unit(outputs[self.towers.image.name])
        embeds: dict[str, Floats] = {}
        for reading in prepared.readings:
            if reading.text not in embeds:
                kept = self._embeds.get(reading.text)
                if kept is None:
                    kept = self._embedded(runner, reading)
                embeds[reading.text] = kept
        self._embeds = embeds
        cosines = np.array([image @ embeds[r.text] for r in prepared.readings])
        scale = real(settings, "scale", _stated_scale(self.context.folder.config))
        powers = np.exp(scale * (cosines - cosines.max()))
        scores = powers / powers.sum()
        top = tuple(
            Scored(
                index=int(n),
                label=prepared.readings[int(n)].text.strip(),
                score=float(scores[n]),
            )
            for n in np.argsort(-scores, kind="stable")
        )
        part = Scores(top=top, n_classes=len(top))
        yield Step(answer=Answer(parts=(part,)), n_steps=1)

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Have nothing to add: the step has told everything."""
        del outputs, prepared, settings
        return Answer(), {}

    def _read(
        self, source: InputSource | None
    ) -> tuple[tuple[Reading, ...], list[str]]:
        slot = self.slots()[1]
        typed = TypedText(text=slot.example) if source is None else source
        if not isinstance(typed, TypedText):
            raise BadInputError(
                "Captions were needed, but the source holds none; type some, one a "
                "line."
            )
        lines = [line for line in typed.text.splitlines() if line.strip()]
        if not lines:
            raise BadInputError(
                "There are no captions to compare the picture with; type some, one a "
                "line."
            )
        notes = []
        if len(lines) == 1:
            notes.append(
                "A single caption always gets the whole score; type another one below."
            )
        if len(lines) > MOST_CAPTIONS:
            notes.append(
                f"{len(lines):,} captions were given; the first {MOST_CAPTIONS} are "
                "used."
            )
        readings = [
            self.reader.read(TypedText(text=line)) for line in lines[:MOST_CAPTIONS]
        ]
        cut = dict.fromkeys(note for reading in readings for note in reading.notes)
        return tuple(readings), [*notes, *cut]

    def _embedded(self, runner: Runner, reading: Reading) -> Floats:
        wiring, output = self.towers.purpose.wiring, self.towers.purpose.output
        feeds = {**wiring.feeds(reading.ids), **wiring.first_state()}
        return _unit(runner.run(feeds, TEXT)[output.name])


def towers_of(context: TaskContext) -> Towers | None:
    """Return what a folder of two towers holds, None for any other; found out once."""
    if context.model not in _known:
        _known[context.model] = _find(context) or False
    found = _known[context.model]
    return found if isinstance(found, Towers) else None


def _find(context: TaskContext) -> Towers | None:
    path = context.folder.components.get(TEXT)
    if path is None or main_picture(context) is None:
        return None
    try:
        text = TaskContext.of(read_model(path), context.folder)
    except LayerscopeError:
        return None  # the image tower can still be looked at by itself
    purpose = purpose_of(text)
    if purpose is None or purpose.kind != EMBEDDING:
        return None
    size = (purpose.output.shape or (None,))[-1]
    fitting = [
        info
        for info in context.outputs
        if len(info.shape or ()) == 2 == len(purpose.output.shape or ())
        and info.dtype.startswith(("float", "bfloat"))
        and _agree((info.shape or (None,))[-1], size)
    ]
    named = [info for info in fitting if "embed" in info.name.lower()]
    image = next(iter(named or fitting), None)
    return Towers(image, text, purpose) if image is not None else None


def _agree(one: object, other: object) -> bool:
    return one == other or not (isinstance(one, int) and isinstance(other, int))


def _unit(values: npt.NDArray[Any]) -> Floats:
    vector = np.nan_to_num(np.asarray(values).astype(np.float64)).reshape(-1)
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length) if length > 0 else vector


def _stated_scale(config: dict[str, Any]) -> float:
    stated = config.get("logit_scale_init_value")
    if not isinstance(stated, int | float) or isinstance(stated, bool):
        return _LAST_SCALE
    if abs(stated - _FIRST_SCALE) < 1e-3 or not 0 <= stated <= math.log(_MOST_SCALE):
        return _LAST_SCALE
    return math.exp(stated)
