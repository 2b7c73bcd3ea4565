"""Decoding: one graph run again and again, its own outputs fed back to it.

Caches and states are never copied: what one step returns is the input of the next,
where it lies. On the processor, plain runs do that; on another device, they are bound
to where they are; and where the graph writes new keys and values behind the old ones
of one long buffer, that buffer is bound to both once and for all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.sessions import Session, main_provider

Array = npt.NDArray[Any]


class Decoder:
    """One text in the making.

    Parameters
    ----------
    session : Session
        Of the decoder's graph.
    explained : callable
        Returns a context in which whatever onnxruntime raises becomes a sentence.
    fed_back : mapping of str to str
        The output that is the next value of an input, by the input.
    wanted : str
        The output that comes out of each step, the logits.
    kept : sequence of str
        Outputs besides that are to be had with each step.
    held : collection of str
        Inputs that are fed back once and then stay: what a decoder has made of an
        encoder's states in its first step.
    shared : bool
        Whether each input that is fed back and its output are one buffer, long
        enough for the whole text.

    Attributes
    ----------
    kept : dict of str to array
        Of the last step.
    """

    def __init__(
        self,
        session: Session,
        explained: Callable[[], AbstractContextManager[None]],
        fed_back: Mapping[str, str],
        wanted: str,
        kept: Sequence[str] = (),
        *,
        held: Collection[str] = (),
        shared: bool = False,
    ) -> None:
        self._session = session
        self._explained = explained
        there = {output.name for output in session.get_outputs()}
        self._fed_back = {a: b for a, b in fed_back.items() if b in there}
        self._out = [wanted, *kept]
        self._names = [*self._out, *self._fed_back.values()]
        self._held = frozenset(held)
        self._begun = False
        self._shared = shared
        self._device = "cuda" if "CUDA" in main_provider(session) else "cpu"
        self._plain = self._device == "cpu" and not shared
        self._state: dict[str, Any] = {}
        self._binding = None if self._plain else session.io_binding()
        self._can_place = shared and len(self._out) == 1
        self._last: Array | None = None
        self.kept: dict[str, Array] = {}

    def begin(self, state: Mapping[str, Array]) -> None:
        """Start anew from the first values of what is fed back, and of the rest."""
        self._state = dict(state)
        self._begun = False
        if self._binding is None:
            return
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        self._state = {
            name: ort.OrtValue.ortvalue_from_numpy(array, self._device)
            for name, array in state.items()
        }
        if self._shared:
            for name in self._out:  # in the order in which outputs are given back
                self._binding.bind_output(name, "cpu")
            for name, value in self._state.items():
                self._binding.bind_ortvalue_input(name, value)
                if name in self._fed_back:
                    self._binding.bind_ortvalue_output(self._fed_back[name], value)

    def step(
        self, feeds: Mapping[str, Array], cancel: CancelToken, *, again: bool = False
    ) -> Array:
        """Run once and return the wanted output.

        Parameters
        ----------
        feeds : mapping of str to array
            C-contiguous arrays of all inputs that are not fed back.
        cancel : CancelToken
            Of the job.
        again : bool
            Whether the wanted output has the shape that it had in the last step.

        Raises
        ------
        JobCancelledError
            The user stopped the job.
        """
        with self._explained():
            if self._binding is None:
                values = self._plainly(feeds, cancel)
            elif again and self._can_place and self._last is not None:
                values = [self._into_place(self._last, feeds, cancel)]
            else:
                values = self._bound(feeds, cancel)
        self.kept = dict(zip(self._out[1:], values[1:], strict=True))
        self._last = values[0]
        return values[0]

    def state(self) -> dict[str, Array]:
        """Return what the inputs that are fed back would get in the next step."""
        return {
            name: value if isinstance(value, np.ndarray) else value.numpy()
            for name, value in self._state.items()
        }

    def _plainly(self, feeds: Mapping[str, Array], cancel: CancelToken) -> list[Array]:
        with run_options(cancel) as options:
            found = self._session.run(self._names, {**feeds, **self._state}, options)
        self._feed_back(found[len(self._out) :])
        values: list[Array] = found[: len(self._out)]
        return values

    def _feed_back(self, values: Sequence[Any]) -> None:
        for name, value in zip(self._fed_back, values, strict=True):
            if not self._begun or name not in self._held:
                self._state[name] = value
        self._begun = True

    def _bound(self, feeds: Mapping[str, Array], cancel: CancelToken) -> list[Array]:
        binding = self._binding
        assert binding is not None
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        for name in self._out:
            binding.bind_output(name, "cpu")
        if not self._shared:
            for name, output in self._fed_back.items():
                binding.bind_ortvalue_input(name, self._state[name])
                binding.bind_output(output, self._device)
            for name in self._state.keys() - self._fed_back.keys():
                binding.bind_ortvalue_input(name, self._state[name])
        with run_options(cancel) as options:
            self._session.run_with_iobinding(binding, options)
        found = binding.get_outputs()
        if not self._shared:
            self._feed_back(found[len(self._out) :])
        return [value.numpy() for value in found[: len(self._out)]]

    def _into_place(
        self, last: Array, feeds: Mapping[str, Array], cancel: CancelToken
    ) -> Array:
        """Run with all buffers known: fewer calls, which count in small models."""
        binding = self._binding
        assert binding is not None
        for name, array in feeds.items():
            binding.bind_cpu_input(name, array)
        wanted = np.empty_like(last)
        binding.bind_output(
            self._out[0], "cpu", 0, last.dtype, last.shape, wanted.ctypes.data
        )
        with run_options(cancel) as options:
            self._session.run_with_iobinding(binding, options)
        return wanted
