import numpy as np
import pytest
from onnx import helper
from tests.engine.tasks.task_helpers import context_of, raw_run, save, task_of
from tests.model_building import FLOAT, build

from layerscope.core.preprocessing import Preprocessing
from layerscope.engine.pictures import decode, resize
from layerscope.engine.tasks.image_to_image import (
    colour_differences,
    range_of,
    to_bytes,
    with_colours,
)
from layerscope.protocol.inputs import PictureArray, PictureFile

NODE = helper.make_node


def enlarger(channels=3, factor=2, last="Identity"):
    nodes = [
        NODE("Resize", ["image", "", "scales"], ["large"], mode="nearest"),
        NODE(last, ["large"], ["out"]),
    ]
    return build(
        nodes,
        [("image", FLOAT, [1, channels, 20, 30])],
        [("out", FLOAT, [1, channels, 20 * factor, 30 * factor])],
        {"scales": np.array([1, 1, factor, factor], dtype=np.float32)},
    )


def test_the_same_picture_comes_out_larger(tmp_path, sources, picture):
    context = save(enlarger(), tmp_path)
    task = task_of(context)
    assert task.id == "image-to-image"
    prepared = task.prepare(sources, {"image": picture}, {})
    outputs = raw_run(context, prepared.feeds)
    answer, pictures = task.finish(outputs, prepared, {})
    part = answer.parts[0]
    after, before = pictures[f"answer:{part.key}"], pictures[part.compare]
    assert after.shape == before.shape == (40, 60, 3)
    np.testing.assert_allclose(after[20, 5], (255, 0, 0), atol=2)
    np.testing.assert_allclose(after[20, 55], (0, 0, 255), atol=2)


def test_blue_first_in_means_blue_first_out(tmp_path, sources, picture):
    context = save(enlarger(), tmp_path)
    task = task_of(context)
    settings = {"colours": "BGR", "range": "0..255"}
    prepared = task.prepare(sources, {"image": picture}, settings)
    outputs = raw_run(context, prepared.feeds)
    _, pictures = task.finish(outputs, prepared, settings)
    np.testing.assert_allclose(pictures["answer:picture"][20, 5], (255, 0, 0), atol=2)


def test_brightness_models_keep_the_colours(tmp_path, sources, picture):
    context = save(enlarger(channels=1), tmp_path)
    task = task_of(context)
    assert task.preparer.guess.colours == "luma"
    prepared = task.prepare(sources, {"image": picture}, {})
    assert prepared.feeds["image"].shape == (1, 1, 20, 30)
    outputs = raw_run(context, prepared.feeds)
    _, pictures = task.finish(outputs, prepared, {})
    np.testing.assert_allclose(pictures["answer:picture"][20, 5], (255, 0, 0), atol=4)
    _, grey = task.finish(outputs, prepared, {"colour": False})
    pixel = grey["answer:picture"][20, 5]
    np.testing.assert_allclose(pixel, 0.299 * 255, atol=2)


def test_merging_a_picture_with_its_own_brightness_changes_nothing():
    pixels = np.random.default_rng(0).integers(30, 220, (9, 9, 3), dtype=np.uint8)
    luma = (pixels @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    merged = with_colours(luma, *colour_differences(pixels, 9, 9))
    assert np.abs(merged.astype(int) - pixels).max() <= 3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, "0..1"), (-0.05, 1.1, "0..1"), (-1, 1, "-1..1"), (0, 255, "0..255")],
)
def test_output_range_by_values(low, high, expected):
    planes = np.linspace(low, high, 300, dtype=np.float32).reshape(3, 10, 10)
    assert range_of(planes, Preprocessing()) == expected
    planes[0, 0, 0] = np.nan
    assert range_of(planes, Preprocessing()) == expected


def test_values_become_bytes():
    planes = np.array([[[-1.0, 0, 1, np.nan]]], dtype=np.float32)
    assert to_bytes(planes, "-1..1").ravel().tolist() == [0, 128, 255, 128]
    assert to_bytes(planes, "0..1").ravel().tolist() == [0, 0, 255, 0]
    spread = to_bytes(np.array([[[2.0, 4.0]]], np.float32), "smallest..largest")
    assert spread.ravel().tolist() == [0, 255]


def test_the_end_of_the_graph_tells_the_range(tmp_path, sources, picture):
    context = save(enlarger(last="Tanh"), tmp_path)
    task = task_of(context)
    prepared = task.prepare(sources, {"image": picture}, {})
    nearly_grey = {"out": np.zeros((1, 3, 40, 60), dtype=np.float32)}
    _, pictures = task.finish(nearly_grey, prepared, {})
    assert pictures["answer:picture"][0, 0].tolist() == [128, 128, 128]
    _, pictures = task.finish(nearly_grey, prepared, {"output_range": "0..1"})
    assert pictures["answer:picture"][0, 0].tolist() == [0, 0, 0]


def quality(a, b):
    difference = np.asarray(a, dtype=float) - b
    return 10 * np.log10(255**2 / np.mean(difference**2))


def test_super_resolution_is_near_the_original(corpus, sources, arena):
    context = context_of(
        corpus / "onnx" / "super-resolution-10-onnxjs" / "super-resolution-10.onnx"
    )
    task = task_of(context)
    path = next((corpus / "images").glob("*Border_terrier*"))
    whole = decode(path).pixels
    original = resize(whole, 672, 672, "bicubic")
    small = resize(original, 224, 224, "bicubic")
    inputs = {"input": PictureArray(array=arena.put(small))}
    prepared = task.prepare(sources, inputs, {})
    answer, pictures = task.finish(raw_run(context, prepared.feeds), prepared, {})
    after, before = pictures["answer:picture"], pictures[answer.parts[0].compare]
    assert after.shape == original.shape
    assert quality(after, original) > quality(before, original) - 0.5
    assert quality(after, original) > 20


def test_style_transfer_paints_another_picture(corpus, sources):
    context = context_of(corpus / "onnx" / "style-la-muse" / "la_muse.onnx")
    task = task_of(context)
    path = next((corpus / "images").glob("*golden_retriever*"))
    prepared = task.prepare(sources, {"inputImage": PictureFile(path=str(path))}, {})
    _, pictures = task.finish(raw_run(context, prepared.feeds), prepared, {})
    after = pictures["answer:picture"].astype(float)
    before = pictures["answer:before"].astype(float)
    assert after.std() > 40
    assert 30 < np.abs(after - before).mean() < 120
