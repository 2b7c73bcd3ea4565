"""Models that are old, half, lying, recurrent, large or no tensors at all."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests import model_building
from tests.engine.runtime.running_models import (
    raw_run,
    running,
    save,
)

from layerscope.engine.runtime.cancelling import NeverCancelled
from layerscope.engine.runtime.running import TapRequest

never = NeverCancelled()


@pytest.mark.parametrize("opset", [7, 8, 9, 10, 11, 13])
def test_old_opsets_can_be_watched(tmp_path, opset):
    node = helper.make_node
    weights = {"w": model_building.random_weights(8, 3, 3, 3)}
    graph = helper.make_graph(
        [
            node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3]),
            node("Relu", ["c"], ["r"]),
            node("GlobalAveragePool", ["r"], ["y"]),
        ],
        "old",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 40, 48])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 1, 1])],
        [onnx.numpy_helper.from_array(a, n) for n, a in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    proto = helper.make_model(graph, ir_version=4, opset_imports=opsets)
    model = running(save(proto, tmp_path / "old.onnx"))
    x = np.random.default_rng(0).standard_normal((1, 3, 40, 48)).astype(np.float32)

    whole = model.run_live({"x": x}, [TapRequest("r", "full")], never)[1]["r"].copy()
    small = model.run_live({"x": x}, [TapRequest("r", "thumb", 5)], never)[1]["r"]

    assert not model._live_fails
    np.testing.assert_array_equal(small, whole[:, 5:6, ::2, ::2])
    assert model.run_live({"x": x}, [], never)[1] == {}


def test_half_precision_tensors_stay_half(tmp_path):
    proto = model_building.build(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("Exp", ["r"], ["y"]),
        ],
        [("x", TensorProto.FLOAT16, [1, 4])],
        [("y", TensorProto.FLOAT16, [1, 4])],
    )
    model = running(save(proto, tmp_path / "half.onnx"))
    x = np.array([[-1, 0, 1, 2]], np.float16)

    outputs, tensors, _ = model.run_live({"x": x}, [TapRequest("r", "full")], never)

    assert outputs["y"].dtype == np.float16
    assert tensors["r"].dtype == np.float16
    np.testing.assert_array_equal(tensors["r"], np.maximum(x, 0))


def test_false_stored_shapes_are_recovered_from(tmp_path):
    names = ["x", "a", "b", "c", "y"]
    proto = model_building.build(
        [
            helper.make_node("Resize", [before, "", "twice"], [after], mode="nearest")
            for before, after in itertools.pairwise(names)
        ],
        [("x", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [("y", TensorProto.FLOAT, [1, 3, "large h", "large w"])],
        {"twice": np.array([1, 1, 2, 2], np.float32)},
    )
    feeds = {"x": np.random.default_rng(0).random((1, 3, 8, 8), dtype=np.float32)}
    (raw,) = raw_run(proto.SerializeToString(), feeds)
    for name in "abc":
        proto.graph.value_info.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 1, 1])
        )
    model = running(save(proto, tmp_path / "lying.onnx"))

    outputs, _ = model.run_fast(feeds, never)

    np.testing.assert_array_equal(outputs["y"], raw)
    assert any("shapes stored in this file" in note for note in model.notes)
    assert model.measured_shapes(feeds)["b"][1] == (1, 3, 32, 32)


def test_sizes_that_depend_on_values(tmp_path):
    proto = model_building.build(
        [
            helper.make_node("Relu", ["x"], ["r"]),
            helper.make_node("NonZero", ["r"], ["places"]),
            helper.make_node("Cast", ["places"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Sqrt", ["f"], ["s"]),
            helper.make_node("Neg", ["s"], ["y"]),
        ],
        [("x", TensorProto.FLOAT, [6])],
        [("y", TensorProto.FLOAT, [1, "found"])],
    )
    model = running(save(proto, tmp_path / "found.onnx"))
    few = {"x": np.array([0, 1, 0, 0, 0, 1], np.float32)}
    many = {"x": np.ones(6, np.float32)}
    requests = [TapRequest("r", "full")]

    assert model.run_live(few, requests, never)[0]["y"].shape == (1, 2)
    outputs, tensors, _ = model.run_live(many, requests, never)

    np.testing.assert_allclose(outputs["y"], -np.sqrt(np.arange(6.0))[None], rtol=1e-6)
    np.testing.assert_array_equal(tensors["r"], np.ones(6))


def test_a_recurrent_state_is_shown_over_time(tiny_models):
    model = running(tiny_models / "lstm.onnx")
    rng = np.random.default_rng(0)
    feeds = {
        "sequence": rng.standard_normal((7, 1, 4)).astype(np.float32),
        "h0": np.zeros((1, 1, 5), np.float32),
        "c0": np.zeros((1, 1, 5), np.float32),
    }

    outputs, tensors, _ = model.run_live(feeds, [TapRequest("output", "full")], never)

    np.testing.assert_allclose(tensors["output"], outputs["output"])
    trace = model.trace(tensors, feeds)
    assert trace.roles_of("output") == ("time", "batch", "batch", "feature")


def test_external_weights_are_found(tiny_models):
    model = running(tiny_models / "external" / "external.onnx")
    feeds = {
        info.name: np.ones([d if isinstance(d, int) else 1 for d in info.shape], "f4")
        for info in model.inputs
    }
    raw = raw_run(str(tiny_models / "external" / "external.onnx"), feeds)
    taps = model.tap_points()

    outputs, tensors, _ = model.run_live(
        feeds, [TapRequest(t, "full") for t in taps], never
    )

    np.testing.assert_allclose(next(iter(outputs.values())), raw[0], rtol=1e-5)
    assert set(tensors) == set(taps)


def test_a_large_model_shares_its_weights_while_watched(tiny_models, monkeypatch):
    from layerscope.engine.runtime import memory

    monkeypatch.setattr(memory, "LARGE_BYTES", 1)
    path = tiny_models / "external" / "external.onnx"
    model = running(path)
    feeds = {
        info.name: np.ones([d if isinstance(d, int) else 1 for d in info.shape], "f4")
        for info in model.inputs
    }
    (raw, *_) = raw_run(str(path), feeds)
    requests = [TapRequest(t, "thumb") for t in model.tap_points()]

    model.run_live(feeds, requests, never)
    shared = model._fast.sharing
    for _ in range(5):
        outputs, _ = model.run_fast(feeds, never)

    assert shared
    assert not model._fast.sharing
    np.testing.assert_array_equal(next(iter(outputs.values())), raw)
    assert any("not held twice" in note for note in model.notes)


def test_maps_and_strings_come_back(tiny_models):
    model = running(tiny_models / "trees.onnx")
    feeds = {
        info.name: np.zeros(
            [d if isinstance(d, int) else 2 for d in info.shape], info.dtype
        )
        for info in model.inputs
    }

    fast, _ = model.run_fast(feeds, never)
    live, _, _ = model.run_live(feeds, [], never)

    assert set(fast) == set(live) == {info.name for info in model.outputs}
    assert [type(v) for v in fast.values()] == [type(v) for v in live.values()]


def test_half_precision_on_a_device_that_does_not_gain_is_declined(tiny_models):
    model = running(tiny_models / "conv.onnx", precision="fp16")

    assert model.precision == "fp32"
    assert any("does not gain" in note for note in model.notes)
