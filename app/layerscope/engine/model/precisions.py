"""Which file of a model holds which precision."""

from __future__ import annotations

import re
from pathlib import Path

import onnx

from layerscope.core.wire import Glimpse, glimpse

# How transformers.js and the Optimum exporter end the names of their variants.
SUFFIXES = {
    "fp16": "fp16",
    "int8": "int8",
    "uint8": "uint8",
    "quantized": "q8",
    "q4": "q4",
    "q4f16": "q4f16",
    "bnb4": "bnb4",
    "q8": "q8",
    "quant": "q8",
    "bf16": "bf16",
    "fp32": "fp32",
    "float16": "fp16",
    "float32": "fp32",
}
_VARIANT = re.compile(
    rf"^(?P<base>.+?)[-_.](?P<suffix>{'|'.join(sorted(SUFFIXES, key=len)[::-1])})$",
    re.IGNORECASE,
)
_BY_TYPE: dict[int, str] = {
    onnx.TensorProto.FLOAT: "fp32",
    onnx.TensorProto.DOUBLE: "fp64",
    onnx.TensorProto.FLOAT16: "fp16",
    onnx.TensorProto.BFLOAT16: "bf16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT4: "q4",
    onnx.TensorProto.UINT4: "q4",
    onnx.TensorProto.FLOAT8E4M3FN: "fp8",
    onnx.TensorProto.FLOAT8E4M3FNUZ: "fp8",
    onnx.TensorProto.FLOAT8E5M2: "fp8",
    onnx.TensorProto.FLOAT8E5M2FNUZ: "fp8",
}


def split_name(stem: str) -> tuple[str, str]:
    """Return what a file's stem names, and its precision or an empty string.

    ``"decoder_model_q4f16"`` gives ``("decoder_model", "q4f16")``.
    """
    match = _VARIANT.match(stem)
    if match is None:
        return stem, ""
    return match["base"], SUFFIXES[match["suffix"].lower()]


def by_weights(seen: Glimpse) -> str:
    """Return the precision that most weights of a file have, ``"fp32"`` for none."""
    counts = {
        kind: n for kind, n in seen.elements.items() if kind in _BY_TYPE and n > 0
    }
    if not counts:
        return "fp32"
    name = _BY_TYPE[max(counts, key=lambda kind: counts[kind])]
    return "q4" if seen.four_bit and name in ("uint8", "int8") else name


def precision_of(path: Path, seen: Glimpse | None = None) -> str:
    """Return the precision of one file, by its name or else by its weights.

    Parameters
    ----------
    path : Path
        A plain file.
    seen : Glimpse, optional
        Its scan, if there is one already.
    """
    stated = split_name(path.stem)[1]
    return stated or by_weights(glimpse(path) if seen is None else seen)


def variants(main: Path, files: list[Path], seen: Glimpse) -> dict[str, Path]:
    """Return the files that hold the same model, by precision, `main` first.

    Parameters
    ----------
    main : Path
        The one that is open.
    files : list of Path
        Candidates; those that name another model are left out.
    seen : Glimpse
        The scan of `main`.
    """
    found = {precision_of(main, seen): main}
    base = split_name(main.stem)[0]
    for path in sorted(files):
        if path == main or split_name(path.stem)[0] != base:
            continue
        found.setdefault(precision_of(path), path)
    return found
