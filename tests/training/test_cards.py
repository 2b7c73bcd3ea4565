"""Tests of the cards that the training scripts write."""

import pytest

from layerscope.library.bundled import bundled_models
from training import cards

FACTS = {
    "title": "Tiny network",
    "task": "image-classification",
    "dataset": "cifar10",
    "dataset_name": "CIFAR-10",
    "metric_type": "accuracy",
    "metric": "Accuracy",
    "teaches": "How little: a colon\n  and a line break survive.",
    "body": "# Tiny\n\nNext to nothing.",
}


def test_library_reads_what_a_card_states(tmp_path):
    folder = tmp_path / "tiny"
    cards.write_card(folder, value=0.87654321, base_model="bigger", **FACTS)
    (folder / "model.onnx").write_bytes(b"")

    (entry,) = bundled_models(tmp_path)

    assert (entry.id, entry.title) == ("tiny", "Tiny network")
    assert (entry.task, entry.metric) == ("image-classification", "Accuracy")
    assert entry.value == cards.stated_figure(folder) == 0.8765
    assert entry.teaches == "How little: a colon and a line break survive."
    assert entry.licence == "apache-2.0"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "base_model: bigger\n" in text
    assert text.endswith("---\n\n# Tiny\n\nNext to nothing.\n")


def test_long_paragraphs_are_broken_and_tables_are_not(tmp_path):
    table = "| what | " + "word " * 30 + "|"
    body = f"# Tiny\n\n{'word ' * 40}\n\n{table}"

    cards.write_card(tmp_path, value=0.5, **{**FACTS, "body": body})

    lines = (tmp_path / "README.md").read_text(encoding="utf-8").splitlines()
    assert table in lines
    assert max(len(line) for line in lines if line != table) <= 88


def test_code_in_a_card_is_left_as_it_is(tmp_path):
    body = "# Tiny\n\n```\n" + "x " * 60 + "\n\ny\n```"

    cards.write_card(tmp_path, value=0.5, **{**FACTS, "body": body})

    assert body in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_card_without_a_number_is_not_written(tmp_path, value):
    with pytest.raises(ValueError, match="must be a number"):
        cards.write_card(tmp_path, value=value, **FACTS)

    assert not (tmp_path / "README.md").exists()


def test_figure_of_a_card_that_states_none_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="is not there"):
        cards.stated_figure(tmp_path)
    for text in (
        "",
        "# no head",
        "---\nlicense: mit\n---\n",
        "---\nmodel-index: []\n---\n",
    ):
        (tmp_path / "README.md").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="states no figure"):
            cards.stated_figure(tmp_path)
