"""What every lens has that is asked about a run, not drawn with each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from layerscope.engine.components import Components
from layerscope.engine.keepsakes import Keepsakes
from layerscope.engine.model.folders import ModelFolder
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.running import RunningModel
from layerscope.protocol.inputs import SettingValue

Question = dict[str, SettingValue]


class LookedAt(Protocol):
    """What a lens may know of an open model; `ModelInUse` is one.

    Attributes
    ----------
    feeds, outputs : dict
        Of the last run of the shown graph; empty before the first.
    keepsakes : Keepsakes
        What the last run of many steps left.
    task : object
        The model's task; a lens uses what it finds there by name, a ``tokenizer``
        say, and does without where it finds nothing.
    """

    file: OnnxModel
    folder: ModelFolder
    structure: ModelStructure
    feeds: dict[str, npt.NDArray[np.generic]]
    outputs: dict[str, Any]
    kept: dict[str, npt.NDArray[np.generic]]
    keepsakes: Keepsakes
    task: Any

    def runner(self) -> RunningModel:
        """Return the sessions of the shown graph; `BadInputError` without any."""
        ...

    def parts(self) -> Components:
        """Return the other graphs; `BadInputError` where none can run."""
        ...


@dataclass(slots=True)
class LensAnswer:
    """What a lens says; the entries of each dict are documented by the lens."""

    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)


class AskedLens(Protocol):
    """A lens that answers questions.

    Attributes
    ----------
    id : str
        As `AskLens` and `TaskExplained.lenses` name it.
    """

    id: ClassVar[str]

    def suits(self, model: LookedAt) -> bool:
        """Whether there is something to ask about; quick, and before any run."""
        ...

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Answer one question.

        Raises
        ------
        BadInputError
            The question names what is not there, or nothing has been run yet.
        """
        ...
