"""What tasks share that take one text and run the graph once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.sources import Sources
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.text_purpose import Purpose, purpose_of
from layerscope.engine.tasks.text_reading import Reading, TextReader
from layerscope.protocol.answers import Answer, Token
from layerscope.protocol.inputs import InputSource
from layerscope.protocol.values import InputSlot, SettingSpec

SLOT = "text"


@dataclass(slots=True)
class PreparedText(Prepared):
    """Feeds of one run, and the texts they are of."""

    readings: list[Reading] = field(default_factory=list)


class TextTask:
    """A task that reads one text; each of its kind says what becomes of it.

    Attributes
    ----------
    kind : str
        The purpose it suits, as `text_purpose` names them.
    reader : TextReader
    """

    id: ClassVar[str] = ""
    title: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    finish_settings: frozenset[str] = frozenset()

    def __init__(self, context: TaskContext) -> None:
        found = purpose_of(context)
        if found is None:
            raise BadInputError(
                f"{self.title} was asked for, but {context.folder.name} reads no text; "
                "take the task for tensors."
            )
        self.context = context
        self.purpose: Purpose = found
        self.reader = TextReader(context, found.wiring)
        self._told = False

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look at what the graph's inputs and outputs are for."""
        found = purpose_of(context)
        return 0.9 if found is not None and found.kind == cls.kind else 0.0

    def slots(self) -> tuple[InputSlot, ...]:
        """List the text."""
        return (self.slot(SLOT),)

    def slot(self, name: str, example: str = "") -> InputSlot:
        """Describe a slot that takes a text; it shows its example at first."""
        return InputSlot(
            name=name,
            kind="text",
            tensor=self.purpose.wiring.ids,
            note=self.reader.note,
            example=example or self.reader.example(),
        )

    def settings(self) -> tuple[SettingSpec, ...]:
        """List what can be set; nothing unless a task says so."""
        return ()

    def tokenise(self, text: str, slot: str) -> tuple[tuple[Token, ...], int, int, str]:
        """Return the tokens of a text that is typed, as `TextReader.tokenise` does."""
        del slot
        return self.reader.tokenise(text)

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds of one run.

        Raises
        ------
        BadInputError
            If the text cannot be read, or there are no tokens in it.
        """
        del sources
        started = time.perf_counter()
        prepared = PreparedText(feeds={})
        self.take_text(prepared, inputs.get(SLOT), settings)
        prepared.notes = [*self.new_notes(), *prepared.notes]
        prepared.prepare_ms = (time.perf_counter() - started) * 1e3
        return prepared

    def take_text(
        self, prepared: PreparedText, source: InputSource | None, settings: Settings
    ) -> None:
        """Read the source and make the feeds."""
        del settings
        reading = self.reader.read(source)
        self.feed(prepared, reading)
        prepared.notes += self.tell(prepared)

    def tell(self, prepared: PreparedText) -> list[str]:
        """Return what is worth telling of a text that was read."""
        del prepared
        return []

    def feed(self, prepared: PreparedText, reading: Reading) -> None:
        """Make the feeds of what was read.

        Raises
        ------
        BadInputError
            If there is not a single token.
        """
        if not reading.encoded.ids:
            raise BadInputError(
                "The text is empty, and the model takes at least one token; type "
                "something."
            )
        parts = np.maximum(np.array(reading.encoded.parts, dtype=np.int64), 0)
        wiring = self.purpose.wiring
        prepared.feeds = {
            **wiring.feeds(reading.ids, types=parts),
            **wiring.first_state(),
        }
        prepared.readings.append(reading)
        prepared.notes += reading.notes

    def new_notes(self) -> list[str]:
        """Return what is wrong with the folder's tokenizer, once."""
        told, self._told = self._told, True
        return [] if told else self.reader.notes

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Turn outputs into an answer."""
        raise NotImplementedError

    def rows(self, outputs: dict[str, Any], prepared: Prepared) -> npt.NDArray[Any]:
        """Return the answering output of the first text, padding left out.

        Returns
        -------
        (n, c) float array
            A row for each token.
        """
        assert isinstance(prepared, PreparedText)
        values = np.asarray(outputs[self.purpose.output.name])
        rows = values.reshape(-1, values.shape[-1])
        found: npt.NDArray[Any] = rows[: len(prepared.readings[0].encoded.ids)]
        return found.astype(np.float32) if found.dtype == np.float16 else found


def whole(settings: Settings, name: str, default: int, low: int, high: int) -> int:
    """Return a setting as a whole number within limits."""
    value = settings.get(name, default)
    return (
        min(max(int(value), low), high) if isinstance(value, int | float) else default
    )


def real(settings: Settings, name: str, default: float) -> float:
    """Return a setting as a number."""
    value = settings.get(name, default)
    return float(value) if isinstance(value, int | float) else default
