"""Embeddings: lines of text as points, and how near they are to each other."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.engine.tasks.base import Pictures, Prepared, Settings, TaskContext
from layerscope.engine.tasks.text_pooling import MEAN, POOLINGS, pooled, stated_pooling
from layerscope.engine.tasks.text_purpose import EMBEDDING
from layerscope.engine.tasks.text_reading import Reading
from layerscope.engine.tasks.text_task import PreparedText, TextTask
from layerscope.protocol.answers import Answer, Embeddings
from layerscope.protocol.inputs import InputSource, TypedText
from layerscope.protocol.values import SettingSpec

MOST_LINES = 128
MOST_POINTS = 256
OWN = "the model's own"

Floats = npt.NDArray[np.float64]


class TextEmbedding(TextTask):
    """Lines of text in, a vector for each out; of one line, one for each token.

    The vectors of the tokens that are there become one as the folder states for
    sentence-transformers, else by their mean.
    """

    id: ClassVar[str] = "text-embedding"
    title: ClassVar[str] = "Text embedding"
    kind: ClassVar[str] = EMBEDDING
    finish_settings = frozenset({"pooling"})

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        self._notes: list[str] = []
        stated = stated_pooling(self.reader.root, self._notes)
        flat = len(self.purpose.output.shape or ()) == 2
        self._poolings: tuple[str, ...] = (OWN, *POOLINGS) if flat else POOLINGS
        if flat and self.purpose.hidden is None:
            self._poolings = ()
        # BERT's pooler was trained for pairs of sentences; where a folder states what
        # its vectors are made of, that is meant.
        pooler = flat and "pool" in self.purpose.output.name.lower()
        self.pooling = (stated if pooler or not flat else "") or (OWN if flat else MEAN)

    def settings(self) -> tuple[SettingSpec, ...]:
        """List what makes one vector of a text's tokens, where that is open."""
        if not self._poolings:
            return ()
        return (
            SettingSpec(
                name="pooling",
                label="Pooling",
                kind="choice",
                default=self.pooling,
                choices=self._poolings,
                group="Embedding",
                help="What makes one vector of those of a text's tokens; it begins as "
                "1_Pooling/config.json beside the model says.",
            ),
        )

    def new_notes(self) -> list[str]:
        """Return what is wrong with tokenizer and pooling, once."""
        told, self._notes = self._notes, []
        return [*super().new_notes(), *told]

    def take_text(
        self, prepared: PreparedText, source: InputSource | None, settings: Settings
    ) -> None:
        """Read every line; all of them go into one run where the graph allows it."""
        del settings
        lines = _lines(source)
        if len(lines) < 2 or not self._takes_many():
            if len(lines) > 1:
                prepared.notes.append(
                    "The model takes one text at a time, so the first line is used."
                )
                source = TypedText(text=lines[0])
            self.feed(prepared, self.reader.read(source))
            return
        if len(lines) > MOST_LINES:
            prepared.notes.append(
                f"{len(lines):,} lines were given; the first {MOST_LINES} are used."
            )
        readings = [
            self.reader.read(TypedText(text=line)) for line in lines[:MOST_LINES]
        ]
        for reading in readings:
            self.feed(prepared, reading)
        prepared.feeds = self._together(readings)

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Compare the vectors and place them in a plane."""
        assert isinstance(prepared, PreparedText)
        pooling = str(settings.get("pooling", self.pooling))
        values = np.asarray(outputs[self.purpose.output.name]).astype(np.float64)
        readings = prepared.readings
        texts = tuple(reading.text.strip() for reading in readings)
        if len(readings) == 1 and self.purpose.hidden is not None:
            hidden = np.asarray(outputs[self.purpose.hidden.name]).astype(np.float64)
            encoded = readings[0].encoded
            vectors = hidden.reshape(-1, hidden.shape[-1])[: len(encoded.ids)]
            vectors = vectors[:MOST_POINTS]
            texts = tuple(self.reader.piece(token) for token in encoded.ids)
            part = compared(texts[:MOST_POINTS], vectors, of_tokens=True)
        elif values.ndim == 2 and (pooling == OWN or self.purpose.hidden is None):
            part = compared(texts, values[: len(readings)])
        else:
            if values.ndim == 2 and self.purpose.hidden is not None:
                values = np.asarray(outputs[self.purpose.hidden.name])
            rows = values.astype(np.float64)
            vectors = np.array(
                [
                    pooled(row[: len(reading.encoded.ids)], pooling)
                    for row, reading in zip(rows, readings, strict=False)
                ]
            )
            part = compared(texts, vectors)
        return Answer(parts=(part,)), {}

    def _takes_many(self) -> bool:
        wiring = self.purpose.wiring
        shape = wiring.ids.shape or ()
        return len(shape) == 2 and not isinstance(shape[0], int) and not wiring.carried

    def _together(self, readings: list[Reading]) -> dict[str, npt.NDArray[Any]]:
        """Return feeds of all texts, the shorter ones padded."""
        wiring = self.purpose.wiring
        longest = max(len(reading.encoded.ids) for reading in readings)
        pad = max(self.reader.special_ids("pad_token") or (wiring.pad,), default=0)
        rows = []
        for reading in readings:
            ids = np.full(longest, pad, dtype=np.int64)
            ids[: len(reading.encoded.ids)] = reading.ids
            feeds = wiring.feeds(ids)
            for info in wiring.masks:
                real = np.arange(feeds[info.name].shape[-1]) < len(reading.encoded.ids)
                feeds[info.name] = np.ascontiguousarray(
                    np.broadcast_to(real, feeds[info.name].shape)
                ).astype(feeds[info.name].dtype)
            rows.append(feeds)
        return {
            name: np.concatenate([row[name] for row in rows])
            if rows[0][name].ndim
            else rows[0][name]
            for name in rows[0]
        }


def compared(
    texts: tuple[str, ...], vectors: Floats, *, of_tokens: bool = False
) -> Embeddings:
    """Return similarities and main components of vectors.

    Parameters
    ----------
    texts : tuple of str
        What each vector is of.
    vectors : (n, d) float64 array
        What is not finite counts as zero.
    of_tokens : bool
        As `Embeddings` has it.
    """
    points = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    unit = points / np.where(lengths > 0, lengths, 1)
    similarity = np.clip(unit @ unit.T, -1, 1)
    centred = points - points.mean(axis=0)
    left, strengths, _ = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(points), 2))
    count = min(2, len(strengths))
    plane[:, :count] = left[:, :count] * strengths[:count]
    # A component may come out with either sign; the one drawn should not change.
    signs = np.sign(plane[np.abs(plane).argmax(axis=0), [0, 1]])
    plane *= np.where(signs == 0, 1, signs)
    largest = np.linalg.norm(plane, axis=1).max(initial=0.0)
    total = float((strengths**2).sum())
    return Embeddings(
        texts=texts,
        similarity=tuple(float(value) for value in similarity.ravel()),
        points=tuple((float(x), float(y)) for x, y in plane / (largest or 1)),
        kept=float((strengths[:2] ** 2).sum() / total) if total > 0 else 1.0,
        n_dimensions=int(vectors.shape[1]),
        of_tokens=of_tokens,
    )


def _lines(source: InputSource | None) -> list[str]:
    if not isinstance(source, TypedText):
        return []
    if source.text.lstrip()[:4].lower() == "ids:":
        return [source.text]
    return [line for line in source.text.splitlines() if line.strip()]
