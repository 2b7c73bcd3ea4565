import json

import pytest
from tests import tokenizer_files

from layerscope.core.errors import BadInputError
from layerscope.engine.model import tokenizer as tokenizers
from layerscope.engine.model.chat_template import rendered, template_of

BOMB = {
    "type": "Split",
    "pattern": {"Regex": "(a+)+$|(a|aa)+b"},
    "behavior": "Isolated",
    "invert": False,
}


def loaded(folder, notes=None):
    return tokenizers.load(
        folder, folder / "model.onnx", [] if notes is None else notes
    )


def test_words_have_their_places_in_the_text(tmp_path):
    tokenizer_files.word_tokenizer(tmp_path)
    found = loaded(tmp_path).encode("the cat  sat")
    assert found.ids == [2, 5, 6, 7, 3]
    assert found.spans[1:4] == [(0, 3), (4, 7), (9, 12)]
    assert found.special == [True, False, False, False, True]


def test_a_pair_tells_which_text_a_token_is_of(tmp_path):
    tokenizer_files.word_tokenizer(tmp_path)
    found = loaded(tmp_path).encode("the cat", "a hat")
    assert found.ids == [2, 5, 6, 3, 13, 14, 3]
    assert found.parts == [0, 0, 0, 0, 1, 1, 1]


def test_three_underscores_are_a_gap(tmp_path):
    tokenizer_files.word_tokenizer(tmp_path)
    tokenizer = loaded(tmp_path)
    assert tokenizer.gap == "[MASK]"
    assert tokenizer.encode("the ___ sat").ids[2] == tokenizer.gap_id == 4


def test_bytes_are_shown_where_they_are_no_character(tmp_path):
    tokenizer_files.byte_tokenizer(tmp_path)
    tokenizer = loaded(tmp_path)
    found = tokenizer.encode("é to")
    assert [tokenizer.piece(token) for token in found.ids] == [
        "<0xC3>", "<0xA9>", " t", "o",
    ]  # fmt: skip
    assert tokenizer.decode(found.ids) == "é to"


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "😀", "\ufffd"])
def test_odd_texts_are_read(tmp_path, text):
    tokenizer_files.byte_tokenizer(tmp_path)
    tokenizer = loaded(tmp_path)
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_regular_expression_that_never_ends_is_one_sentence(tmp_path, capfd):
    tokenizer_files.byte_tokenizer(tmp_path)
    path = tmp_path / "tokenizer.json"
    stated = json.loads(path.read_text()) | {"pre_tokenizer": BOMB}
    path.write_text(json.dumps(stated))
    with pytest.raises(BadInputError, match="takes for ever on this text"):
        loaded(tmp_path).encode("a" * 40 + "c")
    capfd.readouterr()  # the library's own cry


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[" * 200_000,
        "{}",
        "",
        json.dumps({"version": "1.0", "model": {"type": "Unheard"}}),
    ],
    ids=["cut", "deep", "empty object", "empty", "unknown"],
)
def test_a_broken_file_is_left_out_with_a_note(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    notes = []
    assert loaded(tmp_path, notes) is None
    assert "tokenizer.json was left out" in notes[0]


def test_a_regular_expression_that_is_none_is_left_out_with_a_note(tmp_path):
    tokenizer_files.byte_tokenizer(tmp_path)
    path = tmp_path / "tokenizer.json"
    bad = BOMB | {"pattern": {"Regex": "(a"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"pre_tokenizer": bad}))
    notes = []
    assert loaded(tmp_path, notes) is None
    assert "left out" in notes[0]


def test_a_huge_file_is_left_out_with_a_note(tmp_path):
    with open(tmp_path / "tokenizer.json", "wb") as file:
        file.truncate(tokenizers.MAX_TOKENIZER_BYTES + 1)
    notes = []
    assert loaded(tmp_path, notes) is None
    assert "are read up to" in notes[0]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    inside = tmp_path / "model"
    inside.mkdir()
    tokenizer_files.byte_tokenizer(tmp_path)
    (inside / "tokenizer.json").symlink_to(tmp_path / "tokenizer.json")
    notes = []
    assert loaded(inside, notes) is None
    assert "outside its own folder" in notes[0]


def test_typed_ids_need_a_number_each():
    assert tokenizers.typed_ids("ids: 15 11, 99").ids == [15, 11, 99]
    assert tokenizers.typed_ids(" 7 ").spans == [(1, 2)]
    with pytest.raises(BadInputError, match="instead of 'cat'"):
        tokenizers.typed_ids("1 cat")


def test_without_a_tokenizer_words_are_refused_with_what_is_missing():
    stand_in = tokenizers.IdTokenizer("There is no tokenizer.json.", 10)
    with pytest.raises(BadInputError, match=r"no tokenizer\.json\. Type token ids"):
        stand_in.encode("hello")
    assert stand_in.decode([1, 2]) == "1 2"


TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_a_chat_template_puts_the_text_as_the_user_wants():
    config = {"chat_template": TEMPLATE, "bos_token": {"content": "<s>"}}
    assert rendered(config, "Hi") == "<s><user>Hi<assistant>"
    named = [{"name": "tools", "template": "x"}, {"name": "default", "template": "y"}]
    assert template_of({"chat_template": named}) == "y"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no') }}",
        "{% for x in range(10000000) %}a{% endfor %}",
        "{{",
    ],
)
def test_a_hostile_chat_template_is_one_sentence(template):
    with pytest.raises(BadInputError, match="chat template of this folder breaks"):
        rendered({"chat_template": template}, "Hi")


def test_a_word_list_of_bert_will_do(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = loaded(tmp_path)
    assert tokenizer.encode("The CATS dog").ids == [2, 5, 6, 7, 1, 3]
    assert tokenizer.gap_id == 4
    assert tokenizer.decode([2, 5, 6, 7, 3]) == "the cats"


def test_merges_of_gpt_2_will_do(tmp_path):
    vocabulary = {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġa": 4}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\nĠ a\n")
    tokenizer = loaded(tmp_path)
    assert tokenizer.encode("ab a").ids == [3, 4]
    assert tokenizer.decode([3, 4]) == "ab a"


def test_a_broken_word_list_is_left_out_with_a_note(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"a": "b"}))
    (tmp_path / "merges.txt").write_text("a b\n")
    notes = []
    assert loaded(tmp_path, notes) is None
    assert "was left out" in notes[0]
