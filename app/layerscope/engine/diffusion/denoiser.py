"""Asking the denoising graph: with the words, without them, in one run of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.diffusion.noise import Floats
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.parts import Parts
from layerscope.protocol.values import TensorInfo

Array = npt.NDArray[Any]
Feeds = dict[str, Array]
Ask = Callable[[Feeds], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What predictions are made under, for a whole batch.

    Attributes
    ----------
    hidden : (n, tokens, channels) array or None
    pooled : (n, channels) array or None
    labels : (n,) int array or None
    """

    hidden: Array | None = None
    pooled: Array | None = None
    labels: Array | None = None

    def repeated(self, n: int) -> Condition:
        """Return the same for `n` pictures instead of one."""
        return Condition(
            hidden=None if self.hidden is None else np.repeat(self.hidden, n, 0),
            pooled=None if self.pooled is None else np.repeat(self.pooled, n, 0),
            labels=None if self.labels is None else np.repeat(self.labels, n, 0),
        )


class Denoiser:
    """Makes the feeds of each call, and takes its answer apart.

    Parameters
    ----------
    parts : Parts
    condition : Condition
        What is wanted.
    without : Condition or None
        What is not, for guidance; None for none.
    height, width : int
        Of the picture, which SDXL is told.
    n : int
        Pictures in the batch.
    """

    def __init__(
        self,
        parts: Parts,
        condition: Condition,
        without: Condition | None,
        height: int,
        width: int,
        n: int,
    ) -> None:
        self._parts = parts
        self._n = n
        self.guided = without is not None
        # What is not wanted comes first, as in the pipelines of others.
        conditions = [condition] if without is None else [without, condition]
        # A graph for one picture is asked once for each.
        self._apart = parts.fixed_batch == 1 and n * len(conditions) > 1
        self._shared = self._of(conditions, height, width)

    def feeds(self, shown: Floats, time: float) -> Feeds:
        """Return the feeds of one call.

        Parameters
        ----------
        shown : (n, channels, h, w) float32 array
            Noisy pictures, as the graph is to see them.
        time : float
            The time step.
        """
        parts = self._parts
        rows = np.concatenate([shown, shown]) if self.guided else shown
        feeds: Feeds = {
            parts.sample.name: np.ascontiguousarray(
                rows, dtype=element_type(parts.sample)
            ),
            parts.time.name: self._time(time, len(rows)),
        }
        feeds.update(self._shared)
        return feeds

    def predict(self, ask: Ask, feeds: Feeds) -> tuple[Floats, Floats | None]:
        """Return the predictions under the condition, and without it.

        Parameters
        ----------
        ask : callable
            Runs the graph on feeds.
        feeds : dict
            As `feeds` made them.

        Raises
        ------
        BadInputError
            The graph's answer has another shape than what went in.
        """
        name = self._parts.output.name
        if self._apart:
            rows = [np.asarray(ask(one)[name]) for one in self._each(feeds)]
            answer = np.concatenate(rows)
        else:
            answer = np.asarray(ask(feeds)[name])
        wanted = self._parts.channels
        # Some networks also predict the variance, in as many channels again.
        answer = np.asarray(answer[:, :wanted], dtype=np.float32)
        expected = feeds[self._parts.sample.name].shape
        expected = (expected[0], wanted, *expected[2:])
        if answer.shape != expected:
            raise BadInputError(
                f"The denoising graph was shown {expected} and answered "
                f"{answer.shape}; it does not fit the other parts of its folder."
            )
        if not self.guided:
            return answer, None
        return answer[self._n :], answer[: self._n]

    def _each(self, feeds: Feeds) -> list[Feeds]:
        """Take feeds apart into those of single pictures."""
        n = len(feeds[self._parts.sample.name])
        return [
            {
                name: np.ascontiguousarray(array[at : at + 1])
                if array.ndim and len(array) == n
                else array
                for name, array in feeds.items()
            }
            for at in range(n)
        ]

    def _of(self, conditions: list[Condition], height: int, width: int) -> Feeds:
        """Return what stays the same in all calls."""
        parts = self._parts
        feeds: Feeds = {}
        n = self._n * len(conditions)
        for info, field in (
            (parts.words, "hidden"),
            (parts.pooled, "pooled"),
            (parts.label, "labels"),
        ):
            if info is None:
                continue
            rows = [getattr(c.repeated(self._n), field) for c in conditions]
            joined = np.concatenate(rows)
            feeds[info.name] = np.ascontiguousarray(joined, dtype=element_type(info))
        if parts.sizes is not None:
            told = [height, width, 0, 0, height, width]
            kind = element_type(parts.sizes)
            feeds[parts.sizes.name] = np.tile(np.array(told, dtype=kind), (n, 1))
        return feeds

    def _time(self, time: float, n: int) -> Array:
        info = self._parts.time
        kind = element_type(info)
        value = np.asarray(np.trunc(time) if kind.kind in "iu" else time).astype(kind)
        if info.shape == ():
            return value
        return np.full(time_rows(self._parts, n), value, dtype=kind)


def time_rows(parts: Parts, n: int) -> int:
    """Return how often the time step is given: once, or for each row of the batch."""
    stated = parts.time.shape[0] if parts.time.shape else 1
    if isinstance(stated, int):
        return 1 if parts.fixed_batch == 1 else stated
    batch = parts.sample.shape[0] if parts.sample.shape else None
    return n if isinstance(stated, str) and stated == batch else 1


def element_type(info: TensorInfo) -> np.dtype[Any]:
    """Return numpy's type of a graph input.

    Raises
    ------
    BadInputError
        numpy has none.
    """
    try:
        return np.dtype(info.dtype)
    except TypeError as error:
        raise BadInputError(
            f"The graph takes {info.name} as {info.dtype}, which cannot be fed; use "
            "the model in another precision."
        ) from error
