"""The icon of an operator, for cards that have no picture."""

from __future__ import annotations

from functools import lru_cache

_BLOCK, _INPUT, _OUTPUT, _OTHER = "layers", "download", "chart-column", "box"
# The first part of an operator's name that fits decides.
_ICONS = (
    ("Tree", "list-tree"),
    ("SVM", "list-tree"),
    ("Linear", "network"),
    ("Normalizer", "sliders-horizontal"),
    ("Conv", "grid-3x3"),
    ("MaxPool", "crosshair"),
    ("AveragePool", "blend"),
    ("Global", "blend"),
    ("Gemm", "network"),
    ("MatMul", "network"),
    ("QLinear", "network"),
    ("LSTM", "repeat"),
    ("GRU", "repeat"),
    ("RNN", "repeat"),
    ("Loop", "repeat"),
    ("Scan", "repeat"),
    ("If", "shuffle"),
    ("Attention", "eye"),
    ("Softmax", "chart-column"),
    ("Sigmoid", "activity"),
    ("Tanh", "activity"),
    ("Relu", "activity"),
    ("Gelu", "activity"),
    ("Erf", "activity"),
    ("Sin", "activity"),
    ("Cos", "activity"),
    ("STFT", "activity"),
    ("DFT", "activity"),
    ("BatchNorm", "sliders-horizontal"),
    ("LayerNorm", "sliders-horizontal"),
    ("InstanceNorm", "sliders-horizontal"),
    ("Reduce", "blend"),
    ("Arg", "crosshair"),
    ("TopK", "crosshair"),
    ("Gather", "table-2"),
    ("Constant", "hash"),
    ("Shape", "hash"),
    ("Cast", "hash"),
    ("Quantize", "hash"),
    ("Dequantize", "hash"),
    ("Concat", "columns-2"),
    ("Split", "columns-2"),
    ("Slice", "columns-2"),
    ("Transpose", "refresh-ccw"),
    ("Reshape", "scan"),
    ("Flatten", "scan"),
    ("Squeeze", "scan"),
    ("Unsqueeze", "scan"),
    ("Expand", "maximize"),
    ("Resize", "maximize"),
    ("Upsample", "maximize"),
    ("Random", "dices"),
    ("Add", "plus"),
    ("Sum", "plus"),
    ("Sub", "minus"),
    ("Mul", "x"),
)


@lru_cache(maxsize=512)
def operator_icon(op: str) -> str:
    """Return the bundled icon of an operator by its name, ``"Conv"`` say."""
    return next((icon for word, icon in _ICONS if op.startswith(word)), _OTHER)


def end_icon(*, is_input: bool) -> str:
    """Return the icon of an input or output of the graph."""
    return _INPUT if is_input else _OUTPUT


def block_icon() -> str:
    """Return the icon of a block of several nodes."""
    return _BLOCK
