"""What a model looks at first, and what the user chose stays the user's."""

import json

import numpy as np
import pytest
from PIL import Image

from layerscope.controller.first_inputs import FirstInputs
from layerscope.library.samples import sample_pictures
from layerscope.protocol.inputs import PictureFile, TensorFile, TypedText
from layerscope.protocol.values import InputSlot, TensorInfo


def slot(name, kind):
    tensor = TensorInfo(name=name, dtype="float32", shape=(1, 4))
    return InputSlot(name=name, kind=kind, tensor=tensor)


PICTURE, TEXT, TENSOR = slot("image", "picture"), slot("text", "text"), slot("x", "t")
DEFAULT = PictureFile(path=str(sample_pictures()[0]))
MINE = PictureFile(path="/pictures/mine.png")


@pytest.fixture
def digits(tmp_path):
    """A folder with a picture of its own."""
    folder = tmp_path / "digits"
    folder.mkdir()
    Image.new("L", (4, 4)).save(folder / "three.png")
    (folder / "samples.json").write_text(json.dumps({"pictures": ["three.png"]}))
    return folder


@pytest.fixture
def chooser():
    return FirstInputs()


def opened(chooser, slots, folder, inputs):
    return chooser.choose(slots, str(folder), inputs, opening=True)


def test_without_samples_a_picture_model_sees_the_first_bundled_one(chooser, tmp_path):
    chosen = opened(chooser, [PICTURE, TENSOR], tmp_path, {})
    assert chosen == {"image": DEFAULT}


def test_a_model_opens_with_its_own_picture(chooser, digits):
    three = PictureFile(path=str(digits / "three.png"))
    assert opened(chooser, [PICTURE], digits, {"image": MINE}) == {"image": three}


def test_the_sample_of_the_model_before_is_not_taken_over(chooser, digits, tmp_path):
    before = opened(chooser, [PICTURE], digits, {})
    assert opened(chooser, [PICTURE], tmp_path, before) == {"image": DEFAULT}


def test_what_the_user_chose_is_taken_over_to_another_slot(chooser, digits, tmp_path):
    opened(chooser, [PICTURE], digits, {})
    other = slot("pixels", "picture")
    chosen = opened(chooser, [other], tmp_path, {"image": MINE})
    assert chosen == {"pixels": MINE}
    again = opened(chooser, [PICTURE], tmp_path, chosen)
    assert again == {"image": MINE}


def test_texts_and_arrays_go_to_their_slots(chooser, tmp_path):
    np.savez(tmp_path / "sample.npz", x=np.zeros(4))
    stated = {"text": ["To be", "Or not"], "inputs": "sample.npz"}
    (tmp_path / "samples.json").write_text(json.dumps(stated))
    second, third = slot("context", "text"), slot("more", "text")
    other = slot("y", "tensor")
    chosen = opened(chooser, [TEXT, second, third, TENSOR, other], tmp_path, {})
    assert chosen == {
        "text": TypedText.of("To be"),
        "context": TypedText.of("Or not"),
        "more": TypedText.of("Or not"),
        "x": TensorFile(path=str(tmp_path / "sample.npz"), key="x"),
    }


def test_a_change_of_the_task_leaves_what_is_there(chooser, digits):
    opened(chooser, [PICTURE], digits, {})
    mine = {"image": MINE}
    assert chooser.choose([PICTURE], str(digits), mine, opening=False) == mine
