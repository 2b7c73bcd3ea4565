import numpy as np
import onnx
import pytest
from tests import text_models
from tests.model_building import FLOAT, build, random_weights

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import RandomTensor, TokenIds
from layerscope.protocol.messages import TaskExplained

IDS = (3, 7, 1, 20, 5, 9, 11)


def looked_at(engine, folder):
    """Open a decoder and generate one token, so that the text is `IDS` and it."""
    engine.open(folder)
    engine.run({"text": TokenIds(ids=IDS)}, {"greedy": True, "max_new_tokens": 1})
    return [*IDS, engine.answer.parts[0].tokens[0].id]


@pytest.mark.parametrize("kind", text_models.KINDS)
def test_weights_are_the_softmax_in_double_precision(decoder_folders, kept, kind):
    ids = looked_at(kept, decoder_folders(kind))
    _, expected, _ = text_models.reference(ids)
    for layer in range(text_models.LAYERS):
        for head in range(text_models.HEADS):
            arrays, numbers, texts = kept.ask("attention", layer=layer, head=head)
            np.testing.assert_allclose(
                arrays["weights"], expected[layer][head], rtol=0, atol=1e-5
            )
            assert arrays["weights"].dtype == np.float32
    assert texts["keys"] == texts["queries"] == tuple(map(str, ids))
    assert numbers["query_offset"] == (0.0,)
    assert "not how much a token matters" in texts["caption"][0]


@pytest.mark.parametrize("kind", text_models.KINDS)
def test_the_overview_has_every_layer_and_head(decoder_folders, kept, kind):
    ids = looked_at(kept, decoder_folders(kind))
    _, expected, _ = text_models.reference(ids)
    arrays, numbers, texts = kept.ask("attention", overview=True)
    assert numbers["heads"] == (2.0, 2.0)
    assert texts["kinds"] == ("self", "self")
    assert texts["tokens"] == tuple(map(str, ids))
    scaled = expected[1][0] * (255 / expected[1][0].max())
    np.testing.assert_allclose(arrays["overview"][1, 0], scaled, atol=0.51)


def test_a_pair_has_its_query_and_key(decoder_folders, kept):
    looked_at(kept, decoder_folders("Attention-23"))
    arrays, numbers, _ = kept.ask("attention", layer=1, head=1, query=6, key=2)
    product, weight = numbers["pair"]
    assert product == pytest.approx(float(arrays["q"] @ arrays["k"]), rel=1e-5)
    assert weight == pytest.approx(float(arrays["weights"][6, 2]))


def test_a_long_text_has_a_small_overview_and_whole_heads(tmp_path, kept):
    """The largest weight of a stretch stays visible when maps are made small."""
    onnx.save(attention_of_pictures(100), tmp_path / "model.onnx")
    kept.open(tmp_path).run({"x": RandomTensor(seed=3)})
    arrays, _, _ = kept.ask("attention")
    assert arrays["overview"].shape == (1, 2, 32, 32)
    assert arrays["overview"].max() == 255
    arrays, numbers, texts = kept.ask("attention", layer=0, head=1)
    assert arrays["weights"].shape == (100, 100)
    assert numbers["grid"] == (10.0, 10.0, 0.0)
    x = kept.model.feeds["x"]
    scores = (x[0, 1].astype(np.float64) @ x[0, 1].T.astype(np.float64)) * 0.5
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(arrays["weights"], expected, rtol=0, atol=1e-5)
    assert len(texts["keys"]) == 100


def attention_of_pictures(n):
    """Return attention alone, over n patches in two heads."""
    node = onnx.helper.make_node
    return build(
        [
            node("Transpose", ["x"], ["k"], perm=[0, 1, 3, 2]),
            node("MatMul", ["x", "k"], ["scores"]),
            node("Mul", ["scores", "half"], ["scaled"]),
            node("Softmax", ["scaled"], ["weights"], axis=-1),
            node("Cast", ["weights"], ["same"], to=onnx.TensorProto.FLOAT),
            node("MatMul", ["same", "x"], ["y"]),
        ],
        [("x", FLOAT, [1, 2, n, 8])],
        [("y", FLOAT, [1, 2, n, 8])],
        {"half": np.array(0.5, np.float32)},
    )


def test_cross_attention_is_told_from_self_attention(tmp_path, kept):
    node = onnx.helper.make_node
    model = build(
        [
            node("Transpose", ["memory"], ["k"], perm=[0, 1, 3, 2]),
            node("MatMul", ["x", "k"], ["scores"]),
            node("Softmax", ["scores"], ["weights"], axis=-1),
            node("MatMul", ["weights", "memory"], ["y"]),
        ],
        [("x", FLOAT, [1, 2, 3, 4]), ("memory", FLOAT, [1, 2, 5, 4])],
        [("y", FLOAT, [1, 2, 3, 4])],
    )
    onnx.save(model, tmp_path / "model.onnx")
    kept.open(tmp_path).run()
    _, _, texts = kept.ask("attention")
    assert texts["kinds"] == ("cross",)
    arrays, _, texts = kept.ask("attention", layer=0, head=0)
    assert arrays["weights"].shape == (3, 5)


def test_a_softmax_over_classes_is_no_attention(tmp_path, kept):
    node = onnx.helper.make_node
    model = build(
        [node("MatMul", ["x", "w"], ["s"]), node("Softmax", ["s"], ["y"], axis=-1)],
        [("x", FLOAT, [1, 4])],
        [("y", FLOAT, [1, 3])],
        {"w": random_weights(4, 3)},
    )
    onnx.save(model, tmp_path / "model.onnx")
    kept.open(tmp_path)
    (explained,) = (event for event in kept.opened if isinstance(event, TaskExplained))
    assert "attention" not in explained.lenses
    with pytest.raises(BadInputError, match="none that is understood"):
        kept.ask("attention")


def test_what_is_not_there_is_told(decoder_folders, kept):
    kept.open(decoder_folders())
    with pytest.raises(BadInputError, match="run the model first"):
        kept.ask("attention")
    looked_at(kept, decoder_folders())
    with pytest.raises(BadInputError, match="layers 0 to 1"):
        kept.ask("attention", layer=2)
    with pytest.raises(BadInputError, match="heads 0 to 1"):
        kept.ask("attention", layer=0, head=5)


@pytest.mark.parametrize(
    "name", ["genai-tiny-gpt2-fp32", "genai-tiny-llama-fp16-extdata", "vittrack"]
)
def test_real_models_show_rows_that_add_up_to_one(corpus, kept, name):
    kept.open(corpus / "onnx" / name)
    inputs = {}
    if name != "vittrack":
        inputs = {"text": TokenIds(ids=tuple(range(5, 25)))}
    kept.run(inputs, {"greedy": True, "max_new_tokens": 4})
    _, numbers, _ = kept.ask("attention")
    for layer, heads in enumerate(numbers["heads"]):
        arrays, _, _ = kept.ask("attention", layer=layer, head=int(heads) - 1)
        sums = arrays["weights"].sum(axis=1)
        np.testing.assert_allclose(sums, 1, atol=1e-5)
