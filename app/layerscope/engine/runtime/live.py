"""The live session: the network with a gated tap at every place worth watching."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from layerscope.engine.model.taps import Tap, Window
from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.gates import TypedShape
from layerscope.engine.runtime.sessions import Session
from layerscope.protocol.values import TensorInfo

Array = npt.NDArray[Any]

MAX_COPIED_BYTES = 1 << 20

_NUMPY_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
}
# What onnxruntime says when memory laid out for an output is not what it takes.
_SIZE_CHANGED = "pre-allocated output"


def can_bind(values: Iterable[TensorInfo]) -> bool:
    """Whether all these inputs and outputs are plain tensors of numbers."""
    return all("(" not in v.dtype and v.dtype != "string" for v in values)


class LiveSession:
    """A tapped session with everything bound that does not change between runs.

    Parameters
    ----------
    session : InferenceSession
    taps : sequence of Tap
    outputs : sequence of str
        The model's own outputs.
    bindable : bool
        Whether all inputs and outputs are plain tensors of numbers.
    """

    def __init__(
        self,
        session: Session,
        taps: Sequence[Tap],
        outputs: Sequence[str],
        *,
        bindable: bool,
    ) -> None:
        self._session = session
        self._taps = {tap.tensor: tap for tap in taps}
        self._outputs = list(outputs)
        self._bindable = bindable
        self._binding = session.io_binding() if bindable else None
        self._names = [*self._outputs, *(tap.output for tap in taps)]
        self._states: dict[str, Any] = {}
        self._gates: dict[str, Array] = {}
        self._buffers: dict[str, Array] = {}
        self._leaving: dict[str, Array] = {}
        self._held: dict[str, Any] = {}  # what the binding points at must live
        self._windows: Mapping[str, Window] | None = None
        self._shapes: Mapping[str, TypedShape] | None = None
        # As declared: the profile that shapes come from names the type computed in.
        self._types = {
            value.name: _NUMPY_TYPES.get(value.type, "")
            for value in session.get_outputs()
        }
        self._large: set[str] = set()
        self._fixed = all(self._types.values())
        self._lock = threading.Lock()
        if self._binding is not None:
            for name in self._names:  # their order from now on
                self._binding.bind_output(name, "cpu")

    @property
    def tensors(self) -> tuple[str, ...]:
        """What can be watched."""
        return tuple(self._taps)

    def run(
        self,
        feeds: Mapping[str, Array],
        windows: Mapping[str, Window],
        shapes: Mapping[str, TypedShape],
        cancel: CancelToken,
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        """Run once.

        Parameters
        ----------
        feeds : mapping of str to array
            Inputs by name.
        windows : mapping of str to window
            What is to leave, by tensor; every other tap is shut.
        shapes : mapping of str to (str, tuple of int)
            Type and shape of the tapped tensors.
        cancel : CancelToken
            Of the job.

        Returns
        -------
        outputs : dict
        tapped : dict of str to array
            Valid until the next run, which writes to the same memory.
        ms : float
        """
        with self._lock:
            if not self._bindable:
                return self._run_plain(feeds, windows, cancel)
            self._set(windows, shapes)
            try:
                return self._run_bound(feeds, windows, shapes, cancel)
            except Exception as error:
                if not self._fixed or _SIZE_CHANGED not in str(error):
                    raise
                # Some sizes depend on values, not on the inputs' sizes alone.
                self._fixed, self._large = False, set()
                self._states.clear()
                self._windows = self._shapes = None
                self._set(windows, shapes)
                return self._run_bound(feeds, windows, shapes, cancel)

    def _run_plain(
        self,
        feeds: Mapping[str, Array],
        windows: Mapping[str, Window],
        cancel: CancelToken,
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        """Run without binding, as sequences, maps and texts need."""
        for tap in self._taps.values():
            self._work(tap, windows.get(tap.tensor))
        names = [*self._outputs, *(self._taps[name].output for name in windows)]
        given = {**feeds, **self._gates}
        start = time.perf_counter()
        with run_options(cancel) as options:
            values = self._session.run(names, given, options)
        elapsed = (time.perf_counter() - start) * 1e3
        n = len(self._outputs)
        outputs = dict(zip(self._outputs, values[:n], strict=True))
        return outputs, dict(zip(windows, values[n:], strict=True)), elapsed

    def _run_bound(
        self,
        feeds: Mapping[str, Array],
        windows: Mapping[str, Window],
        shapes: Mapping[str, TypedShape],
        cancel: CancelToken,
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        binding = self._binding
        assert binding is not None
        start = time.perf_counter()
        for name, array in feeds.items():
            if self._held.get(name) is not array:
                # held, since the binding only borrows its memory
                self._held[name] = np.ascontiguousarray(array)
                binding.bind_cpu_input(name, self._held[name])
        if not self._fixed:
            for name in self._names:
                binding.bind_output(name, "cpu")
        for name in self._large:
            self._lay_out(name, shapes[name][1])
        with run_options(cancel) as options:
            self._session.run_with_iobinding(binding, options)
        if self._fixed:
            tapped = self._leaving
            outputs: dict[str, Any] = {
                name: buffer if name in self._large else buffer.copy()
                for name, buffer in ((n, self._buffers[n]) for n in self._outputs)
            }
        else:
            values = dict(zip(self._names, binding.get_outputs(), strict=True))
            outputs = {name: values[name].numpy() for name in self._outputs}
            tapped = {name: values[self._taps[name].output].numpy() for name in windows}
        return outputs, tapped, (time.perf_counter() - start) * 1e3

    def _set(
        self,
        windows: Mapping[str, Window],
        shapes: Mapping[str, TypedShape],
    ) -> None:
        """Open and shut gates, and lay out memory for what leaves by them."""
        if windows is self._windows and shapes is self._shapes:
            return
        binding = self._binding
        assert binding is not None
        if shapes is not self._shapes:
            known = all(name in shapes for name in (*self._outputs, *self._taps))
            self._fixed = self._fixed and known
            self._large = set()
        if self._fixed and shapes is not self._shapes:
            for name in self._outputs:
                self._lay_out(name, shapes[name][1])
            # These get new memory in each run instead of being copied out of it.
            self._large = {
                name
                for name in self._outputs
                if self._buffers[name].nbytes > MAX_COPIED_BYTES
            }
        for name, tap in self._taps.items():
            window = windows.get(name)
            state = (window, shapes.get(name))
            if self._states.get(name) == state:
                continue
            self._work(tap, window)
            for gate in tap.gates:
                value = ort.OrtValue.ortvalue_from_numpy(self._gates[gate])
                self._held[gate] = (value, self._gates[gate])
                binding.bind_ortvalue_input(gate, value)
            if self._fixed:
                sizes = (
                    tuple(len(range(*part)) for part in window)
                    if window is not None
                    else tap.shut_shape(shapes[name][1])
                )
                self._lay_out(tap.output, sizes)
            self._states[name] = state
        self._windows, self._shapes = windows, shapes
        if self._fixed:
            buffers = self._buffers
            self._leaving = {n: buffers[self._taps[n].output] for n in windows}

    def _lay_out(self, output: str, shape: tuple[int, ...]) -> None:
        """Bind memory that stays for what leaves by `output`."""
        assert self._binding is not None
        self._buffers[output] = np.empty(shape, dtype=self._types[output])
        value = ort.OrtValue.ortvalue_from_numpy(self._buffers[output])
        self._held[output] = value
        self._binding.bind_ortvalue_output(output, value)

    def _work(self, tap: Tap, window: Window | None) -> None:
        values = tap.shut_values() if window is None else tap.gate_values(window)
        self._gates.update(zip(tap.gates, values, strict=True))
