"""Tests of what a folder says about the model in it."""

import json
import os

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.model_building import build

from layerscope.core.errors import BadInputError
from layerscope.engine.model.folders import resolve
from layerscope.engine.model.precisions import split_name


def model_bytes(dtype=np.float32, **metadata):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    weights = {"w": np.ones(64, dtype)}
    nodes = [helper.make_node("Identity", ["w"], ["y"])]
    model = build(nodes, [], [("y", kind, [64])], weights)
    helper.set_model_props(model, metadata)
    return model.SerializeToString()


@pytest.fixture
def place(tmp_path):
    """Write files below a folder: text, JSON objects, or bytes."""

    def place(**files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, dict):
                content = json.dumps(content)
            if isinstance(content, str):
                content = content.encode()
            path.write_bytes(content)
        return tmp_path

    return place


def test_lone_file_is_called_by_its_own_name(place):
    folder = place(**{"squeeze.onnx": model_bytes()})

    found = resolve(folder / "squeeze.onnx")

    assert found.main == folder / "squeeze.onnx"
    assert found.name == "squeeze"
    assert found.variants == {"fp32": folder / "squeeze.onnx"}
    assert found.labels == ()
    assert found.config == {}


def test_plain_name_gives_way_to_the_folders(place):
    folder = place(**{"net/model.onnx": model_bytes()})

    assert resolve(folder / "net" / "model.onnx").name == "net"
    assert resolve(folder / "net").name == "net"


def test_folder_with_one_file_opens_it(place):
    folder = place(**{"digits.onnx": model_bytes()})

    assert resolve(folder).main == folder / "digits.onnx"


def test_folder_without_a_model_is_refused(place):
    with pytest.raises(BadInputError, match=r"holds no \.onnx file"):
        resolve(place(**{"readme.txt": "nothing"}))


def test_folder_with_several_models_lets_the_user_choose(place):
    folder = place(**{"a.onnx": model_bytes(), "b.onnx": model_bytes()})

    with pytest.raises(BadInputError, match=r"2 models \(a\.onnx, b\.onnx\)"):
        resolve(folder)


def test_missing_path_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="no such file"):
        resolve(tmp_path / "gone")


def test_genai_configuration_names_the_file(place):
    config = {"model": {"type": "gpt2", "decoder": {"filename": "past.onnx"}}}
    folder = place(
        **{
            "genai_config.json": config,
            "past.onnx": model_bytes(),
            "model.onnx": model_bytes(),
        }
    )

    found = resolve(folder)

    assert found.main.name == "past.onnx"
    assert found.config == config


def test_genai_configuration_cannot_name_a_file_elsewhere(place):
    config = {"model": {"decoder": {"filename": "../secret.onnx"}}}
    folder = place(
        **{
            "net/genai_config.json": config,
            "net/model.onnx": model_bytes(),
            "secret.onnx": model_bytes(),
        }
    )

    assert resolve(folder / "net").main == folder / "net" / "model.onnx"


def test_diffusers_folder_opens_the_denoiser(place):
    folder = place(
        **{
            "model_index.json": {"_class_name": "OnnxStableDiffusionPipeline"},
            "text_encoder/model.onnx": model_bytes(),
            "unet/model.onnx": model_bytes(),
        }
    )

    found = resolve(folder)

    assert found.main == folder / "unet" / "model.onnx"
    assert found.config["_class_name"] == "OnnxStableDiffusionPipeline"


def test_autoencoder_in_two_folders_opens_the_half_that_draws(place):
    folder = place(
        **{
            "config.json": {"model_type": "vae"},
            "decoder/model.onnx": model_bytes(),
            "encoder/model.onnx": model_bytes(),
        }
    )

    found = resolve(folder)

    assert found.main == folder / "decoder" / "model.onnx"
    assert found.components == {"encoder": folder / "encoder" / "model.onnx"}
    assert found.config["model_type"] == "vae"
    assert found.name == folder.name


@pytest.fixture
def transformers_js(place):
    return place(
        **{
            "config.json": {"id2label": {"0": "cat", "1": "dog"}},
            "preprocessor_config.json": {"size": 224},
            "onnx/model.onnx": model_bytes(),
            "onnx/model_fp16.onnx": model_bytes(np.float16),
            "onnx/model_quantized.onnx": model_bytes(np.int8),
            "onnx/model_q4f16.onnx": model_bytes(np.uint8),
            "onnx/decoder_model.onnx": model_bytes(),
        }
    )


def test_variants_in_an_onnx_folder_are_named_by_their_suffix(transformers_js):
    found = resolve(transformers_js)

    assert found.main.name == "model.onnx"
    assert {n: p.name for n, p in found.variants.items()} == {
        "fp32": "model.onnx",
        "fp16": "model_fp16.onnx",
        "q4f16": "model_q4f16.onnx",
        "q8": "model_quantized.onnx",
    }


def test_opened_variant_comes_first_and_the_root_configures_it(transformers_js):
    found = resolve(transformers_js / "onnx" / "model_fp16.onnx")

    assert next(iter(found.variants)) == "fp16"
    assert found.variants["fp32"].name == "model.onnx"
    assert found.labels == ("cat", "dog")
    assert found.preprocessor == {"size": 224}
    assert found.name == transformers_js.name


def test_configuration_of_a_parent_folder_is_not_taken_over(place):
    folder = place(
        **{
            "config.json": {"id2label": {"0": "cat"}},
            "mine/net.onnx": model_bytes(),
        }
    )

    assert resolve(folder / "mine" / "net.onnx").labels == ()


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [(np.float16, "fp16"), (np.int8, "int8"), (np.uint8, "uint8"), (float, "fp64")],
)
def test_precision_of_a_lone_file_is_that_of_its_weights(place, dtype, precision):
    folder = place(**{"net.onnx": model_bytes(dtype)})

    assert list(resolve(folder).variants) == [precision]


def test_precision_counts_weights_in_constant_nodes(place):
    held = helper.make_tensor("t", TensorProto.FLOAT16, [2000], np.ones(2000))
    nodes = [helper.make_node("Constant", [], ["y"], value=held)]
    model = build(nodes, [], [("y", TensorProto.FLOAT16, [2000])], {})

    folder = place(**{"net.onnx": model.SerializeToString()})

    assert list(resolve(folder).variants) == ["fp16"]


@pytest.mark.parametrize(
    ("stem", "parts"),
    [
        ("model", ("model", "")),
        ("decoder_model_merged_q4f16", ("decoder_model_merged", "q4f16")),
        ("model_bnb4", ("model", "bnb4")),
        ("SqueezeNet_fp16", ("SqueezeNet", "fp16")),
        ("yolo-FP16", ("yolo", "fp16")),
        ("net.int8", ("net", "int8")),
        ("_fp16", ("_fp16", "")),
    ],
)
def test_names_are_split_from_their_precision(stem, parts):
    assert split_name(stem) == parts


@pytest.mark.parametrize(
    ("files", "labels"),
    [
        ({"config.json": {"id2label": {"1": "b", "0": "a"}}}, ("a", "b")),
        ({"config.json": {"label2id": {"b": 1, "a": 0}}}, ("a", "b")),
        ({"config.json": {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}}, ()),
        ({"config.json": {"id2label": {"0": "a", "-1": "b"}}}, ()),
        ({"config.json": {"id2label": {"0": "a", "9999999": "b"}}}, ()),
        ({"config.json": {"id2label": ["a", "b"]}}, ()),
        ({"config.min.json": {"target_labels_space": ["c", "d"]}}, ("c", "d")),
        ({"config.json": {"pretrained_cfg": {"label_names": ["x", "y"]}}}, ("x", "y")),
        ({"labels.txt": "red\ngreen\n\n"}, ("red", "green")),
        ({"net.txt": "red\ngreen"}, ("red", "green")),
        ({"synset.txt": "n01440764 tench\nn01443537 gold"}, ("tench", "gold")),
    ],
)
def test_labels_are_found_beside_the_model(place, files, labels):
    folder = place(**{"net.onnx": model_bytes()}, **files)

    assert resolve(folder / "net.onnx").labels == labels


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"names": "{0: 'person', 1: 'bicycle'}"}, ("person", "bicycle")),
        ({"names": '["person", "bicycle"]'}, ("person", "bicycle")),
        ({"classes": "person, bicycle"}, ("person", "bicycle")),
        ({"names": "__import__('os').mkdir('x')"}, ()),
        ({"names": "{" * 5000}, ()),
        ({"names": "{0: open('x')}"}, ()),
    ],
)
def test_labels_are_found_in_the_files_metadata(place, metadata, labels):
    folder = place(**{"net.onnx": model_bytes(**metadata)})

    found = resolve(folder)

    assert found.labels == labels
    assert found.metadata == metadata


@pytest.mark.parametrize("text", ["{not json", "[1, 2]", "[" * 100_000])
def test_broken_configuration_is_left_out_with_a_note(place, text):
    folder = place(**{"net.onnx": model_bytes(), "config.json": text})

    found = resolve(folder)

    assert found.config == {}
    assert "config.json was left out" in found.notes[0]


def test_configuration_that_would_block_or_leave_is_left_out(place, tmp_path):
    folder = place(**{"net/net.onnx": model_bytes(), "secret.json": {"a": 1}}) / "net"
    os.mkfifo(folder / "config.json")
    (folder / "preprocessor_config.json").symlink_to(tmp_path / "secret.json")

    found = resolve(folder)

    assert found.config == found.preprocessor == {}
    assert len(found.notes) == 2


def test_library_of_custom_operators_is_ignored_and_said_so(place):
    folder = place(**{"net.onnx": model_bytes(), "custom_ops.so": b"\x7fELF"})

    assert "not loaded" in resolve(folder).notes[0]


@pytest.mark.parametrize(
    ("files", "licence"),
    [
        ({"README.md": "---\nlicense: mit\ntags:\n- x\n---\n# Card"}, "mit"),
        ({"README.md": "# Card\nlicense: mit"}, ""),
        (
            {"LICENSE": "\n   Apache License\n   Version 2.0, January 2004"},
            "Apache-2.0",
        ),
        ({"LICENSE": "MIT License\n\nCopyright"}, "MIT"),
        ({"LICENSE": "# Terms\n\nFor my friends only.\n"}, "For my friends only."),
        ({}, ""),
    ],
)
def test_licence_is_found(place, files, licence):
    folder = place(**{"net.onnx": model_bytes()}, **files)

    assert resolve(folder).licence == licence


def test_licence_in_the_metadata_is_the_last_resort(place):
    folder = place(**{"net.onnx": model_bytes(license="Personal use")})

    assert resolve(folder).licence == "Personal use"


def test_repository_in_the_hub_cache_opens_its_main_snapshot(tmp_path):
    repository = tmp_path / "models--org--net"
    for revision in ("aaa", "bbb"):
        (repository / "snapshots" / revision).mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "blobs" / "1").write_bytes(model_bytes())
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb")
    for revision in ("aaa", "bbb"):
        link = repository / "snapshots" / revision / "model.onnx"
        link.symlink_to("../../blobs/1")

    found = resolve(repository)

    assert found.main == repository / "snapshots" / "bbb" / "model.onnx"
    assert found.name == "org/net"


def test_file_that_is_no_model_is_left_to_the_reader(place):
    folder = place(**{"net.onnx": b"\xff\xff\xff not protobuf"})

    assert resolve(folder / "net.onnx").main.name == "net.onnx"


@pytest.mark.corpus
def test_every_published_folder_resolves_to_its_model(corpus):
    index = json.loads((corpus / "onnx" / "index.json").read_text())

    for entry in index:
        main = corpus / "onnx" / entry["file"]
        found = resolve(main.parent)
        assert found.main == main
        assert found.licence, main


@pytest.mark.corpus
def test_labels_of_magika_are_found(corpus):
    found = resolve(corpus / "onnx" / "magika-standard-v3_3")

    assert len(found.labels) == 214
    assert "python" in found.labels


def test_bundled_model_has_its_labels_and_licence(checkout):
    found = resolve(checkout / "models" / "cifar10-resnet-m")

    assert found.labels[0] == "airplane"
    assert len(found.labels) == 10
    assert found.licence.lower() == "apache-2.0"
