"""A structure cut into pages that each fit into one message."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from layerscope.protocol.values import NodeInfo, Value

if TYPE_CHECKING:
    from layerscope.engine.model.structure import ModelStructure

PAGE_BYTES = 800_000
LONGEST_NAME = 2_000
MOST_ENTRIES = 2_000


def pages(structure: ModelStructure) -> list[dict[str, Any]]:
    r"""Return the keyword arguments of each page's `GraphDescribed`, in order.

    Names longer than `LONGEST_NAME` are elided in the middle, with a digest that
    keeps them apart, and a node's inputs and outputs are cut at `MOST_ENTRIES`, so
    that no page exceeds a message, whatever the file holds. Control and direction
    characters in what is shown are written as ``\u202e``.
    """
    result: list[dict[str, Any]] = []
    current: dict[str, list[Value]] = {}
    size = 0
    encoder = msgspec.msgpack.Encoder()
    for field, value in _in_order(structure):
        length = len(encoder.encode(value))
        if length > PAGE_BYTES // 16:
            value = _shortened(value)
            length = len(encoder.encode(value))
        if size + length > PAGE_BYTES and current:
            result.append({name: tuple(values) for name, values in current.items()})
            current, size = {}, 0
        current.setdefault(field, []).append(value)
        size += length
    result.append({name: tuple(values) for name, values in current.items()})
    return result


def _in_order(structure: ModelStructure) -> Iterable[tuple[str, Value]]:
    for graph in structure.graphs:
        yield "graphs", graph
    for group in structure.groups:
        yield "groups", group
    for node in structure.nodes:
        yield "nodes", _printable_node(node)
    for tensor in structure.tensors:
        yield "tensors", tensor


def elide(name: str) -> str:
    """Return `name`, its middle replaced by a digest where it is monstrous."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:12]
    return f"{name[:200]}…{digest}…{name[-100:]}"


def printable(name: str) -> str:
    """Return `name` with control and direction characters written out."""
    if name.isprintable():
        return name
    return "".join(
        f"\\u{ord(letter):04x}"
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else letter
        for letter in name
    )


def _printable_node(node: NodeInfo) -> NodeInfo:
    if node.name.isprintable() and len(node.name) <= LONGEST_NAME:
        return node
    return msgspec.structs.replace(
        node, name=printable(elide(node.name)), label=printable(elide(node.label))
    )


def _shortened(value: Value) -> Value:
    """Return a value whose strings are elided and whose tuples are cut."""
    changes: dict[str, Any] = {}
    for name in value.__struct_fields__:
        old = getattr(value, name)
        if isinstance(old, str):
            changes[name] = elide(old)
        elif isinstance(old, tuple):
            changes[name] = tuple(
                elide(entry)
                if isinstance(entry, str)
                else _shortened(entry)
                if isinstance(entry, Value)
                else entry
                for entry in old[:MOST_ENTRIES]
            )
    shorter = msgspec.structs.replace(value, **changes)
    if len(msgspec.msgpack.encode(shorter)) <= PAGE_BYTES:
        return shorter
    return msgspec.structs.replace(
        shorter,
        **{
            name: entries[:50]
            for name, entries in changes.items()
            if isinstance(entries, tuple)
        },
    )
