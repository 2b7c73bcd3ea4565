"""Tests of pictures against typed captions, by two made-up towers."""

import json
import math

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.engine.lanes import lanes
from tests.model_building import FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session
from tests.tokenizer_files import WORDS, word_tokenizer

from layerscope.core.errors import BadInputError
from layerscope.engine.tasks.text_embedding import TextEmbedding
from layerscope.protocol.inputs import PictureFile, TensorFile, TypedText
from layerscope.protocol.messages import Noted

SIZE, WIDTH = 8, 6
node = helper.make_node


def image_tower(width=WIDTH):
    return build(
        [
            node("Conv", ["pixel_values", "w"], ["c"], name="stem.conv"),
            node("GlobalAveragePool", ["c"], ["p"], name="pool"),
            node("Flatten", ["p"], ["image_embeds"], name="flatten"),
        ],
        [("pixel_values", FLOAT, ["batch", 3, SIZE, SIZE])],
        [("image_embeds", FLOAT, ["batch", width])],
        {"w": random_weights(width, 3, 3, 3, scale=1.0)},
    )


def text_tower():
    return build(
        [
            node("Gather", ["table", "input_ids"], ["x"]),
            node("Cast", ["attention_mask"], ["real"], to=FLOAT),
            node("Unsqueeze", ["real", "two"], ["column"]),
            node("Mul", ["x", "column"], ["kept"]),
            node("ReduceSum", ["kept", "one"], ["text_embeds"], keepdims=0),
        ],
        [("input_ids", INT64, ["b", "n"]), ("attention_mask", INT64, ["b", "n"])],
        [("text_embeds", FLOAT, ["b", WIDTH])],
        {
            "table": random_weights(len(WORDS), WIDTH, scale=1.0, seed=2),
            "one": np.array([1]),
            "two": np.array([2]),
        },
    )


def write_folder(path, image=None, config=None):
    """Write the towers in the layout of Optimum and transformers.js."""
    (path / "onnx").mkdir()
    onnx.save(image or image_tower(), path / "onnx" / "vision_model.onnx")
    onnx.save(text_tower(), path / "onnx" / "text_model.onnx")
    (path / "config.json").write_text(json.dumps(config or {"model_type": "clip"}))
    word_tokenizer(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = {"model_type": "clip", "logit_scale_init_value": math.log(5)}
    return write_folder(tmp_path_factory.mktemp("clip"), config=config)


@pytest.fixture(scope="module")
def kept():
    with lanes() as opened:
        yield opened


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A tensor in a file that both onnxruntime and the task are given."""
    path = tmp_path_factory.mktemp("picture") / "picture.npy"
    np.save(path, random_weights(1, 3, SIZE, SIZE, scale=1.0, seed=7))
    return path


def expected(folder, picture, captions, scale):
    """Return the scores that raw onnxruntime finds, each caption run by itself."""
    image_session = raw_session(folder / "onnx" / "vision_model.onnx")
    text_session = raw_session(folder / "onnx" / "text_model.onnx")
    (image,) = image_session.run(None, {"pixel_values": np.load(picture)})[0]
    cosines = []
    for caption in captions:
        ids = [[2, *(WORDS.index(word) for word in caption.split()), 3]]
        feed = {"input_ids": np.array(ids), "attention_mask": np.ones_like(ids)}
        (text,) = text_session.run(None, feed)[0]
        cosines.append(image @ text / np.linalg.norm(image) / np.linalg.norm(text))
    powers = np.exp(scale * np.array(cosines))
    return powers / powers.sum()


def scores_of(answer):
    """Return the scores by caption."""
    (part,) = answer.parts
    return {scored.label: scored.score for scored in part.top}


def test_captions_get_the_scores_that_raw_onnxruntime_finds(folder, kept, picture):
    captions = ["a cat", "the dog ran", "a hat on the mat ."]
    kept.open(folder)
    assert kept.model.task.id == "zero-shot-image-classification"
    given = {
        "pixel_values": TensorFile(path=str(picture), key=""),
        "captions": TypedText(text="\n\n".join(captions)),
    }

    kept.run(given)

    found = scores_of(kept.answer)
    wanted = expected(folder, picture, captions, 5)
    assert [found[caption] for caption in captions] == pytest.approx(wanted, abs=1e-5)
    assert list(found.values()) == sorted(found.values(), reverse=True)

    kept.run(given, {"scale": 20.0})

    sharper = scores_of(kept.answer)
    wanted = expected(folder, picture, captions, 20)
    assert [sharper[caption] for caption in captions] == pytest.approx(wanted, abs=1e-5)


def test_caption_that_stays_is_not_embedded_again(folder, kept, picture, monkeypatch):
    kept.open(folder)
    task = kept.model.task
    embedded = []
    embed = task._embedded
    monkeypatch.setattr(
        task,
        "_embedded",
        lambda runner, reading: embedded.append(reading.text) or embed(runner, reading),
    )
    source = TensorFile(path=str(picture), key="")

    for text in ("a cat\na dog\na cat", "a cat\na hat"):
        kept.run({"pixel_values": source, "captions": TypedText(text=text)})

    assert embedded == ["a cat", "a dog", "a hat"]
    assert len(kept.answer.parts[0].top) == 2


def test_example_of_the_folder_is_taken_where_nothing_is_typed(tmp_path, kept, picture):
    write_folder(tmp_path)
    (tmp_path / "samples.json").write_text(json.dumps({"text": ["a cat\nthe mat"]}))
    kept.open(tmp_path)

    kept.run({"pixel_values": TensorFile(path=str(picture), key="")})

    assert set(scores_of(kept.answer)) == {"a cat", "the mat"}
    names = [slot.name for slot in kept.model.task.slots()]
    assert names == ["pixel_values", "captions"]


def test_single_caption_is_explained_and_none_is_refused(folder, kept, picture):
    kept.open(folder)
    source = TensorFile(path=str(picture), key="")

    kept.run({"pixel_values": source, "captions": TypedText(text="a cat")})
    notes = [event.text for event in kept.events if isinstance(event, Noted)]
    assert any("type another one" in note for note in notes)
    assert scores_of(kept.answer) == {"a cat": 1.0}

    with pytest.raises(BadInputError, match="no captions"):
        kept.run({"pixel_values": source, "captions": TypedText(text=" \n ")})
    with pytest.raises(BadInputError, match="Captions were needed"):
        kept.run({"pixel_values": source, "captions": PictureFile(path="a.png")})


@pytest.mark.parametrize(
    ("stated", "scale"), [(2.6592, 100.0), (math.log(30), 30.0), (None, 100.0)]
)
def test_scale_is_what_the_folder_states_but_not_its_first_value(
    tmp_path, kept, stated, scale
):
    config = {"model_type": "clip"}
    if stated is not None:
        config["logit_scale_init_value"] = stated
    kept.open(write_folder(tmp_path, config=config))

    (spec,) = [s for s in kept.model.task.settings() if s.name == "scale"]

    assert spec.default == pytest.approx(scale, abs=1e-3)


def test_towers_of_other_sizes_do_not_belong_together(tmp_path, kept):
    kept.open(write_folder(tmp_path, image=image_tower(WIDTH + 1)))

    assert kept.model.task.id == "image-classification"


def test_text_tower_by_itself_embeds_texts(folder, kept):
    kept.open(folder / "onnx" / "text_model.onnx")

    assert isinstance(kept.model.task, TextEmbedding)
