"""Running a model with inner tensors kept in full: one run, whatever their number."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.model.extract import cut_at
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.runtime.cancelling import CancelToken
from layerscope.engine.runtime.running import RunningModel

Arrays = dict[str, npt.NDArray[np.generic]]


def run_and_keep(
    running: RunningModel,
    structure: ModelStructure,
    names: Sequence[str],
    feeds: Arrays,
    cancel: CancelToken,
) -> tuple[dict[str, Any], Arrays, float]:
    """Run once, by a copy of the graph that lets inner tensors out.

    Parameters
    ----------
    running : RunningModel
        The model.
    structure : ModelStructure
        Its own.
    names : sequence of str
        Tensors of the main graph, inputs too.
    feeds : dict
        Inputs by name.
    cancel : CancelToken
        Of the job.

    Returns
    -------
    outputs : dict
        By name.
    kept : dict
        Arrays by the names asked for.
    ms : float
        Of the run.

    Raises
    ------
    BadInputError
        The main graph makes no tensor of such a name.
    """
    outputs = tuple(output.name for output in running.outputs)
    inner = tuple(dict.fromkeys(name for name in names if name not in feeds))
    for name in inner:
        if name not in structure.producer:
            raise BadInputError(
                f'The tensor "{name}" was to be kept, but no node of the main graph '
                "makes it; choose one outside the bodies of other nodes."
            )
    wanted = tuple(dict.fromkeys((*outputs, *inner)))

    def cut(proto: onnx.ModelProto) -> None:
        cut_at(proto, wanted)

    started = time.perf_counter()
    values = running.edited(("kept", wanted), cut, feeds, cancel)
    ms = (time.perf_counter() - started) * 1e3
    found = dict(zip(wanted, values, strict=True))
    kept = {name: np.asarray(feeds.get(name, found.get(name))) for name in names}
    return {name: found[name] for name in outputs}, kept, ms
