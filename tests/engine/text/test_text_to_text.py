import json

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.model_building import BOOL, FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import TokenIds

WORDS, WIDTH = 30, 8
SOURCE = (4, 9, 2, 17)
node = helper.make_node


def encoder():
    return build(
        [
            node("Gather", ["table", "input_ids"], ["x"]),
            node("Cast", ["attention_mask"], ["real"], to=FLOAT),
            node("Unsqueeze", ["real", "two"], ["column"]),
            node("Mul", ["x", "column"], ["kept"]),
            node("Tanh", ["kept"], ["last_hidden_state"]),
        ],
        [("input_ids", INT64, [1, "n"]), ("attention_mask", INT64, [1, "n"])],
        [("last_hidden_state", FLOAT, [1, "n", WIDTH])],
        {"table": random_weights(WORDS, WIDTH, scale=1.0), "two": np.array([2])},
    )


def branch(name, nodes, output):
    return helper.make_graph(
        nodes, name, [], [helper.make_tensor_value_info(output, FLOAT, None)]
    )


def decoder(*, merged):
    """Return a decoder with attention over an encoder's states.

    Parameters
    ----------
    merged : bool
        Whether it has caches and ``use_cache_branch``, as Optimum merges decoders:
        where there is a cache, what it gives for the encoder's is empty.
    """
    nodes = [
        node("Gather", ["table", "input_ids"], ["x"]),
        node("Unsqueeze", ["x", "one"], ["x4"]),
    ]
    inputs = [
        ("input_ids", INT64, [1, "m"]),
        ("encoder_hidden_states", FLOAT, [1, "n", WIDTH]),
        ("encoder_attention_mask", INT64, [1, "n"]),
    ]
    outputs = [("logits", FLOAT, [1, "m", WORDS])]
    arrays = {
        "table": random_weights(WORDS, WIDTH, scale=1.0, seed=3),
        "keys": random_weights(WIDTH, WIDTH, scale=1.0, seed=4),
        "out": random_weights(WIDTH, WORDS, scale=1.0, seed=5),
        "one": np.array([1]),
        "two": np.array([2]),
        "none": np.zeros((1, 1, 0, WIDTH), np.float32),
    }
    made = [
        node("MatMul", ["encoder_hidden_states", "keys"], ["k3"]),
        node("Unsqueeze", ["k3", "one"], ["made"]),
    ]
    if merged:
        inputs += [
            ("past_key_values.0.decoder.key", FLOAT, [1, 1, "past", WIDTH]),
            ("past_key_values.0.encoder.key", FLOAT, [1, 1, "past_n", WIDTH]),
            ("use_cache_branch", BOOL, [1]),
        ]
        outputs += [
            ("present.0.decoder.key", FLOAT, [1, 1, "total", WIDTH]),
            ("present.0.encoder.key", FLOAT, [1, 1, "n_out", WIDTH]),
        ]
        kept = [node("Identity", ["past_key_values.0.encoder.key"], ["kept"])]
        empty = [node("Identity", ["none"], ["empty"])]
        renamed = [
            node("MatMul", ["encoder_hidden_states", "keys"], ["k3b"]),
            node("Unsqueeze", ["k3b", "one"], ["made_b"]),
        ]
        nodes += [
            node(
                "Concat",
                ["past_key_values.0.decoder.key", "x4"],
                ["present.0.decoder.key"],
                axis=2,
            ),
            node(
                "If",
                ["use_cache_branch"],
                ["cross"],
                then_branch=branch("kept", kept, "kept"),
                else_branch=branch("made", made, "made"),
            ),
            node(
                "If",
                ["use_cache_branch"],
                ["present.0.encoder.key"],
                then_branch=branch("empty", empty, "empty"),
                else_branch=branch("made_b", renamed, "made_b"),
            ),
            node("ReduceMean", ["present.0.decoder.key", "two"], ["mean4"], keepdims=1),
        ]
    else:
        nodes += [*made, node("Identity", ["made"], ["cross"])]
        nodes.append(node("ReduceMean", ["x4", "two"], ["mean4"], keepdims=1))
    nodes += [
        node("Transpose", ["cross"], ["cross_t"], perm=[0, 1, 3, 2]),
        node("MatMul", ["x4", "cross_t"], ["scores"]),
        node("Softmax", ["scores"], ["weights"], axis=-1),
        node("MatMul", ["weights", "cross"], ["mixed"]),
        node("Add", ["mixed", "mean4"], ["sum4"]),
        node("Squeeze", ["sum4", "one"], ["sum"]),
        node("MatMul", ["sum", "out"], ["logits"]),
    ]
    return build(nodes, inputs, outputs, arrays)


def folder_of(path, *, merged):
    onnx.save(encoder(), path / "encoder_model.onnx")
    name = "decoder_model_merged" if merged else "decoder_model"
    onnx.save(decoder(merged=merged), path / f"{name}.onnx")
    config = {
        "is_encoder_decoder": True,
        "decoder_start_token_id": 7,
        "eos_token_id": 99,
        "vocab_size": WORDS,
    }
    (path / "config.json").write_text(json.dumps(config))
    return path


def expected(n):
    """Return what the decoder without caches makes, run on everything each time."""
    states = raw_session(encoder().SerializeToString()).run(
        None, {"input_ids": np.array([SOURCE]), "attention_mask": np.ones((1, 4), int)}
    )[0]
    session = raw_session(decoder(merged=False).SerializeToString())
    ids = [7]
    for _ in range(n):
        feeds = {
            "input_ids": np.array([ids]),
            "encoder_hidden_states": states,
            "encoder_attention_mask": np.ones((1, 4), int),
        }
        ids.append(int(session.run(["logits"], feeds)[0][0, -1].argmax()))
    return ids[1:]


@pytest.mark.parametrize("merged", [True, False])
def test_a_text_becomes_another(tmp_path, kept, merged):
    kept.open(folder_of(tmp_path, merged=merged))
    assert kept.model.task.id == "text-to-text"
    kept.run({"text": TokenIds(ids=SOURCE)}, {"greedy": True, "max_new_tokens": 10})
    made = [token.id for event in kept.stepped for token in event.tokens]
    assert made == expected(10)
    part = kept.answer.parts[0]
    assert [token.id for token in part.prompt] == list(SOURCE)
    assert part.stopped == "length"


def test_cross_attention_is_shown_over_the_source(tmp_path, kept):
    kept.open(folder_of(tmp_path, merged=True))
    kept.run({"text": TokenIds(ids=SOURCE)}, {"greedy": True, "max_new_tokens": 3})
    _, _, texts = kept.ask("attention")
    assert texts["kinds"] == ("cross",)
    arrays, _, texts = kept.ask("attention", layer=0, head=0)
    assert arrays["weights"].shape == (4, 4)
    assert texts["keys"] == ("4", "9", "2", "17")
    assert texts["queries"][0] == "7"
    np.testing.assert_allclose(arrays["weights"].sum(axis=1), 1, atol=1e-6)


def test_an_empty_text_is_told(tmp_path, kept):
    kept.open(folder_of(tmp_path, merged=True))
    with pytest.raises(BadInputError, match="The text is empty"):
        kept.run({"text": TokenIds(ids=())})
