"""Asking onnxruntime what it makes of a graph."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime as ort

from layerscope.engine.model.extract import without_weights
from layerscope.engine.model.fusion import FusionMap, mark_nodes
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.value_types import dtype_name
from layerscope.engine.runtime.sessions import (
    ProviderList,
    session_of_lean,
    session_options,
)


@dataclass(frozen=True)
class Fusing:
    """What became of a graph.

    Attributes
    ----------
    fusion : FusionMap
    dtypes : dict of str to str
        Element type of each surviving tensor, as onnxruntime worked it out.
    """

    fusion: FusionMap
    dtypes: dict[str, str]


def find_fusing(
    model: OnnxModel, providers: ProviderList, *, keep_shapes: bool = True
) -> Fusing:
    """Let onnxruntime optimise a graph and compare.

    The optimised graphs are written twice to a folder that is then removed: after
    all fusions, where tensors still bear their names, and as it runs.

    Raises
    ------
    Exception
        Whatever onnxruntime raises.
    """
    extended = _optimised(
        model,
        providers,
        ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        keep_shapes=keep_shapes,
    )
    final = _optimised(
        model,
        providers,
        ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
        keep_shapes=keep_shapes,
    )
    values = [*extended.graph.value_info, *extended.graph.output]
    return Fusing(
        fusion=FusionMap(model.proto.graph.node, extended.graph.node, final.graph.node),
        dtypes={
            value.name: dtype_name(value.type.tensor_type.elem_type)
            for value in values
            if value.type.HasField("tensor_type")
        },
    )


def _optimised(
    model: OnnxModel, providers: ProviderList, level: object, *, keep_shapes: bool
) -> onnx.ModelProto:
    lean = without_weights(model, keep_shapes=keep_shapes)
    mark_nodes(lean.proto)
    with tempfile.TemporaryDirectory(prefix="layerscope-") as folder:
        path = Path(folder) / "optimised.onnx"
        options = session_options(prepack=False, level=level, optimised_to=path)
        session_of_lean(lean, options, providers)
        return onnx.load(path, load_external_data=False)
