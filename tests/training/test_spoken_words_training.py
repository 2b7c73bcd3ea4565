"""Test of the network that hears words: its parts, its graph, the bundled model."""

import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from tests.raw_onnxruntime import raw_session

from training import speech, speech_network, spoken_words

needs_voice = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng speaks the words"
)


@pytest.fixture(scope="module")
def bundled(checkout):
    return checkout / "models" / "spoken-words"


def tone(hertz, length=speech.LENGTH):
    return np.sin(2 * np.pi * hertz * np.arange(length) / speech.RATE)


def test_mel_bands_cover_the_frequencies_in_order():
    bands = speech_network.mel_bands().numpy()
    power = speech_network.Spectrogram()(
        torch.from_numpy(np.stack([tone(400), tone(3000)]).astype(np.float32))
    )
    loudest = (bands @ power.mean(2).numpy().T).argmax(0)
    centres = bands.argmax(1)

    assert (np.diff(centres) >= 0).all()
    assert (bands.max(1) > 0).all()
    hertz = centres[loudest] * speech.RATE / speech_network.WINDOW
    assert hertz == pytest.approx([400, 3000], rel=0.12)


def test_disturbed_words_stay_in_range_and_differ_each_time():
    sounds = np.stack([tone(500), tone(900)]).astype(np.float32)
    random = np.random.default_rng(0)

    once, again = (speech.disturbed(sounds, random) for _ in range(2))

    assert once.shape == sounds.shape
    assert once.dtype == np.float32
    assert np.abs(once).max() <= 1
    assert np.abs(once - again).max() > 0.01


@needs_voice
def test_voices_say_each_word_for_a_second():
    said = speech.spoken(("m1", "f1"), 1, 0)

    assert said.sounds.shape == (20, speech.LENGTH)
    assert sorted(said.labels) == sorted(list(range(10)) * 2)
    assert np.abs(said.sounds).max(1) == pytest.approx(np.ones(20))
    assert set(speech.VARIANTS).isdisjoint(speech.HELD_OUT_VARIANTS)


def test_missing_voice_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install espeak-ng"):
        speech.spoken(("m1",), 1, 0)


@needs_voice
@pytest.mark.slow
def test_training_learns_and_leaves_a_whole_folder(tmp_path):
    torch.manual_seed(0)
    network = speech_network.WordHearer()
    said = speech.spoken(("m1", "f1", "m3"), 1, 0)
    with torch.no_grad():
        before = spoken_words.functional.cross_entropy(
            network(torch.from_numpy(said.sounds)), torch.from_numpy(said.labels)
        )
    few = speech.Utterances(np.repeat(said.sounds, 5, 0), np.repeat(said.labels, 5))
    spoken_words.train(network, few, limit_s=4.0)
    spoken_words.write_folder(tmp_path, network)

    session = raw_session(tmp_path / "model.onnx")
    (logits,) = session.run(None, {"audio": said.sounds})
    exact = network.eval()(torch.from_numpy(said.sounds)).detach()
    assert logits == pytest.approx(exact.numpy(), abs=1e-3)
    after = spoken_words.functional.cross_entropy(exact, torch.from_numpy(said.labels))
    assert after < before
    assert json.loads((tmp_path / "config.json").read_text())["num_labels"] == 10


def test_bundled_model_hears_its_own_sample(bundled):
    stated = json.loads((bundled / "samples.json").read_text())["inputs"]
    with np.load(bundled / stated) as arrays:
        feeds = dict(arrays)
    (logits,) = raw_session(bundled / "model.onnx").run(None, feeds)

    heard = [speech.WORDS[index] for index in logits.argmax(1)]
    assert heard == list(spoken_words.SAMPLE_WORDS)


@pytest.mark.parametrize("samples", [3_200, 16_000, 24_001])
def test_bundled_model_takes_sounds_of_any_length(bundled, samples):
    sound = tone(440, samples)[None].astype(np.float32)
    (logits,) = raw_session(bundled / "model.onnx").run(None, {"audio": sound})

    assert logits.shape == (1, 10)
    assert np.isfinite(logits).all()


def test_bundled_graph_makes_its_spectrogram_itself(bundled):
    model = onnx.load(bundled / "model.onnx")
    names = {output: n.op_type for n in model.graph.node for output in n.output}

    assert names["spectrogram.stft"] == "STFT"
    assert {"mel", "stage1.relu2", "stage3.relu2"} <= set(names)


@needs_voice
@pytest.mark.slow
def test_bundled_model_hears_voices_it_was_not_trained_on(bundled):
    said = speech.spoken(speech.HELD_OUT_VARIANTS[:4], 2, 5)
    (logits,) = raw_session(bundled / "model.onnx").run(None, {"audio": said.sounds})

    assert (logits.argmax(1) == said.labels).mean() > 0.9
