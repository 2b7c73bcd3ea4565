import numpy as np
import onnx
import pytest
from onnx import helper
from tests import models
from tests.engine.runtime.running_models import raw_run, save

from layerscope.engine.model import extract, reading
from layerscope.engine.runtime.sessions import (
    session_of_lean,
    session_options,
    start_runtime,
)


@pytest.fixture
def conv(tiny_models):
    return reading.read_model(tiny_models / "conv.onnx")


def test_the_copy_is_without_large_weights_and_the_source_stays(conv):
    before = conv.proto.SerializeToString()

    lean = extract.without_weights(conv)

    # the others are not worth a stub
    assert set(lean.arrays()) == lean.handed == {"w2"}
    assert len(lean.proto.SerializeToString()) < len(before)
    assert conv.proto.SerializeToString() == before
    np.testing.assert_array_equal(
        lean.arrays()["w2"], reading.initializer_array(conv, "w2")
    )


def test_a_session_of_the_copy_computes_the_same(conv, tiny_models):
    feeds = {"image": np.random.default_rng(0).random((1, 3, 16, 16), np.float32)}
    lean = extract.without_weights(conv)

    start_runtime()
    session = session_of_lean(lean, session_options(), ["CPUExecutionProvider"])

    np.testing.assert_array_equal(
        session.run(None, feeds)[0],
        raw_run(str(tiny_models / "conv.onnx"), feeds)[0],
    )


def test_cutting_keeps_only_what_is_needed(conv):
    lean = extract.without_weights(conv)

    extract.cut_at(lean.proto, ["c1"])

    assert [node.op_type for node in lean.proto.graph.node] == ["Conv"]
    assert {t.name for t in lean.proto.graph.initializer} == {"w1", "b1"}
    assert [value.name for value in lean.proto.graph.output] == ["c1"]
    assert "w2" not in lean.arrays()


def test_inputs_that_nothing_needs_go():
    graph = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["c"]), helper.make_node("Neg", ["b"], ["d"])],
        "g",
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "ab"],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "cd"],
    )
    proto = helper.make_model(graph)

    extract.cut_at(proto, ["d"])

    assert [value.name for value in proto.graph.input] == ["b"]


def test_what_a_body_captures_is_kept(tmp_path):
    proto = models.control()
    path = save(proto, tmp_path / "control.onnx")
    lean = extract.without_weights(reading.read_model(path))
    last = lean.proto.graph.node[-1].output[0]
    captured = extract.names_used(lean.proto.graph.node[-1])

    extract.cut_at(lean.proto, [last])

    there = {name for node in lean.proto.graph.node for name in node.output}
    there |= {value.name for value in lean.proto.graph.input}
    there |= {tensor.name for tensor in lean.proto.graph.initializer}
    source = {name for node in proto.graph.node for name in node.output}
    assert captured & source <= there


def test_an_unknown_tensor_is_an_error(conv):
    lean = extract.without_weights(conv)

    with pytest.raises(KeyError):
        extract.cut_at(lean.proto, ["nowhere"])


def test_stored_shapes_can_be_left_out(tmp_path):
    proto = models.conv()
    proto.graph.value_info.append(
        helper.make_tensor_value_info("r1", onnx.TensorProto.FLOAT, [1, 8, 1, 1])
    )
    model = reading.read_model(save(proto, tmp_path / "m.onnx"))

    assert extract.without_weights(model).proto.graph.value_info
    lean = extract.without_weights(model, keep_shapes=False)
    assert not lean.proto.graph.value_info
