"""Tests of generate, and of run with a text, on the real engine."""

import json

import numpy as np
import onnx
import pytest
from tests import text_models, tokenizer_files
from tests.kept_engine import caller, kept_engine
from tests.raw_onnxruntime import raw_session

PROMPT = [3, 7, 1]


@pytest.fixture(scope="module")
def engine():
    with kept_engine() as engine:
        yield engine


@pytest.fixture
def layerscope(engine, monkeypatch, capfd):
    return caller(engine, monkeypatch, capfd)


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decoder")
    onnx.save(text_models.decoder(), folder / "model.onnx")
    return folder


@pytest.fixture(scope="module")
def filler(tmp_path_factory):
    """A language model that is to fill gaps, with a tokenizer of words."""
    folder = tmp_path_factory.mktemp("filler")
    onnx.save(text_models.decoder(cache=False), folder / "model.onnx")
    config = {"architectures": ["TinyForMaskedLM"]}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer_files.word_tokenizer(folder)
    return folder


def said(outcome):
    status, out, err = outcome
    assert (status, err) == (0, "")
    return json.loads(out)


def complaint(outcome):
    status, _, err = outcome
    assert status == 2
    assert err.endswith((".\n", "!\n", "?\n"))
    assert err.count("\n") == 1
    return err


def generate(layerscope, folder, *more, prompt="3 7 1"):
    return layerscope("generate", folder, "--prompt", prompt, *more)


def test_generate_prints_the_agreed_json(layerscope, decoder):
    more = ("--greedy", "--max-new-tokens", 8, "--json", "--logit-lens", 2)
    fields = said(generate(layerscope, decoder, *more))
    session = raw_session(str(decoder / "model.onnx"))
    expected = text_models.greedy(session, PROMPT, 8)
    assert fields["token_ids"] == expected
    assert fields["text"].split() == list(map(str, expected))
    assert fields["tokens_per_second"] > 0
    assert fields["first_token_ms"] > 0
    layers = fields["logit_lens"]
    assert layers[0]["layer"] == "embedding"
    assert len(layers) == text_models.LAYERS + 1
    assert all(len(layer["words"]) == 2 for layer in layers)
    # The last row is the model's own answer, the last token.
    assert layers[-1]["words"][0]["id"] == expected[-1]
    assert layers[-1]["words"][0]["probability"] == pytest.approx(
        fields["probabilities"][-1], abs=1e-5
    )


def test_attention_is_written_by_layer(layerscope, decoder, tmp_path):
    file = tmp_path / "attention.npz"
    more = ("--greedy", "--max-new-tokens", 2, "--json", "--save-attention", file)
    fields = said(generate(layerscope, decoder, *more))
    _, expected, _ = text_models.reference([*PROMPT, *fields["token_ids"]])
    with np.load(file) as archive:
        arrays = [archive[name] for name in archive.files]
    assert len(arrays) == text_models.LAYERS
    for array, weights in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(array, weights, atol=1e-5)


def test_the_text_comes_on_standard_output_with_its_speed_below(layerscope, decoder):
    status, out, err = generate(layerscope, decoder, "--greedy", "--max-new-tokens", 4)
    assert (status, err) == (0, "")
    session = raw_session(str(decoder / "model.onnx"))
    words = map(str, text_models.greedy(session, PROMPT, 4))
    lines = out.splitlines()
    assert lines[0].split() == list(words)
    assert "3 + 4 tokens" in lines[-1]
    assert "first token after" in lines[-1]


def test_a_seed_says_which_text_is_drawn(layerscope, decoder):
    more = ("--temperature", 1.5, "--top-k", 0, "--top-p", 1, "--json")
    texts = [
        said(generate(layerscope, decoder, *more, "--seed", seed))["token_ids"]
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_penalty_counts_for_the_likeliest_token_too(layerscope, decoder):
    more = ("--greedy", "--max-new-tokens", 12, "--json")
    plain = said(generate(layerscope, decoder, *more))["token_ids"]
    penalty = ("--repetition-penalty", 2)
    penalised = said(generate(layerscope, decoder, *more, *penalty))["token_ids"]
    assert len({*PROMPT, *penalised}) > len({*PROMPT, *plain})


def test_only_the_likeliest_token_is_as_likely_as_the_likeliest(layerscope, decoder):
    more = ("--max-new-tokens", 8, "--json")
    likeliest = said(generate(layerscope, decoder, "--greedy", *more))["token_ids"]
    drawing = ("--temperature", 1.5, "--top-k", 0, "--top-p", 1, "--seed", 1)
    free = said(generate(layerscope, decoder, *drawing, *more))["token_ids"]
    drawn = said(generate(layerscope, decoder, *drawing, "--min-p", 1, *more))
    assert drawn["token_ids"] == likeliest != free


def test_ten_megabytes_are_cut_and_it_is_said(layerscope, filler):
    words = "the cat sat " * 900_000
    fields = said(layerscope("run", filler, "--text", words, "--json"))
    assert any("was cut after 200,000" in note for note in fields["notes"])
    assert any("its first 64 are used" in note for note in fields["notes"])


@pytest.mark.parametrize("text", ["", " ", "a\ud83db", "😀"])
def test_odd_prompts_are_answered(layerscope, filler, text):
    assert "text" in said(layerscope("run", filler, "--text", text, "--json"))


def test_run_fills_a_gap(layerscope, filler):
    fields = said(layerscope("run", filler, "--text", "the ___ sat", "--json"))
    assert fields["task"] == "fill-mask"
    assert len(fields["gaps"][0]) == 5
    assert 0 < fields["gaps"][0][0]["score"] < 1
    status, out, _ = layerscope("run", filler, "--text", "the ___ sat")
    assert status == 0
    assert fields["text"] in out


def test_arrays_still_go_to_a_model_of_texts(layerscope, decoder):
    fields = said(layerscope("run", decoder, "--random", 1, "--json"))
    assert fields["task"] == "tensors"
    assert fields["outputs"][0]["shape"][-1] == text_models.VOCABULARY


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--greedy", "--seed", 1), "--greedy and --seed were both given"),
        (("--greedy", "--min-p", 0.1), "--greedy and --min-p were both given"),
        (("--top-p", 2), "0 to 1 is wanted, not '2'"),
        (("--repetition-penalty", 0.5), "1 to 2 is wanted, not '0.5'"),
        (("--max-new-tokens", 0), "1 to 65,536 is wanted, not '0'"),
        (("--save-attention", "/nowhere/f.npz"), "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(layerscope, decoder, more, says):
    assert says in complaint(generate(layerscope, decoder, *more))


def test_words_without_a_tokenizer_are_one_sentence(layerscope, decoder):
    outcome = generate(layerscope, decoder, prompt="hello")
    assert "no tokenizer.json" in complaint(outcome)


def test_ids_out_of_range_are_one_sentence(layerscope, decoder):
    outcome = generate(layerscope, decoder, prompt="ids: 4000000000")
    assert "the model knows 0 to 39" in complaint(outcome)


def test_a_model_of_something_else_is_one_sentence(layerscope, filler, tiny_models):
    assert "it is for fill-mask" in complaint(generate(layerscope, filler))
    outcome = layerscope("run", tiny_models / "conv.onnx", "--text", "x")
    assert "none of that is a text" in complaint(outcome)
