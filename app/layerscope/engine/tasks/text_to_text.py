"""Text to text: an encoder reads a text, a decoder writes another from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.model.reading import read_model
from layerscope.engine.steps import Runner, Step
from layerscope.engine.tasks.base import Feeds, Prepared, Settings, TaskContext
from layerscope.engine.tasks.generating import TextRun
from layerscope.engine.tasks.text_generation import TextGeneration, Told
from layerscope.engine.tasks.text_purpose import NEXT, Purpose, purpose_of
from layerscope.engine.tasks.text_task import PreparedText
from layerscope.protocol.inputs import InputSource

_ENCODER, _DECODER = "encoder", "decoder"


class TextToText(TextGeneration):
    """A text in, its translation, summary or answer out, token by token.

    The folder's drawn graph is the decoder or the encoder; the other one is a part of
    the model. A merged decoder is told by ``use_cache_branch`` whether there is a
    cache; what it made of the encoder's states in its first step stays.
    """

    id: ClassVar[str] = "text-to-text"
    title: ClassVar[str] = "Text to text"

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        self._drawn_decoder = _reads_encoder(context)
        self._decoder: Purpose | None = self.purpose if self._drawn_decoder else None
        self._source: tuple[str, ...] = ()
        self._states: Feeds = {}

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for a decoder that reads an encoder's states, and both in the folder."""
        parts = context.folder.components
        found = purpose_of(context)
        if found is None:
            return 0.0
        if _reads_encoder(context):
            return 0.95 if _ENCODER in parts and found.kind == NEXT else 0.0
        encoder = context.folder.main.stem.startswith("encoder")
        return 0.95 if encoder and _DECODER in parts else 0.0

    def take_text(
        self, prepared: PreparedText, source: InputSource | None, settings: Settings
    ) -> None:
        """Read the text for the encoder."""
        del settings
        reading = self.reader.read(source)
        if not reading.encoded.ids:
            raise BadInputError("The text is empty; type something.")
        prepared.readings.append(reading)
        prepared.notes += reading.notes

    def generate(
        self, runner: Runner, prepared: Prepared, settings: Settings
    ) -> Iterator[Step]:
        """Encode the text once, then make token after token."""
        assert isinstance(prepared, PreparedText)
        reading = prepared.readings[0]
        given = {spec.name: spec.default for spec in self.settings()} | settings
        self._source = tuple(
            token.text for token in self.reader.tokens(reading.encoded)
        )
        self._states = {}
        start = self._start()
        told = Told(self, runner, reading, start)
        yield told.first()
        part = _ENCODER if self._drawn_decoder else ""
        graph = runner.graph(part)
        takes = {info.name: info for info in graph.inputs}
        feeds: Feeds = {}
        for name, info in takes.items():
            ones = "mask" in name
            values = np.ones(len(reading.ids)) if ones else reading.ids
            feeds[name] = values[None].astype(np.dtype(info.dtype))
        outputs = runner.run(feeds, part)
        self._states = self._for_decoder(next(iter(outputs.values())))
        if not self._drawn_decoder:
            runner.feeds = feeds
        yield from self.go_on(runner, told, given, list(start))

    def text_run(self, runner: Runner, settings: Settings, n_prompt: int) -> TextRun:
        """Return what runs the decoder."""
        del n_prompt
        purpose = self.decoder()
        inside = self._drawn_decoder and settings.get("keep_inside") is True
        return TextRun(
            runner,
            purpose.wiring,
            purpose.output.name,
            component="" if self._drawn_decoder else _DECODER,
            fixed=self._states,
            inside=self._inside() if inside else None,
        )

    def decoder(self) -> Purpose:
        """Return what the decoder's inputs are for; its file is read when first asked.

        Raises
        ------
        BadInputError
            It gives no logits.
        """
        if self._decoder is None:
            folder = self.context.folder
            model = read_model(folder.components[_DECODER])
            context = TaskContext.of(model, folder)
            self._decoder = purpose_of(context)
        if self._decoder is None or self._decoder.kind != NEXT:
            raise BadInputError(
                "The decoder in this folder gives no logits of words that are "
                "understood; open it by itself to see what it gives."
            )
        return self._decoder

    def whole_feeds(self, tokens: list[int]) -> Feeds:
        """Return feeds of the decoder for the whole text, where it is the drawn one."""
        if not self._drawn_decoder or not self._states:
            return {}
        return {**super().whole_feeds(tokens), **self._states}

    def source_tokens(self, n: int) -> tuple[str, ...]:
        """Return the tokens that cross-attention looks at."""
        return self._source[:n] if len(self._source) >= n else ()

    def _for_decoder(self, states: npt.NDArray[Any]) -> Feeds:
        wiring = self.decoder().wiring
        feeds: Feeds = {}
        if wiring.encoder is not None:
            feeds[wiring.encoder.name] = states
        if wiring.encoder_mask is not None:
            kind = np.dtype(wiring.encoder_mask.dtype)
            feeds[wiring.encoder_mask.name] = np.ones((1, states.shape[1]), dtype=kind)
        return feeds

    def _start(self) -> list[int]:
        for key in ("decoder_start_token", "bos_token", "pad_token"):
            found = self.reader.special_ids(key)
            if found:
                return [found[0]]
        return [0]


def _reads_encoder(context: TaskContext) -> bool:
    found = purpose_of(context)
    return found is not None and found.wiring.encoder is not None
