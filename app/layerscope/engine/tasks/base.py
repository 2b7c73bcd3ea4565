"""What every task has: the meaning of a model, from inputs to an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from layerscope.core.preprocessing import Placement, Preprocessing
from layerscope.engine.model.folders import ModelFolder
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.value_types import describe_value
from layerscope.engine.sources import Sources
from layerscope.protocol.answers import Answer
from layerscope.protocol.inputs import InputSource, SettingValue
from layerscope.protocol.values import InputSlot, SettingSpec, TensorInfo

Feeds = dict[str, npt.NDArray[np.generic]]
Pictures = dict[str, npt.NDArray[np.uint8]]
Inputs = dict[str, InputSource]
Settings = dict[str, SettingValue]


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a task may look at to decide whether it suits a model, and how.

    Attributes
    ----------
    inputs, outputs : tuple of TensorInfo
        Of the main graph, initialisers left out.
    """

    model: OnnxModel
    folder: ModelFolder
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @classmethod
    def of(cls, model: OnnxModel, folder: ModelFolder) -> TaskContext:
        """Return the context of another graph of the same folder."""
        graph = model.proto.graph
        weights = {tensor.name for tensor in graph.initializer}
        return cls(
            model=model,
            folder=folder,
            inputs=tuple(
                describe_value(value)
                for value in graph.input
                if value.name not in weights
            ),
            outputs=tuple(describe_value(value) for value in graph.output),
        )


@dataclass(slots=True)
class PreparedPicture:
    """One picture on its way into a model.

    Attributes
    ----------
    pixels : (h, w, 3) uint8 array
        As decoded, upright.
    placement : Placement
        Where it lies in the input.
    preprocessing : Preprocessing
        With the user's changes.
    """

    pixels: npt.NDArray[np.uint8]
    placement: Placement
    preprocessing: Preprocessing


@dataclass(slots=True)
class Prepared:
    """Feeds of one run, and what is needed to understand its outputs.

    Attributes
    ----------
    feeds : dict
        C-contiguous arrays by graph input; never to be written to, since they
        are used again while nothing changes.
    pictures : dict
        Frame parts ``input:<slot>``.
    notes : list of str
        What was guessed, converted or left out, told once.
    by_slot : dict
        The pictures that were fed, by slot.
    """

    feeds: Feeds
    pictures: Pictures = field(default_factory=dict)
    decode_ms: float = 0.0
    prepare_ms: float = 0.0
    notes: list[str] = field(default_factory=list)
    by_slot: dict[str, PreparedPicture] = field(default_factory=dict)


class Task(Protocol):
    """What a model is for.

    Attributes
    ----------
    id, title : str
        For messages and for people.
    finish_settings : frozenset of str
        Settings that only `finish` reads, so that a change of one needs no run
        where the outputs were kept.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    finish_settings: frozenset[str]

    def __init__(self, context: TaskContext) -> None: ...

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Say how well the task fits a model, 0 (not) to 1; the highest wins."""
        ...

    def slots(self) -> tuple[InputSlot, ...]:
        """List what the task takes."""
        ...

    def settings(self) -> tuple[SettingSpec, ...]:
        """List what can be set, each with its guess as the default."""
        ...

    def prepare(self, sources: Sources, inputs: Inputs, settings: Settings) -> Prepared:
        """Make the feeds of one run.

        Raises
        ------
        BadInputError
            If a source cannot be used.
        """
        ...

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Turn outputs into an answer and its frame parts ``answer:<key>``."""
        ...
