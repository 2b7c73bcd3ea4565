"""PNG files with text in them, written and read without an imaging library.

The window and the command line may know none, and what a picture was made with has to
be in the file. W3C, "Portable Network Graphics (PNG) Specification", third edition,
2025 (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_TEXT_BYTES = 1 << 20
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def write_png(
    path: Path, pixels: npt.NDArray[np.uint8], texts: Mapping[str, str] | None = None
) -> None:
    """Write a picture, its texts first.

    Parameters
    ----------
    path : Path
        Replaced where it exists.
    pixels : array
        (h, w), (h, w, 3) or (h, w, 4) uint8.
    texts : mapping of str to str, optional
        By keyword, 1 to 79 Latin characters.

    Raises
    ------
    BadInputError
        The file cannot be written, or the array is no picture.
    """
    depth = 1 if pixels.ndim == 2 else pixels.shape[-1]
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or not pixels.size:
        raise BadInputError(
            f"An array of {pixels.dtype} {pixels.shape} was to be saved as a picture; "
            "height x width x 3 bytes are needed."
        )
    if depth not in _COLOUR_TYPES:
        raise BadInputError(
            f"A picture of {depth} channels was to be saved; 1, 3 or 4 can be."
        )
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, width * depth)
    # Differences to the pixel on the left compress better than pixels.
    filtered = np.empty((height, width * depth + 1), dtype=np.uint8)
    filtered[:, 0] = 1
    filtered[:, 1 : depth + 1] = rows[:, :depth]
    filtered[:, depth + 1 :] = rows[:, depth:] - rows[:, :-depth]
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[depth], 0, 0, 0)
    chunks = [_chunk(b"IHDR", header)]
    chunks += [_text(key, value) for key, value in (texts or {}).items()]
    chunks += [
        _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)),
        _chunk(b"IEND", b""),
    ]
    try:
        path.write_bytes(SIGNATURE + b"".join(chunks))
    except OSError as error:
        raise BadInputError(
            f"'{path}' cannot be written ({error.strerror or error}); choose another "
            "place."
        ) from error


def read_texts(path: Path) -> dict[str, str]:
    """Return the texts in a PNG file by keyword; none where it is no PNG file.

    Of a text that is larger than `MOST_TEXT_BYTES` when unpacked, nothing is read.

    Raises
    ------
    BadInputError
        The file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return dict(_texts(file))
    except OSError as error:
        raise BadInputError(
            f"'{path}' cannot be read ({error.strerror or error}); check the path."
        ) from error


def _texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            return  # texts behind the pixels are nobody's that we know of
        if kind not in (b"tEXt", b"zTXt", b"iTXt") or length > MOST_TEXT_BYTES:
            file.seek(length + 4, 1)
            continue
        data = file.read(length)
        file.seek(4, 1)
        try:
            yield _read_text(kind, data)
        except (ValueError, IndexError, zlib.error):
            continue


def _read_text(kind: bytes, data: bytes) -> tuple[str, str]:
    keyword, rest = data.split(b"\0", 1)
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    if kind == b"zTXt":
        return name, _unpacked(rest[1:]).decode("latin-1")
    packed = rest[0] == 1
    _, _, text = rest[2:].split(b"\0", 2)
    return name, (_unpacked(text) if packed else text).decode("utf-8")


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, MOST_TEXT_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("too long")
    return text


def _text(key: str, value: str) -> bytes:
    name = key.encode("latin-1", errors="replace")[:79]
    try:
        return _chunk(b"tEXt", name + b"\0" + value.encode("latin-1"))
    except UnicodeEncodeError:
        plain = value.encode("utf-8", errors="replace")
        return _chunk(b"iTXt", name + b"\0\0\0\0\0" + plain)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)
