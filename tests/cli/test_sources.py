"""Tests of where the inputs of a command-line run come from."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.engine.tasks import test_zero_shot as towers
from tests.kept_engine import caller, kept_engine

from layerscope.cli.arguments import RunRequest
from layerscope.cli.sources import inputs_for
from layerscope.core.errors import BadInputError
from layerscope.library.samples import sample_pictures
from layerscope.protocol.inputs import PictureFile, TensorFile, TypedText
from layerscope.protocol.values import InputSlot, TensorInfo


def slot(name, kind):
    tensor = TensorInfo(name=name, dtype="float32", shape=(1, 4))
    return InputSlot(name=name, kind=kind, tensor=tensor)


PICTURE, TEXT, ARRAY = slot("image", "picture"), slot("text", "text"), slot("x", "t")


@pytest.fixture
def own(tmp_path):
    """A folder with a picture, a text and an array of its own."""
    Image.new("L", (4, 4)).save(tmp_path / "three.png")
    np.savez(tmp_path / "sample.npz", x=np.zeros(4))
    stated = {"pictures": ["three.png"], "text": ["To be"], "inputs": "sample.npz"}
    (tmp_path / "samples.json").write_text(json.dumps(stated))
    return tmp_path


def inputs(folder, *slots, **flags):
    return inputs_for(RunRequest(model="m", **flags), slots, folder)


def test_without_a_flag_a_model_gets_its_own_samples(own):
    assert inputs(own / "model.onnx", PICTURE, TEXT, ARRAY) == {
        "image": PictureFile(path=str(own / "three.png")),
        "text": TypedText.of("To be"),
        "x": TensorFile(path=str(own / "sample.npz"), key="x"),
    }


def test_without_samples_a_picture_model_gets_the_first_sample_picture(tmp_path):
    first = PictureFile(path=str(sample_pictures()[0].absolute()))

    assert inputs(tmp_path, PICTURE, TEXT, ARRAY) == {"image": first}


def test_what_is_given_goes_before_the_samples(own, tmp_path):
    other = tmp_path / "other.png"
    Image.new("L", (4, 4)).save(other)

    assert inputs(own, PICTURE, ARRAY, image=other) == {
        "image": PictureFile(path=str(other))
    }
    assert inputs(own, PICTURE, TEXT, text="Or not") == {
        "image": PictureFile(path=str(own / "three.png")),
        "text": TypedText.of("Or not"),
    }


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (PICTURE, "takes 'image' and none of that is a text; leave --text out"),
        (TEXT, "takes 'text' and none of that is a picture; leave --image out"),
    ],
)
def test_a_picture_and_a_text_for_a_model_of_one_are_said(tmp_path, taken, says):
    with pytest.raises(BadInputError, match=says):
        inputs(tmp_path, taken, image=Path("a.png"), text="a cat")


def test_captions_are_compared_with_a_picture(tmp_path, monkeypatch, capfd):
    folder = towers.write_folder(tmp_path)
    picture = sample_pictures()[1]
    with kept_engine() as engine:
        layerscope = caller(engine, monkeypatch, capfd)
        status, out, err = layerscope(
            *("run", folder, "--image", picture, "--text", "a cat\nthe dog", "--json")
        )

    assert (status, err) == (0, "")
    said = json.loads(out)
    assert said["task"] == "zero-shot-image-classification"
    assert {one["label"] for one in said["top"]} == {"a cat", "the dog"}
    assert sum(one["score"] for one in said["top"]) == pytest.approx(1)
