"""Give an exported graph names that a person can read.

torch's exporter calls values ``getitem_27`` and ``val_149`` and keeps the module
that each node came from in its metadata. Here the module's path becomes the name:
``stage2.0.relu1`` is what the module ``stage2[0].relu1`` puts out.
"""

from __future__ import annotations

import ast
from collections import Counter

import onnx
from onnx import defs
from torch import nn

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_NAMESPACE = "namespace"
_NORMALISATIONS = ("BatchNormalization", "LayerNormalization")


def renamed(model: onnx.ModelProto, network: nn.Module) -> onnx.ModelProto:
    """Return a copy of `model` with readable names and no trace of this machine.

    Graph inputs and outputs keep their names. Of the metadata only the module
    scopes stay; stack traces, with the paths in them, go.

    Parameters
    ----------
    model : onnx.ModelProto
        What ``torch.onnx.export(dynamo=True)`` made of `network`.
    network : nn.Module
        What was exported; its modules give the names.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    modules = dict(network.named_modules())
    paths = [_module_path(node, modules) for node in graph.node]
    fixed = {value.name for value in (*graph.input, *graph.output)}
    names = _value_names(graph, paths, fixed, modules)
    weights = {initializer.name for initializer in graph.initializer}
    node_names = Counter(names.values())
    for node, path in zip(graph.node, paths, strict=True):
        leaf = _leaf(node)
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
        name = node.output[0]
        node.name = _free(path or name, node_names) if name in fixed else name
        node.doc_string = ""
        del node.metadata_props[:]
        write_scopes(node, path, leaf, modules)
    for initializer in graph.initializer:
        initializer.name = names.get(initializer.name, initializer.name)
    inner = [info for info in graph.value_info if info.name not in weights]
    del graph.value_info[:]
    graph.value_info.extend(inner)
    for value in (*graph.value_info, *graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
        del value.metadata_props[:]
    del graph.metadata_props[:]
    del copy.metadata_props[:]
    graph.name = type(network).__name__
    return copy


def _metadata(node: onnx.NodeProto, key: str) -> list[str]:
    for entry in node.metadata_props:
        if entry.key == key:
            return [str(part) for part in ast.literal_eval(entry.value)]
    return []


def _module_path(node: onnx.NodeProto, modules: dict[str, nn.Module]) -> str:
    """Return the path of the module that `node` came from.

    A batch normalisation that was folded into a convolution leaves its own scope
    on the node; the weight tells which convolution it really is. Of a normalisation
    that stayed it tells nothing, for the exporter keeps equal scales only once; nor of
    a weight that two modules share, as an embedding and the head of a language model.
    """
    scopes = [scope for scope in _metadata(node, _SCOPES)[:-1] if scope in modules]
    own = scopes[-1] if scopes else ""
    for name in node.input if node.op_type not in _NORMALISATIONS else ():
        owner, _, leaf = name.rpartition(".")
        if leaf == "weight" and owner in modules:
            weight = getattr(modules[own], leaf, None)
            return own if weight is modules[owner].weight else owner
    return own


def _leaf(node: onnx.NodeProto) -> tuple[str, str]:
    """Return name and operator of the torch call that became `node`."""
    if node.op_type == "Conv":
        return "conv2d", "aten.conv2d.default"
    scopes, classes = _metadata(node, _SCOPES), _metadata(node, _CLASSES)
    name = node.op_type.lower()
    return (scopes[-1] if scopes else name), (classes[-1] if classes else name)


def _value_names(
    graph: onnx.GraphProto,
    paths: list[str],
    fixed: set[str],
    modules: dict[str, nn.Module],
) -> dict[str, str]:
    """Return the new name of every value that gets one."""
    containers = {path.rpartition(".")[0] for path in modules}
    names: dict[str, str] = {}
    taken: Counter[str] = Counter()
    initializers = {initializer.name for initializer in graph.initializer}
    last_of = {path: index for index, path in enumerate(paths)}
    for index, (node, path) in enumerate(zip(graph.node, paths, strict=True)):
        own = path not in containers and last_of[path] == index
        base = path if own and path else f"{path}.{node.op_type.lower()}".strip(".")
        for position, name in enumerate(node.output):
            if name not in fixed:
                wanted = base if position == 0 else f"{base}.{position}"
                names[name] = _free(wanted, taken)
        for position, name in enumerate(node.input):
            if name in initializers and name not in names:
                role = _role(node, position)
                owner = path or base
                names[name] = _free(f"{owner}.{role}", taken)
    return names


def _role(node: onnx.NodeProto, position: int) -> str:
    """Return what ONNX calls this input: weight, bias, axes, shape, …."""
    if node.op_type in ("Conv", "Gemm", "MatMul"):
        return ("input", "weight", "bias")[position]
    if node.op_type == "Gather" and position == 0:
        return "weight"  # of an embedding
    formal = defs.get_schema(node.op_type, node.domain).inputs
    return str(formal[min(position, len(formal) - 1)].name).lower()


def _free(wanted: str, taken: Counter[str]) -> str:
    taken[wanted] += 1
    return wanted if taken[wanted] == 1 else f"{wanted}.{taken[wanted]}"


def write_scopes(
    node: onnx.NodeProto,
    path: str,
    leaf: tuple[str, str],
    modules: dict[str, nn.Module],
) -> None:
    """Record the modules around `node` the way torch's exporter does.

    Parameters
    ----------
    node : onnx.NodeProto
        Receives the entries.
    path : str
        Of the module that `node` came from.
    leaf : (str, str) tuple
        Name and operator of the call in that module.
    modules : dict
        All modules of the network by path.
    """
    parts = path.split(".") if path else []
    scopes = ["", *(".".join(parts[: n + 1]) for n in range(len(parts)))]
    classes = [_class_name(modules[scope]) for scope in scopes]
    scopes.append(leaf[0])
    classes.append(leaf[1])
    namespace = "/".join(
        f"{scope}: {kind}" for scope, kind in zip(scopes, classes, strict=True)
    )
    for key, value in (
        (_NAMESPACE, namespace),
        (_CLASSES, str(classes)),
        (_SCOPES, str(scopes)),
    ):
        entry = node.metadata_props.add()
        entry.key, entry.value = key, value


def _class_name(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"
