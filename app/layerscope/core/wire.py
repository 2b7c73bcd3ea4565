"""A look at protobuf bytes without parsing them, and without an inference library.

Used to say what is wrong with a file that does not parse, and to learn the few
things of a file that decide which one of a folder to open.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Buffer = bytes | mmap.mmap

MODEL_GRAPH = 7
MODEL_METADATA = 14
GRAPH_NODE = 1
GRAPH_INITIALIZER = 5
NODE_ATTRIBUTE = 5
ATTRIBUTE_SUBGRAPHS = (6, 11)
_BYTES = (2, 3)  # uint8, int8: what packed blocks are stored as
MAX_METADATA_BYTES = 1 << 20
# Smaller nodes hold no weight that is worth opening them for.
MIN_CONSTANT_BYTES = 1024


class WireError(Exception):
    """The bytes are not a protobuf message.

    Parameters
    ----------
    message : str
    cut : bool
        Whether they stop before a field that was announced is complete.
    """

    def __init__(self, message: str, *, cut: bool) -> None:
        super().__init__(message)
        self.cut = cut


def _varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise WireError("number too long", cut=False)
    raise WireError("ends inside a number", cut=True)


def fields(data: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Walk over the fields of one message.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    start, end : int
        Where the message lies.

    Yields
    ------
    number : int
        The field's number.
    value : int
        A plain number's value; 0 for the other kinds.
    first, last : int
        Where the content lies.

    Raises
    ------
    WireError
        The bytes are cut or no message at all.
    """
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError("field number 0", cut=False)
        value, first = 0, at
        if kind == 0:
            value, at = _varint(data, at, end)
        elif kind == 2:
            length, first = _varint(data, at, end)
            at = first + length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise WireError(f"field of kind {kind}", cut=False)
        if at > end:
            raise WireError("ends inside a field", cut=True)
        yield number, value, first, at


def nesting(data: Buffer) -> int:
    """Return how deep control-flow bodies lie in one another, 0 for none.

    Raises
    ------
    WireError
        The bytes are cut or no model at all.
    """
    deepest = 0
    waiting = [
        (first, last, 0)
        for number, _, first, last in fields(data, 0, len(data))
        if number == MODEL_GRAPH
    ]
    while waiting:
        start, end, depth = waiting.pop()
        deepest = max(deepest, depth)
        for number, _, first, last in fields(data, start, end):
            if number != GRAPH_NODE:
                continue
            for in_node, _, a, b in fields(data, first, last):
                if in_node == NODE_ATTRIBUTE:
                    waiting += [
                        (x, y, depth + 1)
                        for in_attribute, _, x, y in fields(data, a, b)
                        if in_attribute in ATTRIBUTE_SUBGRAPHS
                    ]
    return deepest


@dataclass
class Glimpse:
    """What can be said of a model file without parsing it.

    Attributes
    ----------
    metadata : dict
        The file's ``metadata_props``; very long values are left out.
    elements : dict
        Number of weight elements by ONNX data type.
    four_bit : bool
        Whether weights are multiplied in packed four-bit blocks.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    elements: dict[int, int] = field(default_factory=dict)
    four_bit: bool = False


def glimpse(path: Path) -> Glimpse:
    """Scan a model file; what cannot be understood is left out.

    Parameters
    ----------
    path : Path
        A plain file.
    """
    seen = Glimpse()
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return seen
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                for number, _, first, last in fields(data, 0, len(data)):
                    if number == MODEL_METADATA:
                        _note_metadata(data, first, last, seen)
                    elif number == MODEL_GRAPH:
                        _note_graph(data, first, last, seen)
            except WireError:
                pass
            if (
                seen.elements
                and max(seen.elements, key=lambda kind: seen.elements[kind]) in _BYTES
            ):
                seen.four_bit = data.find(b"MatMulNBits") >= 0
    return seen


def _note_metadata(data: Buffer, start: int, end: int, seen: Glimpse) -> None:
    if end - start > MAX_METADATA_BYTES:
        return
    parts = {n: data[a:b] for n, _, a, b in fields(data, start, end)}
    key = parts.get(1, b"").decode(errors="replace")
    seen.metadata[key] = parts.get(2, b"").decode(errors="replace")


def _note_graph(data: Buffer, start: int, end: int, seen: Glimpse) -> None:
    for number, _, first, last in fields(data, start, end):
        if number == GRAPH_INITIALIZER:
            _note_tensor(data, first, last, seen)
        elif number == GRAPH_NODE and last - first > MIN_CONSTANT_BYTES:
            _note_constant(data, first, last, seen)


def _note_constant(data: Buffer, start: int, end: int, seen: Glimpse) -> None:
    for number, _, first, last in fields(data, start, end):
        if number == NODE_ATTRIBUTE:
            for in_attribute, _, a, b in fields(data, first, last):
                if in_attribute == 5:
                    _note_tensor(data, a, b, seen)


def _note_tensor(data: Buffer, start: int, end: int, seen: Glimpse) -> None:
    elements, data_type = 1, 0
    for number, value, first, last in fields(data, start, end):
        if number == 1:
            if value:
                elements *= value
            else:  # packed
                at = first
                while at < last:
                    size, at = _varint(data, at, last)
                    elements *= size
        elif number == 2:
            data_type = value
    seen.elements[data_type] = seen.elements.get(data_type, 0) + elements
