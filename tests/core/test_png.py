"""PNG files, checked with Pillow in both directions."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from layerscope.core import made_with, png
from layerscope.core.errors import BadInputError
from layerscope.core.made_with import MadeWith

MADE = MadeWith(
    model="tiny",
    sha256="0123",
    path="tiny-sd",
    task="diffusion",
    texts_given={"prompt": "ein Löwe 🦁", "negative_prompt": "rain"},
    settings={"seed": 3, "guidance": 7.5, "scheduler": "ddim", "size": "16 24"},
)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1, 3), (6, 5, 4)])
def test_pillow_reads_what_was_written(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    png.write_png(tmp_path / "a.png", pixels)

    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_pillow_reads_the_texts(tmp_path):
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    png.write_png(tmp_path / "a.png", pixels, MADE.texts())

    with Image.open(tmp_path / "a.png") as image:
        assert image.text["layerscope"] == MADE.json()
        assert image.text["parameters"] == (
            "ein Löwe 🦁\nNegative prompt: rain\n"
            "Sampler: ddim, CFG scale: 7.5, Seed: 3, Size: 24x16, Model: tiny"
        )
    assert made_with.read(tmp_path / "a.png") == MADE


@pytest.mark.parametrize("packed", [False, True])
def test_texts_of_others_are_read(tmp_path, packed):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("plain", "ä text", zip=packed)
    texts.add_itxt("wide", "漢字", zip=packed)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=texts)

    assert png.read_texts(tmp_path / "a.png") == {"plain": "ä text", "wide": "漢字"}
    assert made_with.read(tmp_path / "a.png") is None


def test_files_that_hold_no_text(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff something")
    (tmp_path / "cut.png").write_bytes(png.SIGNATURE + b"\0\0\xff\xfftEXtabc")

    assert png.read_texts(tmp_path / "a.jpg") == {}
    assert png.read_texts(tmp_path / "cut.png") == {}
    with pytest.raises(BadInputError, match="cannot be read"):
        png.read_texts(tmp_path / "none.png")


def test_bomb_of_text_is_left_out(tmp_path):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("layerscope", "x" * (png.MOST_TEXT_BYTES + 10), zip=True)
    texts.add_text("small", "y", zip=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=texts)

    assert png.read_texts(tmp_path / "a.png") == {"small": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"texts": {}}',
        '{"model": "a", "texts": 3}',
        '{"model": "a", "pictures": 3}',
        "[" * 100_000,
    ],
)
def test_broken_record_gives_a_sentence(tmp_path, text):
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    png.write_png(tmp_path / "a.png", pixels, {"layerscope": text})

    with pytest.raises(BadInputError, match="cannot be read from its file"):
        made_with.read(tmp_path / "a.png")


@pytest.mark.parametrize(
    "array",
    [
        np.float32([[0.1, -2.5, np.pi]]),
        np.arange(6, dtype=np.int64).reshape(1, 2, 3),
        np.float16(0.5),
        np.array([True, False]),
    ],
)
def test_arrays_and_pictures_it_began_from_come_back(tmp_path, array):
    text = made_with.array_text(np.asarray(array))
    made = MadeWith(model="a", pictures=("image",), arrays={"latent": text})
    png.write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8), made.texts())

    read = made_with.read(tmp_path / "a.png")
    found = made_with.array_of(read.arrays["latent"])
    assert read == made
    assert found.dtype == np.asarray(array).dtype
    np.testing.assert_array_equal(found, array)


def test_large_arrays_are_left_out():
    assert made_with.array_text(np.zeros(made_with.MOST_VALUES + 1)) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "object 1 =AAAA",
        "float32 2 =AAAA",
        "float32 -1 =AAAA",
        "float32 1 =%",
        "float32 99999999 =",
        "float32 one =AAAA",
    ],
)
def test_broken_array_gives_a_sentence(text):
    with pytest.raises(BadInputError, match="cannot be read from its file"):
        made_with.array_of(text)


def test_values_of_other_kinds_are_left_out():
    made = MadeWith.from_json(
        '{"model": "a", "texts": {"prompt": 3}, "settings": {"seed": 1, "x": [2], '
        '"y": NaN, "z": null}}'
    )

    assert made.texts_given == {}
    assert made.settings == {"seed": 1}


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2)), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 3), np.uint8)],
)
def test_what_is_no_picture_is_refused(tmp_path, array):
    with pytest.raises(BadInputError, match="was to be saved"):
        png.write_png(tmp_path / "a.png", array)


def test_place_that_is_not_there_gives_a_sentence(tmp_path):
    with pytest.raises(BadInputError, match="cannot be written"):
        png.write_png(tmp_path / "no" / "a.png", np.zeros((2, 2), np.uint8))
