"""A model that can run: fast, live and deep sessions over the same weights."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from layerscope.core.errors import BadInputError, LayerscopeError, OutOfMemoryError
from layerscope.engine.model import refusals
from layerscope.engine.model.extract import cut_at, without_weights
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.taps import Window, add_taps, choose_taps, likely_survivors
from layerscope.engine.model.value_types import describe_value
from layerscope.engine.runtime import memory, precision, profile
from layerscope.engine.runtime.benchmark import compare
from layerscope.engine.runtime.cancelling import (
    CancelToken,
    NeverCancelled,
    run_options,
)
from layerscope.engine.runtime.devices import providers_of
from layerscope.engine.runtime.fusing import Fusing, find_fusing
from layerscope.engine.runtime.live import LiveSession, TapRequest, window_of
from layerscope.engine.runtime.sessions import (
    Session,
    main_provider,
    session_of_file,
    session_of_lean,
    session_options,
    start_runtime,
)
from layerscope.engine.trace import Roles, Trace, axis_roles
from layerscope.protocol.values import DeviceInfo, LayerTime

__all__ = ["RunningModel", "TapRequest"]

logger = logging.getLogger(__name__)

MAX_DEEP_SESSIONS = 4
# Untouched runs in a row after which nobody seems to watch any more.
FAST_RUNS_TO_SETTLE = 4
_REUSE_FAILURES = ("shape verification failed", "buffer reuse", "re-use buffer")

Array = npt.NDArray[Any]
Feeds = Mapping[str, Array]
TypedShape = tuple[str, tuple[int, ...]]


class RunningModel:
    """All sessions of one model on one device.

    Its methods may be called from the run lane and the query lane at once.

    Parameters
    ----------
    model : OnnxModel
    structure : ModelStructure
    device : DeviceInfo
    precision : str
        ``"fp16"`` converts where the device gains by it; else the file's own.

    Attributes
    ----------
    inputs, outputs : tuple of TensorInfo
    provider : str
        The execution provider that got most nodes.
    precision : str
    load_ms : float
        Time to make the fast session.
    notes : list of str
        Sentences about what was recovered or given up; grows.
    """

    def __init__(
        self,
        model: OnnxModel,
        structure: ModelStructure,
        device: DeviceInfo,
        precision: str = "",
    ) -> None:
        self._model = model
        self._structure = structure
        self._device = device
        self._wanted = precision
        self._providers = providers_of(device)
        graph = model.proto.graph
        weights = {tensor.name for tensor in graph.initializer}
        self.inputs = tuple(
            describe_value(value) for value in graph.input if value.name not in weights
        )
        self.outputs = tuple(describe_value(value) for value in graph.output)
        self.provider = device.provider
        self.precision = ""
        self.load_ms = 0.0
        self.notes: list[str] = []
        self._lock = threading.RLock()
        self._fast: Session | None = None
        self._fast_shared = False
        self._fast_in_row = 0
        self._converted = False
        self._keep_shapes = True
        self._level: Any = None
        self._fusing: Fusing | None = None
        self._taps: tuple[str, ...] | None = None
        self._live: LiveSession | None = None
        self._live_fails = False
        self._deep: OrderedDict[tuple[str, ...], Session] = OrderedDict()
        self._shapes: OrderedDict[Any, dict[str, TypedShape]] = OrderedDict()
        self._ops = {
            name: structure.nodes[index].op
            for name, index in structure.producer.items()
        }

    def load(self) -> None:
        """Make the fast session.

        Raises
        ------
        LayerscopeError
            onnxruntime refuses the model, or the device or memory fails.
        """
        start_runtime()
        start = time.perf_counter()
        self.precision = precision.precision_of(self._model)
        if self._wanted == "fp16" and self.precision == "fp32":
            if precision.gains_by_half(self._device):
                self._model = precision.to_half(self._model)
                self.precision, self._converted = "fp16", True
            else:
                self.notes.append(
                    f"{self._device.name} does not gain by half precision, so the "
                    "model runs in fp32."
                )
        with self._explained():
            self._fast = self._first_session()
        self.provider = main_provider(self._fast)
        self.load_ms = (time.perf_counter() - start) * 1e3

    def run_fast(
        self, feeds: Feeds, cancel: CancelToken
    ) -> tuple[dict[str, Any], float]:
        """Run the untouched model.

        Returns
        -------
        outputs : dict
            Arrays by name; lists and dicts for sequences and maps.
        ms : float
        """
        with self._lock:
            self._fast_in_row += 1
            if self._fast_shared and self._fast_in_row >= FAST_RUNS_TO_SETTLE:
                self._settle()
        return self._run_fast(feeds, cancel)

    def tap_points(self) -> tuple[str, ...]:
        """Return the tensors that can be watched live, in order of computation."""
        with self._lock:
            if self._taps is None:
                self._taps = self._find_taps()
            return self._taps

    def run_live(
        self, feeds: Feeds, requests: Sequence[TapRequest], cancel: CancelToken
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        """Run the tapped model.

        Parameters
        ----------
        feeds : mapping of str to array
        requests : sequence of TapRequest
            A tensor that is no tap point is represented by the nearest one, or
            computed apart if all its elements are wanted.

        Returns
        -------
        outputs : dict
        tensors : dict of str to array
            What the taps let out, by the tensor asked for.
        ms : float
            Of the tapped run.
        """
        self._fast_in_row = 0
        wanted = {r.tensor: r for r in requests if r.detail != "full"}
        wanted.update({r.tensor: r for r in requests if r.detail == "full"})
        with self._explained():
            live = self._live_session(feeds)
            if live is None:
                outputs, ms = self._run_fast(feeds, cancel)
                return outputs, self._by_deep(feeds, wanted, cancel), ms
            windows, stand_ins, apart = self._windows(feeds, live, wanted)
            try:
                outputs, tapped, ms = live.run(feeds, windows, cancel)
            except Exception as error:
                if not self._lies_found(error):
                    raise
                return self.run_live(feeds, requests, cancel)
        tensors = {name: tapped[stand_in] for name, stand_in in stand_ins.items()}
        for name in apart:
            tensors[name] = self.tensor_value(name, feeds, cancel)
        return outputs, tensors, ms

    def trace(self, tensors: dict[str, Array], feeds: Feeds) -> Trace:
        """Return what `run_live` let out, with the meaning of its axes."""
        shapes = self.measured_shapes(feeds)
        whole = {}
        for name in tensors:
            known = shapes.get(name)
            if known is None or len(known[1]) != tensors[name].ndim:
                known = shapes.get(self.fused_with(name))
            if known is not None and len(known[1]) == tensors[name].ndim:
                whole[name] = known[1]
        return Trace(
            step=0,
            tensors=tensors,
            roles={name: self._roles(name, shape) for name, shape in whole.items()},
            shapes=whole,
        )

    def measured_shapes(self, feeds: Feeds) -> dict[str, TypedShape]:
        """Return type and shape of every tensor of the main graph as it runs."""
        key = tuple((n, a.shape) for n, a in feeds.items() if hasattr(a, "shape"))
        with self._lock:
            if key not in self._shapes:
                lean = without_weights(self._model, keep_shapes=False)
                with self._explained():
                    self._shapes[key] = profile.measure_shapes(
                        lean, feeds, self._providers, NeverCancelled()
                    )
                while len(self._shapes) > 8:
                    self._shapes.popitem(last=False)
            return self._shapes[key]

    def tensor_value(self, name: str, feeds: Feeds, cancel: CancelToken) -> Array:
        """Compute one tensor of the main graph in full.

        Raises
        ------
        BadInputError
            There is no such tensor.
        """
        if name in feeds:
            return np.asarray(feeds[name])
        if name not in self._structure.producer:
            raise BadInputError(
                f'The tensor "{name}" was asked for; the main graph has none of that '
                "name, so choose another one."
            )
        with self._explained():
            return np.asarray(self._deep_values((name,), feeds, cancel)[0])

    def profile(
        self, feeds: Feeds, runs: int, cancel: CancelToken
    ) -> tuple[LayerTime, ...]:
        """Time every group of nodes that runs as one, in order of execution."""
        self.tap_points()
        lean = without_weights(self._model, keep_shapes=self._keep_shapes)
        with self._explained():
            return profile.time_layers(
                lean,
                feeds,
                self._providers,
                runs=max(1, runs),
                cancel=cancel,
                fusion=self._fusing.fusion if self._fusing else None,
                level=self._level,
            )

    def bench(
        self, feeds: Feeds, pairs: int, cancel: CancelToken
    ) -> tuple[float, float, float, int, int]:
        """Compare with raw onnxruntime; see `benchmark.compare`.

        Returns
        -------
        raw_ms, fast_ratio, live_ratio : float
        live_taps, n : int
        """
        with self._explained():
            raw = self._untouched(shared=False)
            return compare(self, raw, dict(feeds), pairs, cancel)

    def fused_with(self, tensor: str) -> str:
        """Return the tap point that stands for `tensor`, empty where none does."""
        taps = self.tap_points()
        if tensor in taps:
            return tensor
        if self._fusing is not None:
            found = self._fusing.fusion.stands_for(tensor)
            if found in taps:
                return found
        for name in _neighbours(self._structure, tensor):
            if name in taps:
                return name
        return ""

    def release(self) -> None:
        """Let go of all sessions."""
        with self._lock:
            self._fast = self._live = None
            self._deep.clear()
            self._shapes.clear()
