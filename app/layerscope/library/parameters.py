"""How many learnt numbers a model holds, read from its files without its weights."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from layerscope.core import wire

# ONNX data types of operands: 64-bit integers, strings and truth values.
_OPERANDS = frozenset({7, 8, 9})
# Endings of files that hold the same weights once more, at another precision.
_VARIANTS = (
    "_quantized",
    "_fp16",
    "_int8",
    "_uint8",
    "_q8",
    "_q4",
    "_q4f16",
    "_bnb4",
)
# Optimum writes a decoder once, twice or three times; the first of these counts.
_SAME_DECODER = ("decoder_model_merged", "decoder_model", "decoder_with_past_model")


def count_parameters(files: Sequence[Path]) -> int:
    """Return the number of learnt values in the graphs of one model.

    Initializers count, whatever their precision, and large constants; the numbers
    of a tree ensemble are attributes and do not. Only the sizes are read.

    Parameters
    ----------
    files : sequence of Path
        The ``.onnx`` files of a model's folder. Of files with the same weights at
        several precisions one counts.
    """
    return sum(_in_file(file, file.stat().st_mtime_ns) for file in _distinct(files))


def _distinct(files: Sequence[Path]) -> list[Path]:
    chosen: dict[tuple[Path, str], Path] = {}
    for file in sorted(files, key=lambda file: (len(file.name), file.name)):
        stem = file.stem
        for ending in _VARIANTS:
            stem = stem.removesuffix(ending)
        if stem in _SAME_DECODER:
            stem = "decoder"
        chosen.setdefault((file.parent, stem), file)
    return list(chosen.values())


@functools.lru_cache(maxsize=256)
def _in_file(file: Path, _changed_ns: int) -> int:
    try:
        elements = wire.glimpse(file).elements
    except OSError:
        return 0
    return sum(n for kind, n in elements.items() if kind not in _OPERANDS)
