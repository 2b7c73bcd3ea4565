"""How the models of the library are sorted, compared and measured, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from layerscope.library.bundled import LibraryEntry

GROUPS = (
    "Pictures",
    "Text",
    "Generation",
    "Digits and tables",
    "Audio",
    "Games",
    "Other",
)
_GENERATING = ("text-to-", "unconditional-", "image-to-image", "image-to-video")
_TEXTUAL = (
    "text-generation",
    "text-classification",
    "token-classification",
    "fill-mask",
    "feature-extraction",
    "sentence-similarity",
    "question-answering",
    "summarization",
    "translation",
)
_TASKS = {
    "image-classification": "picture classes",
    "zero-shot-image-classification": "pictures and words",
    "image-segmentation": "segmentation",
    "object-detection": "detection",
    "image-to-image": "picture to picture",
    "image-feature-extraction": "pictures to numbers",
    "unconditional-image-generation": "pictures from noise",
    "text-to-image": "words to pictures",
    "text-classification": "text classes",
    "tabular-classification": "tables",
    "audio-classification": "sounds",
    "reinforcement-learning": "game",
}
_ONE_OF_TEN_DIGITS = "digits"
_LESS_IS_BETTER = ("nats", "loss", "perplexity", "error")


def group_of(entry: LibraryEntry) -> str:
    """Return which of `GROUPS` a model belongs to, by what it works on."""
    task = entry.task
    if task.startswith(_GENERATING):
        return "Generation"
    tables = task.startswith("tabular")
    if tables or (
        _ONE_OF_TEN_DIGITS in (entry.dataset or entry.id)
        and task.endswith("classification")
    ):
        return "Digits and tables"
    if task.startswith(("audio", "automatic-speech")):
        return "Audio"
    if task.startswith("reinforcement"):
        return "Games"
    if task in _TEXTUAL:
        return "Text"
    if "image" in task or "object" in task or "depth" in task:
        # Of digits, an autoencoder is looked at for what it draws.
        drawn = "extraction" in task and _ONE_OF_TEN_DIGITS in entry.dataset
        return "Generation" if drawn else "Pictures"
    return "Other"


def grouped(
    entries: Iterable[LibraryEntry],
) -> list[tuple[str, tuple[LibraryEntry, ...]]]:
    """Return the groups that have members, in the order of `GROUPS`."""
    members: dict[str, list[LibraryEntry]] = {name: [] for name in GROUPS}
    for entry in entries:
        members[group_of(entry)].append(entry)
    return [(name, tuple(found)) for name, found in members.items() if found]


def task_words(task: str) -> str:
    """Return a task for people: ``"picture classes"``."""
    return _TASKS.get(task, task.replace("-", " "))


def figure_words(metric: str, value: float) -> str:
    """Return a measured figure for people, empty where there is none.

    Parameters
    ----------
    metric : str
        What was measured, ``"Nats per character"`` say: decides the unit.
    value : float
        Shares from 0 to 1 are written as per cent.
    """
    if math.isnan(value):
        return ""
    words = metric.lower()
    if "nats" in words:
        unit = "nats/token" if "token" in words else "nats/char"
        return f"{value:.2f} {unit}"
    if lower_is_better(metric) or not 0 <= value <= 1:
        return f"{value:.3g}"
    return f"{100 * value:.1f} %"


def lower_is_better(metric: str) -> bool:
    """Whether a smaller figure of `metric` is the better one."""
    return any(word in metric.lower() for word in _LESS_IS_BETTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models whose figures can be compared: the same data, the same measure.

    Attributes
    ----------
    title : str
        For people: the data.
    metric : str
        What was measured, ``"Accuracy"`` say.
    members : tuple of LibraryEntry
        At least two, the smallest first.
    """

    title: str
    metric: str
    members: tuple[LibraryEntry, ...]


def families(entries: Iterable[LibraryEntry]) -> tuple[Family, ...]:
    """Return the families of a library, the largest first.

    Parameters
    ----------
    entries : iterable of LibraryEntry
        One without a figure or without a data set is in no family.
    """
    found: dict[tuple[str, str], list[LibraryEntry]] = {}
    for entry in entries:
        if entry.dataset and entry.metric and not math.isnan(entry.value):
            found.setdefault((entry.dataset, entry.metric.lower()), []).append(entry)
    made = [
        Family(
            title=members[0].dataset_name,
            metric=members[0].metric,
            members=tuple(sorted(members, key=lambda e: (e.parameters, e.bytes))),
        )
        for members in found.values()
        if len(members) > 1
    ]
    return tuple(sorted(made, key=lambda family: -len(family.members)))
