"""Run-time shapes, measured once for each set of input shapes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.runtime import profile
from layerscope.engine.runtime.cancelling import NeverCancelled
from layerscope.engine.runtime.gates import TypedShape
from layerscope.engine.runtime.session_maker import SessionMaker

MAX_KEPT = 8

Shapes = dict[str, TypedShape]


class MeasuredShapes:
    """What shapes the tensors of a model really have.

    Parameters
    ----------
    maker : SessionMaker
    structure : ModelStructure
    """

    def __init__(self, maker: SessionMaker, structure: ModelStructure) -> None:
        self._maker = maker
        self._half = [t.name for t in structure.tensors if t.dtype == "float16"]
        self._kept: OrderedDict[Any, Shapes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, feeds: Mapping[str, npt.NDArray[Any]]) -> Shapes:
        """Return type and shape of every tensor of the main graph.

        The same object comes back for inputs of the same shapes.
        """
        key = tuple([(name, array.shape) for name, array in feeds.items()])
        found = self._kept.get(key)
        if found is not None:
            return found
        with self._lock:
            if key not in self._kept:
                lean = self._maker.lean(keep_shapes=False)
                measured = profile.measure_shapes(
                    lean, feeds, self._maker.providers, NeverCancelled()
                )
                # The CPU computes half precision as float32; the tensor is half.
                for name in self._half:
                    if name in measured:
                        measured[name] = ("float16", measured[name][1])
                self._kept[key] = measured
                while len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
