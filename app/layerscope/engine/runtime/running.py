"""A model that can run: fast, live and deep sessions over the same weights."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError, LayerscopeError
from layerscope.engine.model import refusals
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.value_types import describe_value
from layerscope.engine.runtime import memory, profile
from layerscope.engine.runtime import precision as precisions
from layerscope.engine.runtime.benchmark import compare, raw_run
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.decoding import Decoder
from layerscope.engine.runtime.deep import DeepSessions, Edit
from layerscope.engine.runtime.devices import providers_of
from layerscope.engine.runtime.fast import FastSession
from layerscope.engine.runtime.gates import (
    Gates,
    TapRequest,
    TypedShape,
    by_tensor,
    plan_gates,
    window_of,
)
from layerscope.engine.runtime.live import LiveSession, can_bind
from layerscope.engine.runtime.measured import MeasuredShapes
from layerscope.engine.runtime.session_maker import SessionMaker
from layerscope.engine.runtime.sessions import start_runtime
from layerscope.engine.runtime.watching import TapPlan
from layerscope.engine.trace import Roles, Trace, axis_roles
from layerscope.protocol.values import DeviceInfo, LayerTime

__all__ = ["RunningModel", "TapRequest"]

BENCH_TAPS = 18
logger = logging.getLogger(__name__)
Array = npt.NDArray[Any]
Feeds = Mapping[str, Array]


class RunningModel:
    """All sessions of one model on one device.

    Its methods may be called from the run lane and the query lane at once.

    Parameters
    ----------
    model, structure : OnnxModel, ModelStructure
    device : DeviceInfo
    precision : str
        ``"fp16"`` converts where the device gains by it; else the file's own.

    Attributes
    ----------
    inputs, outputs : tuple of TensorInfo
    provider : str
        The execution provider that got most nodes.
    precision : str
        As shown.
    load_ms : float
        Time to make the fast session.
    """

    def __init__(
        self,
        model: OnnxModel,
        structure: ModelStructure,
        device: DeviceInfo,
        precision: str = "",
    ) -> None:
        self._structure = structure
        self._device = device
        self._wanted = precision
        graph = model.proto.graph
        weights = {tensor.name for tensor in graph.initializer}
        self.inputs = tuple(
            describe_value(value) for value in graph.input if value.name not in weights
        )
        self.outputs = tuple(describe_value(value) for value in graph.output)
        self.provider = device.provider
        self.precision = ""
        self.load_ms = 0.0
        self._lock = threading.RLock()
        self._plan: TapPlan | None = None
        self._live: LiveSession | None = None
        self._live_fails = False
        self._traced: tuple[Any, Any, dict[str, Roles], dict[str, Any]] | None = None
        self._last_gates: tuple[Any, Any, Any, Gates] | None = None
        self._use(SessionMaker(model, providers_of(device)))

    @property
    def notes(self) -> list[str]:
        """Sentences about what was recovered or given up; grows."""
        return self._maker.notes

    def load(self) -> None:
        """Make the fast session.

        Raises
        ------
        LayerscopeError
            onnxruntime refuses the model, or the device or memory fails.
        """
        start_runtime()
        start = time.perf_counter()
        self.precision = precisions.precision_of(self._maker.model)
        if self._wanted == "fp16" and self.precision == "fp32":
            if precisions.gains_by_half(self._device):
                half = precisions.to_half(self._maker.model)
                self._use(SessionMaker(half, self._maker.providers, from_file=False))
                self.precision = "fp16"
            else:
                self.notes.append(
                    f"{self._device.name} does not gain by half precision, so the "
                    "model runs in fp32."
                )
        with self._explained():
            self.provider = self._fast.load()
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
        if self._fast.seems_unwatched():
            self.stop_watching()
        with self._explained():
            return self._fast.run(feeds, cancel)

    def tap_points(self) -> tuple[str, ...]:
        """Return the tensors to watch live, in order of computation."""
        return self._taps().taps

    def run_live(
        self, feeds: Feeds, requests: Sequence[TapRequest], cancel: CancelToken
    ) -> tuple[dict[str, Any], dict[str, Array], float]:
        """Run the tapped model.

        Parameters
        ----------
        feeds : mapping of str to array
            Inputs by name.
        requests : sequence of TapRequest
            A tensor that is no tap point is represented by the nearest one, or
            computed apart if all its elements are wanted.
        cancel : CancelToken
            Of the job.

        Returns
        -------
        outputs : dict
        tensors : dict of str to array
            What the taps let out, by the tensor asked for. Valid until the next
            tapped run, which writes to the same memory.
        ms : float
            Of the tapped run.
        """
        with self._explained():
            self._fast.watched()
            live = self._live or self._live_session(feeds)
            if live is None:
                outputs, ms = self._fast.run(feeds, cancel)
                return outputs, self._by_deep(feeds, requests, cancel), ms
            shapes = self.measured_shapes(feeds)
            gates = self._gates(live, shapes, requests)
            try:
                outputs, tapped, ms = live.run(feeds, gates.windows, shapes, cancel)
            except Exception as error:
                if not self._maker.lies_found(error):
                    raise
                self._forget_sessions()
                return self.run_live(feeds, requests, cancel)
        if self._fast.sharing:
            memory.give_back()
        tensors = tapped
        if not gates.direct:
            tensors = {name: tapped[tap] for name, tap in gates.stand_ins.items()}
        for name in gates.apart:
            tensors[name] = self.tensor_value(name, feeds, cancel)
        return outputs, tensors, ms

    def trace(self, tensors: Mapping[str, Array], feeds: Feeds) -> Trace:
        """Return what `run_live` let out, with whole shapes and axis roles."""
        measured, names = self.measured_shapes(feeds), tuple(tensors)
        last = self._traced
        if last is None or last[0] is not measured or last[1] != names:
            whole = {}
            for name, array in tensors.items():
                for candidate in (name, self.fused_with(name)):
                    known = measured.get(candidate)
                    if known is not None and len(known[1]) == array.ndim:
                        whole[name] = known[1]
                        break
            roles = {name: self._roles(name, shape) for name, shape in whole.items()}
            last = self._traced = (measured, names, roles, whole)
        return Trace(0, dict(tensors), roles=last[2], shapes=last[3])

    def measured_shapes(self, feeds: Feeds) -> dict[str, TypedShape]:
        """Return type and shape of every tensor of the main graph as it runs."""
        with self._explained():
            return self._measured.of(feeds)

    def tensor_value(self, name: str, feeds: Feeds, cancel: CancelToken) -> Array:
        """Compute one tensor of the main graph in full.

        Raises
        ------
        BadInputError
        """
        if name in feeds:
            return np.asarray(feeds[name])
        if name not in self._structure.producer:
            raise BadInputError(
                f'The tensor "{name}" cannot be shown, since no node of the main '
                "graph makes it; choose one outside the bodies of other nodes."
            )
        with self._explained():
            return np.asarray(self._deep.values((name,), feeds, cancel)[0])

    def edited(
        self, key: Hashable, edit: Edit, feeds: Feeds, cancel: CancelToken
    ) -> list[Any]:
        """Run a changed copy of the graph; see `DeepSessions.edited`."""
        with self._explained():
            return self._deep.edited(key, edit, feeds, cancel)

    def decoder(self, *names: Any, edit: Edit | None = None, **more: Any) -> Decoder:
        """Return what runs the graph, or a changed one, in steps; see `Decoder`."""
        with self._explained():
            session = self._deep.session(edit) if edit else self._fast.session()
        return Decoder(session, self._explained, *names, **more)

    def profile(
        self, feeds: Feeds, runs: int, cancel: CancelToken
    ) -> tuple[LayerTime, ...]:
        """Time every group of nodes that runs as one, in order of execution."""
        fusing = self._taps().fusing
        shapes = {n: tuple(t.dims) for n, t in self._maker.model.weights.items()}
        measured = self.measured_shapes(feeds)
        shapes.update({name: shape for name, (_, shape) in measured.items()})
        with self._explained():
            return profile.time_layers(
                self._maker.lean(),
                feeds,
                self._maker.providers,
                runs=max(1, runs),
                cancel=cancel,
                fusion=fusing.fusion if fusing else None,
                shapes=shapes,
            )

    def bench(
        self, feeds: Feeds, pairs: int, cancel: CancelToken
    ) -> tuple[float, float, float, int, int]:
        """Compare with raw onnxruntime: three figures, numbers of taps and rounds."""
        with self._explained():
            taps = self.tap_points()[:BENCH_TAPS]
            requests = [TapRequest(tensor, "thumb", 0) for tensor in taps]
            given = dict(feeds)
            found = compare(
                raw_run(self._maker.untouched(), given, cancel),
                lambda: self._fast.run(given, cancel),
                lambda: self.run_live(given, requests, cancel),
                pairs,
            )
        return found.raw_ms, found.fast_ratio, found.live_ratio, len(taps), found.n

    def fused_with(self, tensor: str) -> str:
        """Return the tap point that stands for `tensor`, empty where none does."""
        return self._taps().stands_for(tensor)

    def stop_watching(self) -> None:
        """Give back what only watching needs; called by itself after a while."""
        with self._lock:
            self._live = self._last_gates = None
            with self._explained():
                self._fast.settle()

    def release(self) -> None:
        """Let go of all sessions."""
        with self._lock:
            self._forget_sessions()
            self._measured.clear()

    def _use(self, maker: SessionMaker) -> None:
        self._maker = maker
        self._fast = FastSession(maker, [output.name for output in self.outputs])
        self._deep = DeepSessions(maker)
        self._measured = MeasuredShapes(maker, self._structure)

    def _taps(self) -> TapPlan:
        with self._lock:
            if self._plan is None:
                self._plan = TapPlan(self._maker, self._structure)
            return self._plan

    def _live_session(self, feeds: Feeds) -> LiveSession | None:
        """Return the tapped session, making it first; None where it cannot be."""
        with self._lock:
            if self._live is not None or self._live_fails:
                return self._live
            shapes = self.measured_shapes(feeds)
            tensors = [
                (name, len(shapes[name][1]))
                for name in self.tap_points()
                if name in shapes and shapes[name][1]
            ]
            try:
                session, taps = self._maker.tapped(tensors)
            except LayerscopeError:
                raise
            except Exception:
                logger.warning("no tapped session could be made", exc_info=True)
                self._live_fails = True
                self.notes.append(
                    "onnxruntime refuses this model with taps in it; what is watched "
                    "is computed apart, which takes longer."
                )
                return None
            self._live = LiveSession(
                session,
                taps,
                [output.name for output in self.outputs],
                bindable=can_bind((*self.inputs, *self.outputs)),
            )
            return self._live

    def _gates(
        self,
        live: LiveSession,
        shapes: Mapping[str, TypedShape],
        requests: Sequence[TapRequest],
    ) -> Gates:
        """Return the gates to open; the same object as long as nothing changes."""
        last, wanted = self._last_gates, tuple(requests)
        if last and last[0] is live and last[1] is shapes and last[2] == wanted:
            return last[3]
        gates = plan_gates(
            requests,
            frozenset(live.tensors),
            shapes,
            stands_for=self.fused_with,
            roles_of=self._roles,
        )
        self._last_gates = (live, shapes, wanted, gates)
        return gates

    def _by_deep(
        self, feeds: Feeds, requests: Sequence[TapRequest], cancel: CancelToken
    ) -> dict[str, Array]:
        wanted = by_tensor(requests)
        names = tuple(name for name in wanted if name in self._structure.producer)
        if not names:
            return {}
        values = self._deep.values(names, feeds, cancel)
        found = {}
        for name, value in zip(names, values, strict=True):
            roles = self._roles(name, value.shape)
            window = window_of(value.shape, roles, wanted[name])
            found[name] = value[tuple(slice(*part) for part in window)]
        return found

    def _roles(self, tensor: str, shape: tuple[int, ...]) -> Roles:
        index = self._structure.producer.get(tensor)
        op = "" if index is None else self._structure.nodes[index].op
        return axis_roles(shape, op)

    def _forget_sessions(self) -> None:
        with self._lock:
            self._live = self._last_gates = None
            self._fast.clear()
            self._deep.clear()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn whatever onnxruntime raises into a sentence."""
        try:
            yield
        except LayerscopeError:
            raise
        except Exception as error:
            raise refusals.explain(error, self._maker.model, self._structure) from error
