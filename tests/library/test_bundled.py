"""Tests of the bundled library."""

import math

import pytest

from layerscope.core.errors import BadInputError
from layerscope.library.bundled import _bundled_models, bundled_models, find_model

CARD = """\
---
license: mit
pipeline_tag: image-classification
tags: [a, b]
model-index:
- name: tiny
  results:
  - task: {type: image-classification}
    dataset: {type: cifar10, name: CIFAR-10}
    metrics:
    - {type: accuracy, name: Accuracy, value: 0.875}
layerscope:
  title: Tiny network
  teaches: Next to nothing.
---

# Tiny
"""


@pytest.fixture
def folder(tmp_path):
    """A library with one described model and one folder without a model."""
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.onnx").write_bytes(b"12345")
    (tmp_path / "tiny" / "model.onnx.data").write_bytes(b"123")
    (tmp_path / "tiny" / "README.md").write_text(CARD, encoding="utf-8")
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "train.py").write_text("")
    return tmp_path


def test_entry_says_what_the_card_says(folder):
    (entry,) = bundled_models(folder)

    assert entry.id == "tiny"
    assert entry.title == "Tiny network"
    assert entry.task == "image-classification"
    assert entry.metric == "Accuracy"
    assert entry.value == 0.875
    assert entry.teaches == "Next to nothing."
    assert entry.licence == "mit"
    assert (entry.dataset, entry.dataset_name) == ("cifar10", "CIFAR-10")
    assert entry.bytes == 8
    assert entry.path == folder / "tiny"


@pytest.mark.parametrize(
    "card",
    [
        None,
        "",
        "# no head",
        "---\nlicense: [unclosed\n---\n",
        "---\nmodel-index: 7\n---\n",
        "---\nlicense: mit\nno end of the head",
        "---\n- a list\n---\n",
    ],
)
def test_model_with_an_unreadable_card_is_listed_by_its_id(folder, card):
    path = folder / "tiny" / "README.md"
    if card is None:
        path.unlink()
    else:
        path.write_text(card, encoding="utf-8")

    (entry,) = bundled_models(folder)

    assert (entry.id, entry.title, entry.metric) == ("tiny", "tiny", "")
    assert math.isnan(entry.value)


def test_a_library_that_is_not_there_is_empty(tmp_path):
    assert bundled_models(tmp_path / "nowhere") == ()


def test_every_bundled_model_is_described_and_measured():
    entries = bundled_models()

    assert "cifar10-resnet-m" in [entry.id for entry in entries]
    for entry in entries:
        assert entry.title != entry.id
        assert entry.teaches.endswith(".")
        assert entry.value > 0
        assert entry.value <= 1 or "nats" in entry.metric.lower()
        assert entry.dataset
        assert entry.licence == "apache-2.0"


def test_a_thumbnail_is_small():
    for entry in bundled_models():
        if entry.thumbnail is not None:
            assert entry.thumbnail.stat().st_size <= 20_000


def test_parameters_are_counted_or_as_the_card_states_them(folder):
    (entry,) = bundled_models(folder)
    assert entry.parameters == 0  # five bytes are no graph
    (network,) = [e for e in bundled_models() if e.id == "cifar10-resnet-m"]
    assert 600_000 < network.parameters < 700_000

    path = folder / "tiny" / "README.md"
    card = CARD.replace("layerscope:", "layerscope:\n  parameters: 1234")
    path.write_text(card, encoding="utf-8")
    _bundled_models.cache_clear()
    (entry,) = bundled_models(folder)
    assert entry.parameters == 1234


def test_a_picture_beside_the_model_is_its_thumbnail(folder):
    (entry,) = bundled_models(folder)
    assert entry.thumbnail is None
    (folder / "tiny" / "thumbnail.png").touch()
    assert entry.thumbnail == folder / "tiny" / "thumbnail.png"


def test_bundled_residual_network_is_small_and_complete():
    (entry,) = [e for e in bundled_models() if e.id == "cifar10-resnet-m"]

    assert entry.bytes < 3_000_000
    names = {file.name for file in entry.path.iterdir()}
    assert names >= {
        "README.md",
        "config.json",
        "model.onnx",
        "preprocessor_config.json",
        "train.py",
    }


def test_find_model_takes_file_folder_and_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.onnx"
    file.touch()

    assert find_model("own.onnx") == file
    assert find_model(str(tmp_path)) == tmp_path
    assert find_model("cifar10-resnet-m").name == "cifar10-resnet-m"


def test_a_file_of_the_same_name_goes_before_a_bundled_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cifar10-resnet-m").touch()

    assert find_model("cifar10-resnet-m") == tmp_path / "cifar10-resnet-m"


@pytest.mark.parametrize("text", ["", "cifar10-resnet-xxl", "no/such/file.onnx"])
def test_find_model_names_the_ids_there_are(text):
    with pytest.raises(BadInputError, match=r"bundled ids: .*cifar10-resnet-m"):
        find_model(text)
