import itertools
import threading
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests import model_building
from tests.engine.runtime.running_models import (
    Token,
    image_feeds,
    raw_run,
    running,
    save,
)

from layerscope.core.errors import (
    BadInputError,
    JobCancelledError,
    LayerscopeError,
    ModelRefusedError,
)
from layerscope.engine.runtime.cancelling import NeverCancelled
from layerscope.engine.runtime.running import TapRequest

never = NeverCancelled()


@pytest.fixture
def conv(tiny_models):
    model = running(tiny_models / "conv.onnx")
    yield model
    model.release()


def test_fast_equals_raw_bit_for_bit_before_and_after_watching(conv, tiny_models):
    feeds = image_feeds()
    (raw,) = raw_run(str(tiny_models / "conv.onnx"), feeds)

    before, ms = conv.run_fast(feeds, never)
    conv.run_live(feeds, [TapRequest(t, "thumb") for t in conv.tap_points()], never)
    after, _ = conv.run_fast(feeds, never)

    assert ms > 0
    np.testing.assert_array_equal(before["scores"], raw)
    np.testing.assert_array_equal(after["scores"], raw)


def test_taps_are_tensors_that_survive_fusion(conv):
    taps = conv.tap_points()

    assert {"r1", "r2", "p", "scores"} <= set(taps)
    assert not {"c1", "c2", "sum", "f"} & set(taps)
    assert list(taps) == sorted(taps, key=["r1", "r2", "p", "g", "scores"].index)


def test_live_shows_what_is_there(conv):
    feeds = image_feeds()
    taps = conv.tap_points()

    outputs, tensors, ms = conv.run_live(
        feeds, [TapRequest(t, "full") for t in taps], never
    )

    assert ms > 0
    np.testing.assert_allclose(
        outputs["scores"], conv.run_fast(feeds, never)[0]["scores"], rtol=1e-5
    )
    for name in taps:
        deep = conv.tensor_value(name, feeds, never)
        np.testing.assert_allclose(tensors[name], deep, rtol=1e-4, atol=1e-6)


def test_gates_open_and_shut_without_another_session(conv):
    feeds = image_feeds()
    _, first, _ = conv.run_live(feeds, [TapRequest("r1", "thumb", 3)], never)
    one = first["r1"].copy()
    session = conv._live
    _, none, _ = conv.run_live(feeds, [], never)
    _, full, _ = conv.run_live(feeds, [TapRequest("r1", "full")], never)

    assert conv._live is session
    assert none == {}
    assert full["r1"].shape == (1, 8, 16, 16)
    np.testing.assert_array_equal(one, full["r1"][:, 3:4])


def test_outputs_of_one_run_stay_when_the_next_one_comes(conv):
    outputs, _, _ = conv.run_live(image_feeds(0), [], never)
    kept = outputs["scores"].copy()
    conv.run_live(image_feeds(1), [], never)

    np.testing.assert_array_equal(outputs["scores"], kept)


def test_large_outputs_stay_too(tmp_path):
    wide = model_building.build(
        [helper.make_node("Neg", ["x"], ["y"])],
        [("x", TensorProto.FLOAT, ["n"])],
        [("y", TensorProto.FLOAT, ["n"])],
    )
    model = running(save(wide, tmp_path / "wide.onnx"))
    values = np.ones(1 << 19, np.float32)

    first, _, _ = model.run_live({"x": values}, [], never)
    second, _, _ = model.run_live({"x": 2 * values}, [], never)

    assert (first["y"] == -1).all()
    assert (second["y"] == -2).all()


def test_thumbnails_are_small(conv):
    _, tensors, _ = conv.run_live(image_feeds(), [TapRequest("r1", "thumb")], never)

    assert tensors["r1"].shape[1] <= 16
    assert max(tensors["r1"].shape[2:]) <= 32


def test_a_fused_tensor_is_represented_by_its_group(conv):
    assert conv.fused_with("c1") == "r1"
    assert conv.fused_with("sum") == "r2"
    assert conv.fused_with("r1") == "r1"

    _, tensors, _ = conv.run_live(image_feeds(), [TapRequest("c1", "thumb", 0)], never)
    _, group, _ = conv.run_live(image_feeds(), [TapRequest("r1", "thumb", 0)], never)

    np.testing.assert_array_equal(tensors["c1"], group["r1"])


def test_a_fused_tensor_in_full_is_computed_apart(conv):
    feeds = image_feeds()

    _, tensors, _ = conv.run_live(feeds, [TapRequest("c1", "full")], never)

    np.testing.assert_allclose(
        np.maximum(tensors["c1"], 0), conv.tensor_value("r1", feeds, never), atol=1e-6
    )


def test_a_batch_of_another_size(conv):
    feeds = image_feeds()
    requests = [TapRequest("r1", "full")]
    conv.run_live(feeds, requests, never)
    three = {"image": np.repeat(feeds["image"], 3, axis=0)}

    outputs, tensors, _ = conv.run_live(three, requests, never)

    assert outputs["scores"].shape == (3, 5)
    assert tensors["r1"].shape == (3, 8, 16, 16)


def test_measured_shapes(conv):
    shapes = conv.measured_shapes(image_feeds())

    assert shapes["image"] == ("float32", (1, 3, 16, 16))
    assert shapes["c1"] == ("float32", (1, 8, 16, 16))
    assert shapes["p"] == ("float32", (1, 8, 8, 8))


def test_trace_knows_whole_shapes_and_roles(conv):
    feeds = image_feeds()
    _, tensors, _ = conv.run_live(feeds, [TapRequest("r1", "thumb", 0)], never)

    trace = conv.trace(tensors, feeds)

    assert trace.shape_of("r1") == (1, 8, 16, 16)
    assert trace.roles_of("r1") == ("batch", "channel", "height", "width")


def test_profile_covers_every_node_that_runs(conv):
    layers = conv.profile(image_feeds(), 2, never)

    members = [node for layer in layers for node in layer.nodes]
    assert len(members) == len(set(members))
    assert set(members) >= {0, 1, 2, 3, 4, 5, 6, 8}
    assert layers[0].nodes == (0, 1)
    assert layers[0].provider == "CPUExecutionProvider"
    assert layers[0].flops >= 2 * 8 * 16 * 16 * 27
    assert all(layer.ms >= 0 for layer in layers)


def test_bench_counts_what_it_did(conv):
    raw_ms, fast, live, taps, n = conv.bench(image_feeds(), 5, never)

    assert min(raw_ms, fast, live) > 0
    assert taps == len(conv.tap_points())
    assert n == 5


def test_an_unknown_tensor_is_refused_in_words(conv):
    with pytest.raises(BadInputError, match='"nowhere" was asked for'):
        conv.tensor_value("nowhere", image_feeds(), never)


def test_wrong_input_is_explained(conv):
    with pytest.raises(LayerscopeError) as caught:
        conv.run_fast({"image": np.zeros((1, 4, 16, 16), np.float32)}, never)
    assert "ONNXRuntimeError" not in str(caught.value)


def test_an_unknown_operator_is_refused_with_its_node(tmp_path):
    node = helper.make_node("NoSuchThing", ["x"], ["y"], name="odd", domain="there")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("there", 1)]
    proto = helper.make_model(graph, ir_version=10, opset_imports=opsets)

    with pytest.raises(ModelRefusedError, match="NoSuchThing"):
        running(save(proto, tmp_path / "odd.onnx"))


def test_cancel_ends_a_run(tiny_models):
    model = running(tiny_models / "endless.onnx")
    feeds = {}
    for info in model.inputs:
        shape = tuple(d if isinstance(d, int) else 1 for d in info.shape or ())
        feeds[info.name] = np.zeros(shape, info.dtype)
    token = Token()
    timer = threading.Timer(0.2, token.cancel)
    timer.start()

    started = time.monotonic()
    with pytest.raises(JobCancelledError):
        model.run_fast(feeds, token)

    timer.join()
    assert time.monotonic() - started < 30


def test_a_cancelled_job_does_not_start(conv):
    token = Token()
    token.cancel()

    with pytest.raises(JobCancelledError):
        conv.run_fast(image_feeds(), token)


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
