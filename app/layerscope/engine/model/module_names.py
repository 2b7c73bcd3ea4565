"""Where in its module tree a node stood, as far as the file still tells.

Exporters leave different traces: torch's new one writes metadata to every node,
its old one writes ``/layer1/layer1.0/conv1/Conv`` as the name, TensorFlow writes
slashes too, Caffe's names sit in the tensors, and often the names of the weights
(``layer1.0.conv1.weight``) are all that is left.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

import onnx

Path = tuple[str, ...]

_NAME_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_NAMESPACE = "namespace"
_MAX_METADATA = 20_000
_MAX_DEPTH = 24
_NUMBERED = re.compile(r"_\d+$")
_MACHINE_MADE = re.compile(r"^(onnx::|\d+$|_v_|val_\d|const)")
_PART = re.compile(r"^\w+$")
_NO_MODULES = frozenset({"p2o"})  # Paddle's exporter numbers its nodes so
_WEIGHT_WORD = re.compile(r"^[A-Za-z_]")


def split_scopes(scopes: Iterable[str]) -> Path:
    """Return path parts of scopes that repeat their parents.

    ``["layer1", "layer1.0", "layer1.0.conv1"]`` gives ``("layer1", "0", "conv1")``.
    """
    parts: list[str] = []
    before = ""
    for scope in scopes:
        if not scope:
            continue
        rest = scope
        if before and scope.startswith(before + "."):
            rest = scope[len(before) + 1 :]
        parts.extend(part for part in rest.split(".") if part)
        before = scope
    return tuple(parts[:_MAX_DEPTH])


def from_metadata(node: onnx.NodeProto) -> tuple[Path, str] | None:
    """Return path and class name of the innermost module from torch's metadata."""
    found = {
        entry.key: entry.value
        for entry in node.metadata_props
        if entry.key in (_NAME_SCOPES, _CLASSES, _NAMESPACE)
        and len(entry.value) < _MAX_METADATA
    }
    scopes = _literal_list(found.get(_NAME_SCOPES, ""))
    classes = _literal_list(found.get(_CLASSES, ""))
    if not scopes and _NAMESPACE in found:
        pairs = [part.partition(":") for part in found[_NAMESPACE].split("/")]
        scopes = [name.strip() for name, _, _ in pairs]
        classes = [kind.strip() for _, _, kind in pairs]
    if not scopes:
        return None
    inner = scopes[:-1]  # the last one is the call itself
    kind = classes[len(inner) - 1] if inner and len(classes) >= len(inner) else ""
    return split_scopes(inner), kind.rpartition(".")[2]


def from_slashes(name: str) -> Path | None:
    """Return the path in a name like ``/layer1/layer1.0/conv1/Conv``."""
    if "/" not in name:
        return None
    scopes = [part for part in name.split("/") if part][:-1]
    parts: list[str] = []
    before = ""
    for scope in scopes[:_MAX_DEPTH]:
        rest = scope
        if before and scope.startswith(before + "."):
            rest = scope[len(before) + 1 :]
        parts.extend(part for part in rest.split(".") if part)
        before = scope
    return tuple(parts[:_MAX_DEPTH])


def from_dots(name: str) -> Path | None:
    """Return the path in a node name like ``stage1.0.conv1``."""
    parts = name.split(".")
    if len(parts) < 2 or not all(_PART.match(part) for part in parts):
        return None
    if parts[-1].isdigit() or parts[0] in _NO_MODULES:
        return None
    return tuple(parts[:_MAX_DEPTH])


def from_output(name: str) -> Path | None:
    """Return the path in a Caffe-like tensor name: ``fire2/expand1x1_2``."""
    name = _NUMBERED.sub("", name.rpartition(":")[0] or name)
    parts = tuple(part for part in name.split("/") if part)
    if not parts or _MACHINE_MADE.match(name):
        return None
    return parts[:_MAX_DEPTH]


def from_weights(names: Sequence[str]) -> Path | None:
    """Return the path in ``layer1.0.conv1.weight``, the first name that has one.

    Parameters
    ----------
    names : sequence of str
        Weights of one node, the most telling (matrices) first.
    """
    for name in names:
        if _MACHINE_MADE.match(name) or len(name) > _MAX_METADATA:
            continue
        owner, dot, last = name.rpartition(".")
        if dot and owner and _WEIGHT_WORD.match(last):
            parts = [part for part in re.split(r"[./]", owner) if part]
            return tuple(parts[:_MAX_DEPTH])
    return None


def _literal_list(text: str) -> list[str]:
    """Return the list of strings that `text` spells, or an empty one."""
    if not text.startswith("["):
        return []
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    return [str(part) for part in value] if isinstance(value, list) else []
