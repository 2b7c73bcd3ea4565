"""A task on a model that a test makes, without any process around it."""

import onnx
from tests.raw_onnxruntime import raw_session

from layerscope.engine import tasks
from layerscope.engine.model.folders import resolve
from layerscope.engine.model.reading import read_model
from layerscope.engine.model.value_types import describe_value
from layerscope.engine.tasks.base import TaskContext


def context_of(path):
    """Return what a task sees of the model at `path`."""
    folder = resolve(path)
    model = read_model(folder.main)
    graph = model.proto.graph
    weights = {item.name for item in graph.initializer}
    return TaskContext(
        model=model,
        folder=folder,
        inputs=tuple(describe_value(v) for v in graph.input if v.name not in weights),
        outputs=tuple(describe_value(v) for v in graph.output),
    )


def save(model, folder, name="model.onnx"):
    """Write a model into a folder and return its context."""
    onnx.save(model, folder / name)
    return context_of(folder / name)


def task_of(context):
    """Return the task chosen for a model."""
    return tasks.choose(context)(context)


def raw_run(context, feeds):
    """Run the model as it is and return its outputs by name."""
    session = raw_session(str(context.folder.main))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))
