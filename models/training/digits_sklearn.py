"""Classifiers of scikit-learn as ``ai.onnx.ml``: forest, boosting, support vectors."""

from __future__ import annotations

import itertools
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
digit. {scores} `sample.npz` holds one held-out
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
        A sentence on its second output.
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
    # The converter states some domains twice, and each at the lowest that would do.
    del model.opset_import[:]
    model.opset_import.extend(
        onnx.helper.make_opsetid(domain, version)
        for domain, version in (("", publish.OPSET), ("ai.onnx.ml", ML_OPSET))
    )
    graph = model.graph
    if graph.node[0].op_type == "SVMClassifier":
        _count_votes(graph)
    if graph.node[-1].op_type == "Identity":
        (named,) = (n for n in graph.node if graph.node[-1].input[0] in n.output)
        named.output[-1] = graph.node[-1].output[0]
        del graph.node[-1]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model, full_check=True)
    return model


def _count_votes(graph: onnx.GraphProto) -> None:
    """Let each comparison of two digits vote, in place of the converter's own tail."""
    del graph.node[1:]
    machine = graph.node[0]
    machine.output[1] = "pair_scores"
    pairs = list(itertools.combinations(range(10), 2))
    sides = np.zeros((len(pairs), 10), np.float32)
    for row, (first, second) in zip(sides, pairs, strict=True):
        row[[first, second]] = 1, -1
    won = np.float32(9 / 2)  # of nine comparisons half, where wins balance losses
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(array), name)
        for name, array in (
            ("sides", sides),
            ("half", np.float32(0.5)),
            ("half_of_nine", won),
        )
    )
    for operator, inputs, output in (
        ("Sign", ["pair_scores"], "pair_winners"),
        ("MatMul", ["pair_winners", "sides"], "wins_less_losses"),
        ("Mul", ["wins_less_losses", "half"], "half_the_balance"),
        ("Add", ["half_the_balance", "half_of_nine"], "votes"),
    ):
        graph.node.append(onnx.helper.make_node(operator, inputs, [output], output))
    graph.output[1].name = "votes"
