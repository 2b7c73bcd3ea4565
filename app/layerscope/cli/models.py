"""``layerscope models``: the bundled library."""

from __future__ import annotations

import math

from layerscope.cli import text
from layerscope.cli.arguments import ModelsRequest
from layerscope.library.bundled import LibraryEntry, bundled_models


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
                }
                for entry in entries
            ]
        )
        return
    if not entries:
        text.say("No models are bundled with this copy; open a file of your own.")
    rows = [
        (
            entry.id,
            entry.task.replace("-", " "),
            text.size(entry.bytes),
            _measured(entry),
        )
        for entry in entries
    ]
    for line in text.table(rows, indent=""):
        text.say(line)


def _measured(entry: LibraryEntry) -> str:
    if not entry.metric or math.isnan(entry.value):
        return ""
    accuracy = "accuracy" in entry.metric.lower() and 0 <= entry.value <= 1
    value = f"{entry.value:.1%}" if accuracy else f"{entry.value:g}"
    return f"{entry.metric.lower()} {value}"
