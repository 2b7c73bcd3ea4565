"""Diffusion: pictures made step by step of noise, words, classes or other pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from layerscope.core.errors import BadInputError
from layerscope.core.made_with import MadeWith
from layerscope.core.mosaic import near_square, side_by_side
from layerscope.engine.diffusion import parts as parts_of
from layerscope.engine.diffusion.coding import Pixels
from layerscope.engine.diffusion.form import settings_of, slots_of
from layerscope.engine.diffusion.options import (
    Options,
    options_of,
    usual_scheduler,
)
from layerscope.engine.diffusion.pipeline import CELL, Made, Pipeline, Shown
from layerscope.engine.diffusion.sweeps import Sweep, sweep_of
from layerscope.engine.pictures import resize, shrink
from layerscope.engine.sources import Sources
from layerscope.engine.steps import Runner, Step
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.protocol.answers import (
    Answer,
    Denoising,
    PictureAnswer,
    Token,
    VariationGrid,
)
from layerscope.protocol.inputs import TokenIds, TypedText
from layerscope.protocol.values import InputSlot, SettingSpec

MOST_SIDE = 1536
MOST_TOKENS = 4096
TEXT_SLOTS = ("prompt", "negative_prompt", "second_prompt")


@dataclass(slots=True)
class PreparedDiffusion(Prepared):
    """Texts and pictures of one run."""

    texts: dict[str, str] = field(default_factory=dict)
    image: Pixels | None = None
    mask: Pixels | None = None


class Diffusion:
    """Pictures out of noise."""

    id: ClassVar[str] = "diffusion"
    title: ClassVar[str] = "Diffusion"
    finish_settings: frozenset[str] = frozenset()

    def __init__(self, context: TaskContext) -> None:
        found = parts_of.read(context.folder, context.inputs, context.outputs)
        if found is None:
            raise BadInputError(
                f"{context.folder.name} is no model of diffusion: its graph takes no "
                "noisy picture with a time step; take the task for tensors."
            )
        self.context = context
        self.parts = found
        self.pipeline = Pipeline(found, context.folder.root, context.model)
        self.made: Made | None = None

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for a noisy picture and a time step."""
        found = parts_of.read(context.folder, context.inputs, context.outputs)
        if found is None:
            return 0.0
        return 0.5 if found.others else 0.95

    def slots(self) -> tuple[InputSlot, ...]:
        """List prompts and pictures, as far as the model takes them."""
        return slots_of(self.parts)

    def settings(self) -> tuple[SettingSpec, ...]:
        """List what can be set."""
        return settings_of(self.parts, bool(self.pipeline.layers))

    def tokenise(self, text: str, slot: str) -> tuple[tuple[Token, ...], int, int, str]:
        """Return the tokens of a prompt that is typed, how many, how many fit."""
        del slot
        if not self.parts.encoders:
            return (), 0, 0, ""
        tokenizer = self.pipeline.prompts.tokenizer(self.parts.encoders[0])
        found = tokenizer.encode(text)
        tokens = tuple(
            Token(
                id=number,
                text=tokenizer.piece(number).replace("</w>", ""),
                start=-1 if found.special[at] else found.spans[at][0],
                end=-1 if found.special[at] else found.spans[at][1],
                special=found.special[at],
            )
            for at, number in enumerate(found.ids[:MOST_TOKENS])
        )
        limit = self.pipeline.prompts.length(self.parts.encoders[0])
        return tokens, len(found.ids), limit, ""

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Take texts and pictures, and check that all parts are there.

        Raises
        ------
        BadInputError
            If a part is missing or a source cannot be used.
        """
        started = time.perf_counter()
        prepared = PreparedDiffusion(feeds={})
        names = {slot.name for slot in self.slots()}
        for name in TEXT_SLOTS:
            source = inputs.get(name)
            if isinstance(source, TypedText):
                prepared.texts[name] = source.text
                if source.note:
                    prepared.notes.append(source.note)
            elif isinstance(source, TokenIds):
                prepared.texts[name] = "ids: " + " ".join(map(str, source.ids))
        for name in ("image", "mask"):
            if name not in inputs:
                continue
            if name not in names:
                raise BadInputError(
                    f"A picture was given to begin from, but {self.parts.name} lacks "
                    "vae_encoder/model.onnx, which would read it; leave the picture "
                    "out."
                )
            pixels = sources.picture(inputs[name])
            setattr(prepared, name, pixels)
            prepared.pictures[f"input:{name}"] = shrink(pixels, MOST_SIDE)
        parts_of.check(self.parts, from_picture=prepared.image is not None)
        self._cells(prepared, settings)  # says now what cannot be
        if "scheduler" not in settings and (note := usual_scheduler(self.parts)[1]):
            prepared.notes.append(note)  # another one stands in for the folder's own
        prepared.notes += sources.take_notes()
        prepared.prepare_ms = (time.perf_counter() - started) * 1e3
        return prepared

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Say nothing: a run of many steps answers by its steps."""
        del outputs, prepared, settings
        return Answer(), {}

    def generate(
        self, runner: Runner, prepared: Prepared, settings: Settings
    ) -> Iterator[Step]:
        """Make one batch of pictures, or one for each cell of variations."""
        assert isinstance(prepared, PreparedDiffusion)
        sweep, cells = self._cells(prepared, settings)
        if sweep is None:
            yield from self._one_batch(runner, prepared, settings)
        else:
            yield from self._all_cells(runner, prepared, settings, sweep, cells)

    def _cells(
        self, prepared: PreparedDiffusion, settings: Settings
    ) -> tuple[Sweep | None, list[Settings]]:
        sweep = sweep_of(self.parts, settings)
        cells = [settings]
        if sweep is not None:
            cells = [{**settings, **cell, "count": 1} for cell in sweep.cells]
        for cell in cells:
            self._options(prepared, cell)
        return sweep, cells

    def _options(self, prepared: PreparedDiffusion, settings: Settings) -> Options:
        return options_of(
            self.parts,
            prepared.texts,
            settings,
            from_picture=prepared.image is not None,
        )

    def _begun(
        self, runner: Runner, prepared: PreparedDiffusion, settings: Settings
    ) -> Made:
        options = self._options(prepared, settings)
        made = self.pipeline.begin(runner, options, prepared.image, prepared.mask)
        made.texts = prepared.texts
        given = {"image": prepared.image, "mask": prepared.mask}
        made.pictures = tuple(k for k, pixels in given.items() if pixels is not None)
        made.settings = settings_made_with(self.parts, options)
        return made

    def _one_batch(
        self, runner: Runner, prepared: PreparedDiffusion, settings: Settings
    ) -> Iterator[Step]:
        made = self._begun(runner, prepared, settings)
        self.made = made
        n_steps = made.making.n_calls - made.making.first + 1
        columns = near_square(made.making.options.count)
        for shown in self.pipeline.shown(runner, made, keep=True):
            pictures: Pictures = {}
            if shown.pictures is not None:
                one = shown.pictures[0]
                several = len(shown.pictures) > 1
                whole = side_by_side(shown.pictures, columns) if several else one
                pictures["answer:picture"] = shrink(whole, MOST_SIDE)
            done = shown.call >= made.making.n_calls
            part = self._picture(made, columns, metadata=done)
            yield Step(
                answer=Answer(parts=(part, self._denoising(made, shown))),
                pictures=pictures,
                n_steps=n_steps,
            )

    def _all_cells(
        self,
        runner: Runner,
        prepared: PreparedDiffusion,
        settings: Settings,
        sweep: Sweep,
        cells: list[Settings],
    ) -> Iterator[Step]:
        self.made = None
        options = self._options(prepared, settings)
        columns = len(sweep.column_values)
        rows = len(sweep.row_values)
        height, width = options.height, options.width
        reduced = min(1.0, MOST_SIDE / max(rows * height, columns * width))
        side_y, side_x = max(1, int(height * reduced)), max(1, int(width * reduced))
        shape = (rows * side_y, columns * side_x, 3)
        whole = np.full(shape, 128, dtype=np.uint8)
        n_steps = sum(self._calls(prepared, cell) + 1 for cell in cells)
        for number, cell in enumerate(cells):
            made = self._begun(runner, prepared, cell)
            top, left = number // columns * side_y, number % columns * side_x
            for shown in self.pipeline.shown(runner, made, keep=False):
                done = shown.call >= made.making.n_calls
                pictures: Pictures = {}
                if shown.pictures is not None:
                    small = resize(shown.pictures[0], side_y, side_x, "box")
                    whole[top : top + side_y, left : left + side_x] = small
                    pictures["answer:picture"] = whole.copy()
                if done:
                    assert shown.pictures is not None
                    text = np.frombuffer(
                        self.metadata(made, 0).encode(), dtype=np.uint8
                    )
                    kept = {"picture": shown.pictures[0], "metadata": text}
                    runner.keepsakes.put(CELL, number, kept)
                grid = VariationGrid(
                    rows=sweep.rows,
                    columns=sweep.columns,
                    row_values=tuple(str(v) for v in sweep.row_values),
                    column_values=tuple(str(v) for v in sweep.column_values),
                    cell_width=side_x,
                    cell_height=side_y,
                    n_done=number + done,
                )
                picture = PictureAnswer(key="picture", width=shape[1], height=shape[0])
                denoising = self._denoising(made, shown, cell=number)
                yield Step(
                    answer=Answer(parts=(picture, denoising, grid)),
                    pictures=pictures,
                    n_steps=n_steps,
                )

    def _calls(self, prepared: PreparedDiffusion, settings: Settings) -> int:
        """Return how many calls of the network a cell will take."""
        options = self._options(prepared, settings)
        order = 2 if options.scheduler == "heun" else 1
        n_calls = options.steps * order - (order - 1)
        left_out = options.steps - min(
            int(options.steps * options.strength), options.steps
        )
        return n_calls - min(left_out * order, n_calls)

    def _picture(self, made: Made, columns: int, *, metadata: bool) -> PictureAnswer:
        options = made.making.options
        rows = -(-options.count // columns)
        return PictureAnswer(
            key="picture",
            width=options.width * columns,
            height=options.height * rows,
            metadata=self.metadata(made) if metadata else "",
        )

    def _denoising(self, made: Made, shown: Shown, cell: int = -1) -> Denoising:
        making = made.making
        return Denoising(
            step=shown.call,
            n_calls=making.n_calls,
            noise=tuple(float(x) for x in making.scheduler.noise),
            timesteps=tuple(float(x) for x in making.scheduler.timesteps),
            preview=shown.how,
            words=tuple(word.text for word in made.words),
            count=making.options.count,
            columns=near_square(making.options.count),
            cell=cell,
            seeds=making.seeds,
        )

    def metadata(self, made: Made, index: int = -1) -> str:
        """Return what pictures were made with, as JSON.

        Parameters
        ----------
        made : Made
            The run.
        index : int
            Of one picture of the batch, -1 for all of them as they were made.
        """
        settings = dict(made.settings)
        if index >= 0:
            settings["seed"] = made.making.seeds[index]
            settings["count"] = 1
        return MadeWith(
            model=self.parts.name,
            sha256=self.context.model.sha256[:16],
            path=self.context.folder.root.name,
            task=self.id,
            texts_given={k: v for k, v in made.texts.items() if v},
            settings=settings,
            pictures=made.pictures,
        ).json()


def settings_made_with(parts: parts_of.Parts, options: Options) -> dict[str, Any]:
    """Return the settings that a picture depends on, by their names in the form."""
    told: dict[str, Any] = {
        "seed": options.seed,
        "steps": options.steps,
        "scheduler": options.scheduler,
        "size": f"{options.height} {options.width}",
        "count": options.count,
        "strength": options.strength,
        "blend": options.blend,
        "second_seed": options.second_seed,
    }
    if parts.guided:
        told["guidance"] = options.guidance
    if options.prediction:
        told["prediction"] = options.prediction
    if parts.label is not None:
        names = parts.class_names
        known = options.label < len(names)
        told["label"] = names[options.label] if known else str(options.label)
    return told
