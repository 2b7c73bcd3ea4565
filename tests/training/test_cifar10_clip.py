"""Tests of the two towers of CLIP and of the matrix between them."""

import json

import numpy as np
import onnx
import pytest
from tests.raw_onnxruntime import raw_session

from layerscope.library.bundled import bundled_models
from training import cifar10, cifar10_captions, cifar10_clip, clip_towers, publish

CLIPS = [entry for entry in bundled_models() if entry.id == "cifar10-clip"]
N_PER_CLASS = 50


@pytest.fixture(scope="module")
def classifier(checkout):
    """A published classifier of pictures."""
    return checkout / "models" / "cifar10-resnet-m" / publish.MODEL_FILE


def test_no_held_out_caption_was_learnt_from():
    learnt = [cifar10_captions.training_captions(label) for label in cifar10.CLASSES]
    held_out = cifar10_captions.held_out_captions()

    assert all(len(captions) == len(cifar10.CLASSES) for captions in held_out)
    flat = [text for captions in learnt for text in captions]
    assert not set(flat) & {text for captions in held_out for text in captions}
    assert cifar10_clip.QUERY in held_out[-1]
    assert not any("bark" in text for text in flat)
    # One caption for one class only, or there would be two right answers.
    assert len(set(flat)) == len(flat)


def test_image_tower_is_the_trunk_a_matrix_and_length_one(classifier):
    random = np.random.default_rng(0)
    trunk = clip_towers.trunk_of(onnx.load(classifier))
    pictures = random.standard_normal((5, 3, 32, 32)).astype(np.float32)
    (features,) = raw_session(trunk.SerializeToString()).run(
        None, {publish.INPUT: pictures}
    )
    projection = random.standard_normal((features.shape[1], 384)).astype(np.float32)

    tower = clip_towers.image_tower(trunk, projection)

    (embeds,) = raw_session(tower.SerializeToString()).run(
        ["image_embeds"], {"pixel_values": pictures}
    )
    wanted = features @ projection
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(embeds, wanted, atol=1e-5)
    assert tower.ir_version <= 10
    assert "head.weight" not in {tensor.name for tensor in tower.graph.initializer}
    assert "visual_projection" in {node.name for node in tower.graph.node}


def test_zero_features_have_no_direction_and_no_number_that_is_none(classifier):
    trunk = clip_towers.trunk_of(onnx.load(classifier))
    n_features = raw_session(trunk.SerializeToString()).get_outputs()[0].shape[1]

    tower = clip_towers.image_tower(trunk, np.zeros((n_features, 384), np.float32))

    (embeds,) = raw_session(tower.SerializeToString()).run(
        None, {"pixel_values": np.zeros((1, 3, 32, 32), np.float32)}
    )
    assert (embeds == 0).all()


def test_matrix_brings_pictures_to_captions_that_were_not_learnt_from():
    random = np.random.default_rng(0)
    centres = random.standard_normal((3, 20)).astype(np.float32)
    topics = random.standard_normal((3, 48)).astype(np.float32)

    def near(points, n, spread):
        rows = np.repeat(points, n, axis=0)
        rows = rows + spread * random.standard_normal(rows.shape).astype(np.float32)
        return rows.astype(np.float32)

    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    captions = [unit(near(topics[label : label + 1], 6, 0.5)) for label in range(3)]
    recipe = cifar10_clip.Recipe(steps=150, batch_size=64)

    projection, scale = cifar10_clip.learnt_projection(
        near(centres, 80, 0.5), np.repeat(np.arange(3), 80), captions, recipe
    )

    images = unit(near(centres, 50, 0.5) @ projection)
    texts = unit(near(topics, 1, 0.5))
    found = (images @ texts.T).argmax(1)
    assert (found == np.repeat(np.arange(3), 50)).mean() > 0.95
    assert scale > 1


def test_configuration_is_that_of_clip(tmp_path):
    clip_towers.write_config(
        tmp_path, image_size=32, n_features=256, n_tokens=1000, scale=20.0
    )

    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "clip"
    assert np.exp(config["logit_scale_init_value"]) == pytest.approx(20)
    assert config["text_config"]["vocab_size"] == 1000
    assert config["vision_config"]["image_size"] == 32


def test_missing_classifier_is_told(tmp_path):
    with pytest.raises(SystemExit, match="train it first"):
        cifar10_clip.source_of(tmp_path)


@pytest.mark.parametrize("entry", CLIPS, ids=lambda entry: entry.id)
def test_texts_alike_are_near_and_folder_is_small(entry):
    texts = ["an animal that barks", "a loud dog", "it crosses the ocean"]

    barks, dog, ocean = clip_towers.text_embeddings(entry.path, texts)

    assert np.linalg.norm(barks) == pytest.approx(1, abs=1e-4)
    assert barks @ dog > barks @ ocean + 0.2
    assert (entry.path / clip_towers.TEXT).stat().st_size <= 25_000_000
    assert entry.value >= 0.75


@pytest.mark.slow
@pytest.mark.corpus
@pytest.mark.parametrize("entry", CLIPS, ids=lambda entry: entry.id)
def test_pictures_are_named_by_captions_as_well_as_the_card_says(
    entry, corpus, monkeypatch
):
    monkeypatch.setenv("LAYERSCOPE_CORPUS", str(corpus))
    _, test = cifar10.load(limit_per_class=N_PER_CLASS)

    images = clip_towers.image_embeddings(entry.path, test.pictures)

    figure = np.mean(cifar10_clip.accuracies(entry.path, images, test.labels))
    error = np.sqrt(entry.value * (1 - entry.value) / len(test.labels))
    assert figure == pytest.approx(entry.value, abs=3 * error)
    (barks,) = clip_towers.text_embeddings(entry.path, [cifar10_clip.QUERY])
    of_class = [(images[test.labels == n] @ barks).mean() for n in range(10)]
    assert cifar10.CLASSES[int(np.argmax(of_class))] == "dog"
    ranked = cifar10_clip.share_ranked_first(entry.path, images, test.labels, n=10)
    assert ranked >= 0.5
