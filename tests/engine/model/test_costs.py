import pytest
from onnx import helper

from layerscope.engine.model.costs import n_operations

SHAPES = {
    "x": (1, 3, 8, 8),
    "w": (16, 3, 3, 3),
    "wd": (3, 1, 3, 3),
    "wt": (3, 16, 2, 2),
    "y": (1, 16, 8, 8),
    "yd": (1, 3, 8, 8),
    "yt": (1, 16, 16, 16),
    "a": (2, 5, 7),
    "b": (7, 11),
    "ab": (2, 5, 11),
    "m": (5, 7),
    "mt": (7, 5),
    "mb": (5, 11),
    "s": (6, 2, 4),
    "lw": (1, 20, 4),
    "lr": (1, 20, 5),
    "ly": (6, 1, 2, 5),
}


@pytest.mark.parametrize(
    ("op", "inputs", "output", "attributes", "expected"),
    [
        ("Conv", ["x", "w"], "y", {}, 2 * 16 * 64 * 27),
        ("Conv", ["x", "wd"], "yd", {"group": 3}, 2 * 3 * 64 * 9),
        ("ConvTranspose", ["x", "wt"], "yt", {}, 2 * 3 * 64 * 16 * 4),
        ("MatMul", ["a", "b"], "ab", {}, 2 * 2 * 5 * 7 * 11),
        ("Gemm", ["m", "b"], "mb", {}, 2 * 5 * 7 * 11),
        ("Gemm", ["mt", "b"], "mb", {"transA": 1}, 2 * 5 * 7 * 11),
        ("LSTM", ["s", "lw", "lr"], "ly", {}, 2 * 12 * (20 * 4 + 20 * 5)),
        ("MaxPool", ["x"], "yd", {"kernel_shape": [3, 3]}, 3 * 64 * 9),
        ("GlobalAveragePool", ["x"], "one", {}, 3 * 64),
        ("Relu", ["x"], "yd", {}, 3 * 64),
        ("Reshape", ["x"], "yd", {}, 0),
        ("Conv", ["nowhere", "nothing"], "y", {}, 0),
        ("Relu", ["x"], "nowhere", {}, 0),
    ],
)
def test_operations(op, inputs, output, attributes, expected):
    node = helper.make_node(op, inputs, [output], **attributes)

    assert n_operations(node, {**SHAPES, "one": (1, 3, 1, 1)}) == expected
