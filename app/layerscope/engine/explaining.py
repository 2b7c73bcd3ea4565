"""What is told of a model besides its graph: marks on its nodes, its task."""

from __future__ import annotations

import dataclasses

import msgspec

from layerscope.engine import lenses, tasks
from layerscope.engine.model import operators, reading, structure
from layerscope.engine.open_models import ModelInUse
from layerscope.engine.stepping import SteppedTask
from layerscope.protocol.messages import TaskExplained


def with_errors(
    file: reading.OnnxModel, described: structure.ModelStructure
) -> structure.ModelStructure:
    """Mark the nodes that onnxruntime does not have."""
    errors = operators.unsupported_nodes(file, described)
    if not errors:
        return described
    nodes = tuple(
        msgspec.structs.replace(node, error=errors[node.index])
        if node.index in errors
        else node
        for node in described.nodes
    )
    return dataclasses.replace(described, nodes=nodes)


def explained(job: int, model: ModelInUse) -> TaskExplained:
    """Tell what the model's task takes."""
    return TaskExplained(
        job=job,
        model=model.number,
        task=model.task.id,
        tasks=tuple(kind.id for kind in tasks.TASKS if kind.suits(model.context) > 0),
        slots=model.task.slots(),
        settings=model.task.settings(),
        lenses=tuple(lens.id for lens in lenses.ASKED if lens.suits(model)),
        stepped=isinstance(model.task, SteppedTask),
    )
