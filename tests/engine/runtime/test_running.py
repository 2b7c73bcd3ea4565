import threading
import time

import numpy as np
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
    with pytest.raises(BadInputError, match='"nowhere" cannot be shown'):
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
