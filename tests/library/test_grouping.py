"""How the library is sorted, and which models are compared with each other."""

from pathlib import Path

import pytest

from layerscope.library.bundled import LibraryEntry
from layerscope.library.grouping import (
    GROUPS,
    families,
    figure_words,
    group_of,
    grouped,
    lower_is_better,
    task_words,
)


def entry(name, task="image-classification", **fields):
    return LibraryEntry(
        id=name, title=name.title(), task=task, path=Path(name), bytes=1, **fields
    )


@pytest.mark.parametrize(
    ("task", "dataset", "group"),
    [
        ("image-classification", "cifar10", "Pictures"),
        ("zero-shot-image-classification", "cifar10", "Pictures"),
        ("image-classification", "optical-digits", "Digits and tables"),
        ("tabular-classification", "", "Digits and tables"),
        ("text-to-image", "optical-digits", "Generation"),
        ("unconditional-image-generation", "", "Generation"),
        ("image-feature-extraction", "optical-digits", "Generation"),
        ("text-generation", "", "Text"),
        ("text-classification", "sst2", "Text"),
        ("audio-classification", "", "Audio"),
        ("reinforcement-learning", "", "Games"),
        ("", "", "Other"),
    ],
)
def test_a_model_stands_with_those_that_work_on_the_same(task, dataset, group):
    assert group_of(entry("m", task, dataset=dataset)) == group


def test_groups_come_in_one_order_and_none_is_empty():
    found = grouped([entry("b", "text-generation"), entry("a"), entry("c")])

    assert [name for name, _ in found] == ["Pictures", "Text"]
    assert [e.id for e in found[0][1]] == ["a", "c"]
    assert [name for name, _ in found] == sorted(dict(found), key=GROUPS.index)


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("Accuracy", 0.8908, "89.1 %"),
        ("Read as the prompted digit", 0.955, "95.5 %"),
        ("Nats per character", 1.5789, "1.58 nats/char"),
        ("Nats per token", 3.0, "3.00 nats/token"),
        ("Loss", 0.25, "0.25"),
        ("PSNR", 31.27, "31.3"),
        ("Accuracy", float("nan"), ""),
    ],
)
def test_a_figure_has_the_unit_that_its_metric_asks_for(metric, value, words):
    assert figure_words(metric, value) == words


def test_less_is_better_where_it_is_a_cost():
    assert lower_is_better("Nats per character")
    assert not lower_is_better("Accuracy")


def test_an_unknown_task_is_written_without_hyphens():
    assert task_words("depth-estimation") == "depth estimation"
    assert task_words("image-classification") == "picture classes"


def test_a_family_shares_data_and_measure():
    entries = [
        entry("l", metric="Accuracy", value=0.92, dataset="cifar10", parameters=9),
        entry("s", metric="accuracy", value=0.87, dataset="cifar10", parameters=1),
        entry("clip", metric="Zero-shot", value=0.7, dataset="cifar10"),
        entry("digits", metric="Accuracy", value=0.99, dataset="digits"),
        entry("unmeasured", metric="Accuracy", dataset="cifar10"),
        entry("nowhere", metric="Accuracy", value=0.5),
        entry("other", metric="Accuracy", value=0.5),
    ]

    (family,) = families(entries)

    assert [e.id for e in family.members] == ["s", "l"]
    assert family.metric.lower() == "accuracy"


def test_one_model_is_no_family():
    one = entry("s", metric="Accuracy", value=0.87, dataset="cifar10")
    assert families([one]) == ()


def test_the_largest_family_comes_first():
    pair = [entry(n, metric="A", value=0.5, dataset="x") for n in "ab"]
    three = [entry(n, metric="A", value=0.5, dataset="y") for n in "cde"]
    assert [len(f.members) for f in families([*pair, *three])] == [3, 2]
