"""Tests of the sample pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layerscope.library.locations import resources_folder
from layerscope.library.samples import (
    OwnSamples,
    own_samples,
    sample_pictures,
    sample_title,
)


def test_there_are_samples_that_open():
    paths = sample_pictures()

    assert len(paths) >= 6
    for path in paths:
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) >= 200


def test_samples_come_in_the_order_of_their_numbers():
    numbers = [int(path.name.split("-")[0]) for path in sample_pictures()]

    assert numbers == sorted(numbers)


def test_licence_of_every_sample_is_written_down():
    text = (resources_folder() / "LICENSES.md").read_text(encoding="utf-8")

    missing = [path.name for path in sample_pictures() if path.name not in text]

    assert missing == []


def test_title_leaves_number_and_hyphens_out():
    assert sample_title(Path("03-red-ship.png")) == "Red ship"
    assert sample_title(Path("own-picture.png")) == "Own picture"
    assert sample_title(Path("7.png")) == "7"


def test_a_folder_that_is_not_there_has_no_samples(tmp_path):
    assert sample_pictures(tmp_path / "nowhere") == ()


# --- what a model brings itself ---------------------------------------------------


def stated(folder, **fields):
    (folder / "samples.json").write_text(json.dumps(fields), encoding="utf-8")


def test_texts_arrays_and_pictures_are_found_beside_a_model(tmp_path):
    np.savez(tmp_path / "sample.npz", pixels=np.zeros(4), mask=np.ones(2))
    Image.new("RGB", (4, 4)).save(tmp_path / "own.png")
    bundled = sample_pictures()[0]
    stated(
        tmp_path,
        text=["To be", "Or not"],
        inputs="sample.npz",
        pictures=["own.png", bundled.name, "missing.png"],
        remark=["left alone"],
    )
    (tmp_path / "model.onnx").touch()

    for model in (tmp_path, tmp_path / "model.onnx"):
        own = own_samples(model)
        assert own.text == ("To be", "Or not")
        assert own.pictures == (tmp_path / "own.png", bundled)
        assert own.inputs == tmp_path / "sample.npz"
        assert set(own.arrays) == {"pixels", "mask"}


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"text": 3}', '{"inputs": "broken.npz"}', "\x00"]
)
def test_a_damaged_file_of_samples_names_nothing(tmp_path, text):
    (tmp_path / "samples.json").write_text(text, encoding="utf-8")
    (tmp_path / "broken.npz").write_text("no archive")
    assert own_samples(tmp_path) == OwnSamples()


def test_samples_do_not_lead_out_of_the_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    np.savez(tmp_path / "secret.npz", a=np.zeros(1))
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    stated(
        folder,
        inputs="../secret.npz",
        pictures=["../secret.png", str(tmp_path / "secret.png"), "link.png"],
    )
    assert own_samples(folder) == OwnSamples()
