"""Text generation: a text in, what a language model makes of it out, as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.sampling import choose, softmax
from layerscope.engine.steps import Runner, Step
from layerscope.engine.tasks import sampling_settings
from layerscope.engine.tasks.base import (
    Feeds,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.generating import (
    Inside,
    TextRun,
    inside_of,
    writes_in_place,
)
from layerscope.engine.tasks.text_purpose import NEXT
from layerscope.engine.tasks.text_reading import Reading
from layerscope.engine.tasks.text_task import PreparedText, TextTask, whole
from layerscope.engine.tasks.top import best
from layerscope.protocol.answers import Answer, GeneratedText, Token
from layerscope.protocol.inputs import InputSource
from layerscope.protocol.values import SettingSpec

N_ALTERNATIVES = 5
MOST_TOLD = 2000
_PAUSE_S = 0.025  # between two events with tokens: forty a second look fluid
_BEFORE = 8  # tokens of the prompt that decide how the first new one is spelt


class TextGeneration(TextTask):
    """Words one after the other, each with its probability and what stood against."""

    id: ClassVar[str] = "text-generation"
    title: ClassVar[str] = "Text generation"
    kind: ClassVar[str] = NEXT

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        self._tapped: Inside | None = None

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for logits of the next token, and no encoder."""
        found = super().suits(context)
        encoder = any("encoder" in info.name for info in context.inputs)
        return 0.0 if encoder else found

    def settings(self) -> tuple[SettingSpec, ...]:
        """List the settings of sampling."""
        chat = SettingSpec(
            name="chat",
            label="As a message",
            kind="bool",
            default=True,
            group="Input",
            help="Put the text into the folder's chat template.",
        )
        found = sampling_settings.specs(self.reader.generation)
        return (chat, *found) if self.reader.has_template else found

    def take_text(
        self, prepared: PreparedText, source: InputSource | None, settings: Settings
    ) -> None:
        """Read the text; where it is too long, its end is what goes on."""
        limit = self.reader.limit
        chat = settings.get("chat", True) is True and self.reader.has_template
        reading = self.reader.read(
            source, chat=chat, keep_end=True, room=min(64, limit // 4) if limit else 0
        )
        start = self.reader.special_ids("bos_token")[:1]
        if not reading.encoded.ids and start:
            encoded = reading.encoded
            encoded.ids.append(start[0])
            encoded.spans.append((-1, -1))
            encoded.special.append(True)
            encoded.parts.append(0)
        self.feed(prepared, reading)

    def generate(
        self, runner: Runner, prepared: Prepared, settings: Settings
    ) -> Iterator[Step]:
        """Make token after token, telling them as they come."""
        assert isinstance(prepared, PreparedText)
        told = Told(self, runner, prepared.readings[0])
        yield told.first()
        given = {spec.name: spec.default for spec in self.settings()} | settings
        yield from self.go_on(runner, told, given, list(told.prompt))

    def text_run(self, runner: Runner, settings: Settings, n_prompt: int) -> TextRun:
        """Return what runs the graph, keys and values in one buffer where they may."""
        longest = 0
        if self.purpose.wiring.caches and writes_in_place(self.context.model):
            n_new = whole(settings, "max_new_tokens", 64, 1, sampling_settings.MOST_NEW)
            longest = n_prompt + n_new + 1
            longest = min(longest, self.reader.limit or longest)
        return TextRun(
            runner,
            self.purpose.wiring,
            self.purpose.output.name,
            n_logits=self.n_logits,
            longest=longest,
            inside=self._inside() if settings.get("keep_inside") is True else None,
        )

    def whole_feeds(self, tokens: list[int]) -> Feeds:
        """Return feeds of a whole text at once; nothing where the graph takes steps."""
        wiring = self.purpose.wiring
        ids = np.array(tokens, dtype=np.int64)
        if (wiring.ids.shape or (None,))[-1] == 1:
            return {}
        if wiring.length:
            ids = ids[-wiring.length :]
        return {**wiring.feeds(ids), **wiring.first_state()}

    def _inside(self) -> Inside:
        """Return what of the inside can be kept; found out once."""
        if self._tapped is None:
            self._tapped = inside_of(self.context.model, self.purpose.output.name)
        return self._tapped

    @property
    def n_logits(self) -> int:
        """Size of the vocabulary, 0 where the graph leaves it open."""
        size = (self.purpose.output.shape or (0,))[-1]
        return size if isinstance(size, int) else 0

    def go_on(
        self, runner: Runner, told: Told, settings: Settings, start: list[int]
    ) -> Iterator[Step]:
        """Run from the tokens `start` to the end."""
        sampling = sampling_settings.sampling_of(settings)
        forced = self._forced(settings)
        least = 0 if forced else 1  # a text that was made before is only looked at
        n_new = whole(settings, "max_new_tokens", 64, least, sampling_settings.MOST_NEW)
        ends: tuple[int, ...] = ()
        if settings.get("stop_at_end", True) is True:
            ends = self.reader.special_ids("eos_token")
        run = self.text_run(runner, settings, len(start) + len(forced))
        rows = run.take([*start, *forced], wanted=1 + len(forced))
        for at, token in enumerate(forced):
            known = len(rows) == 1 + len(forced)
            told.add(token, rows[at] if known else None, given=True)
        row = rows[-1]
        told.stopped = "" if n_new else "length"
        while not told.stopped:
            seen = run.ids if sampling.repetition_penalty != 1.0 else ()
            token = choose(row, sampling, seen, step=len(told.made))
            told.add(token, row)
            full = self.reader.limit and len(run.ids) + 1 >= self.reader.limit
            if token in ends:
                told.stopped = "end of text"
            elif len(told.made) >= n_new + len(forced):
                told.stopped = "length"
            elif full:
                told.stopped = "context full"
            if told.stopped:
                break
            if told.is_time():
                yield told.step()
            started = time.perf_counter()
            row = run.take([token])[-1]
            runner.samples_ms.append((time.perf_counter() - started) * 1e3)
        yield told.last()

    def _forced(self, settings: Settings) -> list[int]:
        stated = str(settings.get("forced", "")).split()
        if not all(word.isdigit() for word in stated):
            raise BadInputError(
                "The tokens to go on from were to be read as whole numbers; choose an "
                "alternative again."
            )
        ids = [int(word) for word in stated]
        self.reader.check(ids)
        return ids

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Have nothing to add: the steps have told everything."""
        del outputs, prepared, settings
        return Answer(), {}


class Told:
    """What has been made so far, and what of it has been told.

    Parameters
    ----------
    task : TextGeneration
        Whose reader names the tokens.
    runner : Runner
        Whose keepsakes take the logits of each step.
    reading : Reading
        The prompt.
    start : sequence of int, optional
        What the made tokens come after, where that is not the prompt.

    Attributes
    ----------
    prompt, made : list of int
    stopped : str
        As `GeneratedText.stopped`.
    """

    def __init__(
        self,
        task: TextGeneration,
        runner: Runner,
        reading: Reading,
        start: Sequence[int] | None = None,
    ) -> None:
        self._task = task
        self._reader = task.reader
        self._runner = runner
        self._reading = reading
        self.prompt = list(reading.encoded.ids if start is None else start)
        self.made: list[int] = []
        self.stopped = ""
        self._tokens: list[Token] = []
        self._waiting: list[tuple[int, npt.NDArray[Any] | None]] = []
        self._began = self._last = time.perf_counter()
        self._first_s = -1.0
        self._n_first = 0
        self._newest_s = -1.0
        self._ends = frozenset(task.reader.special_ids("eos_token"))
        tail = self.prompt[-_BEFORE:]
        self._tail, self._before = tail, self._reader.tokenizer.decode(tail)

    def first(self) -> Step:
        """Return the step that shows the prompt."""
        self._look_at()
        part = GeneratedText(text="", prompt=self._reader.tokens(self._reading.encoded))
        return Step(answer=Answer(parts=(part,)))

    def add(
        self, token: int, row: npt.NDArray[Any] | None, *, given: bool = False
    ) -> None:
        """Take the next token and the logits that it was drawn from."""
        self._newest_s = time.perf_counter() - self._began
        if row is not None:
            self._runner.keepsakes.put("logits", len(self.made), {"logits": row})
        self._waiting.append((token, row))
        self.made.append(token)
        if self._first_s < 0 and not given:
            self._first_s, self._n_first = self._newest_s, len(self.made)

    def is_time(self) -> bool:
        """Whether the window is to be told again: of the first token at once."""
        now = time.perf_counter()
        return not self._tokens or now - self._last >= _PAUSE_S

    def step(self) -> Step:
        """Return what was made since it was told last."""
        return self._step(self._text().rstrip("\ufffd"), ())

    def last(self) -> Step:
        """Return the rest, with the whole text."""
        new = self._new()
        part = GeneratedText(
            text=self._text(),
            prompt=self._reader.tokens(self._reading.encoded)[-MOST_TOLD:],
            tokens=tuple(self._tokens) if len(self._tokens) <= MOST_TOLD else (),
            tokens_per_second=self._speed(),
            first_token_ms=self._first_s * 1e3,
            stopped=self.stopped,
        )
        self._look_at()
        return Step(answer=Answer(parts=(part,)), tokens=new)

    def _step(self, text: str, prompt: tuple[Token, ...]) -> Step:
        part = GeneratedText(
            text=text,
            prompt=prompt,
            tokens_per_second=self._speed(),
            first_token_ms=self._first_s * 1e3,
        )
        tokens = self._new()
        self._look_at()
        self._last = time.perf_counter()
        return Step(answer=Answer(parts=(part,)), tokens=tokens)

    def _new(self) -> tuple[Token, ...]:
        """Return what waits as tokens, with their probabilities and alternatives."""
        waiting, self._waiting = self._waiting, []
        reader = self._reader
        known = [row for _, row in waiting if row is not None]
        ranked = iter(_ranked(known, [t for t, row in waiting if row is not None]))
        tokens = []
        for token, row in waiting:
            if row is None:
                tokens.append(Token(id=token, text=reader.piece(token)))
                continue
            chance, top, chances = next(ranked)
            tokens.append(
                Token(
                    id=token,
                    text=reader.piece(token),
                    probability=chance,
                    alternatives=reader.alternatives(top, chances),
                    special=token in self._ends,
                )
            )
        self._tokens += tokens
        return tuple(tokens)

    def _text(self) -> str:
        whole_text = self._reader.tokenizer.decode([*self._tail, *self.made])
        return whole_text[len(self._before) :]

    def _speed(self) -> float:
        seconds = self._newest_s - self._first_s
        count = len(self.made) - self._n_first
        return count / seconds if count > 0 and seconds > 0 else -1.0

    def _look_at(self) -> None:
        """Let later looks see the whole text at once, without caches."""
        self._runner.keepsakes.put(
            "ids",
            0,
            {
                "prompt": np.array(self.prompt, dtype=np.int64),
                "made": np.array(self.made, dtype=np.int64),
            },
        )
        found = self._task.whole_feeds([*self.prompt, *self.made])
        if found:
            self._runner.feeds = found


def _ranked(
    rows: list[npt.NDArray[Any]], tokens: list[int]
) -> list[tuple[float, npt.NDArray[np.int64], npt.NDArray[Any]]]:
    """Return each token's probability, the likeliest tokens and their probabilities."""
    found = []
    for row, token in zip(rows, tokens, strict=True):
        logits = row.astype(np.float32, copy=False)
        top = best(logits, N_ALTERNATIVES)
        largest = logits[top[0]]
        # As `softmax` does it, in half as many passes where all is well.
        powers = np.exp(logits - largest) if np.isfinite(largest) else softmax(logits)
        total = powers.sum()
        if not np.isfinite(total) or total <= 0:
            powers, total = softmax(logits), np.float32(1)
        found.append((float(powers[token] / total), top, powers[top] / total))
    return found
