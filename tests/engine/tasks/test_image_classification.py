import json

import numpy as np
import pytest
from onnx import helper
from tests.engine.tasks.task_helpers import context_of, raw_run, save, task_of
from tests.model_building import FLOAT, build, random_weights

from layerscope.core.labels import read_list
from layerscope.engine import tasks
from layerscope.engine.tasks.image_classification import class_scores
from layerscope.protocol.inputs import PictureArray, PictureFile, RandomTensor

NODE = helper.make_node


def mean_colours(*, softmax=False, side=8, shape=None):
    """A model whose outputs are the mean of each channel as fed."""
    nodes = [
        NODE("GlobalAveragePool", ["image"], ["pooled"]),
        NODE("Flatten", ["pooled"], ["flat"]),
    ]
    if softmax:
        nodes.append(NODE("Softmax", ["flat"], ["scores"], axis=1))
    else:
        nodes.append(NODE("Identity", ["flat"], ["scores"]))
    taken = shape or ["batch", 3, side, side]
    return build(nodes, [("image", FLOAT, taken)], [("scores", FLOAT, ["batch", 3])])


def test_the_picture_reaches_the_model_as_described(tmp_path, sources, picture):
    context = save(mean_colours(), tmp_path)
    task = task_of(context)
    assert task.id == "image-classification"
    settings = {"range": "0..255", "mean": "0", "std": "1", "resize": "stretch"}
    prepared = task.prepare(sources, {"image": picture}, settings)
    assert prepared.pictures["input:image"].shape == (8, 8, 3)
    outputs = raw_run(context, prepared.feeds)
    np.testing.assert_allclose(outputs["scores"][0], [127.5, 0, 127.5], atol=1)
    settings["colours"] = "BGR"
    settings["range"] = "-1..1"
    prepared = task.prepare(sources, {"image": picture}, settings)
    red_last = prepared.feeds["image"][0, 2, 4, 0]
    assert red_last == pytest.approx(1)


def test_answer_is_sorted_and_labelled(tmp_path, sources, picture):
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {"0": "red", "1": "green", "2": "blue"}})
    )
    context = save(mean_colours(), tmp_path)
    task = task_of(context)
    prepared = task.prepare(sources, {"image": picture}, {})
    values = {"scores": np.array([[1.0, 3.0, 2.0]], dtype=np.float32)}
    answer, pictures = task.finish(values, prepared, {"top": 2})
    scores = answer.parts[0]
    assert [entry.label for entry in scores.top] == ["green", "blue"]
    assert scores.n_classes == 3
    assert scores.top[0].score == pytest.approx(np.e**3 / (np.e + np.e**2 + np.e**3))
    assert pictures == {}


def test_probabilities_are_left_alone():
    shares = np.array([0.1, 0.7, 0.2])
    np.testing.assert_allclose(class_scores(shares), shares)
    np.testing.assert_allclose(class_scores(np.log(shares)), shares)
    np.testing.assert_allclose(class_scores(shares * 10).sum(), 1)
    assert class_scores(shares * 10).argmax() == 1
    many = np.array([0.9, 0.8, 0.1])
    np.testing.assert_allclose(class_scores(many, independent=True), many)
    np.testing.assert_allclose(class_scores(np.zeros(3), "sigmoid"), 0.5)


def test_broken_outputs_still_give_scores():
    scores = class_scores(np.array([np.nan, 2.0, -np.inf]))
    assert np.isfinite(scores).all()
    assert scores.argmax() == 1
    assert np.isfinite(class_scores(np.full(4, np.nan))).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([1, 1000], "image-classification"),
        (["n", 2], "image-classification"),
        ([1, 1000, 1, 1], "image-classification"),
        ([1, 1, 1, 1000], "image-classification"),
        ([1, 22_000], "image-classification"),
        ([1, 22_001], "tensors"),
        ([1, 1], "tensors"),
        ([1, 7, 9], "tensors"),
    ],
)
def test_chosen_by_the_shape_of_the_output(tmp_path, shape, expected):
    model = mean_colours()
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("scores", FLOAT, shape))
    assert tasks.choose(save(model, tmp_path)).id == expected


def test_tensors_are_fed_as_they_are(tmp_path, sources, arena):
    context = save(mean_colours(), tmp_path)
    task = task_of(context)
    prepared = task.prepare(sources, {"image": RandomTensor(seed=5)}, {})
    assert prepared.feeds["image"].shape == (1, 3, 8, 8)
    assert prepared.feeds["image"].std() == pytest.approx(1, abs=0.3)
    assert prepared.pictures["input:image"].shape == (8, 8, 3)
    again = task.prepare(sources, {}, {})
    assert again.feeds["image"].shape == (1, 3, 8, 8)


def test_nothing_is_prepared_again_while_nothing_changed(tmp_path, sources, picture):
    task = task_of(save(mean_colours(), tmp_path))
    first = task.prepare(sources, {"image": picture}, {})
    second = task.prepare(sources, {"image": picture}, {"top": 3})
    assert second.feeds["image"] is first.feeds["image"]
    assert second.notes == []
    assert second.decode_ms == 0
    third = task.prepare(sources, {"image": picture}, {"mean": "0.1"})
    assert third.feeds["image"] is not first.feeds["image"]


def test_every_setting_has_a_default_that_means_the_guess(tmp_path, sources, picture):
    task = task_of(save(mean_colours(side=224), tmp_path))
    defaults = {spec.name: spec.default for spec in task.settings()}
    plain = task.prepare(sources, {"image": picture}, {})
    stated = task.prepare(sources, {"image": picture}, defaults)
    np.testing.assert_array_equal(plain.feeds["image"], stated.feeds["image"])
    assert defaults["mean"] == "0.485 0.456 0.406"
    assert defaults["crop_share"] == 0.875
    groups = {spec.group for spec in task.settings() if spec.name in ("mean", "resize")}
    assert groups == {"Preprocessing"}
    assert all(spec.help and spec.label for spec in task.settings())


def test_open_sides_can_be_set(tmp_path, sources, picture):
    context = save(mean_colours(shape=["n", 3, "h", "w"]), tmp_path)
    task = task_of(context)
    sizes = {spec.name: spec.default for spec in task.settings()}
    assert sizes["size"] == "224 224"
    prepared = task.prepare(sources, {"image": picture}, {"size": "16 32"})
    assert prepared.feeds["image"].shape == (1, 3, 16, 32)
    noise = task.prepare(sources, {}, {"size": "16 32"})
    assert noise.feeds["image"].shape == (1, 3, 16, 32)


def top_classes(context, sources, paths):
    task = task_of(context)
    found = []
    for path in paths:
        inputs = {task.slots()[0].name: PictureFile(path=str(path))}
        prepared = task.prepare(sources, inputs, {})
        answer, _ = task.finish(raw_run(context, prepared.feeds), prepared, {})
        found.append(answer.parts[0].top)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("squeezenet-fp16/SqueezeNet_fp16.onnx", 8),
        ("maui-tester-mobilenet/model.onnx", 10),
    ],
)
def test_guessed_preprocessing_recognises_photographs(corpus, sources, file, least):
    paths = sorted((corpus / "images").glob("*.JPEG"))[::3][:13]
    lines = (corpus / "images" / "classes.txt").read_text().splitlines()
    order = [line.split("\t")[0] for line in lines]
    tops = top_classes(context_of(corpus / "onnx" / file), sources, paths)
    truth = [order.index(path.name.split("_")[0]) for path in paths]
    hits = sum(t in [c.index for c in top] for t, top in zip(truth, tops, strict=True))
    assert hits >= least
    assert tops[0][0].label in read_list("imagenet")


@pytest.mark.parametrize("ink", [0, 255])
def test_a_drawn_digit_is_read_on_any_paper(corpus, sources, arena, ink):
    context = context_of(corpus / "onnx" / "mnist-cntk" / "mnist.onnx")
    drawn = np.full((280, 280, 3), 255 - ink, dtype=np.uint8)
    drawn[60:85, 80:200] = ink
    for row in range(85, 230):
        left = 185 - (row - 85) // 2
        drawn[row, left : left + 24] = ink
    task = task_of(context)
    prepared = task.prepare(
        sources, {"Input3": PictureArray(array=arena.put(drawn))}, {}
    )
    answer, _ = task.finish(raw_run(context, prepared.feeds), prepared, {})
    assert answer.parts[0].top[0].index == 7
    assert answer.parts[0].top[0].score > 0.5


def test_weights_do_not_decide(tmp_path):
    model = mean_colours()
    model.graph.initializer.append(
        helper.make_tensor("unused", FLOAT, [4], random_weights(4).tolist())
    )
    assert task_of(save(model, tmp_path)).id == "image-classification"
