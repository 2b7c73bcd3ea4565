"""Classifiers of scikit-learn as ``ai.onnx.ml``: forest, boosting, support vectors."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from training import digit_classifiers, digits, publish, quick

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

N_PIXELS = digits.SCANNED_SIZE**2
ML_OPSET = 3
N_SAMPLES = 10
SAMPLE_FILE = "sample.npz"
_PORTS = """\
`pixels`: float32, batch x 64, the rows of an 8x8 scan one after the other, 0 (paper)
to 16 (ink), as in `sklearn.datasets.load_digits().data`. `label`: int64, batch, the
digit. `probabilities`: float32, batch x 10, {scores}. `sample.npz` holds one held-out
scan of each digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the card and the configuration say of one kind of classifier.

    Attributes
    ----------
    title, teaches, what, training, source : str
        See `digit_classifiers.write_card`.
    model_type : str
        For ``config.json``.
    scores : str
        What its ten numbers are.
    """

    title: str
    teaches: str
    what: str
    training: str
    source: str
    model_type: str
    scores: str


def train_and_publish(folder: Path, classifier: ClassifierMixin, kind: Kind) -> None:
    """Fit a classifier of scikit-learn, convert it, measure it, write its card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    classifier : ClassifierMixin
        Not fitted yet.
    kind : Kind
        What to say of it.
    """
    quick_run = quick.arguments(folder.name).quick
    train, test = digits.load(digits.SCANNED_SIZE)
    n_train = 300 if quick_run else len(train.labels)
    classifier.fit(
        digit_classifiers.inked(train)[:n_train].astype(np.float32),
        train.labels[:n_train],
    )
    target = quick.target_folder(folder, quick_run)
    onnx.save(converted(classifier), target / publish.MODEL_FILE)
    digit_classifiers.write_config(
        target, model_type=kind.model_type, architecture=type(classifier).__name__
    )
    firsts = [int(np.flatnonzero(test.labels == digit)[0]) for digit in range(10)]
    np.savez_compressed(
        target / SAMPLE_FILE, pixels=digit_classifiers.inked(test)[firsts]
    )
    publish.write_json(target / "samples.json", {"inputs": SAMPLE_FILE})
    figure = digit_classifiers.write_card(
        target,
        model_id=folder.name,
        title=kind.title,
        task="tabular-classification",
        teaches=kind.teaches,
        what=kind.what,
        training=kind.training,
        ports=_PORTS.format(scores=kind.scores),
        source=kind.source,
    )
    sys.stdout.write(f"{target}: {100 * figure:.2f} % of {len(test.labels)}\n")


def converted(classifier: ClassifierMixin) -> onnx.ModelProto:
    """Return a fitted classifier as ONNX, with plain arrays for its answers."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        # The converter asks for what scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        model = convert_sklearn(
            classifier,
            name=type(classifier).__name__,
            initial_types=[("pixels", FloatTensorType([None, N_PIXELS]))],
            options={id(classifier): {"zipmap": False}},
            target_opset={"": publish.OPSET, "ai.onnx.ml": ML_OPSET},
        )
    model.ir_version = min(model.ir_version, publish.IR_VERSION)
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    return model
