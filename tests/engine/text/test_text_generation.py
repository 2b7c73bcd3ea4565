import json

import numpy as np
import onnx
import pytest
from tests import text_models, tokenizer_files
from tests.model_building import FLOAT, INT64, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.answers import GeneratedText
from layerscope.protocol.inputs import TokenIds, TypedText

PROMPT = [3, 7, 1]
GREEDY = {"greedy": True, "max_new_tokens": 12}


def made(engine):
    return [token.id for event in engine.stepped for token in event.tokens]


@pytest.mark.parametrize("kind", text_models.KINDS)
def test_greedy_tokens_are_those_of_a_plain_loop(decoder_folders, kept, kind):
    folder = decoder_folders(kind)
    kept.open(folder).run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    session = raw_session(str(folder / "model.onnx"))
    expected = text_models.greedy(session, PROMPT, 12)
    assert made(kept) == expected
    assert len(set(expected)) > 2
    assert kept.answer.parts[0].stopped == "length"


def test_a_graph_without_cache_is_given_the_whole_text_each_time(decoder_folders, kept):
    folder = decoder_folders(cache=False)
    kept.open(folder).run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    session = raw_session(str(folder / "model.onnx"))
    assert made(kept) == text_models.greedy(session, PROMPT, 12)


@pytest.mark.parametrize(
    "name", ["genai-tiny-gpt2-fp32", "genai-tiny-llama-fp16-extdata"]
)
def test_real_decoders_make_what_a_plain_loop_makes(corpus, kept, name):
    kept.open(corpus / "onnx" / name)
    kept.run({"text": TypedText(text="5 6 7")}, GREEDY | {"stop_at_end": False})
    session = raw_session(str(kept.model.folder.main))
    assert made(kept) == text_models.greedy(session, [5, 6, 7], 12)


def test_tokens_carry_probability_and_alternatives(decoder_folders, kept):
    kept.open(decoder_folders()).run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    logits = text_models.reference(PROMPT)[0][-1]
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    first = kept.answer.parts[0].tokens[0]
    order = np.argsort(-chances)[:5]
    assert first.probability == pytest.approx(chances.max(), abs=1e-5)
    assert [one.id for one in first.alternatives] == order.tolist()
    found = [one.probability for one in first.alternatives]
    assert found == pytest.approx(chances[order].tolist(), abs=1e-5)


def test_the_prompt_is_told_before_the_model_has_run(decoder_folders, kept):
    kept.open(decoder_folders()).run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    first = kept.stepped[0]
    assert [token.id for token in first.answer.parts[0].prompt] == PROMPT
    assert first.tokens == ()
    part = kept.answer.parts[0]
    assert isinstance(part, GeneratedText)
    assert part.tokens_per_second > 0
    assert part.first_token_ms > 0


def test_a_seed_draws_the_same_text_again_and_another_seed_another(
    decoder_folders, kept
):
    kept.open(decoder_folders())
    texts = []
    for seed in (1, 1, 2):
        settings = {"temperature": 1.5, "top_k": 0, "seed": seed, "max_new_tokens": 16}
        kept.run({"text": TokenIds(ids=(5,))}, settings)
        texts.append(made(kept))
    assert texts[0] == texts[1] != texts[2]


def test_forced_tokens_stand_first_and_the_text_goes_on_after_them(
    decoder_folders, kept
):
    kept.open(decoder_folders())
    kept.run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    other = kept.answer.parts[0].tokens[2].alternatives[1].id
    branch = [*made(kept)[:2], other]
    settings = GREEDY | {"forced": " ".join(map(str, branch)), "max_new_tokens": 4}
    kept.run({"text": TokenIds(ids=tuple(PROMPT))}, settings)
    session = raw_session(str(kept.model.folder.main))
    after = text_models.greedy(session, [*PROMPT, *branch], 4)
    assert made(kept) == [*branch, *after]
    forced = kept.answer.parts[0].tokens[2]
    assert 0 < forced.probability < forced.alternatives[0].probability


def test_forced_tokens_that_are_no_numbers_are_refused(decoder_folders, kept):
    with pytest.raises(BadInputError, match="whole numbers"):
        kept.open(decoder_folders()).run(
            {"text": TokenIds(ids=(1,))}, {"forced": "1 x"}
        )


def test_the_text_ends_where_the_folder_says_that_it_ends(
    decoder_folders, kept, tmp_path
):
    session = raw_session(str(decoder_folders() / "model.onnx"))
    expected = text_models.greedy(session, PROMPT, 12)
    end = expected[4]
    onnx.save(text_models.decoder(), tmp_path / "model.onnx")
    (tmp_path / "config.json").write_text(json.dumps({"eos_token_id": [end]}))
    kept.open(tmp_path).run({"text": TokenIds(ids=tuple(PROMPT))}, GREEDY)
    assert made(kept) == expected[: expected.index(end) + 1]
    assert kept.answer.parts[0].stopped == "end of text"


def test_a_full_context_ends_the_text(decoder_folders, kept):
    settings = {"greedy": True, "max_new_tokens": 500}
    kept.open(decoder_folders()).run({"text": TokenIds(ids=tuple(PROMPT))}, settings)
    assert len(made(kept)) + len(PROMPT) == text_models.POSITIONS
    assert kept.answer.parts[0].stopped == "context full"


def test_a_long_prompt_keeps_its_end_and_it_is_told(decoder_folders, kept):
    ids = tuple(range(30)) * 10
    kept.open(decoder_folders()).run({"text": TokenIds(ids=ids)}, GREEDY)
    prompt = [token.id for token in kept.stepped[0].answer.parts[0].prompt]
    assert prompt == list(ids[-48:])
    texts = [event.text for event in kept.events if hasattr(event, "text")]
    assert any("300 tokens; its last 48 are used" in text for text in texts)


def test_stopping_keeps_what_was_made(decoder_folders, kept):
    kept.open(decoder_folders())
    kept.run(
        {"text": TokenIds(ids=tuple(PROMPT))},
        {"greedy": True, "max_new_tokens": 60},
        stop_after=2,
    )
    assert len(made(kept)) >= 1
    arrays, _, texts = kept.ask("attention", layer=0, head=0)
    assert len(texts["keys"]) == len(PROMPT) + len(made(kept)) == len(arrays["weights"])


def test_bytes_that_make_one_character_only_together(tmp_path, kept):
    """The text shows the character, the tokens its bytes."""
    onnx.save(wide_decoder(300), tmp_path / "model.onnx")
    tokenizer_files.byte_tokenizer(tmp_path)
    kept.open(tmp_path)
    spelt = kept.model.task.reader.tokenizer.encode("é t").ids
    kept.run(
        {"text": TypedText(text="a")},
        {"forced": " ".join(map(str, spelt)), "max_new_tokens": 1, "greedy": True},
    )
    part = kept.answer.parts[0]
    assert part.text.startswith("é t")
    assert [token.text for token in part.tokens[:3]] == ["<0xC3>", "<0xA9>", " t"]


def wide_decoder(n_words):
    """Return a language model of no attention: logits by the last token alone."""
    node = onnx.helper.make_node
    return build(
        [
            node("Gather", ["table", "input_ids"], ["x"]),
            node("Unsqueeze", ["x", "one"], ["head"]),
            node("Concat", ["past.0.key", "head"], ["present.0.key"], axis=2),
            node("MatMul", ["x", "out"], ["logits"]),
        ],
        [("input_ids", INT64, [1, "n"]), ("past.0.key", FLOAT, [1, 1, "past", 8])],
        [
            ("logits", FLOAT, [1, "n", n_words]),
            ("present.0.key", FLOAT, [1, 1, "total", 8]),
        ],
        {
            "table": random_weights(n_words, 8, seed=1),
            "out": random_weights(8, n_words, seed=2),
            "one": np.array([1]),
        },
    )


def test_a_recurrent_model_is_stepped_one_token_at_a_time(tmp_path, kept):
    onnx.save(recurrent(), tmp_path / "model.onnx")
    (tmp_path / "config.json").write_text(json.dumps({"vocab_size": 20}))
    kept.open(tmp_path)
    assert kept.model.task.id == "text-generation"
    kept.run({"text": TokenIds(ids=(1, 2, 3))}, GREEDY)
    session = raw_session(str(tmp_path / "model.onnx"))
    assert made(kept) == text_models.greedy(session, [1, 2, 3], 12)
    assert kept.model.keepsakes.steps("state") == tuple(range(14))
    _, _, texts = kept.ask("recurrent-state")
    assert texts["names"] == ("state.h",)
    arrays, _, texts = kept.ask("recurrent-state", state=0)
    assert arrays["values"].shape == (14, 8)
    assert texts["tokens"][:3] == ("1", "2", "3")
    assert not np.allclose(arrays["values"][0], arrays["values"][-1])


def recurrent():
    """Return a GRU that takes tokens and its state, and gives logits and the state."""
    node = onnx.helper.make_node
    return build(
        [
            node("Gather", ["table", "input_ids"], ["x"]),
            node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
            node("GRU", ["steps", "w", "r", "", "", "state.h"], ["y", "next_state.h"],
                 hidden_size=8),
            node("Squeeze", ["y", "one"], ["flat"]),
            node("Transpose", ["flat"], ["back"], perm=[1, 0, 2]),
            node("MatMul", ["back", "out"], ["logits"]),
        ],
        [("input_ids", INT64, [1, "n"]), ("state.h", FLOAT, [1, 1, 8])],
        [("logits", FLOAT, [1, "n", 20]), ("next_state.h", FLOAT, [1, 1, 8])],
        {
            "table": random_weights(20, 8, scale=1.0, seed=1),
            "w": random_weights(1, 24, 8, scale=1.0, seed=2),
            "r": random_weights(1, 24, 8, scale=1.0, seed=3),
            "out": random_weights(8, 20, scale=1.0, seed=4),
            "one": np.array([1]),
        },
    )  # fmt: skip


def test_settings_draw_again_without_the_model_running(decoder_folders, kept):
    kept.open(decoder_folders())
    settings = {"temperature": 1.2, "top_k": 0, "seed": 5, "max_new_tokens": 6}
    kept.run({"text": TokenIds(ids=tuple(PROMPT))}, settings)
    tokens = kept.answer.parts[0].tokens
    _, numbers, _ = kept.ask("sampling", step=3, **settings)
    assert numbers["choice"] == (tokens[3].id,)
    _, numbers, texts = kept.ask("sampling", greedy=True, n=4)
    assert numbers["step"] == (5.0,)
    assert numbers["choice"][0] == numbers["id"][0] == tokens[5].alternatives[0].id
    assert numbers["sampled"] == (1.0, 0.0, 0.0, 0.0)
    assert len(texts["tokens"]) == 4
    with pytest.raises(BadInputError, match="kept are those of 0 to 5"):
        kept.ask("sampling", step=77)


@pytest.mark.parametrize(
    "kind", ["unfused with IsNaN", "Attention-23", "GroupQueryAttention"]
)
def test_every_step_can_leave_its_attention_and_its_stream(decoder_folders, kept, kind):
    kept.open(decoder_folders(kind))
    settings = {"greedy": True, "max_new_tokens": 4, "keep_inside": True}
    kept.run({"text": TokenIds(ids=tuple(PROMPT))}, settings)
    tokens = made(kept)
    session = raw_session(str(kept.model.folder.main))
    assert tokens == text_models.greedy(session, PROMPT, 4)
    _, attention, stream = text_models.reference([*PROMPT, *tokens[:-1]])
    keepsakes = kept.model.keepsakes
    assert keepsakes.steps("inside") == (0, 3, 4, 5)
    for step in (3, 4, 5):
        arrays = keepsakes.get("inside", step)
        for layer in range(text_models.LAYERS):
            weights = arrays[f"attention.{layer}"].reshape(text_models.HEADS, -1)
            expected = attention[layer][:, step]
            np.testing.assert_allclose(
                weights[:, : step + 1], expected[:, : step + 1], atol=1e-5
            )
            np.testing.assert_allclose(
                arrays[f"stream.{layer + 1}"].reshape(-1),
                stream[layer + 1][step],
                atol=1e-4,
            )
