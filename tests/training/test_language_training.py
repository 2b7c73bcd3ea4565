"""Tests of the training of language models, on small networks and made-up text."""

import json
import math
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from tests.raw_onnxruntime import raw_session
from tokenizers import Tokenizer
from torch import nn

from training import (
    cards,
    decoder_folder,
    language,
    quick,
    recurrent_folder,
    shakespeare,
    shakespeare_gpt,
)
from training.experts import Experts, Gates
from training.gpt import Decoder, FeedForward, Shape
from training.language import Recipe
from training.lstm import Recurrent
from training.muon import Muon, orthogonal

SMALL = Shape(n_tokens=300, n_layers=2, n_heads=2, width=16)
WORDS = ("to be", "or not", "the king", "my lord", "good night", "sweet prince", "O")


@pytest.fixture(scope="module")
def text_corpus(tmp_path_factory):
    """A folder with a text like the real one, of a few words in any order."""
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(WORDS, 5)) for _ in range(1500)]
    (folder / "data").mkdir()
    text = "HAMLET:\n" + ",\n".join(lines)
    (folder / "data" / "tinyshakespeare.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def text(text_corpus, monkeypatch):
    """Training part and held-out part of that text."""
    monkeypatch.setenv("LAYERSCOPE_CORPUS", str(text_corpus))
    return shakespeare.parts()


@pytest.fixture(scope="module")
def published(text_corpus, tmp_path_factory):
    """The folder that a quick training of a small mixture of experts leaves."""
    place = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYERSCOPE_CORPUS", str(text_corpus))
        patch.setenv("LAYERSCOPE_TRAIN_CACHE", str(place / "cache"))
        patch.setattr(sys, "argv", ["train.py", "--quick"])
        patch.setattr(language, "QUICK_SECONDS", 0.5)
        patch.setattr(quick, "target_folder", lambda folder, quick: place / "out")
        shape = Shape(n_tokens=300, n_layers=1, n_heads=2, width=16, n_experts=4)
        recipe = Recipe(n_steps=20, batch=2, length=32)
        shakespeare_gpt.train_and_publish(place / "tiny-moe", shape, recipe)
    return place / "out"


def test_split_is_the_first_nine_tenths_and_the_rest(text, text_corpus):
    training, held_out = text
    whole = (text_corpus / "data" / "tinyshakespeare.txt").read_text()

    assert training + held_out == whole
    assert len(held_out) == pytest.approx(len(whole) / 10, abs=1)


@pytest.mark.parametrize("some", ["to be,\n\nnot", "Grüße an 夏目, 42 mal", ""])
def test_subword_tokenizer_reads_any_text_back(text, some):
    tokenizer = shakespeare.subword_tokenizer(text[0], 300)

    assert tokenizer.get_vocab_size() == 300
    assert tokenizer.decode(tokenizer.encode(some).ids) == some


def test_character_tokenizer_has_one_token_for_each_character(text, tmp_path):
    tokenizer = shakespeare.character_tokenizer(text[0])
    shakespeare.save_tokenizer(tokenizer, tmp_path)
    stored = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))

    some = "my lord,\nsweet king"
    assert len(stored.encode(some).ids) == len(some)
    assert stored.decode(stored.encode(some).ids) == some
    assert stored.encode("#").tokens == ["<unk>"]


def test_windows_show_each_token_once_a_pass():
    tokens = np.arange(330)
    recipe = Recipe(n_steps=1, batch=2, length=32)
    batches = language.windows(tokens, recipe, np.random.default_rng(0))

    shown = torch.cat([next(batches) for _ in range(4)])

    assert shown.shape == (8, 33)
    first = shown[:, :-1].flatten()
    assert len(first.unique()) == len(first)
    assert (shown[:, 1:] == shown[:, :-1] + 1).all()


def test_streams_go_on_where_they_ended():
    recipe = Recipe(n_steps=1, batch=3, length=16)
    batches = language.streams(np.arange(400), recipe, np.random.default_rng(0))

    before, after = next(batches), next(batches)

    assert (after[:, 0] == before[:, -1]).all()


def test_orthogonal_matrix_has_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((8, 24), (24, 8), (16, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))

        assert values.min() > 0.3
        assert values.max() < 1.3


def test_muon_gets_hidden_matrices_and_adamw_the_rest():
    network = Decoder(SMALL)

    adamw, muon = language.optimisers(network, Recipe(n_steps=1))

    assert isinstance(muon, Muon)
    hidden = {id(p) for group in muon.param_groups for p in group["params"]}
    rest = {id(p) for group in adamw.param_groups for p in group["params"]}
    assert {id(p) for p in network.parameters()} == hidden | rest
    assert not hidden & rest
    assert id(network.wte.weight) in rest
    assert id(network.h[0].attn.q.weight) in hidden


@pytest.mark.parametrize("kind", ["decoder", "experts", "recurrent"])
def test_training_learns_and_a_stopped_one_goes_on_as_if_never_stopped(
    kind, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(language, "_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(language, "_WATCHED_WINDOWS", 1)
    tokens = np.tile(np.arange(12), 60)
    matrix_rate = 0.0 if kind == "recurrent" else 0.02
    recipe = Recipe(
        n_steps=24, batch=4, length=16, rate=0.02, matrix_rate=matrix_rate, warm_up=2
    )

    def network():
        torch.manual_seed(0)
        if kind == "recurrent":
            return Recurrent(12, width=16, embedding=8)
        n_experts = 4 if kind == "experts" else 1
        return Decoder(
            Shape(n_tokens=12, n_layers=1, n_heads=2, width=16, n_experts=n_experts),
            dropout=0.1,
        )

    def stopping(*arguments):
        for number, rows in enumerate(language.windows(*arguments)):
            if number == 10:
                raise KeyboardInterrupt
            yield rows

    whole, stopped, resumed = network(), network(), network()
    for one in (whole, stopped, resumed):
        # What a recurrent network carries over is lost with the process.
        one.register_forward_hook(lambda module, *_: setattr(module, "_carried", None))
    language.train(whole, tokens, tokens, recipe, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        language.train(
            stopped, tokens, tokens, recipe, tmp_path / "part.pt", cut=stopping
        )
    assert language.train(resumed, tokens, tokens, recipe, tmp_path / "part.pt") == 24

    rows = torch.from_numpy(np.stack([tokens[:17]]))
    learnt = whole.loss(rows[:, :-1], rows[:, 1:]).item()
    assert learnt < 0.8 * math.log(12)
    for name, weight in whole.state_dict().items():
        if not name.endswith(
            "k.bias"
        ):  # moved by rounding alone: nothing depends on it
            torch.testing.assert_close(resumed.state_dict()[name], weight)
    assert "step 24 of 24" in capsys.readouterr().out


def test_recurrent_network_carries_its_state_only_while_training():
    torch.manual_seed(0)
    network = Recurrent(12, width=16, embedding=8)
    rows = torch.arange(12)[None]

    with torch.no_grad():
        first, second = (network.loss(rows, rows).item() for _ in range(2))
        network.eval()
        third, fourth = (network.loss(rows, rows).item() for _ in range(2))

    assert first != second
    assert third == fourth == pytest.approx(first)


def test_two_experts_answer_each_token_however_it_is_computed():
    torch.manual_seed(0)
    experts = Experts([FeedForward(8) for _ in range(4)])
    x = torch.randn(2, 5, 8)

    sparse = experts.train()(x)
    dense = experts.eval()(x)

    torch.testing.assert_close(sparse, dense)
    gates = Gates()(experts.probabilities)
    assert ((gates > 0).sum(dim=-1) == 2).all()
    torch.testing.assert_close(gates.sum(dim=-1), torch.ones(2, 5))


def test_unequal_load_costs_more_than_equal_load():
    experts = Experts([FeedForward(4) for _ in range(4)])
    equal = torch.tensor([[0.4, 0.4, 0.1, 0.1], [0.1, 0.1, 0.4, 0.4]])
    experts.probabilities = equal[None]
    cheap = experts.imbalance()
    experts.probabilities = equal[:1].expand(1, 2, 4)

    assert experts.imbalance() > 1.2 * cheap


def test_causal_decoder_does_not_see_what_comes_later():
    torch.manual_seed(0)
    network = Decoder(SMALL).eval()
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.3)
    tokens = torch.randint(0, 300, (1, 12))
    changed = tokens.clone()
    changed[0, 8] = (changed[0, 8] + 1) % 300

    with torch.no_grad():
        fused, unfused = network(tokens)[0], network(tokens, torch.ones_like(tokens))[0]
        after = network(changed)[0]

    torch.testing.assert_close(fused, unfused)
    torch.testing.assert_close(after[:, :8], fused[:, :8])
    assert not torch.allclose(after[:, 8:], fused[:, 8:])


@pytest.mark.parametrize("n_characters", [40, 1000, 3111, None])
def test_figure_counts_every_character_once(text, tmp_path, n_characters):
    tokenizer = shakespeare.subword_tokenizer(text[0], 300)
    shakespeare.save_tokenizer(tokenizer, tmp_path)
    onnx.save(indifferent_model(300), tmp_path / "model.onnx")

    held_out = text[1][:n_characters]
    n_tokens = len(tokenizer.encode(held_out).ids)

    assert decoder_folder.measured_nats(tmp_path, n_characters) == pytest.approx(
        math.log(300) * n_tokens / len(held_out)
    )


def indifferent_model(n_tokens):
    """A model to which all tokens are equally likely."""
    tokens = ("batch", "sequence")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
        for name in ("input_ids", "attention_mask", "position_ids")
    ]
    logits = helper.make_tensor_value_info(
        "logits", TensorProto.FLOAT, (*tokens, n_tokens)
    )
    nodes = [
        helper.make_node("Shape", ["input_ids"], ["read"]),
        helper.make_node("Concat", ["read", "vocabulary"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["logits"]),
    ]
    size = helper.make_tensor("vocabulary", TensorProto.INT64, [1], [n_tokens])
    graph = helper.make_graph(nodes, "indifferent", inputs, [logits], [size])
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, ir_version=10, opset_imports=opset)


@pytest.mark.slow
def test_published_mixture_reads_well(published):
    model = onnx.load(published / "model.onnx")
    values = {name for node in model.graph.node for name in node.output}
    weights = {initializer.name for initializer in model.graph.initializer}

    assert {"wte", "wpe", "embeddings", "ln_f", "logits"} <= values
    assert {"h.0.attn.softmax", "h.0.output", "h.0.mlp.gates"} <= values
    assert {"router_probabilities.0", "h.0.mlp.experts.3.act"} <= values
    assert {"wte.weight", "h.0.mlp.router.weight"} <= weights
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert model.ir_version <= 10
    head = next(node for node in model.graph.node if "logits" in node.output)
    scopes = {entry.key: entry.value for entry in head.metadata_props}
    assert "'lm_head'" in scopes["pkg.torch.onnx.name_scopes"]


@pytest.mark.slow
def test_published_mixture_routes_each_token_to_two_of_four(published):
    session = raw_session(published / "model.onnx")
    tokens = np.arange(14).reshape(2, 7)

    named = [output.name for output in session.get_outputs()]
    found = session.run(None, decoder_folder.first_feed(session, tokens))
    answers = dict(zip(named, found, strict=True))

    routed = answers["router_probabilities.0"]
    assert routed.shape == (2, 7, 4)
    np.testing.assert_allclose(routed.sum(axis=2), 1, rtol=1e-5)
    assert answers["present.0.key"].shape == (2, 2, 7, 8)


@pytest.mark.slow
def test_card_states_mixture_and_twin(published, text):
    figure = decoder_folder.measured_nats(published, 5_000)
    card = (published / cards.CARD).read_text(encoding="utf-8")

    assert cards.stated_figure(published) == pytest.approx(figure, abs=1e-4)
    assert f"| Loss | {figure:.4f} nats per character" in card
    assert "| Dense twin | " in card
    assert "name: tiny-moe" in card


@pytest.mark.slow
def test_configuration_is_what_hugging_face_expects(published):
    config = json.loads((published / "config.json").read_text())

    assert config["model_type"] == "gpt2"
    assert (config["n_layer"], config["n_head"], config["n_embd"]) == (1, 2, 16)
    assert config["n_positions"] == config["n_ctx"] == 256
    assert config["num_local_experts"] == 4
    tokenizer = Tokenizer.from_file(str(published / "tokenizer.json"))
    assert tokenizer.decode([config["bos_token_id"]]) == "\n"
    assert config["vocab_size"] == tokenizer.get_vocab_size()
    samples = json.loads((published / "samples.json").read_text())
    assert all(samples["text"])


def test_exported_lstm_computes_what_torch_does():
    torch.manual_seed(0)
    network = Recurrent(20, width=12, embedding=6).eval()
    session = raw_session(recurrent_folder.exported(network).SerializeToString())
    tokens = torch.randint(0, 20, (3, 7))
    hidden, cells = torch.randn(2, 2, 3, 12)

    expected = network(tokens, hidden, cells)
    feed = {"input_ids": tokens, "state.h": hidden, "state.c": cells}
    found = session.run(None, {name: value.numpy() for name, value in feed.items()})

    for ours, torchs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, torchs.detach().numpy(), atol=1e-5)


@pytest.mark.slow
def test_script_trains_quickly_into_a_temporary_folder(text_corpus, checkout, tmp_path):
    script = checkout / "models" / "shakespeare-lstm" / "train.py"
    before = sorted(script.parent.iterdir())
    environment = {
        "PATH": "",
        "LAYERSCOPE_CORPUS": str(text_corpus),
        "PYTHONPATH": str(checkout / "models"),
        "TMPDIR": str(tmp_path),
    }

    run = subprocess.run(
        [sys.executable, script, "--quick"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
    )

    assert run.returncode == 0, run.stderr
    (folder,) = (path.parent for path in tmp_path.rglob("model.onnx"))
    assert f"{cards.stated_figure(folder):.4f} nats per character" in run.stdout
    assert sorted(script.parent.iterdir()) == before
