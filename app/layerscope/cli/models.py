"""``layerscope models``: the bundled library."""

from __future__ import annotations

from layerscope.cli import text
from layerscope.cli.arguments import ModelsRequest
from layerscope.library.bundled import LibraryEntry, bundled_models
from layerscope.library.grouping import figure_words, grouped, task_words

_HEADINGS = ("", "", "size", "parameters", "measured")


def models(request: ModelsRequest) -> None:
    """List the bundled models."""
    entries = bundled_models()
    if request.json:
        text.say_json(
            [
                {
                    "id": entry.id,
                    "task": entry.task,
                    "path": str(entry.path),
                    "bytes": entry.bytes,
                    "metric": entry.metric,
                    "value": entry.value,
                    "parameters": entry.parameters,
                    "teaches": entry.teaches,
                }
                for entry in entries
            ]
        )
        return
    if not entries:
        text.say("No models are bundled with this copy; open a file of your own.")
        return
    rows: list[tuple[str, ...]] = []
    breaks: dict[int, str] = {}
    for group, members in grouped(entries):
        breaks[len(rows)] = group
        rows += [_row(entry) for entry in members]
    lines = text.table([_HEADINGS, *rows], right=(2, 3))
    text.say(lines[0])
    for number, line in enumerate(lines[1:]):
        if number in breaks:
            text.say(breaks[number])
        text.say(line)


def _row(entry: LibraryEntry) -> tuple[str, ...]:
    figure = figure_words(entry.metric, entry.value)
    return (
        entry.id,
        task_words(entry.task),
        text.size(entry.bytes),
        text.count(entry.parameters) if entry.parameters else "–",
        figure if "nats" in figure else f"{entry.metric.lower()} {figure}".strip(),
    )
