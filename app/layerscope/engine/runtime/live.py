"""The live session: the network with a gated tap at every place worth watching."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from layerscope.engine.model.taps import Tap, Window
from layerscope.engine.runtime.cancelling import CancelToken, run_options
from layerscope.engine.runtime.sessions import Session
from layerscope.engine.trace import Roles

THUMB_CHANNELS = 16
THUMB_PIXELS = 32
THUMB_FEATURES = 256
MAX_FULL_ELEMENTS = 1 << 25

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class TapRequest:
    """What is wanted of one tap.

    Attributes
    ----------
    tensor : str
    detail : str
        ``"thumb"``: at most 16 channels, at most 32 pixels a side; ``"full"``:
        all elements.
    channel : int
        The only channel wanted of a thumbnail, -1 for several, evenly spread.
    """

    tensor: str
    detail: str
    channel: int = -1


def window_of(shape: tuple[int, ...], roles: Roles, request: TapRequest) -> Window:
    """Return the elements of a tensor that answer a request.

    Returns
    -------
    tuple of (start, stop, step)
        For each axis.
    """
    if request.detail == "full":
        step = 1
        while np.prod([-(-size // step) for size in shape]) > MAX_FULL_ELEMENTS:
            step += 1
        wide = {"height", "width", "time", "feature", "query", "key"}
        return tuple(
            (0, size, step if role in wide else 1)
            for size, role in zip(shape, roles, strict=True)
        )
    window = []
    flat = "height" not in roles and "time" not in roles and "query" not in roles
    for size, role in zip(shape, roles, strict=True):
        if role == "batch":
            window.append((0, min(size, 1), 1))
        elif role in ("channel", "head"):
            chosen = request.channel
            if 0 <= chosen < size:
                window.append((chosen, chosen + 1, 1))
            else:
                window.append((0, size, max(1, -(-size // THUMB_CHANNELS))))
        else:
            most = THUMB_FEATURES if flat else THUMB_PIXELS
            window.append((0, size, max(1, -(-size // most))))
    return tuple(window)


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
    device : str
        ``"cpu"`` or ``"cuda"``: where the taps compute. The gates stay in host
        memory and what leaves is copied there; whole tensors are not.
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
        self._names = [*self._outputs, *(tap.output for tap in taps)]
        self._bindable = bindable
        self._binding = session.io_binding() if bindable else None
        self._open: dict[str, Window] = {}
        self._gates: dict[str, Array] = {}
        self._values: dict[str, Any] = {}  # what the binding points at must live
        self._lock = threading.Lock()
        for tap in taps:
            self._work(tap, (), shut=True)

    @property
    def tensors(self) -> tuple[str, ...]:
        """What can be watched."""
        return tuple(self._taps)

    def run(
        self,
        feeds: Mapping[str, Array],
        windows: Mapping[str, Window],
        cancel: CancelToken,
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        """Run once and return outputs, what left by the taps, and milliseconds.

        Parameters
        ----------
        feeds : mapping of str to array
        windows : mapping of str to window
            What is to leave, by tensor; every other tap is shut.
        """
        with self._lock:
            start = time.perf_counter()
            self._set(windows)
            with run_options(cancel) as options:
                values = (
                    self._run_bound(feeds, options)
                    if self._bindable
                    else self._session.run(
                        self._names, {**feeds, **self._gates}, options
                    )
                )
            elapsed = (time.perf_counter() - start) * 1e3
        found = dict(zip(self._names, values, strict=True))
        tapped = {name: found[self._taps[name].output] for name in windows}
        return {name: found[name] for name in self._outputs}, tapped, elapsed

    def _run_bound(self, feeds: Mapping[str, Array], options: Any) -> list[Any]:
        binding = self._binding
        assert binding is not None
        for name, array in feeds.items():
            # held, since the binding only borrows its memory
            value = np.ascontiguousarray(array)
            self._values[name] = value
            binding.bind_cpu_input(name, value)
        # Bound anew each time: what was returned before belongs to the caller, and
        # sizes may have changed.
        binding.clear_binding_outputs()
        for name in self._names:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding, options)
        return [value.numpy() for value in binding.get_outputs()]

    def _set(self, windows: Mapping[str, Window]) -> None:
        for name in [name for name in self._open if name not in windows]:
            del self._open[name]
            self._work(self._taps[name], (), shut=True)
        for name, window in windows.items():
            if self._open.get(name) != window:
                self._work(self._taps[name], window)
                self._open[name] = window

    def _work(self, tap: Tap, window: Window, *, shut: bool = False) -> None:
        if shut:
            rank = max(tap.axes, default=0) + 1
            window = ((0, 0, 1),) * rank
        for gate, value in zip(tap.gates, tap.gate_values(window), strict=True):
            self._gates[gate] = value
            if self._binding is not None:
                held = ort.OrtValue.ortvalue_from_numpy(value)
                self._values[gate] = (held, value)
                self._binding.bind_ortvalue_input(gate, held)
