"""What the four classifiers of digits share: configuration, card and measuring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training import cards, digits, publish

LABEL_OF = {str(digit): label for digit, label in enumerate(digits.LABELS)}


def accuracy(folder: Path) -> float:
    """Return the share of the held-out digits that ``model.onnx`` reads rightly.

    Networks take ``pixel_values`` and put out scores, scikit-learn's models take
    ``pixels`` and put out the digit itself as ``label``.
    """
    session = publish.cpu_session(folder / publish.MODEL_FILE)
    name = session.get_inputs()[0].name
    if name == publish.INPUT:
        _, test = digits.load()
        (logits,) = session.run([publish.OUTPUT], {name: test.pictures})
        answer = logits.argmax(1)
    else:
        _, test = digits.load(digits.SCANNED_SIZE)
        (answer,) = session.run(["label"], {name: inked(test)})
    return float((answer == test.labels).mean())


def inked(split: digits.Split) -> npt.NDArray[np.float32]:
    """Return scans as scikit-learn has them: (n, 64) float32, 0 to 16."""
    return split.pictures.reshape(len(split.labels), -1) * np.float32(16)


def write_config(folder: Path, *, model_type: str, architecture: str) -> None:
    """Write ``config.json`` with the names of the digits.

    Parameters
    ----------
    folder : Path
        Receives the file.
    model_type, architecture : str
        What kind of model it is, and the class that was trained.
    """
    config = {
        "architectures": [architecture],
        "model_type": model_type,
        "num_labels": len(LABEL_OF),
        "id2label": LABEL_OF,
        "label2id": {label: int(digit) for digit, label in LABEL_OF.items()},
    }
    publish.write_json(folder / "config.json", config)


def write_card(
    folder: Path,
    *,
    model_id: str,
    title: str,
    task: str,
    teaches: str,
    what: str,
    training: str,
    ports: str,
    source: str,
) -> float:
    """Measure the published model, write its card and return the figure.

    Parameters
    ----------
    folder : Path
        With ``model.onnx``.
    model_id, title, task, teaches : str
        See `cards.write_card`.
    what : str
        A sentence on how it works.
    training, ports, source : str
        How it was trained, what goes in and out, and where that is described.
    """
    figure = accuracy(folder)
    _, test = digits.load(digits.SCANNED_SIZE)
    body = _BODY.format(
        title=title,
        what=what,
        percent=100 * figure,
        n_test=len(test.labels),
        kilobytes=(folder / publish.MODEL_FILE).stat().st_size / 1e3,
        training=training,
        ports=ports,
        source=source,
    )
    cards.write_card(
        folder,
        model_id=model_id,
        title=title,
        task=task,
        dataset=digits.DATASET,
        dataset_name=digits.DATASET_NAME,
        metric_type="accuracy",
        metric="Accuracy",
        value=figure,
        teaches=teaches,
        body=body,
    )
    return figure


_BODY = """\
# {title}

Reads a handwritten digit. {what}

| | |
|---|---|
| Accuracy | {percent:.2f} % of {n_test} held-out digits, raw onnxruntime |
| Size | {kilobytes:,.0f} kB |
| Training | {training}, `train.py` beside this |

The digits that it is measured on are a fifth of the data set, drawn by a fixed seed
with every digit in its share, and were not trained on. The same people wrote both
parts. `make verify-models` measures the figure again.

## Input and output

{ports}

## Limits

It knows the handwriting of a few dozen people of 1998 and takes whatever it is given
for a digit. It is for looking inside and should decide nothing that matters.

## Sources

Data: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, CC BY 4.0, as it comes with scikit-learn. Model: {source}.
The weights are our own and Apache-2.0.
"""
