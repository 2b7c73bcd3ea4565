"""Telling an ONNX file from the many things that are taken for one.

Every function here looks at bytes and never runs, unpickles or unpacks them.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from layerscope.core import wire
from layerscope.core.errors import BadInputError
from layerscope.engine.model.wording import shown, size

HEAD_BYTES = 512
# protobuf's C++ reader, which onnxruntime uses, counts bytes in a signed 32-bit int.
MAX_FILE_BYTES = (1 << 31) - 1
# Each control-flow body takes three levels of protobuf's hundred.
MAX_NESTING = 31

_UNPACK = "archive; unpack it and open the .onnx file inside"
_CONVERT = "model; convert it with tf2onnx and open the result"
_INPUT = "; it can be an input, not a model"
_PROGRAM = "a program or library, which is never loaded"
_ORT = (
    "in onnxruntime's own .ort format, which cannot be drawn; open the .onnx file it "
    "was made from"
)
_TORCH = (
    "a pickle, as torch.save writes it, and unpickling can run any code, so it is "
    "never opened; export the model with torch.onnx.export"
)

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1f\x8b", f"a gzip {_UNPACK}"),
    (0, b"BZh", f"a bzip2 {_UNPACK}"),
    (0, b"\xfd7zXZ\x00", f"an xz {_UNPACK}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"a 7z {_UNPACK}"),
    (0, b"Rar!", f"a RAR {_UNPACK}"),
    (0, b"\x28\xb5\x2f\xfd", f"a zstd {_UNPACK}"),
    (257, b"ustar", f"a tar {_UNPACK}"),
    (4, b"ORTM", _ORT),
    (4, b"TFL3", f"a TensorFlow Lite {_CONVERT}"),
    (0, b"GGUF", "a GGUF model for llama.cpp; look for an ONNX export of it"),
    (0, b"\x89HDF", f"a Keras (HDF5) {_CONVERT}"),
    (0, b"\x93NUMPY", f"a NumPy array{_INPUT}"),
    (0, b"\x89PNG", f"a PNG picture{_INPUT}"),
    (0, b"\xff\xd8\xff", f"a JPEG picture{_INPUT}"),
    (0, b"GIF8", f"a GIF picture{_INPUT}"),
    (0, b"%PDF", "a PDF document; choose an .onnx file"),
    (0, b"\x7fELF", _PROGRAM),
    (0, b"MZ", _PROGRAM),
)
# IR version first, as every writer does; then the tag of another field of the model.
_FIRST_TAG = b"\x08"
_SECOND_TAGS = b"\x12\x1a\x22\x28\x32\x3a\x42"


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise if the first bytes of a file show that it is no ONNX model.

    Parameters
    ----------
    path : Path
        Of the file, for the sentence and to look into a zip archive.
    head : bytes
        Its first `HEAD_BYTES` bytes or fewer.

    Raises
    ------
    BadInputError
        Says what the file is and what to do.
    """
    kind = _kind(path, head)
    if kind:
        raise BadInputError(f"{shown(path.name)} is not an ONNX model: it is {kind}.")


def _kind(path: Path, head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return (
            "a Git LFS pointer, which stands for a model that was not downloaded; "
            "fetch it with `git lfs pull`"
        )
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--")):
        return "a web page saved under this name; download the file itself"
    if text.startswith((b"<?xml", b"<net", b"<error")):
        return "an XML document; download or convert the model itself"
    if text.startswith((b'{"', b"{\n", b"{\r", b"{}", b"[{")):
        return "a JSON document; open the .onnx file that belongs to it"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return _TORCH
    if len(head) > 8 and head[8:10] == b'{"' and not any(head[5:8]):
        return (
            "a safetensors file, weights without a graph; "
            "open an ONNX export of the model"
        )
    for offset, magic, name in _MAGIC:
        if head[offset:].startswith(magic):
            return name
    return ""


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = []
    if any(name.endswith("data.pkl") for name in names):
        return _TORCH
    if any(name.endswith((".keras", "model.weights.h5")) for name in names):
        return f"a Keras {_CONVERT}"
    if any(name.endswith(".npy") for name in names):
        return f"an archive of NumPy arrays{_INPUT}"
    return f"a zip {_UNPACK}"


def explain_unparsable(path: Path, data: bytes) -> BadInputError:
    """Return the sentence for a file that protobuf could not parse.

    Parameters
    ----------
    path : Path
        Of the file, for its name.
    data : bytes
        The whole file.
    """
    name = shown(path.name)
    try:
        depth = wire.nesting(data)
    except wire.WireError as error:
        start = begins_like_a_model(data)
        if error.cut and start and not _looks_rewritten(data):
            return BadInputError(
                f"{name} stops in the middle of the model after {size(len(data))}: "
                "the download or copy is incomplete, fetch it again."
            )
        if start and _looks_rewritten(data):
            return BadInputError(
                f"{name} was damaged by a program that treated it as text and "
                "replaced bytes it could not read; fetch the original again."
            )
        if start:
            return BadInputError(
                f"{name} begins like an ONNX model but is damaged after that; "
                "fetch it again."
            )
        return BadInputError(
            f"{name} is not an ONNX model: its bytes are not in ONNX's format; "
            "choose an .onnx file."
        )
    if depth > MAX_NESTING:
        return BadInputError(
            f"{name} nests control flow {depth} levels deep, more than the "
            f"{MAX_NESTING} that protobuf reads; export the model with flatter "
            "control flow."
        )
    return BadInputError(
        f"{name} holds text or values that ONNX's format does not allow; "
        "export the model again."
    )


def begins_like_a_model(data: bytes) -> bool:
    """Whether the first two fields of `data` are those of an ONNX model."""
    return len(data) > 2 and data[:1] == _FIRST_TAG and data[2] in _SECOND_TAGS


def _looks_rewritten(data: bytes) -> bool:
    # U+FFFD in UTF-8 stands wherever a byte was not text.
    return data.count(b"\xef\xbf\xbd") > max(3, len(data) // 2000)
