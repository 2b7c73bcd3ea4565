"""Both lanes of the engine in this process, so that tests see what they leave."""

import contextlib

from layerscope.engine import query_lane
from layerscope.engine.jobs import CancelToken, Parting
from layerscope.engine.run_lane import RunLane
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.frames import FrameRing
from layerscope.protocol.messages import (
    AskLens,
    OpenModel,
    Run,
    RunAnswered,
    Stepped,
    Watch,
)

MODEL = 1


class Lanes:
    """An open model, and what can be asked of it.

    Attributes
    ----------
    opened, events : list
        What was said while it was opened, and during the last run.
    """

    def __init__(self, arena, store, ring):
        self.arena, self.store, self.ring = arena, store, ring
        self.lane = RunLane(ring, arena)
        self.opened, self.events, self.frames = [], [], []

    def open(self, path, task=""):
        command = OpenModel(job=1, model=MODEL, path=str(path), device="cpu", task=task)
        self.opened = list(self.lane.steps(command, CancelToken()))
        return self

    @property
    def model(self):
        return self.lane.models.get(MODEL)

    def run(self, inputs=None, settings=None, stop_after=None, **options):
        """Run to the end, or until so many steps were made."""
        token = CancelToken()
        command = Run(
            job=2,
            model=MODEL,
            inputs=inputs or {},
            settings=settings or {},
            watch=options.pop("watch", Watch()),
            **options,
        )
        self.events, self.frames = [], []
        steps = self.lane.steps(command, token)
        with contextlib.closing(steps):
            for event in steps:
                event = event.event if isinstance(event, Parting) else event
                self.events.append(event)
                self._take_frame()
                if stop_after is not None and len(self.stepped) >= stop_after:
                    break
        self._take_frame()
        return self

    @property
    def stepped(self):
        return [event for event in self.events if isinstance(event, Stepped)]

    @property
    def answer(self):
        return next(e for e in self.events if isinstance(e, RunAnswered)).answer

    def picture(self, key="answer:picture"):
        """Return the last picture that was published under a key."""
        return self.frames[-1].pictures[key]

    def _take_frame(self):
        frame = self.ring.newest()
        if frame is not None:
            self.frames.append(frame)

    def ask(self, lens, **question):
        """Return the answer of a lens, with arrays in place of references."""
        command = AskLens(job=3, model=MODEL, lens=lens, question=question)
        (answer,) = query_lane.answer(
            command, self.lane.models, self.store, CancelToken()
        )
        arrays = {name: self.store.get(ref) for name, ref in answer.arrays.items()}
        return arrays, answer.numbers, answer.texts

    def close(self):
        if self.opened:
            with contextlib.suppress(Exception):
                self.lane.models.remove(MODEL)


@contextlib.contextmanager
def lanes():
    """Yield lanes with memory of their own."""
    arena, store, ring = (
        ArrayArena(size=8 << 20),
        ArrayArena(size=64 << 20),
        FrameRing(),
    )
    made = Lanes(arena, store, ring)
    try:
        yield made
    finally:
        made.close()
        for memory in (arena, store, ring):
            memory.close()
