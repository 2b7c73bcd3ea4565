import numpy as np
import pytest
from onnx import helper
from tests.engine.tasks.task_helpers import context_of, raw_run, save, task_of
from tests.model_building import FLOAT, INT64, build, random_weights

from layerscope.core.preprocessing import Preprocessing
from layerscope.engine import tasks
from layerscope.engine.tasks.segmentation import class_map, on_picture, palette
from layerscope.protocol.inputs import PictureFile

NODE = helper.make_node


def segmenter(n_classes=4, *, last=None, out_type=FLOAT):
    nodes = [NODE("Conv", ["image", "w"], ["maps"])]
    shape = [1, n_classes, 32, 48]
    output = "maps"
    if last == "Sigmoid":
        nodes.append(NODE("Sigmoid", ["maps"], ["out"]))
        output = "out"
    if last == "ArgMax":
        nodes.append(NODE("ArgMax", ["maps"], ["out"], axis=1, keepdims=0))
        output, shape = "out", [1, 32, 48]
    return build(
        nodes,
        [("image", FLOAT, [1, 3, 32, 48])],
        [(output, out_type, shape)],
        {"w": random_weights(n_classes, 3, 1, 1)},
    )


def half_and_half(n_classes):
    """Scores of class 1 on the left half, class 0 on the right."""
    scores = np.zeros((1, n_classes, 32, 48), dtype=np.float32)
    scores[0, 1, :, :24] = 1
    scores[0, 0, :, 24:] = 1
    return scores


def test_mask_covers_its_part_of_the_picture(tmp_path, sources, picture):
    task = task_of(save(segmenter(), tmp_path))
    assert task.id == "segmentation"
    prepared = task.prepare(sources, {"image": picture}, {})
    answer, pictures = task.finish(
        {"maps": half_and_half(4)}, prepared, {"background": False, "opacity": 0.5}
    )
    mask = answer.parts[0]
    painted = pictures["answer:mask"]
    assert painted.shape == (60, 90, 4)
    assert (mask.height, mask.width) == (60, 90)
    assert pictures[mask.over].shape == (60, 90, 3)
    assert painted[30, 10, 3] == 128
    assert painted[30, 80, 3] == 0
    assert [(entry.index, round(entry.share, 2)) for entry in mask.legend] == [(1, 0.5)]
    assert tuple(painted[30, 10, :3]) == mask.legend[0].colour


def test_known_class_counts_have_names(tmp_path, sources, picture):
    task = task_of(save(segmenter(21), tmp_path))
    prepared = task.prepare(sources, {"image": picture}, {})
    answer, _ = task.finish({"maps": half_and_half(21)}, prepared, {})
    assert [entry.label for entry in answer.parts[0].legend] == ["aeroplane"]
    task = task_of(save(segmenter(19), tmp_path))
    prepared = task.prepare(sources, {"image": picture}, {})
    answer, _ = task.finish({"maps": half_and_half(19)}, prepared, {})
    assert {entry.label for entry in answer.parts[0].legend} == {"road", "sidewalk"}


def test_one_map_is_cut_at_the_threshold(tmp_path, sources, picture):
    task = task_of(save(segmenter(1, last="Sigmoid"), tmp_path))
    assert task.id == "segmentation"
    assert "threshold" in {spec.name for spec in task.settings()}
    prepared = task.prepare(sources, {"image": picture}, {})
    values = np.linspace(0, 1, 32 * 48, dtype=np.float32).reshape(1, 1, 32, 48)
    for threshold in (0.25, 0.75):
        answer, _ = task.finish({"out": values}, prepared, {"threshold": threshold})
        share = answer.parts[0].legend[0].share
        assert share == pytest.approx(1 - threshold, abs=0.02)


def test_class_numbers_as_output(tmp_path, sources, picture):
    context = save(segmenter(5, last="ArgMax", out_type=INT64), tmp_path)
    task = task_of(context)
    assert task.id == "segmentation"
    prepared = task.prepare(sources, {"image": picture}, {})
    outputs = raw_run(context, prepared.feeds)
    answer, _ = task.finish(outputs, prepared, {"background": True})
    shares = {entry.index: entry.share for entry in answer.parts[0].legend}
    assert sum(shares.values()) == pytest.approx(1)
    counts = np.bincount(outputs["out"].ravel())
    assert set(shares) == set(np.flatnonzero(counts))


def test_layouts_agree():
    scores = np.random.default_rng(0).standard_normal((1, 5, 6, 7))
    first, n_first = class_map(scores, "NCHW", 0.5)
    last, n_last = class_map(scores.transpose(0, 2, 3, 1), "NHWC", 0.5)
    np.testing.assert_array_equal(first, last)
    assert n_first == n_last == 5


def test_a_crop_leaves_the_rest_unpainted():
    chosen = Preprocessing(height=10, width=10, resize="crop")
    laid = on_picture(np.ones((10, 10), int), chosen.place(20, 40), (20, 40), (20, 40))
    assert (laid[:, :10] == -1).all()
    assert (laid[:, 10:30] == 1).all()
    assert (laid[:, 30:] == -1).all()


def test_padding_is_left_out():
    chosen = Preprocessing(height=40, width=40, resize="letterbox")
    classes = np.zeros((40, 40), int)
    classes[10:30] = 1  # where a picture twice as wide as high lies
    laid = on_picture(classes, chosen.place(20, 40), (20, 40), (20, 40))
    assert (laid == 1).all()


def test_colours_differ_from_each_other():
    for paints_zero in (True, False):
        colours = palette(150, paints_zero=paints_zero)
        assert len(colours) == 150
        assert len(set(colours[:22])) == 22
    first = np.array(palette(8, paints_zero=False)[1:], dtype=float)
    apart = np.linalg.norm(first[:, None] - first[None], axis=-1)
    assert apart[np.triu_indices(7, 1)].min() > 60


def test_deep_feature_maps_are_no_masks(tmp_path):
    model = segmenter(512)
    assert tasks.choose(save(model, tmp_path)).id == "tensors"


def test_deeplab_finds_the_dog(corpus, sources):
    context = context_of(
        corpus / "onnx" / "deeplab-v3-mnv2" / "deeplab_v3_1_default_1.onnx"
    )
    task = task_of(context)
    path = next((corpus / "images").glob("*golden_retriever*"))
    prepared = task.prepare(sources, {"sub_7": PictureFile(path=str(path))}, {})
    outputs = raw_run(context, prepared.feeds)
    answer, pictures = task.finish(outputs, prepared, {})
    best = answer.parts[0].legend[0]
    assert best.label == "dog"
    assert 0.05 < best.share < 0.5
    assert pictures["answer:mask"].shape[2] == 4
