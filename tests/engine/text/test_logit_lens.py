import numpy as np
import pytest
from tests import text_models

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import TokenIds

IDS = (3, 7, 1, 20, 5, 9, 11)


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


@pytest.mark.parametrize("kind", ["unfused", "GroupQueryAttention", "Attention-23"])
def test_each_row_is_the_stream_through_the_models_own_head(
    decoder_folders, kept, kind
):
    kept.open(decoder_folders(kind))
    kept.run({"text": TokenIds(ids=IDS)}, {"greedy": True, "max_new_tokens": 3})
    ids = [*IDS, *(token.id for token in kept.answer.parts[0].tokens)]
    logits, _, stream = text_models.reference(ids)
    _, numbers, texts = kept.ask("logit-lens", position=4, n=3)
    assert len(texts["names"]) == text_models.LAYERS + 1
    chances = np.array(numbers["probability"]).reshape(-1, 3)
    words = np.array(numbers["id"]).reshape(-1, 3)
    for row, values in enumerate(stream):
        expected = softmax(text_models.head_of(values[4]))
        order = np.argsort(-expected)[:3]
        assert words[row].tolist() == order.tolist()
        np.testing.assert_allclose(chances[row], expected[order], atol=1e-5)
    np.testing.assert_allclose(
        chances[-1], np.sort(softmax(logits[4]))[:-4:-1], atol=1e-5
    )


def test_the_last_row_is_the_models_own_answer(decoder_folders, kept):
    kept.open(decoder_folders())
    kept.run({"text": TokenIds(ids=IDS)}, {"greedy": True, "max_new_tokens": 6})
    tokens = kept.answer.parts[0].tokens
    for at, token in enumerate(tokens):
        _, numbers, texts = kept.ask("logit-lens", position=len(IDS) - 1 + at, n=1)
        assert texts["words"][-1] == token.text
        assert numbers["probability"][-1] == pytest.approx(token.probability, abs=1e-5)


def test_all_positions_at_once(decoder_folders, kept):
    kept.open(decoder_folders())
    kept.run({"text": TokenIds(ids=IDS)}, {"greedy": True, "max_new_tokens": 1})
    _, numbers, texts = kept.ask("logit-lens")
    n, rows = len(IDS) + 1, text_models.LAYERS + 1
    assert len(texts["words"]) == n * rows == len(numbers["probability"])
    assert texts["tokens"][:2] == ("3", "7")
    ids = [int(word) for word in texts["tokens"]]
    expected = text_models.reference(ids)[0].argmax(axis=1)
    assert [int(word) for word in texts["words"][-n:]] == expected.tolist()


@pytest.mark.parametrize(
    "name", ["genai-tiny-gpt2-fp32", "genai-tiny-llama-fp16-extdata"]
)
def test_fused_sums_and_norms_are_a_stream_too(corpus, kept, name):
    kept.open(corpus / "onnx" / name)
    settings = {"greedy": True, "max_new_tokens": 4, "stop_at_end": False}
    kept.run({"text": TokenIds(ids=IDS)}, settings)
    tokens = kept.answer.parts[0].tokens
    for at, token in enumerate(tokens):
        _, numbers, texts = kept.ask("logit-lens", position=len(IDS) - 1 + at, n=1)
        assert texts["names"][0] == "embedding"
        assert int(numbers["id"][-1]) == token.id
    assert len(texts["names"]) == {"genai-tiny-gpt2-fp32": 6}.get(name, 3)


def test_a_position_that_is_not_there_is_told(decoder_folders, kept):
    kept.open(decoder_folders())
    kept.run({"text": TokenIds(ids=IDS)}, {"greedy": True, "max_new_tokens": 1})
    with pytest.raises(BadInputError, match="has 8 tokens"):
        kept.ask("logit-lens", position=8)
