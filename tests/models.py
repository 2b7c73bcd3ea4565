"""Small ONNX files of every kind that the tests need, made on the spot.

Each function returns one model; `write_all` writes them into a folder, each under
its function's name: ``conv.onnx``, ``lstm.onnx``, …; the one with its weights outside
is ``external/external.onnx``. Random weights are the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from tests.model_building import BOOL, FLOAT, INT64, OPSET, build, random_weights


def conv():
    """Two convolutions with ReLU, a residual sum, pooling and five classes.

    ``image`` float32 (batch, 3, 16, 16) to ``scores`` (batch, 5).
    """
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "w1", "b1"], ["c1"], name="stem.conv", pads=[1] * 4),
        node("Relu", ["c1"], ["r1"], name="stem.relu"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], name="block.conv", pads=[1] * 4),
        node("Add", ["c2", "r1"], ["sum"], name="block.add"),
        node("Relu", ["sum"], ["r2"], name="block.relu"),
        node(
            "MaxPool", ["r2"], ["p"], name="pool", kernel_shape=[2, 2], strides=[2, 2]
        ),
        node("GlobalAveragePool", ["p"], ["g"], name="head.pool"),
        node("Flatten", ["g"], ["f"], name="head.flatten"),
        node("Gemm", ["f", "w3", "b3"], ["scores"], name="head.linear", transB=1),
    ]
    weights = {
        "w1": random_weights(8, 3, 3, 3),
        "b1": random_weights(8),
        "w2": random_weights(8, 8, 3, 3, scale=0.15),
        "b2": random_weights(8, seed=1),
        "w3": random_weights(5, 8),
        "b3": random_weights(5),
    }
    return build(
        nodes,
        [("image", FLOAT, ["batch", 3, 16, 16])],
        [("scores", FLOAT, ["batch", 5])],
        weights,
    )


def mlp():
    """Two linear layers: ``x`` float32 (batch, 4) to ``y`` (batch, 3)."""
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], name="fc1"),
        helper.make_node("Tanh", ["h"], ["t"], name="act"),
        helper.make_node("Gemm", ["t", "w2", "b2"], ["y"], name="fc2"),
    ]
    weights = {
        "w1": random_weights(4, 6),
        "b1": random_weights(6),
        "w2": random_weights(6, 3),
        "b2": random_weights(3),
    }
    return build(
        nodes, [("x", FLOAT, ["batch", 4])], [("y", FLOAT, ["batch", 3])], weights
    )


def lstm():
    """An LSTM whose state goes in and comes out.

    ``sequence`` (time, 1, 4), ``h0`` and ``c0`` (1, 1, 5) to ``output``
    (time, 1, 1, 5), ``h1`` and ``c1``.
    """
    nodes = [
        helper.make_node(
            "LSTM",
            ["sequence", "w", "r", "b", "", "h0", "c0"],
            ["output", "h1", "c1"],
            name="lstm",
            hidden_size=5,
        )
    ]
    state = [1, 1, 5]
    weights = {
        "w": random_weights(1, 20, 4),
        "r": random_weights(1, 20, 5),
        "b": random_weights(1, 40),
    }
    return build(
        nodes,
        [
            ("sequence", FLOAT, ["time", 1, 4]),
            ("h0", FLOAT, state),
            ("c0", FLOAT, state),
        ],
        [
            ("output", FLOAT, ["time", 1, 1, 5]),
            ("h1", FLOAT, state),
            ("c1", FLOAT, state),
        ],
        weights,
    )


def attention():
    """One attention block with two heads of four, written out in plain operators.

    ``tokens`` int64 (batch, length) to ``logits`` (batch, length, 11); the
    probabilities are ``block.attn.probs`` (batch, 2, length, length).
    """
    node = helper.make_node
    nodes = [node("Gather", ["table", "tokens"], ["x"], name="embed")]
    for part in ("q", "k", "v"):
        axes = [0, 2, 3, 1] if part == "k" else [0, 2, 1, 3]
        nodes += [
            node(
                "MatMul", ["x", f"w{part}"], [f"{part}_flat"], name=f"block.attn.{part}"
            ),
            node(
                "Reshape",
                [f"{part}_flat", "split"],
                [f"{part}_split"],
                name=f"block.attn.{part}_split",
            ),
            node(
                "Transpose",
                [f"{part}_split"],
                [f"{part}_heads"],
                name=f"block.attn.{part}_heads",
                perm=axes,
            ),
        ]
    nodes += [
        node("MatMul", ["q_heads", "k_heads"], ["raw"], name="block.attn.qk"),
        node("Mul", ["raw", "scale"], ["scaled"], name="block.attn.scale"),
        node(
            "Softmax",
            ["scaled"],
            ["block.attn.probs"],
            name="block.attn.softmax",
            axis=-1,
        ),
        node(
            "MatMul", ["block.attn.probs", "v_heads"], ["mixed"], name="block.attn.mix"
        ),
        node(
            "Transpose",
            ["mixed"],
            ["turned"],
            name="block.attn.turn",
            perm=[0, 2, 1, 3],
        ),
        node("Reshape", ["turned", "join"], ["joined"], name="block.attn.join"),
        node("Add", ["joined", "x"], ["residual"], name="block.add"),
        node(
            "LayerNormalization",
            ["residual", "gain", "shift"],
            ["normed"],
            name="block.norm",
        ),
        node("MatMul", ["normed", "unembed"], ["logits"], name="head"),
    ]
    weights = {
        "table": random_weights(11, 8, scale=1.0),
        "wq": random_weights(8, 8, seed=1),
        "wk": random_weights(8, 8, seed=2),
        "wv": random_weights(8, 8, seed=3),
        "split": np.array([0, 0, 2, 4]),
        "join": np.array([0, 0, 8]),
        "scale": np.array(0.5, np.float32),
        "gain": np.ones(8, np.float32),
        "shift": np.zeros(8, np.float32),
        "unembed": random_weights(8, 11),
    }
    return build(
        nodes,
        [("tokens", INT64, ["batch", "length"])],
        [("logits", FLOAT, ["batch", "length", 11])],
        weights,
    )


def control():
    """An ``If`` around two bodies, then a ``Loop`` that adds 1 ``n`` times.

    ``flag`` bool (), ``n`` int64 (), ``x`` float32 (2, 2) to ``y`` (2, 2).
    """
    value = helper.make_tensor_value_info
    shape = [2, 2]
    bodies = {
        name: helper.make_graph(
            [helper.make_node(op, ["x"], [f"{name}_out"], name=f"{name}.{op}")],
            name,
            [],
            [value(f"{name}_out", FLOAT, shape)],
        )
        for name, op in (("doubt", "Neg"), ("trust", "Abs"))
    }
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "one"], ["next"], name="body.add"),
            helper.make_node("Identity", ["go"], ["still"], name="body.go"),
        ],
        "body",
        [value("i", INT64, []), value("go", BOOL, []), value("state", FLOAT, shape)],
        [value("still", BOOL, []), value("next", FLOAT, shape)],
    )
    nodes = [
        helper.make_node(
            "If",
            ["flag"],
            ["chosen"],
            name="choice",
            then_branch=bodies["trust"],
            else_branch=bodies["doubt"],
        ),
        helper.make_node("Loop", ["n", "yes", "chosen"], ["y"], name="loop", body=body),
    ]
    weights = {"one": np.array(1, np.float32), "yes": np.array(True)}
    return build(
        nodes,
        [("flag", BOOL, []), ("n", INT64, []), ("x", FLOAT, shape)],
        [("y", FLOAT, shape)],
        weights,
    )


def function():
    """A local function, called twice: ``y = swish(swish(x))``, (batch, 3)."""
    swish = helper.make_function(
        "local",
        "Swish",
        ["v"],
        ["w"],
        [
            helper.make_node("Sigmoid", ["v"], ["s"], name="gate"),
            helper.make_node("Mul", ["v", "s"], ["w"], name="mul"),
        ],
        [helper.make_opsetid("", OPSET)],
    )
    nodes = [
        helper.make_node("Swish", ["x"], ["h"], domain="local", name="first"),
        helper.make_node("Swish", ["h"], ["y"], domain="local", name="second"),
    ]
    return build(
        nodes,
        [("x", FLOAT, ["batch", 3])],
        [("y", FLOAT, ["batch", 3])],
        opsets={"local": 1},
        functions=[swish],
    )


def external():
    """A linear layer whose weight is meant to lie in a file beside the model.

    ``x`` float32 (1, 64) to ``y`` (1, 64); weight ``w`` (64, 64).
    """
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="linear")]
    return build(
        nodes,
        [("x", FLOAT, [1, 64])],
        [("y", FLOAT, [1, 64])],
        {"w": random_weights(64, 64)},
    )


def qdq():
    """A convolution in 8 bits: ``image`` (1, 3, 8, 8) to ``y`` (1, 4, 8, 8)."""
    node = helper.make_node
    nodes = [
        node("QuantizeLinear", ["image", "sx", "zx"], ["xq"], name="q_in"),
        node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"], name="dq_in"),
        node("DequantizeLinear", ["wq", "sw", "zw"], ["wd"], name="dq_w"),
        node("Conv", ["xd", "wd"], ["c"], name="conv", pads=[1] * 4),
        node("QuantizeLinear", ["c", "sy", "zx"], ["yq"], name="q_out"),
        node("DequantizeLinear", ["yq", "sy", "zx"], ["y"], name="dq_out"),
    ]
    weight = np.clip(np.round(random_weights(4, 3, 3, 3, scale=40)), -127, 127)
    weights = {
        "wq": weight.astype(np.int8),
        "sw": np.array(0.01, np.float32),
        "zw": np.array(0, np.int8),
        "sx": np.array(0.02, np.float32),
        "sy": np.array(0.05, np.float32),
        "zx": np.array(128, np.uint8),
    }
    return build(
        nodes, [("image", FLOAT, [1, 3, 8, 8])], [("y", FLOAT, [1, 4, 8, 8])], weights
    )


def trees():
    """A classifier of one split: ``x`` (batch, 2) to ``label`` and ``scores``."""
    node = helper.make_node(
        "TreeEnsembleClassifier",
        ["x"],
        ["label", "scores"],
        name="trees",
        domain="ai.onnx.ml",
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0, 0, 0],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        nodes_missing_value_tracks_true=[0, 0, 0],
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 1],
        class_weights=[1.0, 1.0],
        classlabels_int64s=[0, 1],
        post_transform="NONE",
    )
    return build(
        [node],
        [("x", FLOAT, ["batch", 2])],
        [("label", INT64, ["batch"]), ("scores", FLOAT, ["batch", 2])],
        opsets={"ai.onnx.ml": 3},
    )


def nan():
    """Makes NaN and infinity of any input: ``x`` (1, 4) to ``bad`` and ``huge``."""
    nodes = [
        helper.make_node("Sub", ["x", "x"], ["zero"], name="sub"),
        helper.make_node("Div", ["zero", "zero"], ["bad"], name="nan"),
        helper.make_node("Div", ["one", "zero"], ["huge"], name="inf"),
    ]
    return build(
        nodes,
        [("x", FLOAT, [1, 4])],
        [("bad", FLOAT, [1, 4]), ("huge", FLOAT, [1, 4])],
        {"one": np.array(1, np.float32)},
    )


def endless():
    """A ``Loop`` that never ends: ``x`` float32 (1,) to ``y`` (1,)."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["still"], name="body.go"),
            helper.make_node("Sin", ["state"], ["next"], name="body.sin"),
        ],
        "body",
        [value("i", INT64, []), value("go", BOOL, []), value("state", FLOAT, [1])],
        [value("still", BOOL, []), value("next", FLOAT, [1])],
    )
    nodes = [
        helper.make_node("Loop", ["", "yes", "x"], ["y"], name="loop", body=body),
    ]
    return build(
        nodes, [("x", FLOAT, [1])], [("y", FLOAT, [1])], {"yes": np.array(True)}
    )


def matmul():
    """One operator, slow where ``n`` is large: ``x`` (n, n) to ``y`` (n, n)."""
    nodes = [helper.make_node("MatMul", ["x", "x"], ["y"], name="square")]
    return build(nodes, [("x", FLOAT, ["n", "n"])], [("y", FLOAT, ["n", "n"])])


MODELS: tuple[Callable[[], onnx.ModelProto], ...] = (
    conv,
    mlp,
    lstm,
    attention,
    control,
    function,
    qdq,
    trees,
    nan,
    endless,
    matmul,
)


def write_all(folder: Path) -> None:
    """Write every model of this module below `folder`."""
    for make in MODELS:
        onnx.save(make(), folder / f"{make.__name__}.onnx")
    outside = folder / "external"
    outside.mkdir()
    onnx.save_model(
        external(),
        outside / "external.onnx",
        save_as_external_data=True,
        location="external.onnx.data",
        size_threshold=0,
    )
