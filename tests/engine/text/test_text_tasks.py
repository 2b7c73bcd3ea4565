import json

import numpy as np
import onnx
import pytest
from tests import tokenizer_files
from tests.model_building import FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.engine import query_lane
from layerscope.engine.jobs import CancelToken
from layerscope.protocol.answers import (
    Embeddings,
    FilledMask,
    Scores,
    TextAnswer,
    TokenLabels,
)
from layerscope.protocol.inputs import ConstantTensor, TokenIds, TypedText
from layerscope.protocol.messages import TaskExplained, Tokenise

N_WORDS = len(tokenizer_files.WORDS)
node = onnx.helper.make_node


def encoder(outputs, *, length="n"):
    """Return an embedding, masked and mixed a little, and heads on it.

    Parameters
    ----------
    outputs : dict
        Name of an output and how many numbers it has for each token; for a text where
        the name begins with ``text_``.
    """
    nodes = [
        node("Gather", ["table", "input_ids"], ["x"]),
        node("Cast", ["attention_mask"], ["real"], to=onnx.TensorProto.FLOAT),
        node("Unsqueeze", ["real", "two"], ["column"]),
        node("Mul", ["x", "column"], ["kept"]),
        node("ReduceSum", ["kept", "one"], ["sums"], keepdims=1),
        node("ReduceSum", ["column", "one"], ["count"], keepdims=1),
        node("Div", ["sums", "count"], ["mean"]),
        node("Add", ["kept", "mean"], ["hidden"]),
        node("Squeeze", ["mean", "one"], ["flat"]),
    ]
    arrays = {
        "table": random_weights(N_WORDS, 8, scale=1.0),
        "one": np.array([1]),
        "two": np.array([2]),
    }
    made = []
    for at, (name, size) in enumerate(outputs.items()):
        arrays[f"w{at}"] = random_weights(8, size, scale=1.0, seed=at + 5)
        whole = name.startswith("text_")
        nodes.append(node("MatMul", ["flat" if whole else "hidden", f"w{at}"], [name]))
        if name.endswith("_logits") and not whole:
            nodes[-1].output[0] = f"{name}_column"
            nodes.append(node("Squeeze", [f"{name}_column", "two"], [name]))
            made.append((name, FLOAT, ["batch", length]))
        else:
            shape = ["batch", size] if whole else ["batch", length, size]
            made.append((name, FLOAT, shape))
    inputs = [("input_ids", INT64, ["batch", length])]
    inputs.append(("attention_mask", INT64, ["batch", length]))
    return build(nodes, inputs, made, arrays)


def opened(engine, folder, outputs, config=None, *, tokenizer=True, **options):
    onnx.save(encoder(outputs, **options), folder / "model.onnx")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    if tokenizer:
        tokenizer_files.word_tokenizer(folder)
    engine.open(folder)
    return engine.model.task


def run(engine, text, **settings):
    engine.run({"text": TypedText.of(text)}, settings)
    return engine.answer.parts


def raw(engine, ids, output):
    session = raw_session(str(engine.model.folder.main))
    feeds = {
        "input_ids": np.array([ids]),
        "attention_mask": np.ones((1, len(ids)), int),
    }
    return session.run([output], feeds)[0][0]


def softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


SENTIMENT = {"id2label": {"0": "bad", "1": "good"}}


def test_a_text_is_classified(tmp_path, kept):
    task = opened(kept, tmp_path, {"text_logits": 2}, SENTIMENT)
    assert task.id == "text-classification"
    (scores,) = run(kept, "the cat sat")
    assert isinstance(scores, Scores)
    expected = softmax(raw(kept, [2, 5, 6, 7, 3], "text_logits"))
    found = {one.label: one.score for one in scores.top}
    assert found == pytest.approx({"bad": expected[0], "good": expected[1]}, abs=1e-6)


def test_a_graph_of_fixed_length_is_padded(tmp_path, kept):
    task = opened(kept, tmp_path, {"text_logits": 2}, SENTIMENT, length=12)
    assert task.slots()[0].note == "text, at most 12 tokens"
    (scores,) = run(kept, "the cat sat")
    feeds = kept.model.feeds
    assert feeds["input_ids"].tolist() == [[2, 5, 6, 7, 3] + [0] * 7]
    assert feeds["attention_mask"].tolist() == [[1] * 5 + [0] * 7]
    short = tmp_path / "short"
    short.mkdir()
    opened(kept, short, {"text_logits": 2}, SENTIMENT)
    assert run(kept, "the cat sat") == (scores,)


def test_what_is_too_long_is_cut_and_told(tmp_path, kept):
    opened(kept, tmp_path, {"text_logits": 2}, SENTIMENT, length=12)
    run(kept, "the cat " * 50)
    assert kept.model.feeds["input_ids"][0, [0, -1]].tolist() == [2, 3]
    texts = [event.text for event in kept.events if hasattr(event, "text")]
    assert "The text has 102 tokens; its first 12 are used" in texts[0]


def test_several_classes_may_hold_at_once_where_the_folder_says_so(tmp_path, kept):
    config = SENTIMENT | {"problem_type": "multi_label_classification"}
    opened(kept, tmp_path, {"text_logits": 2}, config)
    (scores,) = run(kept, "the cat sat")
    logits = raw(kept, [2, 5, 6, 7, 3], "text_logits")
    expected = sorted(1 / (1 + np.exp(-logits)), reverse=True)
    assert [one.score for one in scores.top] == pytest.approx(expected, abs=1e-6)


def test_a_gap_is_filled(tmp_path, kept):
    config = {"architectures": ["BertForMaskedLM"]}
    task = opened(kept, tmp_path, {"logits": N_WORDS}, config)
    assert task.id == "fill-mask"
    (filled,) = run(kept, "the ___ sat", top=3)
    assert isinstance(filled, FilledMask)
    assert filled.gaps == (2,)
    expected = softmax(raw(kept, [2, 5, 4, 7, 3], "logits")[2])
    order = np.argsort(-expected)[:3]
    found = filled.tokens[2]
    assert [one.id for one in found.alternatives] == order.tolist()
    assert found.probability == pytest.approx(expected[order[0]], abs=1e-6)
    assert filled.tokens[1].text == "the"


def test_a_text_without_gap_says_how_one_is_written(tmp_path, kept):
    opened(kept, tmp_path, {"logits": N_WORDS}, {"architectures": ["XForMaskedLM"]})
    (filled,) = run(kept, "the cat")
    assert filled.gaps == ()
    texts = [event.text for event in kept.events if hasattr(event, "text")]
    assert "type [MASK] or ___" in texts[0]


def test_tokens_are_labelled_and_neighbours_put_together(tmp_path, kept):
    labels = {"id2label": {"0": "O", "1": "B-PET", "2": "I-PET"}}
    task = opened(kept, tmp_path, {"logits": 3}, labels)
    assert task.id == "token-classification"
    (part,) = run(kept, "the cat sat")
    assert isinstance(part, TokenLabels)
    best = raw(kept, [2, 5, 6, 7, 3], "logits").argmax(axis=1)
    assert [label.index for label in part.labels] == best.tolist()
    names = np.array(["O", "B-PET", "I-PET"])
    for span in part.spans:
        assert span.label == "PET"
        assert span.text == part.source[span.start : span.end]
    assert bool(part.spans) == bool((names[best[1:-1]] != "O").any())


def test_entities_end_where_another_begins():
    from layerscope.engine.tasks.token_classification import spans_of
    from layerscope.protocol.answers import Scored, Token

    text = "Ada Lovelace London Paris ran"
    starts = (0, 4, 13, 20, 26)
    names = ("B-PER", "I-PER", "B-LOC", "B-LOC", "O")
    tokens = tuple(
        Token(id=at, text="", start=start, end=start + len(text[start:].split()[0]))
        for at, start in enumerate(starts)
    )
    labels = tuple(Scored(index=0, label=name, score=0.5) for name in names)
    found = [(span.text, span.label) for span in spans_of(text, tokens, labels)]
    assert found == [("Ada Lovelace", "PER"), ("London", "LOC"), ("Paris", "LOC")]


def test_lines_are_compared(tmp_path, kept):
    task = opened(kept, tmp_path, {"last_hidden_state": 6})
    assert task.id == "text-embedding"
    lines = ["the cat sat", "the cat sat", "a dog ran . ."]
    (part,) = run(kept, "\n".join(lines) + "\n\n")
    assert isinstance(part, Embeddings)
    assert part.texts == tuple(lines)
    ids = [[2, 5, 6, 7, 3], [2, 5, 6, 7, 3], [2, 13, 10, 11, 12, 12, 3]]
    means = [raw(kept, one, "last_hidden_state").mean(axis=0) for one in ids]
    unit = [mean / np.linalg.norm(mean) for mean in means]
    expected = np.array([[a @ b for a in unit] for b in unit])
    np.testing.assert_allclose(np.reshape(part.similarity, (3, 3)), expected, atol=1e-5)
    assert part.points[0] == pytest.approx(part.points[1], abs=1e-6)
    assert part.n_dimensions == 6
    assert not part.of_tokens


@pytest.mark.parametrize(
    ("flag", "name", "of"),
    [
        ("pooling_mode_cls_token", "first token", lambda rows: rows[0]),
        ("pooling_mode_mean_tokens", "mean", lambda rows: rows.mean(axis=0)),
        ("pooling_mode_max_tokens", "maximum", lambda rows: rows.max(axis=0)),
        ("pooling_mode_lasttoken", "last token", lambda rows: rows[-1]),
        (
            "pooling_mode_weightedmean_tokens",
            "weighted mean",
            lambda rows: (rows * np.c_[1 : len(rows) + 1]).sum(0),
        ),
    ],
)
def test_lines_are_pooled_as_the_folder_states(tmp_path, kept, flag, name, of):
    pool(tmp_path, {"pooling_mode_cls_token": False, flag: True})
    task = opened(kept, tmp_path, {"last_hidden_state": 6})
    assert [(one.name, one.default) for one in task.settings()] == [("pooling", name)]
    (part,) = run(kept, "the cat sat\na dog ran . .")
    ids = [[2, 5, 6, 7, 3], [2, 13, 10, 11, 12, 12, 3]]
    one, other = (of(raw(kept, each, "last_hidden_state")) for each in ids)
    near = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert part.similarity[1] == pytest.approx(near, abs=1e-5)


def test_a_stated_pooling_goes_before_the_pooler(tmp_path, kept):
    pool(tmp_path, {"pooling_mode": "cls"})
    outputs = {"last_hidden_state": 6, "text_pooler_output": 4}
    task = opened(kept, tmp_path, outputs)
    assert task.settings()[0].default == "first token"
    (part,) = run(kept, "the cat sat\na dog")
    assert part.n_dimensions == 6
    (part,) = run(kept, "the cat sat\na dog", pooling="the model's own")
    assert part.n_dimensions == 4


def test_two_poolings_at_once_are_told(tmp_path, kept):
    pool(tmp_path, {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True})
    opened(kept, tmp_path, {"last_hidden_state": 6})
    run(kept, "the cat sat\na dog")
    told = [event.text for event in kept.events if hasattr(event, "text")]
    assert any("first token and maximum together" in text for text in told)


def pool(folder, config):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))


def test_one_line_has_its_tokens_as_points(tmp_path, kept):
    opened(kept, tmp_path, {"last_hidden_state": 6})
    (part,) = run(kept, "the cat")
    assert part.of_tokens
    assert part.texts == ("[CLS]", "the", "cat", "[SEP]")
    assert len(part.points) == 4
    assert 0 < part.kept <= 1 + 1e-9


def test_a_question_is_answered_by_words_of_the_text(tmp_path, kept):
    task = opened(kept, tmp_path, {"start_logits": 1, "end_logits": 1})
    assert task.id == "question-answering"
    context = "the dog sat on the mat"
    kept.run(
        {
            "question": TypedText(text="a cat"),
            "context": TypedText(text=context),
        }
    )
    answer, found = kept.answer.parts
    assert isinstance(answer, TextAnswer)
    ids = [2, 13, 6, 3, 5, 10, 7, 8, 5, 9, 3]
    start = raw(kept, ids, "start_logits")[4:10]
    end = raw(kept, ids, "end_logits")[4:10]
    pairs = {(a, b): start[a] + end[b] for a in range(6) for b in range(a, 6)}
    first, last = max(pairs, key=pairs.get)
    assert answer.text == " ".join(context.split()[first : last + 1])
    assert found.spans[0].text == context[found.spans[0].start : found.spans[0].end]


def tokenised(engine, text):
    command = Tokenise(job=4, model=1, text=text)
    (event,) = query_lane.answer(
        command, engine.lane.models, engine.store, CancelToken()
    )
    return event


def test_tokens_are_told_while_a_text_is_typed(tmp_path, kept):
    opened(kept, tmp_path, {"text_logits": 2}, length=12)
    event = tokenised(kept, "the cat")
    assert [token.text for token in event.tokens] == ["[CLS]", "the", "cat", "[SEP]"]
    assert [(token.start, token.end) for token in event.tokens] == [
        (-1, -1), (0, 3), (4, 7), (-1, -1),
    ]  # fmt: skip
    assert (event.n, event.limit, event.note) == (4, 12, "")


def test_many_tokens_are_counted_and_the_first_told(tmp_path, kept):
    opened(kept, tmp_path, {"text_logits": 2})
    event = tokenised(kept, "cat " * 20_000)
    assert event.n == 20_002
    assert len(event.tokens) == 4096


def test_a_missing_tokenizer_leaves_token_ids(tmp_path, kept):
    task = opened(kept, tmp_path, {"text_logits": 2}, SENTIMENT, tokenizer=False)
    assert "there is no tokenizer.json" in task.slots()[0].note
    run(kept, "2 5 6 7 3")
    assert kept.model.feeds["input_ids"].tolist() == [[2, 5, 6, 7, 3]]
    with pytest.raises(BadInputError, match=r"no tokenizer\.json .* instead of 'the'"):
        run(kept, "the cat")
    event = tokenised(kept, "")
    assert (event.tokens, event.n) == ((), 0)
    assert "no tokenizer.json" in event.note


def test_a_broken_tokenizer_is_told(tmp_path, kept):
    (tmp_path / "tokenizer.json").write_text("{")
    opened(kept, tmp_path, {"text_logits": 2}, SENTIMENT, tokenizer=False)
    run(kept, "2 5 3")
    texts = [event.text for event in kept.events if hasattr(event, "text")]
    assert any("tokenizer.json was left out" in text for text in texts)


@pytest.mark.parametrize("token", [N_WORDS, 2**32 - 1, -1])
def test_ids_out_of_range_are_told_before_the_run(tmp_path, kept, token):
    opened(kept, tmp_path, {"text_logits": 2})
    with pytest.raises(BadInputError, match=f"the model knows 0 to {N_WORDS - 1}"):
        kept.run({"text": TokenIds(ids=(2, token, 3))})


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "\ud83d", "😀" * 50])
def test_odd_texts_are_answered(tmp_path, kept, text):
    opened(kept, tmp_path, {"text_logits": 2})
    (scores,) = run(kept, text)
    assert sum(one.score for one in scores.top) == pytest.approx(1)


def test_no_token_at_all_is_told(tmp_path, kept):
    opened(kept, tmp_path, {"text_logits": 2})
    with pytest.raises(BadInputError, match="The text is empty"):
        kept.run({"text": TokenIds(ids=())})


def test_a_tensor_is_no_text(tmp_path, kept):
    opened(kept, tmp_path, {"text_logits": 2})
    with pytest.raises(BadInputError, match="A text was needed"):
        kept.run({"text": ConstantTensor(value=1.0)})


def test_bytes_are_read_by_a_graph_of_bytes(corpus, kept):
    kept.open(corpus / "onnx" / "tract-byte-bilstm")
    (explained,) = (event for event in kept.opened if isinstance(event, TaskExplained))
    assert explained.task == "token-classification"
    assert "recurrent-state" in explained.lenses
    (part,) = run(kept, "Hé")
    assert [token.text for token in part.tokens] == ["H", "<0xC3>", "<0xA9>"]
    arrays, _, texts = kept.ask("recurrent-state", state=1)
    assert arrays["values"].shape == (3, 128)
    assert texts["tokens"] == ("H", "<0xC3>", "<0xA9>")


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("magika-standard-v3_3", "tensors"),
        ("vittrack", "tensors"),
        ("ort-attention-past-int8", "tensors"),
        ("vespa-transformer", "text-embedding"),
        ("squeezenet-fp16", "image-classification"),
        ("skl-rf-iris", "tensors"),
    ],
)
def test_real_models_get_the_task_that_fits(corpus, kept, name, task):
    kept.open(corpus / "onnx" / name)
    assert kept.model.task.id == task
