"""Test of storing weights as int8."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.raw_onnxruntime import raw_session

from training import weight_only


def graph_with(nodes, inputs, weights, rank=2):
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [
                helper.make_tensor_value_info(name, kind, shape)
                for name, (kind, shape) in inputs.items()
            ],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
            [numpy_helper.from_array(array, name) for name, array in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.mark.parametrize("transposed", [0, 1])
def test_matrix_is_stored_as_int8_and_keeps_its_name(random, transposed):
    weight = random.standard_normal((160, 128)).astype(np.float32)
    weight *= random.uniform(0.01, 3, (1, 128)).astype(np.float32)
    stored = weight.T.copy() if transposed else weight
    node = helper.make_node("Gemm", ["x", "w"], ["y"], "dense", transB=transposed)
    model = graph_with([node], {"x": (TensorProto.FLOAT, [2, 160])}, {"w": stored})
    x = random.standard_normal((2, 160)).astype(np.float32)

    smaller = weight_only.with_int8_weights(model)

    (exact,) = raw_session(model.SerializeToString()).run(None, {"x": x})
    (near,) = raw_session(smaller.SerializeToString()).run(None, {"x": x})
    # One part in 127 of the largest weight of a channel, rounded: half of that a
    # weight, and errors of 160 weights that add up like a random walk.
    step = np.abs(weight).max(0) / 127
    assert (np.abs(near - exact) < 4 * step * np.sqrt(160)).all()
    assert smaller.ByteSize() < model.ByteSize() / 3
    assert [output for n in smaller.graph.node for output in n.output] == ["w", "y"]


def test_rows_of_a_table_are_dequantised_after_the_look_up(random):
    table = random.standard_normal((300, 64)).astype(np.float32)
    table *= random.uniform(0.01, 3, (300, 1)).astype(np.float32)
    node = helper.make_node("Gather", ["t", "ids"], ["y"], "words")
    model = graph_with([node], {"ids": (TensorProto.INT64, [2, 3])}, {"t": table}, 3)
    ids = np.array([[0, 299, 5], [7, 7, 1]])

    smaller = weight_only.with_int8_weights(model)

    (near,) = raw_session(smaller.SerializeToString()).run(None, {"ids": ids})
    half_a_step = np.abs(table[ids]).max(-1, keepdims=True) / 254
    assert (np.abs(near - table[ids]) <= half_a_step * 1.001).all()
    assert smaller.ByteSize() < model.ByteSize() / 3
    kinds = [node.op_type for node in smaller.graph.node]
    assert kinds == ["Gather", "Cast", "Gather", "Mul"]


def test_shared_matrix_is_stored_once(random):
    weight = random.standard_normal((128, 128)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "first"),
        helper.make_node("MatMul", ["h", "w"], ["y"], "second"),
    ]
    model = graph_with(nodes, {"x": (TensorProto.FLOAT, [1, 128])}, {"w": weight})

    smaller = weight_only.with_int8_weights(model)

    kinds = [node.op_type for node in smaller.graph.node]
    assert kinds == ["DequantizeLinear", "MatMul", "MatMul"]
    assert {i.name for i in smaller.graph.initializer} == {"w_int8", "w_scale"}


def test_small_weights_and_other_types_stay(random):
    small = random.standard_normal((4, 4)).astype(np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "small")
    model = graph_with([node], {"x": (TensorProto.FLOAT, [1, 4])}, {"w": small})

    same = weight_only.with_int8_weights(model)

    assert onnx.printer.to_text(same) == onnx.printer.to_text(model)
