"""Static quantisation of a bundled picture classifier to 8-bit integers.

Weights per channel and activations per tensor, as pairs of ``QuantizeLinear`` and
``DequantizeLinear`` around each operator: Jacob et al., "Quantization and Training of
Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2017
(https://arxiv.org/abs/1712.05877), by onnxruntime.quantization.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime import quantization

from training import cards, cifar10, publish, quick

N_CALIBRATION = 1000
BATCH_SIZE = 100
N_ROUNDS = 300  # of the comparison of speeds
CONFIGURATION = ("config.json", "preprocessor_config.json")


class Calibration(quantization.CalibrationDataReader):
    """Hands preprocessed training pictures to the quantiser, batch after batch.

    Parameters
    ----------
    folder : Path
        The unquantised model, whose preprocessing is used.
    split : Split
        The training pictures.
    """

    def __init__(self, folder: Path, split: cifar10.Split) -> None:
        chosen = np.random.default_rng(0).permutation(len(split.labels))
        pictures = publish.prepared(folder, split.pictures[chosen[:N_CALIBRATION]])
        self.batches: Iterator[npt.NDArray[np.float32]] = iter(
            np.array_split(pictures, max(1, len(pictures) // BATCH_SIZE))
        )

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """Return the next batch by input name, None after the last."""
        batch = next(self.batches, None)
        return None if batch is None else {publish.INPUT: batch}


def quantise_and_publish(folder: Path, source: Path, *, title: str) -> None:
    """Quantise a published model, measure both, write the card.

    Parameters
    ----------
    folder : Path
        ``models/<id>``, which receives the files.
    source : Path
        The folder of the unquantised model.
    title : str
        For the card.
    """
    quick_run = quick.arguments(folder.name).quick
    train, test = cifar10.load(limit_per_class=20 if quick_run else None)
    target = quick.target_folder(folder, quick_run)
    onnx.save(quantised(source, train), target / publish.MODEL_FILE)
    for name in CONFIGURATION:
        shutil.copyfile(source / name, target / name)
    figure = publish.measured_accuracy(target, test)
    before = publish.measured_accuracy(source, test)
    ratio = speed_ratio(source, target, rounds=20 if quick_run else N_ROUNDS)
    _write_card(target, folder.name, source, title, (figure, before, ratio))
    sys.stdout.write(
        f"{target}: {100 * figure:.2f} % of {len(test.labels)}, {100 * before:.2f} % "
        f"before, {ratio:.2f} times as fast\n"
    )


def quantised(source: Path, train: cifar10.Split) -> onnx.ModelProto:
    """Return the model of `source` with 8-bit weights and activations."""
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser warns of what it does
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "quantised.onnx"
        quantization.quantize_static(
            source / publish.MODEL_FILE,
            result,
            Calibration(source, train),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
        )
        model = onnx.load(result)
    model.ir_version = min(model.ir_version, publish.IR_VERSION)
    _keep_scopes(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model


def _keep_scopes(graph: onnx.GraphProto) -> None:
    """Give each new node the module of the node that it was made for.

    That is the one that made what it quantises, and the one that takes what it
    dequantises.
    """
    makers = {name: node for node in graph.node for name in node.output}
    takers = {name: node for node in reversed(graph.node) for name in node.input}
    for _ in range(2):  # a pair in a row learns it from one another
        for node in graph.node:
            maker, taker = makers.get(node.input[0]), takers.get(node.output[0])
            pair = (
                (maker, taker) if node.op_type == "QuantizeLinear" else (taker, maker)
            )
            known = next((n for n in pair if n is not None and n.metadata_props), None)
            if not node.metadata_props and known is not None:
                node.metadata_props.extend(known.metadata_props)


def speed_ratio(source: Path, target: Path, *, rounds: int = N_ROUNDS) -> float:
    """Return how many times as fast `target` is as `source`, one picture a run.

    Both run in turns on one thread, so that whatever else the machine does falls on
    both alike.

    Parameters
    ----------
    source, target : Path
        Folders of models.
    rounds : int
        Runs of each, of which the median is taken.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = [
        onnxruntime.InferenceSession(
            folder / publish.MODEL_FILE, options, providers=["CPUExecutionProvider"]
        )
        for folder in (source, target)
    ]
    picture = np.zeros((1, 3, cifar10.SIZE, cifar10.SIZE), np.float32)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for session, times in zip(sessions, taken, strict=True):
            started = time.perf_counter()
            session.run(None, {publish.INPUT: picture})
            times.append(time.perf_counter() - started)
    return statistics.median(taken[0]) / statistics.median(taken[1])


def _write_card(
    target: Path,
    model_id: str,
    source: Path,
    title: str,
    measured: tuple[float, float, float],
) -> None:
    figure, before, ratio = measured
    after, full = (
        (path / publish.MODEL_FILE).stat().st_size / 1e6 for path in (target, source)
    )
    cards.write_card(
        target,
        model_id=model_id,
        title=title,
        task="image-classification",
        dataset="cifar10",
        dataset_name="CIFAR-10",
        metric_type="accuracy",
        metric="Accuracy",
        value=figure,
        base_model=source.name,
        teaches=(
            "What is left of a network when each number gets 256 values: a quarter of "
            "the size, and answers that are nearly the same."
        ),
        tags=["quantized", "int8"],
        body=_BODY.format(
            title=title,
            source=source.name,
            percent=100 * figure,
            before=100 * before,
            megabytes=after,
            megabytes_before=full,
            n=N_CALIBRATION,
            instructions=_instructions(),
            rounds=N_ROUNDS,
            speed=f"{ratio:.1f} times as fast" if ratio >= 1 else _slower(ratio),
        ),
    )


def _instructions() -> str:
    """Return in words whether this processor multiplies 8-bit integers at once."""
    facts = Path("/proc/cpuinfo")
    flags = facts.read_text("utf-8").split() if facts.is_file() else []
    if not flags:
        return "of unknown abilities"
    return "with VNNI" if {"avx512_vnni", "avx_vnni"} & {*flags} else "without VNNI"


def _slower(ratio: float) -> str:
    return f"{1 / ratio:.1f} times slower"


_BODY = """\
# {title}

`{source}` with 8-bit integers for weights and activations. It says whether a picture
shows an airplane, automobile, bird, cat, deer, dog, frog, horse, ship or truck.

| | int8 | `{source}` |
|---|---|---|
| Accuracy on the 10,000 CIFAR-10 test pictures | {percent:.2f} % | {before:.2f} % |
| Size | {megabytes:.2f} MB | {megabytes_before:.2f} MB |

One picture on one thread of a processor {instructions}: {speed},
the medians of {rounds} runs each, in turns. Where a processor has no instructions for
8-bit products it can be slower than the original.

`{source}` was quantised after training, statically: the range of every tensor comes
from {n:,} training pictures, the weights have a scale for each output channel. The
test pictures were only measured. `make verify-models` measures the figure again.

## Input and output

As `{source}`: `pixel_values`, float32, batch x 3 x 32 x 32, prepared by the numbers of
`preprocessor_config.json`; `logits`, float32, batch x 10. The integers are inside,
between `QuantizeLinear` and `DequantizeLinear`.

## Limits

Those of `{source}`. Its scores differ a little, and near a border so can its answers.

## Sources

Data: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, for
research use. Method: Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", 2017, by onnxruntime.quantization. The
weights are our own and Apache-2.0.
"""
