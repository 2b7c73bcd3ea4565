"""How tensors, nodes and their numbers are called in the panels."""

from __future__ import annotations

import re

from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.protocol.values import NodeInfo, Statistics
from layerscope.state.session import Session, Structure
from layerscope.ui.widgets.readable import number, shape_of

_ACTIVATIONS = frozenset(
    {
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Selu",
        "Celu",
        "Gelu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Softmax",
        "Softplus",
        "Softsign",
        "Clip",
        "Mish",
        "Swish",
        "ThresholdedRelu",
    }
)
_PROVIDERS = {
    "CPUExecutionProvider": "CPU",
    "CUDAExecutionProvider": "CUDA",
    "TensorrtExecutionProvider": "TensorRT",
    "ROCMExecutionProvider": "ROCm",
    "MIGraphXExecutionProvider": "MIGraphX",
    "CoreMLExecutionProvider": "Core ML",
    "DmlExecutionProvider": "DirectML",
    "OpenVINOExecutionProvider": "OpenVINO",
}


def provider_name(provider: str) -> str:
    """Return an execution provider as people call it: ``"CPU"``, ``"CUDA"``."""
    return _PROVIDERS.get(provider, provider.removesuffix("ExecutionProvider"))


def producer(structure: Structure, tensor: str) -> NodeInfo | None:
    """Return the node that makes `tensor`, None for inputs and weights."""
    index = structure.producer_of.get(tensor, -1)
    return structure.nodes[index] if 0 <= index < len(structure.nodes) else None


def node_label(node: NodeInfo) -> str:
    """Return the last two parts of a node's name, without its operator.

    A number belongs to the part before it: ``"stage1.0 / relu2"``.
    """
    parts = [part for part in re.split(r"[/.]", node.name) if part]
    pattern = rf"{re.escape(node.op)}(_\d+)?(_output.*|_quant\w*)?"
    if len(parts) > 1 and re.fullmatch(pattern, parts[-1], re.IGNORECASE):
        parts.pop()
    parts = re.sub(r"/(?=\d+(/|$))", ".", "/".join(parts)).split("/")
    return " / ".join(parts[-2:]) or node.op


def tensor_label(structure: Structure, tensor: str) -> str:
    """Return a short name for `tensor`: that of its node, or its own."""
    node = producer(structure, tensor)
    if node is None:
        return tensor
    label = node_label(node)
    if len(node.outputs) > 1 and tensor in node.outputs:
        label += f" · output {node.outputs.index(tensor) + 1}"
    return label


def operator_clause(structure: Structure, tensor: str) -> str:
    """Say which operator made `tensor`: ``"after ReLU"``, ``"from Conv"``."""
    node = producer(structure, tensor)
    if node is None:
        return "input"
    if node.op in _ACTIVATIONS:
        return "after " + node.op.replace("Relu", "ReLU").replace("Gelu", "GELU")
    return f"from {node.op}"


def bare_shape(summary: LayerSummary) -> tuple[int, ...]:
    """Return the shape without a batch axis of one."""
    shape = summary.shape
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def layer_clause(session: Session, summary: LayerSummary) -> str:
    """Say what a layer is: name, shape and operator."""
    return " · ".join(
        (
            tensor_label(session.structure, summary.tensor),
            shape_of(bare_shape(summary)),
            operator_clause(session.structure, summary.tensor),
        )
    )


def watched_order(session: Session, frame: Frame | None) -> list[str]:
    """Return the tensors that can be looked at, in the order they are computed."""
    names = list(session.taps) or (list(frame.layers) if frame is not None else [])
    place = session.structure.producer_of
    return sorted(dict.fromkeys(names), key=lambda name: place.get(name, -1))


def nothing_yet(session: Session, usual: str) -> str:
    """Return what an empty panel says: `usual`, or why there will be nothing."""
    if session.model and session.refusal:
        return (
            "This model can be drawn but does not run here; the network shows the "
            "node concerned."
        )
    return usual


def value_of(level: int, low: float, high: float, boost: float) -> float:
    """Return the value that a level of the colour map stands for.

    Parameters
    ----------
    level : int
        0 to 255.
    low, high : float
        Values at the two ends.
    boost : float
        Exponent that was applied to the share between them.
    """
    portion = (level / 255) ** (1 / boost if boost > 0 else 1.0)
    return float(low + portion * (high - low))


def flags_text(statistics: Statistics) -> str:
    """Return the health flags as words."""
    words = {"nan": "NaN", "inf": "Inf"}
    return ", ".join(words.get(flag, flag) for flag in statistics.flags)


def range_text(low: float, high: float) -> str:
    """Return a range of values: ``"0 … 464.8"``."""
    return f"{number(low)} … {number(high)}"
