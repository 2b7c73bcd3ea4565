"""What the rows of the library say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from layerscope.library.bundled import LibraryEntry
from layerscope.library.grouping import figure_words, grouped, task_words
from layerscope.library.samples import sample_title
from layerscope.protocol.inputs import PictureFile
from layerscope.ui.widgets.card_list import Card
from layerscope.ui.widgets.readable import count, size_of

RECENT, SAMPLES = "Recent", "Samples"
MAX_RECENT_SHOWN = 8
_ICONS = {
    "Pictures": "image",
    "Text": "file-text",
    "Generation": "sparkles",
    "Digits and tables": "table-2",
    "Audio": "activity",
    "Games": "grid-3x3",
}
Section = tuple[str, list[Card]]


def bundled_sections(entries: Sequence[LibraryEntry], opened: str) -> list[Section]:
    """Return the bundled models by what they work on.

    Parameters
    ----------
    entries : sequence of LibraryEntry
        In the order in which they are to stand.
    opened : str
        Path of the open model, or empty.
    """
    return [
        (
            group,
            [
                Card(
                    title=entry.title,
                    key=f"model:{entry.path}",
                    detail=_facts(entry),
                    note=entry.teaches,
                    icon=_ICONS.get(group, "box"),
                    tooltip=_tooltip(entry),
                    chosen=opened == str(entry.path),
                )
                for entry in members
            ],
        )
        for group, members in grouped(entries)
    ]


def recent_section(controller: Any) -> Section:
    """Return the models opened before that are not bundled."""
    bundled = {str(entry.path) for entry in controller.library()}
    paths = [path for path in controller.session.recent if path not in bundled]
    return RECENT, [
        model_card(controller, Path(path)) for path in paths[:MAX_RECENT_SHOWN]
    ]


def folder_section(controller: Any, folder: Path, models: Sequence[Path]) -> Section:
    """Return the models of a folder that the user added."""
    cards = [model_card(controller, path) for path in models]
    if not cards:
        cards.append(
            Card(
                title="No models here",
                key=f"folder:{folder}",
                detail="right click to remove",
                icon="folder",
                tooltip=str(folder),
            )
        )
    return folder.name or str(folder), cards


def sample_section(controller: Any, sizes: dict[str, str]) -> Section:
    """Return the sample pictures.

    Parameters
    ----------
    controller : Controller
        Knows the samples and what is shown.
    sizes : dict of str to str
        Width and height by path, of those whose picture has come.
    """
    shown = {
        source.path
        for source in controller.session.inputs.values()
        if isinstance(source, PictureFile)
    }
    return SAMPLES, [
        Card(
            title=sample_title(path),
            key=f"sample:{path}",
            detail=sizes.get(str(path), path.suffix[1:].upper()),
            icon="image",
            tooltip=f"Use {path.name} as the input",
            chosen=str(path) in shown,
        )
        for path in controller.sample_pictures()
    ]


def model_card(controller: Any, path: Path) -> Card:
    """Return the row of a model of the user's own."""
    chosen = bool(controller.session.model_path == str(path))
    return Card(
        title=path.name,
        key=f"model:{path}",
        detail=_open_detail(controller) if chosen else _path_detail(path),
        icon="folder" if not path.suffix else "component",
        tooltip=str(path),
        chosen=chosen,
    )


def arranged(sections: Sequence[Section], folded: set[str], wanted: str) -> list[Card]:
    """Return headings and rows in order.

    Parameters
    ----------
    sections : sequence of (title, cards)
        Empty ones are left out.
    folded : set of str
        Titles whose rows are folded away.
    wanted : str
        Words that a row has to hold; nothing is folded while there are any.
    """
    words = wanted.lower().split()
    shown: list[Card] = []
    for title, cards in sections:
        found = [card for card in cards if _holds(card, title, words)]
        if not found:
            continue
        away = title in folded and not words
        number = str(len(found))
        shown.append(Card(title=title, detail=number, fold=title, folded=away))
        shown += [] if away else found
    return shown


def _holds(card: Card, section: str, words: Sequence[str]) -> bool:
    text = f"{card.title} {card.detail} {card.tooltip} {section}".lower()
    return all(word in text for word in words)


def _facts(entry: LibraryEntry) -> str:
    parts = (figure_words(entry.metric, entry.value), size_of(entry.bytes))
    return " · ".join(part for part in parts if part)


def _tooltip(entry: LibraryEntry) -> str:
    figure = figure_words(entry.metric, entry.value)
    facts = (
        task_words(entry.task),
        f"{entry.metric.lower()} {figure}" if figure else "",
        f"{count(entry.parameters)} parameters" if entry.parameters else "",
        size_of(entry.bytes),
    )
    lines = (
        entry.title,
        entry.teaches,
        " · ".join(fact for fact in facts if fact),
        entry.id,
    )
    return "\n".join(line for line in lines if line)


def _open_detail(controller: Any) -> str:
    report = controller.session.preflight
    if report is None:
        return "open"
    opset = report.opsets.get("ai.onnx") or report.opsets.get("")
    parts = [f"{report.n_nodes:,} node{'s' if report.n_nodes != 1 else ''}"]
    if opset:
        parts.append(f"opset {opset}")
    parts.append(size_of(report.file_bytes))
    return " · ".join(parts)


def _path_detail(path: Path) -> str:
    try:
        size = size_of(path.stat().st_size) if path.is_file() else "folder"
    except OSError:
        return "not there now"
    if not path.exists():
        return "not there now"
    return f"{size} · {path.parent.name}"
