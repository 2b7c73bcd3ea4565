"""The models that are open in the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.components import Components
from layerscope.engine.keepsakes import Keepsakes
from layerscope.engine.model.folders import ModelFolder
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.runtime.running import RunningModel
from layerscope.engine.tasks.base import Task, TaskContext
from layerscope.protocol.messages import ModelId

Feeds = dict[str, npt.NDArray[np.generic]]


class TimeBudget:
    """Lets something run for a share of the time.

    Parameters
    ----------
    share : float
        0 to 1.
    most_s : float
        What is saved up at most, so that a pause is not followed by a burst.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        share: float = 0.1,
        most_s: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._most_s = most_s
        self._clock = clock
        self._left_s = 0.0
        self._at = clock()

    def allows(self) -> bool:
        """Whether something may run now; at first it may."""
        now = self._clock()
        self._left_s += (now - self._at) * self._share
        self._left_s = min(self._left_s, self._most_s)
        self._at = now
        return self._left_s >= 0

    def spend(self, seconds: float) -> None:
        """Note how long it ran."""
        self._left_s -= seconds


@dataclass(slots=True, kw_only=True)
class ModelInUse:
    """One open model and what its last run left.

    Attributes
    ----------
    running : RunningModel or None
        None where onnxruntime refuses it, or it was only to be described.
    feeds : dict
        Inputs of the last run by name.
    outputs : dict
        Outputs of the last run by name: arrays, lists or dicts.
    kept : dict
        Inner tensors of the last run that were to be kept.
    budget : TimeBudget
        For untouched runs between tapped ones.
    told_focus : str
        The tensor of which it was said last that it cannot be shown.
    keepsakes : Keepsakes
        What a run of many steps left for later looks.
    components : Components or None
        The other graphs; None before the model is made ready to run.
    pictures : dict
        Frame parts of the last run of many steps.
    """

    number: ModelId
    file: OnnxModel
    folder: ModelFolder
    structure: ModelStructure
    context: TaskContext
    task: Task
    running: RunningModel | None = None
    warm: bool = False
    feeds: Feeds = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    kept: Feeds = field(default_factory=dict)
    budget: TimeBudget = field(default_factory=TimeBudget)
    shapes_for: tuple[tuple[int, ...], ...] = ()
    told_focus: str = ""
    keepsakes: Keepsakes = field(default_factory=Keepsakes)
    components: Components | None = None
    pictures: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)

    def parts(self) -> Components:
        """Return the other graphs' owner; `BadInputError` where none can run."""
        self.runner()
        assert self.components is not None
        return self.components

    def release(self) -> None:
        """Let go of all sessions and keepsakes."""
        self.keepsakes.clear()
        if self.running is not None:
            self.running.release()
        if self.components is not None:
            self.components.release()

    def runner(self) -> RunningModel:
        """Return the session's owner, or say why there is none."""
        if self.running is None:
            raise BadInputError(
                f"{self.folder.name} was to be run, but onnxruntime refuses it; it "
                "can only be looked at."
            )
        return self.running


class OpenModels:
    """All open models by number; used by both lanes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[ModelId, ModelInUse] = {}

    def add(self, model: ModelInUse) -> None:
        """Take a model in, in place of one of the same number."""
        with self._lock:
            old = self._models.get(model.number)
            self._models[model.number] = model
        if old is not None:
            old.release()

    def get(self, number: ModelId) -> ModelInUse:
        """Return a model; `BadInputError` if it is not open."""
        with self._lock:
            model = self._models.get(number)
        if model is None:
            raise BadInputError("That model is no longer open; open it again.")
        return model

    def remove(self, number: ModelId) -> None:
        """Free a model, if it is open."""
        with self._lock:
            model = self._models.pop(number, None)
        if model is not None:
            model.release()
