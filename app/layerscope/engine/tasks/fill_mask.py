"""Fill-mask: which word would stand in the gap of a text."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
import numpy as np

from layerscope.core.sampling import softmax
from layerscope.engine.tasks.base import Pictures, Prepared, Settings
from layerscope.engine.tasks.text_purpose import MASK
from layerscope.engine.tasks.text_task import PreparedText, TextTask, whole
from layerscope.engine.tasks.top import best
from layerscope.protocol.answers import Answer, FilledMask
from layerscope.protocol.values import SettingSpec


class FillMask(TextTask):
    """A text with gaps in, the likeliest words for each out."""

    id: ClassVar[str] = "fill-mask"
    title: ClassVar[str] = "Fill-mask"
    kind: ClassVar[str] = MASK
    finish_settings = frozenset({"top"})

    def settings(self) -> tuple[SettingSpec, ...]:
        """List how many words are shown."""
        return (
            SettingSpec(
                name="top",
                label="Words",
                kind="int",
                default=5,
                minimum=1,
                maximum=20,
                group="Words",
                help="How many of the likeliest words are shown for each gap.",
            ),
        )

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Put the likeliest words into the gaps."""
        assert isinstance(prepared, PreparedText)
        reader = self.reader
        reading = prepared.readings[0]
        rows = self.rows(outputs, prepared)
        tokens = list(reader.tokens(reading.encoded))
        ids = list(reading.encoded.ids)
        gaps = [at for at, token in enumerate(ids) if token == reader.tokenizer.gap_id]
        count = whole(settings, "top", 5, 1, 20)
        for at in gaps:
            chances = softmax(rows[at])
            top = best(chances, count)
            found = reader.alternatives(top, chances[top])
            tokens[at] = msgspec.structs.replace(
                tokens[at],
                id=found[0].id,
                text=found[0].text,
                probability=found[0].probability,
                alternatives=found,
                special=False,
            )
            ids[at] = found[0].id
        filled = FilledMask(
            text=reader.tokenizer.decode(ids), tokens=tuple(tokens), gaps=tuple(gaps)
        )
        return Answer(parts=(filled,)), {}

    def tell(self, prepared: PreparedText) -> list[str]:
        """Say what a gap is written like where the text has none."""
        gap = self.reader.tokenizer.gap
        ids = np.array(prepared.readings[0].encoded.ids)
        if (ids == self.reader.tokenizer.gap_id).any():
            return []
        how = f"type {gap} or ___" if gap else "no tokenizer tells how it is written"
        return [f"There is no gap in the text to be filled; {how} where one is to be."]
