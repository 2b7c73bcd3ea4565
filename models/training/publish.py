"""Write a trained network as a folder that any ONNX program can open.

The folder follows Hugging Face: ``model.onnx`` with its weights inside,
``config.json`` with the labels, ``preprocessor_config.json`` with what to do to a
picture first, and ``README.md``, the card, whose YAML head states the measured
figure.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import nn

from training import cards, cifar10, readable

OPSET = 18
IR_VERSION = 10  # the newest that every onnxruntime since 1.18 reads
INPUT, OUTPUT = "pixel_values", "logits"
MODEL_FILE = "model.onnx"


def picture_classifier(network: nn.Module, folder: Path) -> None:
    """Export `network` and write everything a program needs to feed it.

    Parameters
    ----------
    network : nn.Module
        Maps (n, 3, 32, 32) float32 to (n, 10) logits, in evaluation mode.
    folder : Path
        Receives ``model.onnx``, ``config.json`` and
        ``preprocessor_config.json``; made where it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = exported(network, torch.zeros(2, 3, cifar10.SIZE, cifar10.SIZE))
    onnx.save(model, folder / MODEL_FILE)
    labels = dict(enumerate(cifar10.CLASSES))
    config = {
        "architectures": ["ResNetForImageClassification"],
        "model_type": "resnet",
        "num_channels": 3,
        "image_size": cifar10.SIZE,
        "num_labels": len(labels),
        "id2label": {str(index): label for index, label in labels.items()},
        "label2id": {label: index for index, label in labels.items()},
    }
    write_json(folder / "config.json", config)
    preprocessor = {
        "image_processor_type": "ConvNextImageProcessor",
        "do_resize": True,
        "size": {"height": cifar10.SIZE, "width": cifar10.SIZE},
        "resample": 2,  # Pillow's number for bilinear
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(cifar10.MEAN),
        "image_std": list(cifar10.STD),
    }
    write_json(folder / "preprocessor_config.json", preprocessor)


def exported(
    network: nn.Module,
    *examples: torch.Tensor,
    inputs: Sequence[str] = (INPUT,),
    outputs: Sequence[str] = (OUTPUT,),
    dynamic_shapes: tuple[object, ...] | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """Return `network` as ONNX with readable names and a free batch size.

    Parameters
    ----------
    network : nn.Module
        Put into evaluation mode.
    *examples : torch.Tensor
        Inputs of the right shapes, with a batch of at least two: the exporter
        takes a batch of one for a constant.
    inputs, outputs : sequence of str
        What the graph calls them.
    dynamic_shapes : tuple, optional
        For each input its free axes, as ``torch.onnx.export`` takes them; without,
        the first axis of every input is the batch.
    opset : int
        Version of the ONNX operators.
    """
    network.eval()
    if dynamic_shapes is None:
        batch = torch.export.Dim("batch")
        dynamic_shapes = tuple({0: batch} for _ in examples)
    with warnings.catch_warnings():
        # The exporter itself uses what torch has since deprecated.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            examples,
            dynamo=True,
            opset_version=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dynamic_shapes,
            verbose=False,
        )
    assert program is not None
    model = readable.renamed(program.model_proto, network)
    model.ir_version = min(model.ir_version, IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def cpu_session(path: Path) -> onnxruntime.InferenceSession:
    """Return a session of raw onnxruntime on the processor, with default options."""
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def measured_accuracy(
    folder: Path,
    split: cifar10.Split,
    session: onnxruntime.InferenceSession | None = None,
) -> float:
    """Return the share of `split` that the published files name rightly.

    Raw onnxruntime and the numbers of ``preprocessor_config.json`` are used, and
    nothing of ours, so that the figure is what others will find.

    Parameters
    ----------
    folder : Path
        What `picture_classifier` wrote.
    split : Split
        The test pictures.
    session : InferenceSession, optional
        Of the published file; by default one is made with default options.
    """
    session = session or cpu_session(folder / MODEL_FILE)
    right = 0
    for start in range(0, len(split.labels), 500):
        feed = prepared(folder, split.pictures[start : start + 500])
        (logits,) = session.run([OUTPUT], {INPUT: feed})
        answer = np.argmax(logits, axis=1)
        right += int((answer == split.labels[start : start + 500]).sum())
    return right / len(split.labels)


def prepared(folder: Path, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return pictures as ``preprocessor_config.json`` wants them fed.

    Parameters
    ----------
    folder : Path
        With that file.
    pictures : (n, 3, h, w) uint8 array
        RGB, already of the right size.
    """
    config = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    mean = np.asarray(config["image_mean"], np.float32).reshape(1, 3, 1, 1)
    std = np.asarray(config["image_std"], np.float32).reshape(1, 3, 1, 1)
    scale = np.float32(config["rescale_factor"])
    fed: npt.NDArray[np.float32] = (pictures.astype(np.float32) * scale - mean) / std
    return fed


def cifar10_accuracy(folder: Path) -> float:
    """Return the share of the CIFAR-10 test pictures that `folder` names rightly."""
    _, test_split = cifar10.load()
    return measured_accuracy(folder, test_split)


def cifar10_card(
    folder: Path,
    *,
    model_id: str,
    title: str,
    n_parameters: int,
    figure: float,
    epochs: int,
    n_pictures: int = 10_000,
) -> None:
    """Write the card of a CIFAR-10 classifier.

    Parameters
    ----------
    folder : Path
        Receives ``README.md``.
    model_id : str
        Name of the folder in ``models/``.
    title : str
        The word for its size, ``"medium"`` say; its first letter ends the name.
    n_parameters : int
        Of the network as trained, batch normalisation included.
    figure : float
        Measured accuracy, 0 to 1.
    epochs : int
        Passes over the training pictures.
    n_pictures : int
        How many test pictures the figure was measured on.
    """
    size = (folder / MODEL_FILE).stat().st_size
    body = _CARD.format(
        title=title,
        percent=100 * figure,
        n_pictures=n_pictures,
        n_parameters=n_parameters,
        megabytes=size / 1e6,
        epochs=epochs,
        classes=", ".join(cifar10.CLASSES[:-1]) + " or " + cifar10.CLASSES[-1],
        size=cifar10.SIZE,
        opset=OPSET,
    )
    cards.write_card(
        folder,
        model_id=model_id,
        title=f"CIFAR-10 ResNet {title[:1].upper()}",
        task="image-classification",
        dataset="cifar10",
        dataset_name="CIFAR-10",
        metric_type="accuracy",
        metric="Accuracy",
        value=figure,
        teaches=_TEACHES,
        body=body,
    )


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


_TEACHES = (
    "How a residual network goes from edges to textures to parts of things, one "
    "block at a time, on pictures small enough to count the pixels."
)
_CARD = """\
# CIFAR-10 ResNet, {title}

Says whether a picture shows an {classes}. Pictures are {size}x{size} pixels, which is
small: the network is made for looking inside, not for sorting holiday photographs.

| | |
|---|---|
| Accuracy | {percent:.2f} % of {n_pictures:,} CIFAR-10 test pictures, raw onnxruntime |
| Parameters | {n_parameters:,} as trained; batch normalisation is folded in the file |
| Size | {megabytes:.2f} MB, opset {opset}, float32 |
| Training | {epochs} epochs on the 50,000 training pictures, `train.py` beside this |

The test pictures were measured, never chosen by: the last weights are published.
The figure is measured again by `make verify-models`.

## Input and output

`pixel_values`: float32, batch x 3 x 32 x 32, RGB, `(pixel / 255 - mean) / deviation`
with the numbers of `preprocessor_config.json`. `logits`: float32, batch x 10; the
softmax of a row is the score of each class in `config.json`.

## Limits

It knows ten words. Anything else gets one of them, often with a high score. It has
seen one small, old data set, with that data set's view of the world, and should decide
nothing that matters.

## Sources

Data: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, for
research use; no picture of it is part of this folder. Network: He et al., "Deep
Residual Learning for Image Recognition", 2015, trained after Jordan, "94% on CIFAR-10
in 3.29 Seconds on a Single GPU", 2024. The weights are our own and Apache-2.0.
"""
