"""What a task of many steps is given, and what it gives back at each step.

It stands apart from `stepping`, which drives the steps, so that tasks need to know
nothing of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from layerscope.engine.keepsakes import Keepsakes
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.running import RunningModel
from layerscope.protocol.answers import Answer, Token

Pictures = dict[str, npt.NDArray[np.uint8]]
Feeds = dict[str, npt.NDArray[Any]]


@dataclass(slots=True, kw_only=True)
class Step:
    """What one step has to show.

    Attributes
    ----------
    answer : Answer, optional
        As far as there is one; None leaves the one shown.
    pictures : dict
        Frame parts, ``answer:<key>`` and the like, of uint8 arrays.
    tokens : tuple of Token
        That this step adds.
    n_steps : int
        Of the whole run, -1 where that is not known.
    """

    answer: Answer | None = None
    pictures: Pictures = field(default_factory=dict)
    tokens: tuple[Token, ...] = ()
    n_steps: int = -1


class Runner(Protocol):
    """What a task of many steps runs its graphs by; `stepping.StepRunner` is one.

    Attributes
    ----------
    keepsakes : Keepsakes
        For looks at any step afterwards; empty when the run begins.
    samples_ms : list of float
        Times of single runs of the shown graph, for the latency plot.
    notes : list of str
        For the log.
    feeds, outputs : dict
        Of the run that later looks are to be at; where the task leaves them alone,
        those of the last run of the shown graph.
    """

    keepsakes: Keepsakes
    samples_ms: list[float]
    notes: list[str]
    feeds: Feeds
    outputs: dict[str, Any]

    @property
    def token(self) -> CancelToken:
        """Of the job; runs by other ways than `run` are to end by it."""
        ...

    def graph(self, component: str = "") -> RunningModel:
        """Return the runner of a component; of the shown graph without a name."""
        ...

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the other graphs there are."""
        ...

    def run(self, feeds: Feeds, component: str = "") -> dict[str, Any]:
        """Run one graph once, untouched, and return its outputs by name.

        Raises
        ------
        JobCancelledError
            The user stopped the job.
        LayerscopeError
            The graph cannot be run on these arrays.
        """
        ...
