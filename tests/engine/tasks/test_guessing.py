import json

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.engine.tasks.task_helpers import context_of, save, task_of
from tests.model_building import FLOAT, build, random_weights

from layerscope.core.preprocessing import Preprocessing
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import first_layer_std, picture_input
from layerscope.protocol.values import TensorInfo

NODE = helper.make_node


def classifier(first=(), *, taken="image", kind=FLOAT, weights=None, side=224):
    nodes = [
        *first,
        NODE("GlobalAveragePool", [taken], ["pooled"]),
        NODE("Flatten", ["pooled"], ["scores"]),
    ]
    return build(
        nodes,
        [("image", kind, [1, 3, side, side])],
        [("scores", FLOAT, [1, 3])],
        weights,
    )


def guess_for(model, folder):
    return task_of(save(model, folder)).preparer.guess


def test_preprocessor_config_decides(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "do_rescale": True,
                "rescale_factor": 1 / 255,
                "do_normalize": True,
                "image_mean": [0.1, 0.2, 0.3],
                "image_std": [0.4, 0.5, 0.6],
                "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224},
                "size": {"shortest_edge": 256},
                "resample": 3,
            }
        )
    )
    guess = guess_for(classifier(), tmp_path)
    assert guess.mean == (0.1, 0.2, 0.3)
    assert guess.std == (0.4, 0.5, 0.6)
    assert guess.resize == "crop"
    assert guess.crop_share == pytest.approx(224 / 256)
    assert guess.interpolation == "bicubic"
    assert guess.value_range == "0..1"


def test_timm_configuration_decides(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps(
            {
                "pretrained_cfg": {
                    "mean": [0.5, 0.5, 0.5],
                    "std": [0.5, 0.5, 0.5],
                    "crop_pct": 0.95,
                    "interpolation": "bicubic",
                    "input_size": [3, 224, 224],
                }
            }
        )
    )
    guess = guess_for(classifier(), tmp_path)
    assert guess.mean == (0.5, 0.5, 0.5)
    assert guess.crop_share == 0.95
    assert guess.interpolation == "bicubic"


def test_windows_ml_metadata_decides(tmp_path):
    model = classifier()
    for key, value in (
        ("Image.BitmapPixelFormat", "Rgb8"),
        ("Image.NominalPixelRange", "Normalized_1_1"),
    ):
        model.metadata_props.add(key=key, value=value)
    guess = guess_for(model, tmp_path)
    assert (guess.colours, guess.value_range) == ("RGB", "-1..1")
    model = classifier()
    model.graph.input[0].type.denotation = "IMAGE"
    guess = guess_for(model, tmp_path)
    assert (guess.colours, guess.value_range) == ("BGR", "0..255")


def test_arithmetic_in_the_graph_is_not_done_twice(tmp_path):
    first = [
        NODE("Sub", ["image", "mean"], ["centred"]),
        NODE("Div", ["centred", "std"], ["normal"]),
    ]
    mean = np.array([123.7, 116.3, 103.5], dtype=np.float32).reshape(1, 3, 1, 1)
    weights = {"mean": mean, "std": mean / 2}
    guess = guess_for(classifier(first, taken="normal", weights=weights), tmp_path)
    assert guess.value_range == "0..255"
    assert guess.mean == (0, 0, 0)
    assert guess.std == (1, 1, 1)
    weights = {"mean": mean / 255, "std": mean / 510}
    guess = guess_for(classifier(first, taken="normal", weights=weights), tmp_path)
    assert guess.value_range == "0..1"
    assert guess.mean == (0, 0, 0)
    assert "by itself" in guess.evidence[0]


def test_bytes_are_fed_as_bytes(tmp_path):
    first = [NODE("Cast", ["image"], ["floats"], to=FLOAT)]
    model = classifier(first, taken="floats", kind=TensorProto.UINT8)
    guess = guess_for(model, tmp_path)
    assert guess.value_range == "0..255"
    assert guess.std == (1, 1, 1)


@pytest.mark.parametrize(
    ("scale", "zero", "value_range", "mean"),
    [
        (0.01865, 114, "0..1", (0.485, 0.456, 0.406)),
        (1 / 255, 0, "0..1", (0, 0, 0)),
        (2 / 255, 128, "-1..1", (0, 0, 0)),
        (1.0, 0, "0..255", (0, 0, 0)),
        (275 / 255, 115, "0..255", (103.94, 116.78, 123.68)),
    ],
)
def test_quantisation_of_the_input_tells_its_range(
    tmp_path, scale, zero, value_range, mean
):
    first = [
        NODE("QuantizeLinear", ["image", "scale", "zero"], ["bytes"]),
        NODE("DequantizeLinear", ["bytes", "scale", "zero"], ["floats"]),
    ]
    weights = {"scale": np.float32(scale), "zero": np.uint8(zero)}
    weights = {name: np.asarray(value) for name, value in weights.items()}
    guess = guess_for(classifier(first, taken="floats", weights=weights), tmp_path)
    assert guess.value_range == value_range
    assert guess.mean == mean


@pytest.mark.parametrize("trained_on", ["0..1", "0..255"])
def test_batch_normalisation_remembers_the_range(tmp_path, trained_on):
    weight = random_weights(8, 3, 3, 3)
    weight += weight.mean(axis=(2, 3), keepdims=True)
    first = [
        NODE("Conv", ["image", "w"], ["c"], pads=[1] * 4),
        NODE("BatchNormalization", ["c", "one", "zero", "mean", "var"], ["n"]),
        NODE("Conv", ["n", "w3"], ["floats"]),
    ]
    probe = save(
        classifier(first[:1], taken="c", weights={"w": weight}), tmp_path, "probe.onnx"
    )
    found = facts_of(probe.model).input_facts("image")
    truth = Preprocessing(value_range=trained_on)
    variance = (first_layer_std(found, truth) ** 2).astype(np.float32)
    ones = np.ones(8, dtype=np.float32)
    weights = {
        "w": weight,
        "one": ones,
        "zero": ones * 0,
        "mean": ones * 0,
        "var": variance,
        "w3": random_weights(3, 8, 1, 1),
    }
    guess = guess_for(classifier(first, taken="floats", weights=weights), tmp_path)
    assert guess.value_range == trained_on
    assert guess.std == (1, 1, 1)
    assert "batch normalisation" in guess.evidence[0]


@pytest.mark.parametrize(
    ("producer", "colours", "value_range"),
    [
        ("onnx-caffe2", "BGR", "0..255"),
        ("CNTK", "RGB", "0..255"),
        ("tf2onnx", "RGB", "-1..1"),
        ("pytorch", "RGB", "0..1"),
    ],
)
def test_exporters_have_habits(tmp_path, producer, colours, value_range):
    model = classifier()
    model.producer_name = producer
    guess = guess_for(model, tmp_path)
    assert (guess.colours, guess.value_range) == (colours, value_range)


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "layout"),
    [
        ("x", "float32", (1, 3, 224, 224), "NCHW"),
        ("x", "float32", ("n", 224, 224, 3), "NHWC"),
        ("x", "float16", (1, 1, 28, 28), "NCHW"),
        ("x", "uint8", (480, 640, 3), "NHWC"),
        ("x", "float32", ("n", "c", "h", "w"), "NCHW"),
        ("x", "float32", (None, None, None, 3), "NHWC"),
        ("x", "float32", (2, 3, 64, 64), None),
        ("x", "float32", (1, 257, 1, 2), None),
        ("x", "float32", (1, 80, 3000), None),
        ("x", "int64", (1, 3, 224, 224), None),
        ("past_key_values.0.key", "float32", ("b", 1, "past", 64), None),
        ("x", "float32", (1, 10), None),
        ("x", "float32", None, None),
    ],
)
def test_which_inputs_take_pictures(name, dtype, shape, layout):
    found = picture_input(TensorInfo(name=name, dtype=dtype, shape=shape))
    assert (found.layout if found else None) == layout


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("squeezenet-fp16/SqueezeNet_fp16.onnx", ("BGR", "0..255", 103.94, 1)),
        ("cifar-imageclassifier-winml/ImageClassifier.onnx", ("RGB", "0..1", 0.5, 0.5)),
        ("mnist-cntk/mnist.onnx", ("grey", "0..255", 0, 1)),
        ("fastestdet-ppp/FastestDet.onnx", ("BGR", "0..1", 0, 1)),
        ("ultraface-320/version-RFB-320.onnx", ("RGB", "0..255", 127, 128)),
        ("deeplab-v3-mnv2/deeplab_v3_1_default_1.onnx", ("RGB", "-1..1", 0, 1)),
        (
            "super-resolution-10-onnxjs/super-resolution-10.onnx",
            ("luma", "0..1", 0, 1),
        ),
        ("style-la-muse/la_muse.onnx", ("BGR", "0..255", 0, 1)),
        ("srgan-netG/netG.onnx", ("RGB", "0..1", 0, 1)),
        (
            "ppocr-det-en-opencv/text_detection_en_ppocrv3_2023may.onnx",
            ("BGR", "0..1", 0.485, 0.229),
        ),
    ],
)
def test_published_models_are_guessed_right(corpus, file, expected):
    guess = task_of(context_of(corpus / "onnx" / file)).preparer.guess
    found = (guess.colours, guess.value_range, guess.mean[0], guess.std[0])
    assert found == expected
