"""CLIP's tokenizer from its two files, and tokenising while it is typed."""

import json

import pytest
from tests import diffusion_models

from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion import clip_tokens
from layerscope.engine.diffusion.prompts import Word


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("clip") / "tokenizer"
    diffusion_models.write_tokenizer(made)
    return made


def test_words_are_lower_case_pieces_between_start_and_end(folder):
    tokenizer = clip_tokens.load(folder, "tokenizer")
    found = tokenizer.encode("A  Big\nRED digit")

    assert found.ids == [0, 2, 6, 3, 5, 1]
    assert found.special == [True, False, False, False, False, True]


def test_unknown_letters_become_the_end_token(folder):
    found = clip_tokens.load(folder, "tokenizer").encode("red é")

    assert found.ids[:2] == [0, 3]
    assert set(found.ids[2:]) == {1}


def test_tokenizer_json_comes_first(folder, tmp_path):
    built = clip_tokens.load(folder, "tokenizer")
    text = built._tokenizer.to_str()
    (tmp_path / "tokenizer.json").write_text(text)

    assert clip_tokens.load(tmp_path, "tokenizer").encode("red").ids == [0, 3, 1]


@pytest.mark.parametrize(
    ("vocabulary", "merges"),
    [("{", "#version: 0.2\n"), ('{"a": 0}', "a b\n"), ('{"a": "x"}', "")],
)
def test_broken_files_give_a_sentence(tmp_path, vocabulary, merges):
    (tmp_path / "vocab.json").write_text(vocabulary)
    (tmp_path / "merges.txt").write_text(merges)

    with pytest.raises(BadInputError, match="tokenizer"):
        clip_tokens.load(tmp_path, "tokenizer")


def test_words_know_their_tokens(stable):
    prompts = stable.model.task.pipeline.prompts
    ids, words, notes = prompts.ids("text_encoder", "big red, digit")

    assert ids.shape == (1, 8)
    assert words[0] == Word("big", (1,))
    assert words[1].text == "red,"
    assert words[1].tokens[0] == 2
    assert words[-1].text == "digit"
    assert notes == []


def test_typed_prompt_is_cut_into_tokens(stable):
    tokens, n, limit, note = stable.model.task.tokenise("a red digit", "prompt")

    assert [token.text for token in tokens if not token.special] == [
        "a",
        "red",
        "digit",
    ]
    assert (n, limit, note) == (5, 8, "")
    assert (tokens[2].start, tokens[2].end) == (2, 5)


def test_length_is_the_encoders(stable, stable_folder):
    config = json.loads((stable_folder / "text_encoder" / "config.json").read_text())

    assert (
        stable.model.task.pipeline.prompts.length()
        == (config["max_position_embeddings"])
    )
