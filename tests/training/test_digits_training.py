"""Tests of the digits and of the scripts that train on them."""

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from tests.raw_onnxruntime import raw_session

from training import digit_classifiers, digits


def test_split_is_fixed_and_keeps_its_parts_apart():
    train, test = digits.load(digits.SCANNED_SIZE)
    again, _ = digits.load(digits.SCANNED_SIZE)

    assert len(train.labels) == 1437
    counts = np.bincount(test.labels)
    assert counts.sum() == 360
    assert counts.min() >= 35
    assert counts.max() <= 37
    assert np.array_equal(train.pictures, again.pictures)
    seen = {picture.tobytes() for picture in train.pictures}
    assert not seen & {picture.tobytes() for picture in test.pictures}


def test_samples_that_the_user_sees_first_are_held_out():
    from sklearn.datasets import load_digits

    _, test = digits.load(digits.SCANNED_SIZE)
    held_out = {scan.tobytes() for scan in digit_classifiers.inked(test)}

    for index in (3, 8):
        assert load_digits().data[index].astype(np.float32).tobytes() in held_out


def test_enlarged_digits_stay_within_paper_and_ink():
    train, _ = digits.load()

    assert train.pictures.shape[1:] == (1, 32, 32)
    assert train.pictures.dtype == np.float32
    assert train.pictures.min() == 0
    assert train.pictures.max() == 1


def test_distortion_of_nothing_changes_nothing():
    pictures = torch.rand(3, 1, 32, 32)
    generator = torch.Generator().manual_seed(0)
    nothing = {"degrees": 0.0, "shift": 0.0, "scale": 0.0, "shear": 0.0}

    straight = digits.distorted(pictures, generator, **nothing)
    crooked = digits.distorted(pictures, generator)

    assert torch.allclose(straight, pictures, atol=1e-5)
    assert not torch.allclose(crooked, pictures, atol=0.05)


@pytest.mark.slow
def test_quick_training_of_a_machine_leaves_a_whole_folder(trained):
    entry = trained("digits-svm")
    model = onnx.load(entry.path / "model.onnx")
    session = raw_session(entry.path / "model.onnx")

    with np.load(entry.path / "sample.npz") as sample:
        label, votes = session.run(["label", "votes"], dict(sample))
    assert np.array_equal(votes.argmax(1), label)
    assert votes.sum(1).tolist() == [45] * 10
    assert entry.value > 0.8
    assert entry.task == "tabular-classification"
    assert model.ir_version <= 10
    assert [(o.domain, o.version) for o in model.opset_import] == [
        ("", 18),
        ("ai.onnx.ml", 3),
    ]


def test_samples_of_the_autoencoder_are_small_and_held_out(checkout):
    train, test = digits.load()

    def levels(split):
        return np.rint(split.pictures[:, 0] * 255).astype(np.uint8)

    labels = {
        picture.tobytes(): label
        for picture, label in zip(levels(test), test.labels, strict=True)
    }
    seen = {picture.tobytes() for picture in levels(train)}
    paths = sorted((checkout / "models" / "digits-vae" / "samples").glob("*.png"))

    assert len(paths) == 40
    for path in paths:
        with Image.open(path) as picture:
            pixels = np.asarray(picture).tobytes()
        assert labels[pixels] == int(path.name[0])
        assert pixels not in seen
        assert path.stat().st_size < 1000


@pytest.mark.slow
def test_quick_training_of_an_autoencoder_leaves_both_halves(trained):
    entry = trained("digits-vae")
    encoder = raw_session(entry.path / "encoder" / "model.onnx")
    decoder = raw_session(entry.path / "decoder" / "model.onnx")
    _, test = digits.load()

    (latent,) = encoder.run(["latent"], {"picture": test.pictures[:5]})
    (picture,) = decoder.run(["picture"], {"latent": latent})

    assert latent.shape == (5, 2)
    assert picture.shape == (5, 1, 32, 32)
    assert 0 <= picture.min() < picture.max() <= 1
    model = onnx.load(entry.path / "decoder" / "model.onnx")
    names = {output for node in model.graph.node for output in node.output}
    assert {"hidden1", "deconv1", "picture"} <= names
    assert len(list((entry.path / "samples").glob("*.png"))) == 40
    assert 0 <= entry.value <= 1
