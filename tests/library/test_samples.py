"""Tests of the sample pictures."""

from pathlib import Path

from PIL import Image

from layerscope.library.locations import resources_folder
from layerscope.library.samples import sample_pictures, sample_title


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
