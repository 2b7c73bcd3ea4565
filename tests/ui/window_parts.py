"""What the tests of the window build again and again."""

import numpy as np

from layerscope.protocol.answers import Answer, Scored, Scores
from layerscope.protocol.frames import Frame
from layerscope.protocol.inputs import PictureFile
from layerscope.protocol.values import (
    InputSlot,
    NodeInfo,
    Preflight,
    SettingSpec,
    TensorInfo,
)


def picture_slot(name="data", shape=(1, 3, 224, 224)):
    tensor = TensorInfo(name=name, dtype="float32", shape=shape)
    return InputSlot(name=name, kind="picture", tensor=tensor)


def tensor_slot(name="x", shape=("batch", 4), dtype="float32", feedback=""):
    tensor = TensorInfo(name=name, dtype=dtype, shape=shape)
    return InputSlot(name=name, kind="tensor", tensor=tensor, feedback=feedback)


SPECS = (
    SettingSpec(name="size", label="Resize", kind="size", default="224 224"),
    SettingSpec(
        name="order",
        label="Order",
        kind="choice",
        default="RGB",
        choices=("RGB", "BGR"),
    ),
    SettingSpec(name="mean", label="Mean", kind="triple", default="0.5 0.5 0.5"),
    SettingSpec(name="flip", label="Flip", kind="bool", default=False),
    SettingSpec(
        name="overlap",
        label="Overlap",
        kind="float",
        default=0.5,
        minimum=0.0,
        maximum=1.0,
    ),
    SettingSpec(name="most", label="Most", kind="int", default=7),
)


def report(name="Squeeze", path="/models/squeeze.onnx"):
    return Preflight(
        name=name,
        path=path,
        sha256="0123456789abcdef",
        producer="test",
        ir_version=8,
        opsets={"ai.onnx": 17},
        inputs=(TensorInfo(name="data", dtype="float32", shape=(1, 3, 224, 224)),),
        outputs=(TensorInfo(name="prob", dtype="float32", shape=(1, 1000)),),
        n_nodes=2,
        n_parameters=1_240_000,
        weight_bytes=5_000_000,
        file_bytes=5_100_000,
        precisions=("fp32", "fp16"),
    )


def scores(*pairs):
    top = tuple(
        Scored(index=n, label=label, score=value)
        for n, (label, value) in enumerate(pairs)
    )
    return Answer(parts=(Scores(top=top, n_classes=1000),))


def frame(**pictures):
    return Frame(
        sequence=1,
        job=1,
        model=1,
        layers={},
        pictures={key.replace("__", ":"): value for key, value in pictures.items()},
    )


def pixels(height=8, width=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def open_model(controller, path="/models/squeeze.onnx"):
    """Let the session look as after a model was opened and run."""
    session = controller.session
    session.model, session.model_path, session.model_name = 1, path, "Squeeze"
    session.preflight = report(path=path)
    session.runnable = True
    session.provider, session.precision = "CPUExecutionProvider", "fp32"
    session.structure.nodes.extend(
        (
            NodeInfo(
                index=0, name="conv1", op="Conv", inputs=("data",), outputs=("a",)
            ),
            NodeInfo(
                index=1, name="pool1", op="MaxPool", inputs=("a",), outputs=("b",)
            ),
        )
    )
    session.structure_revision += 1
    session.slots = (picture_slot(),)
    session.inputs = {"data": PictureFile(path="/pictures/cat.jpg")}
    session.setting_specs = SPECS
    session.answer = scores(("Egyptian cat", 0.416), ("tabby", 0.228))
    session.n_runs += 1
