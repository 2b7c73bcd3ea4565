"""Tests of the bundled language models, by raw onnxruntime."""

import importlib
import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.raw_onnxruntime import raw_session
from tokenizers import Tokenizer

from layerscope.library.bundled import bundled_models
from training import cards, decoder_folder, figures

DECODERS = ["shakespeare-gpt", "shakespeare-moe"]
LANGUAGE_MODELS = [*DECODERS, "shakespeare-lstm"]
BARS = {"shakespeare-gpt": 1.60, "shakespeare-lstm": 1.75}  # nats per character
PROMPT = "ROMEO:\nWhat, "


@pytest.fixture(scope="module")
def sessions(checkout):
    """Folder, tokenizer and session of a bundled model, each made once."""
    made = {}

    def session(model_id):
        if model_id not in made:
            folder = checkout / "models" / model_id
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            made[model_id] = folder, tokenizer, raw_session(folder / "model.onnx")
        return made[model_id]

    return session


def run(session, feed):
    """Return all outputs by name."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def next_feed(answers, tokens):
    """Return the feed that goes on after `answers` with `tokens`."""
    past = answers["present.0.key"].shape[2]
    length = tokens.shape[1]
    return {
        "input_ids": tokens,
        "attention_mask": np.ones((len(tokens), past + length), np.int64),
        "position_ids": np.tile(np.arange(past, past + length), (len(tokens), 1)),
        **{
            name.replace("present", "past_key_values"): value
            for name, value in answers.items()
            if name.startswith("present.")
        },
    }


def greedy(session, tokens, n_tokens):
    """Return what a decoder goes on with, each time the likeliest, with its cache."""
    answers = run(session, decoder_folder.first_feed(session, tokens))
    written = []
    for _ in range(n_tokens):
        written.append(int(answers["logits"][0, -1].argmax()))
        answers = run(session, next_feed(answers, np.asarray([[written[-1]]])))
    return written


def with_outputs(folder, names):
    """Return a session of the model that also gives the tensors `names`."""
    model = onnx.load(folder / "model.onnx")
    for name in names:
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        model.graph.output.append(output)
    return raw_session(model.SerializeToString())


@pytest.mark.parametrize("model_id", DECODERS)
def test_cache_changes_nothing(sessions, model_id):
    _, tokenizer, session = sessions(model_id)
    tokens = np.asarray([tokenizer.encode(PROMPT * 3).ids])
    tokens = np.concatenate([tokens, tokens[:, ::-1]])

    whole = run(session, decoder_folder.first_feed(session, tokens))
    for cut in (1, 9):
        first = run(session, decoder_folder.first_feed(session, tokens[:, :cut]))
        second = run(session, next_feed(first, tokens[:, cut:]))

        for name, value in second.items():
            expected = whole[name] if "present" in name else whole[name][:, cut:]
            np.testing.assert_allclose(value, expected, atol=2e-4)


@pytest.mark.parametrize("model_id", DECODERS)
def test_padding_changes_nothing(sessions, model_id):
    _, tokenizer, session = sessions(model_id)
    tokens = np.asarray([tokenizer.encode(PROMPT).ids])
    feed = decoder_folder.first_feed(session, np.pad(tokens, ((0, 0), (3, 0))))
    feed["attention_mask"][:, :3] = 0
    feed["position_ids"] = np.maximum(feed["position_ids"] - 3, 0)

    alone = run(session, decoder_folder.first_feed(session, tokens))["logits"]

    padded = run(session, feed)["logits"]
    np.testing.assert_allclose(padded[:, 3:], alone, atol=2e-4)


@pytest.mark.parametrize("model_id", DECODERS)
def test_greedy_text_is_the_same_with_and_without_cache_and_threads(sessions, model_id):
    folder, tokenizer, session = sessions(model_id)
    tokens = np.asarray([tokenizer.encode(PROMPT).ids])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(0)
    plain = onnxruntime.InferenceSession(folder / "model.onnx", options)

    cached = greedy(session, tokens, 24)

    for expected in cached:
        feed = decoder_folder.first_feed(plain, tokens)
        (logits,) = plain.run(["logits"], feed)
        assert logits[0, -1].argmax() == expected
        tokens = np.concatenate([tokens, [[expected]]], axis=1)
    assert tokenizer.decode(tokens[0]).startswith(PROMPT)
    assert len(set(cached)) > 5


@pytest.mark.parametrize("model_id", DECODERS)
def test_attention_of_each_head_can_be_read(sessions, model_id):
    folder, tokenizer, _ = sessions(model_id)
    config = json.loads((folder / "config.json").read_text())
    names = [f"h.{n}.attn.softmax" for n in range(config["n_layer"])]
    session = with_outputs(folder, names)
    tokens = np.asarray([tokenizer.encode(PROMPT).ids])

    answers = run(session, decoder_folder.first_feed(session, tokens))

    length = tokens.shape[1]
    for name in names:
        weights = answers[name]
        assert weights.shape == (1, config["n_head"], length, length)
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
        assert (np.triu(weights[0], 1) == 0).all()


@pytest.mark.parametrize("model_id", DECODERS)
def test_residual_stream_leads_to_the_logits_by_norm_and_head(sessions, model_id):
    folder, tokenizer, _ = sessions(model_id)
    config = json.loads((folder / "config.json").read_text())
    last = f"h.{config['n_layer'] - 1}.output"
    session = with_outputs(folder, [last])
    stored = onnx.load(folder / "model.onnx").graph.initializer
    weights = {w.name: numpy_helper.to_array(w) for w in stored}
    tokens = np.asarray([tokenizer.encode(PROMPT).ids])

    answers = run(session, decoder_folder.first_feed(session, tokens))

    stream = answers[last]
    centred = stream - stream.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-5)
    normed = centred / deviation * weights["ln_f.scale"] + weights["ln_f.b"]
    logits = normed @ weights["wte.weight"].T
    np.testing.assert_allclose(answers["logits"], logits, atol=1e-3)


def test_lstm_reads_one_character_a_call_as_well_as_all_at_once(sessions):
    folder, tokenizer, session = sessions("shakespeare-lstm")
    tokens = np.asarray([tokenizer.encode(PROMPT).ids] * 2)
    tokens[1] = tokens[1, ::-1]
    feed = {name: np.zeros((2, 2, 256), np.float32) for name in ("state.h", "state.c")}

    whole = run(session, {"input_ids": tokens, **feed})
    for place in range(tokens.shape[1]):
        step = run(session, {"input_ids": tokens[:, place : place + 1], **feed})
        feed = {name: step[f"next_{name}"] for name in feed}
        np.testing.assert_allclose(
            step["logits"][:, 0], whole["logits"][:, place], atol=1e-4
        )

    for name, value in feed.items():
        np.testing.assert_allclose(value, whole[f"next_{name}"], atol=1e-4)
    kinds = [node.op_type for node in onnx.load(folder / "model.onnx").graph.node]
    assert kinds.count("LSTM") == 2


def test_lstm_layers_can_be_read_at_each_step(sessions):
    folder, tokenizer, _ = sessions("shakespeare-lstm")
    session = with_outputs(folder, ["lstm.0", "lstm.1"])
    tokens = np.asarray([tokenizer.encode(PROMPT).ids])
    feed = {name: np.zeros((2, 1, 256), np.float32) for name in ("state.h", "state.c")}

    answers = run(session, {"input_ids": tokens, **feed})

    for layer in range(2):
        assert answers[f"lstm.{layer}"].shape == (tokens.shape[1], 1, 256)
        np.testing.assert_allclose(
            answers[f"lstm.{layer}"][-1], answers["next_state.h"][layer], atol=1e-6
        )


@pytest.mark.parametrize("model_id", LANGUAGE_MODELS)
def test_folder_and_card_agree(sessions, model_id):
    folder, tokenizer, session = sessions(model_id)
    config = json.loads((folder / "config.json").read_text())
    generation = json.loads((folder / "generation_config.json").read_text())
    (entry,) = [entry for entry in bundled_models() if entry.id == model_id]

    (logits,) = [o for o in session.get_outputs() if o.name == "logits"]
    assert config["vocab_size"] == tokenizer.get_vocab_size() == logits.shape[-1]
    assert generation["bos_token_id"] == config["bos_token_id"]
    assert entry.task == "text-generation"
    assert entry.bytes < 15_000_000
    assert entry.value <= BARS.get(model_id, 2.0)
    card = (folder / cards.CARD).read_text(encoding="utf-8")
    assert f"| Loss | {entry.value:.4f} nats per character" in card
    for prompt in json.loads((folder / "samples.json").read_text())["text"]:
        assert tokenizer.decode(tokenizer.encode(prompt).ids) == prompt


@pytest.mark.slow
@pytest.mark.parametrize("model_id", LANGUAGE_MODELS)
def test_figure_holds_on_a_slice_of_the_text(corpus, monkeypatch, checkout, model_id):
    monkeypatch.setenv("LAYERSCOPE_CORPUS", str(corpus))
    folder = checkout / "models" / model_id
    module, _, function = figures.FIGURES[model_id].partition(":")

    measured = getattr(importlib.import_module(module), function)(folder, 6_000)

    # A part of the text, whose scenes are among the easiest to guess.
    assert measured == pytest.approx(cards.stated_figure(folder), abs=0.2)


def test_mixture_is_no_worse_than_its_twin(checkout):
    folder = checkout / "models" / "shakespeare-moe"
    card = (folder / cards.CARD).read_text(encoding="utf-8")
    twin = float(card.split("| Dense twin | ")[1].split()[0])

    assert cards.stated_figure(folder) <= twin


def test_each_expert_of_the_mixture_has_its_share_of_the_work(sessions):
    folder, tokenizer, _ = sessions("shakespeare-moe")
    gates = [f"h.{layer}.mlp.gates" for layer in range(4)]
    session = with_outputs(folder, gates)
    text = "".join(json.loads((folder / "samples.json").read_text())["text"])
    tokens = np.asarray([tokenizer.encode(text).ids])

    answers = run(session, decoder_folder.first_feed(session, tokens))

    for layer, name in enumerate(gates):
        chosen = answers[name] > 0
        assert (chosen.sum(axis=-1) == 2).all()
        assert (chosen.mean(axis=(0, 1)) > 0.05).all()
        best = np.sort(answers[f"router_probabilities.{layer}"], axis=-1)[..., -2:]
        weights = np.sort(answers[name], axis=-1)[..., -2:]
        np.testing.assert_allclose(
            weights, best / best.sum(axis=-1, keepdims=True), rtol=1e-4
        )
