import numpy as np
import pytest
from onnx import helper
from tests.engine.tasks.task_helpers import context_of, raw_run, save, task_of
from tests.model_building import FLOAT, INT64, build, random_weights

from layerscope.core.errors import BadInputError
from layerscope.engine.tasks.feeding import feedback_output
from layerscope.engine.tasks.tensors import Tensors, heat_map_of, summary_of
from layerscope.protocol.inputs import (
    ConstantTensor,
    PreviousOutput,
    RandomTensor,
    TensorArray,
    TensorFile,
)
from layerscope.protocol.values import TensorInfo

NODE = helper.make_node


def counter():
    """A running sum: ``y`` and ``state_out`` are ``state`` plus ``x``."""
    nodes = [
        NODE("Add", ["x", "state"], ["y"]),
        NODE("Identity", ["y"], ["state_out"]),
    ]
    shape = ["batch", 3]
    return build(
        nodes,
        [("x", FLOAT, shape), ("state", FLOAT, shape)],
        [("y", FLOAT, shape), ("state_out", FLOAT, shape)],
    )


def test_open_sizes_are_settings_and_agree_between_inputs(tmp_path, sources):
    task = task_of(save(counter(), tmp_path))
    assert task.id == "tensors"
    assert [(s.name, s.default) for s in task.settings()] == [("dim:batch", 1)]
    prepared = task.prepare(sources, {}, {"dim:batch": 4})
    assert {feed.shape for feed in prepared.feeds.values()} == {(4, 3)}


def test_an_array_binds_the_sizes_of_the_others(tmp_path, arena, sources):
    task = task_of(save(counter(), tmp_path))
    given = np.ones((5, 3), dtype=np.float32)
    inputs = {"x": TensorArray(array=arena.put(given)), "state": RandomTensor()}
    prepared = task.prepare(sources, inputs, {"dim:batch": 2})
    assert prepared.feeds["state"].shape == (5, 3)
    inputs["state"] = TensorArray(array=arena.put(given[:4]))
    with pytest.raises(BadInputError, match="batch is 5 in x but 4 in state"):
        task.prepare(sources, inputs, {})
    inputs["state"] = TensorArray(array=arena.put(given[:, :2]))
    with pytest.raises(BadInputError, match="takes batch x 3"):
        task.prepare(sources, inputs, {})


def test_state_is_fed_back_on_demand(tmp_path, sources):
    context = save(counter(), tmp_path)
    task = task_of(context)
    slots = {slot.name: slot for slot in task.slots()}
    assert slots["state"].feedback == "state_out"
    assert slots["x"].feedback == ""
    inputs = {
        "x": ConstantTensor(value=1.0),
        "state": PreviousOutput(output="state_out"),
    }
    for expected in (1.0, 2.0, 3.0):
        prepared = task.prepare(sources, inputs, {})
        outputs = raw_run(context, prepared.feeds)
        sources.remember_outputs(outputs)
        np.testing.assert_allclose(outputs["y"], expected)


def test_a_growing_cache_grows_what_depends_on_it(tmp_path, sources):
    nodes = [
        NODE("Concat", ["past", "new"], ["present"], axis=1),
        NODE("ReduceSum", ["mask"], ["sum"], keepdims=0),
    ]
    model = build(
        nodes,
        [
            ("past", FLOAT, ["batch", "past_sequence_length", 4]),
            ("new", FLOAT, ["batch", "sequence_length", 4]),
            ("mask", INT64, ["batch", "total_sequence_length"]),
        ],
        [("present", FLOAT, ["batch", "total_sequence_length", 4]), ("sum", INT64, [])],
    )
    context = save(model, tmp_path)
    task = task_of(context)
    inputs = {"past": PreviousOutput(output="present"), "new": RandomTensor()}
    lengths = []
    for _ in range(3):
        prepared = task.prepare(sources, inputs, {"dim:sequence_length": 2})
        assert prepared.feeds["mask"].min() == 1
        lengths.append(prepared.feeds["mask"].shape[1])
        sources.remember_outputs(raw_run(context, prepared.feeds))
    assert lengths == [2, 4, 6]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("state", "stateN"),
        ("state", "state_out"),
        ("h0", "hn"),
        ("h0", "h1"),
        ("state_0", "state_1"),
        ("hi0", "ho0"),
        ("c_0", "c_n"),
        ("conv_cache", "conv_cache_out"),
        ("past_3", "present_3"),
        ("past_key_values.1.value", "present.1.value"),
        ("past_key_values.1.value", "present_key_values.1.value"),
        ("state_in", "state_out"),
    ],
)
def test_feedback_by_name(name, output):
    taken = TensorInfo(name=name, dtype="float32", shape=(2, "b", 8))
    made = TensorInfo(name=output, dtype="float32", shape=("a", "b", 8))
    assert feedback_output(taken, (made,)) == output
    other_type = TensorInfo(name=output, dtype="float16", shape=(2, "b", 8))
    other_shape = TensorInfo(name=output, dtype="float32", shape=(3, "b", 8))
    assert feedback_output(taken, (other_type, other_shape)) == ""


def test_an_ordinary_input_has_no_feedback():
    taken = TensorInfo(name="input", dtype="float32", shape=("a", "b"))
    made = TensorInfo(name="output", dtype="float32", shape=("a", "b"))
    assert feedback_output(taken, (made,)) == ""


def test_token_numbers_stay_inside_their_table(tmp_path, sources):
    nodes = [NODE("Gather", ["table", "input_ids"], ["y"])]
    model = build(
        nodes,
        [("input_ids", INT64, ["batch", "tokens"])],
        [("y", FLOAT, ["batch", "tokens", 4])],
        {"table": random_weights(5, 4)},
    )
    context = save(model, tmp_path)
    task = Tensors(context)
    source = {"input_ids": RandomTensor(seed=1)}
    prepared = task.prepare(sources, source, {"dim:tokens": 200})
    ids = prepared.feeds["input_ids"]
    assert ids.shape == (1, 200)
    assert set(np.unique(ids)) == {0, 1, 2, 3, 4}
    raw_run(context, prepared.feeds)


def test_files_are_converted_where_nothing_is_lost(tmp_path, sources):
    task = task_of(save(counter(), tmp_path))
    path = tmp_path / "x.npy"
    np.save(path, np.arange(3))  # int64, and no batch axis
    inputs = {"x": TensorFile(path=str(path))}
    prepared = task.prepare(sources, inputs, {})
    assert prepared.feeds["x"].dtype == np.float32
    assert prepared.feeds["x"].tolist() == [[0, 1, 2]]


def test_fractions_never_become_integers(tmp_path, arena, sources):
    model = build(
        [NODE("Identity", ["x"], ["y"])], [("x", INT64, [3])], [("y", INT64, [3])]
    )
    task = task_of(save(model, tmp_path))
    whole = TensorArray(array=arena.put(np.array([1.0, 2.0, 3.0])))
    assert task.prepare(sources, {"x": whole}, {}).feeds["x"].dtype == np.int64
    halves = TensorArray(array=arena.put(np.array([1.5, 2.0, 3.0])))
    with pytest.raises(BadInputError, match="do not fit"):
        task.prepare(sources, {"x": halves}, {})


def test_a_picture_fills_any_input_of_four_axes(tmp_path, sources, picture):
    for shape, expected in (
        ([1, 3, 10, 12], (1, 3, 10, 12)),
        ([1, 10, 12, 3], (1, 10, 12, 3)),
        ([1, 5, 9, 9], (1, 5, 9, 9)),
        (["n", 3, "h", "w"], (1, 3, 224, 224)),
    ):
        model = build(
            [NODE("Identity", ["x"], ["y"])],
            [("x", FLOAT, shape)],
            [("y", FLOAT, shape)],
        )
        task = Tensors(save(model, tmp_path))
        prepared = task.prepare(sources, {"x": picture}, {})
        assert prepared.feeds["x"].shape == expected
        assert prepared.pictures["input:x"].ndim == 3
    vector = build(
        [NODE("Identity", ["x"], ["y"])], [("x", FLOAT, [3])], [("y", FLOAT, [3])]
    )
    task = task_of(save(vector, tmp_path))
    with pytest.raises(BadInputError, match="no picture"):
        task.prepare(sources, {"x": picture}, {})


def test_the_same_inputs_are_not_made_again(tmp_path, sources):
    task = task_of(save(counter(), tmp_path))
    first = task.prepare(sources, {"x": RandomTensor(seed=2)}, {})
    again = task.prepare(sources, {"x": RandomTensor(seed=2)}, {})
    assert again.feeds["x"] is first.feeds["x"]
    other = task.prepare(sources, {"x": RandomTensor(seed=3)}, {})
    assert not np.array_equal(other.feeds["x"], first.feeds["x"])


def test_outputs_of_every_kind_are_summarised(tmp_path, sources):
    task = task_of(save(counter(), tmp_path))
    prepared = task.prepare(sources, {}, {})
    outputs = {
        "numbers": np.array([[1.0, np.nan], [np.inf, 3.0]], dtype=np.float32),
        "words": np.array(["a", "b"], dtype=object),
        "maps": [{0: 0.25, 1: 0.75}],
        "scalar": np.array(3, dtype=np.int64),
        "empty": np.zeros((0, 4), dtype=np.float32),
    }
    answer, pictures = task.finish(outputs, prepared, {})
    by_name = {item.info.name: item for item in answer.parts[0].tensors}
    numbers = by_name["numbers"]
    assert numbers.statistics.mean == 2
    assert numbers.statistics.n_nonfinite == 2
    assert set(numbers.statistics.flags) == {"nan", "inf"}
    assert pictures[f"answer:{numbers.key}"].dtype == np.uint8
    assert by_name["words"].preview == ("a", "b")
    assert by_name["maps"].text == '[{"0": 0.25, "1": 0.75}]'
    assert by_name["scalar"].preview == ("3",)
    assert by_name["empty"].info.shape == (0, 4)


def test_heat_maps_span_black_to_white_and_stay_small():
    value = np.arange(3 * 1000 * 2000, dtype=np.float32).reshape(3, 1000, 2000)
    picture = heat_map_of(value)
    assert max(picture.shape) <= 256
    assert picture.min() == 0
    assert picture.max() == 255
    assert heat_map_of(np.full((2, 2), 7.0)).max() == 0
    assert heat_map_of(np.array(1.0)) is None
    assert heat_map_of([1, 2]) is None
    assert summary_of("x", None).info.dtype == "none"


SHAPES = (
    "genai-tiny-gpt2-fp32",
    "genai-tiny-llama-fp16-extdata",
    "silero-vad-v6",
    "gtcrn",
)


@pytest.mark.parametrize("name", SHAPES)
def test_defaults_run_published_recurrent_models_twice(corpus, sources, name):
    path = next((corpus / "onnx" / name).glob("*.onnx"))
    context = context_of(path)
    task = Tensors(context)
    raw_inputs = {
        slot.name: PreviousOutput(output=slot.feedback)
        for slot in task.slots()
        if slot.feedback
    }
    assert raw_inputs
    for _ in range(2):
        prepared = task.prepare(sources, raw_inputs, {})
        outputs = raw_run(context, prepared.feeds)
        sources.remember_outputs(outputs)
    assert all(np.isfinite(value).all() for value in outputs.values())
