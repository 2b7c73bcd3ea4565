"""The card of a model: a README with a YAML head, in the form of the Hugging Face Hub.

The head states the measured figure as a ``model-index``, which the Hub and the
library of Layerscope read. Mitchell et al., "Model Cards for Model Reporting", 2019
(https://arxiv.org/abs/1810.03993).
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import yaml

CARD = "README.md"
_FENCE = "---\n"
_WIDTH = 88
_DIGITS = 4  # of a stated figure: a hundredth of a point


def write_card(
    folder: Path,
    *,
    title: str,
    task: str,
    dataset: str,
    dataset_name: str,
    metric_type: str,
    metric: str,
    value: float,
    teaches: str,
    body: str,
    base_model: str = "",
    licence: str = "apache-2.0",
    tags: Sequence[str] = (),
    model_id: str = "",
) -> None:
    """Write ``README.md`` into the folder of a model.

    Parameters
    ----------
    folder : Path
        ``models/<id>``; a temporary folder for a quick run.
    title : str
        Short name for people.
    task : str
        The Hub's ``pipeline_tag``, ``"image-classification"`` say.
    dataset, dataset_name : str
        Its id on the Hub, and its name for people.
    metric_type, metric : str
        The Hub's word for what was measured, and its name for people.
    value : float
        The measured figure; accuracy is 0 to 1. Stated to four decimals.
    teaches : str
        One sentence on what there is to see in the model.
    body : str
        Markdown below the head, from its heading on. Paragraphs with a line that
        is too long are broken anew, unless there are code blocks in it.
    base_model : str, optional
        Id of the model that training started from.
    licence : str, optional
        SPDX id in lower case.
    tags : sequence of str, optional
        Further words to be found by.
    model_id : str, optional
        Name of the model, where `folder` is called otherwise.

    Raises
    ------
    ValueError
        If `value` is no finite number.
    """
    if not math.isfinite(value):
        raise ValueError(f"The figure of a card must be a number, not {value}.")
    result = {
        "task": {"type": task},
        "dataset": {"type": dataset, "name": dataset_name, "split": "test"},
        "metrics": [
            {"type": metric_type, "name": metric, "value": round(float(value), _DIGITS)}
        ],
    }
    head = {
        "license": licence,
        "library_name": "onnx",
        "pipeline_tag": task,
        **({"base_model": base_model} if base_model else {}),
        **({"tags": list(tags)} if tags else {}),
        "datasets": [dataset],
        "metrics": [metric_type],
        "model-index": [{"name": model_id or folder.name, "results": [result]}],
        "layerscope": {"title": title, "teaches": " ".join(teaches.split())},
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=84)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text(
        f"{_FENCE}{text}{_FENCE}\n{_wrapped(body.strip())}\n", encoding="utf-8"
    )


def stated_figure(folder: Path) -> float:
    """Return the figure that the card in `folder` states.

    Raises
    ------
    ValueError
        If there is no card, or no number in it.
    """
    path = folder / CARD
    if not path.is_file():
        raise ValueError(f"{path} was looked for and is not there; train the model.")
    before, _, rest = path.read_text(encoding="utf-8").partition(_FENCE)
    head = yaml.safe_load(rest.partition(f"\n{_FENCE}")[0]) if not before else None
    try:
        value = head["model-index"][0]["results"][0]["metrics"][0]["value"]
        return float(value)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"The head of {path} states no figure.") from error


def _wrapped(body: str) -> str:
    if "```" in body:
        return body
    return "\n\n".join(_wrapped_paragraph(part) for part in body.split("\n\n"))


def _wrapped_paragraph(text: str) -> str:
    fits = all(len(line) <= _WIDTH for line in text.splitlines())
    if fits or not re.match(r"[\w`“\"(]", text):
        return text
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
