"""What can be said of a model before anything is loaded to run."""

from __future__ import annotations

import psutil

from layerscope.engine.model import memory, operators, precisions
from layerscope.engine.model.folders import ModelFolder
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.refusals import words_of
from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.wording import counted, dimensions, shown, size
from layerscope.protocol.values import Preflight

MAX_METADATA_VALUE = 2_000
MAX_METADATA_ENTRIES = 64


def preflight(
    model: OnnxModel, folder: ModelFolder, structure: ModelStructure
) -> Preflight:
    """Describe a model file.

    Parameters
    ----------
    model : OnnxModel
        As read.
    folder : ModelFolder
        Where it lies.
    structure : ModelStructure
        Of the same model.

    Returns
    -------
    Preflight
    """
    proto = model.proto
    main = structure.graphs[0]
    refused = operators.unsupported_nodes(model, structure)
    nodes = [structure.nodes[index] for index in refused]
    unsupported = dict.fromkeys(operators.qualified(n.domain, n.op) for n in nodes)
    estimate = memory.estimate(model)
    free_bytes = psutil.virtual_memory().available
    problems = [
        *_reasons_not_to_run(model, refused),
        *_oddities(model, structure, estimate, free_bytes),
        *folder.notes,
    ]
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    return Preflight(
        name=folder.name,
        path=str(model.path),
        sha256=model.sha256[:16],
        producer=shown(producer),
        ir_version=_small(proto.ir_version),
        opsets={
            shown(entry.domain or "ai.onnx"): _small(entry.version)
            for entry in proto.opset_import
        },
        inputs=main.inputs,
        outputs=main.outputs,
        n_nodes=len(structure.nodes),
        n_parameters=model.n_parameters,
        weight_bytes=model.weight_bytes,
        file_bytes=model.file_bytes,
        unsupported=tuple(unsupported),
        run_bytes=estimate.n_bytes,
        free_bytes=free_bytes,
        problems=tuple(dict.fromkeys(problems)),
        precisions=_precisions(model, folder),
        licence=folder.licence,
        metadata=_metadata(model),
    )


def _small(number: int) -> int:
    # Versions are 64-bit in the file; msgpack carries them, but nobody reads them.
    return max(-1, min(number, 1 << 31))


def _precisions(model: OnnxModel, folder: ModelFolder) -> tuple[str, ...]:
    """Return the folder's variants, the open file's first."""
    names = list(folder.variants) or [precisions.precision_of(model.path)]
    opened = [n for n, path in folder.variants.items() if path == model.path]
    return tuple(dict.fromkeys([*opened, *names]))


def _metadata(model: OnnxModel) -> dict[str, str]:
    entries = list(model.proto.metadata_props)[:MAX_METADATA_ENTRIES]
    return {shown(e.key): shown(e.value, MAX_METADATA_VALUE) for e in entries}


def _reasons_not_to_run(model: OnnxModel, refused: dict[int, str]) -> list[str]:
    found = [model.obstacle] if model.obstacle else []
    header = operators.header_error(model.proto)
    if header:
        found.append(words_of(header))
    expansion = operators.expansion_error(model.proto)
    if expansion:
        found.append(expansion)
    found.extend(list(dict.fromkeys(refused.values()))[:8])
    if not model.proto.graph.output:
        found.append("The graph names no outputs, so there is nothing to run it for.")
    return found


def _oddities(
    model: OnnxModel,
    structure: ModelStructure,
    estimate: memory.RunEstimate,
    free_bytes: int,
) -> list[str]:
    found = []
    if estimate.lies:
        name, stored, real = estimate.lies[0]
        found.append(
            f"{counted(len(estimate.lies), 'stored size')} cannot be right "
            f"({shown(name, 40)} is stored as {dimensions(stored)} and works out to "
            f"{dimensions(real)}); the sizes measured in a run are shown instead."
        )
    if estimate.n_bytes > free_bytes:
        found.append(
            f"A run needs about {size(estimate.n_bytes)} and {size(free_bytes)} of "
            "memory are free; close other programs first or choose a smaller variant."
        )
    keys = {entry.key for entry in model.proto.metadata_props}
    if "ort_config" in keys:
        found.append(
            "The file brings session options of its own (ort_config); they are not "
            "used, the settings of this program are."
        )
    if model.proto.training_info:
        found.append(
            "The file holds a training graph too; only inference is shown and run."
        )
    if any(node.op == "EPContext" for node in structure.nodes):
        found.append(
            "The file names an engine compiled for other hardware (EPContext), which "
            "is never loaded; open the model it was compiled from."
        )
    return found
