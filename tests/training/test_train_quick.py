"""Test of training and publishing, from script to folder, on made-up pictures."""

import io
import json
import os
import subprocess
import sys
import tarfile

import numpy as np
import onnx
import pytest
from PIL import Image
from tests.raw_onnxruntime import raw_session

from layerscope.library.bundled import bundled_models
from training import cifar10, publish

N_PER_CLASS = 13  # 130 pictures: one batch of 128


@pytest.fixture(scope="module")
def corpus_of_noise(tmp_path_factory):
    """A folder with an archive like the real one, with noise for pictures."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "data").mkdir()
    random = np.random.default_rng(0)
    with tarfile.open(folder / "data" / "cifar10-jpeg.tar.gz", "w:gz") as tar:
        for split in ("train", "test"):
            for label in cifar10.CLASSES:
                for number in range(N_PER_CLASS):
                    pixels = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                    buffer = io.BytesIO()
                    Image.fromarray(pixels).save(buffer, "JPEG")
                    info = tarfile.TarInfo(f"{split}/{label}/{number:04}.jpg")
                    info.size = buffer.tell()
                    buffer.seek(0)
                    tar.addfile(info, buffer)
    return folder


@pytest.fixture(scope="module")
def published(corpus_of_noise, checkout, tmp_path_factory):
    """The folder that ``train.py --quick`` leaves, and what it prints."""
    target = tmp_path_factory.mktemp("published")
    environment = os.environ | {
        "LAYERSCOPE_CORPUS": str(corpus_of_noise),
        "PYTHONPATH": str(checkout / "models"),
        "TMPDIR": str(target),
    }
    script = checkout / "models" / "cifar10-resnet-m" / "train.py"
    run = subprocess.run(
        [sys.executable, script, "--quick"],
        cwd=target,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert run.returncode == 0, run.stderr
    (folder,) = (path.parent for path in target.rglob("model.onnx"))
    return folder, run.stdout


@pytest.mark.slow
def test_published_model_runs_with_any_batch_and_reads_well(published):
    folder, _ = published
    model = onnx.load(folder / "model.onnx")
    session = raw_session(folder / "model.onnx")

    for batch in (1, 3):
        feed = np.zeros((batch, 3, 32, 32), np.float32)
        (logits,) = session.run(["logits"], {"pixel_values": feed})
        assert logits.shape == (batch, 10)
    assert model.ir_version <= 10
    assert (folder / "model.onnx").stat().st_size < 3_000_000
    names = [output for node in model.graph.node for output in node.output]
    assert "stage1.relu1" in names
    assert "stage2.add" in names
    assert {"stage1.bn1", "stage2.bn1", "stage3.bn1"} <= set(names)
    assert names[-1] == "logits"
    weights = {initializer.name for initializer in model.graph.initializer}
    assert {"stem.conv.weight", "stem.conv.bias", "head.weight"} <= weights


@pytest.mark.slow
def test_published_nodes_keep_their_modules_and_no_paths(published, checkout):
    folder, _ = published
    model = onnx.load(folder / "model.onnx")

    for node in model.graph.node:
        metadata = {entry.key: entry.value for entry in node.metadata_props}
        assert set(metadata) == {
            "namespace",
            "pkg.torch.onnx.class_hierarchy",
            "pkg.torch.onnx.name_scopes",
        }
    conv = next(node for node in model.graph.node if node.name == "stage1.conv1")
    assert {e.key: e.value for e in conv.metadata_props}[
        "pkg.torch.onnx.name_scopes"
    ] == "['', 'stage1', 'stage1.conv1', 'conv2d']"
    assert str(checkout).encode() not in (folder / "model.onnx").read_bytes()


@pytest.mark.slow
def test_card_states_what_is_measured(published, corpus_of_noise, monkeypatch):
    folder, printed = published
    monkeypatch.setenv("LAYERSCOPE_CORPUS", str(corpus_of_noise))
    _, test_split = cifar10.load(limit_per_class=N_PER_CLASS)
    figure = publish.measured_accuracy(
        folder, test_split, raw_session(folder / "model.onnx")
    )

    (entry,) = bundled_models(folder.parent)

    assert entry.value == pytest.approx(figure, abs=1e-4)
    assert f"{100 * figure:.2f} % of 130" in printed
    assert f"{100 * figure:.2f} % of 130" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_configuration_is_what_hugging_face_expects(published):
    folder, _ = published
    config = json.loads((folder / "config.json").read_text())
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())

    assert config["id2label"]["3"] == "cat"
    assert config["label2id"]["truck"] == 9
    assert config["num_labels"] == 10
    assert preprocessor["size"] == {"height": 32, "width": 32}
    assert preprocessor["image_mean"] == list(cifar10.MEAN)
    assert preprocessor["image_std"] == list(cifar10.STD)
