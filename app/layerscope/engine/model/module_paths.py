"""A module path for every node of a graph: read where it is written, else inferred."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx

from layerscope.engine.model import module_names
from layerscope.engine.model.module_names import Path

HEAVY = frozenset(
    {
        "Conv", "ConvTranspose", "Gemm", "MatMul", "ConvInteger", "MatMulInteger",
        "QLinearConv", "QLinearMatMul", "LSTM", "GRU", "RNN", "Einsum", "Attention",
        "MultiHeadAttention", "GroupQueryAttention", "QAttention", "FusedConv",
        "FusedMatMul", "FusedGemm", "MatMulNBits", "MatMulBnb4", "DeformConv",
        "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "EmbedLayerNormalization",
        "TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble",
        "LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor",
        "QGemm", "NhwcConv", "QLinearConvTranspose", "PackedAttention", "If", "Loop",
        "Scan",
    }
)  # fmt: skip
_BEGINS_A_NORM = "ReduceMean"
_SLASHED_SHARE = 0.25
_TELLING_SHARE = 0.4


@dataclass
class GraphSketch:
    """What the search for modules needs to know of one graph, node by node.

    Attributes
    ----------
    ops, names, outputs : list
        As in the file.
    producers : list of list of int
        Positions of the nodes in this graph whose values a node takes.
    hidden : list of bool
        Nodes that only prepare weights; nobody draws them.
    weights : list of list of str
        Names of a node's weights, those of the highest rank first.
    heavy : list of bool
        Nodes that do the work of a layer; an embedding counts.
    protos : list of NodeProto
    results, feeds : set of str
        Outputs and inputs of the graph.
    """

    ops: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    outputs: list[tuple[str, ...]] = field(default_factory=list)
    inputs: list[tuple[str, ...]] = field(default_factory=list)
    producers: list[list[int]] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)
    weights: list[list[str]] = field(default_factory=list)
    heavy: list[bool] = field(default_factory=list)
    protos: Sequence[onnx.NodeProto] = ()
    results: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.ops)


def find_paths(sketch: GraphSketch) -> tuple[list[Path | None], dict[Path, str]]:
    """Return each node's module path and the class names of modules.

    A hidden node has None; a visible one always has a path, ``()`` at the top.
    """
    visible = [at for at in range(len(sketch)) if not sketch.hidden[at]]
    kinds: dict[Path, str] = {}
    paths: list[Path | None] = [None] * len(sketch)
    n_written = 0
    for at in visible:
        if sketch.protos[at].metadata_props:
            found = module_names.from_metadata(sketch.protos[at])
            if found is not None:
                paths[at], kind = found
                n_written += 1
                if kind:
                    kinds.setdefault(found[0], kind)
                _mend_folded_norm(sketch, at, paths, kind)
    if n_written < _SLASHED_SHARE * max(len(visible), 1):
        _read_names(sketch, visible, paths)
    _fill_gaps(sketch, visible, paths)
    return paths, kinds


def _mend_folded_norm(
    sketch: GraphSketch, at: int, paths: list[Path | None], kind: str
) -> None:
    """Give a convolution that took over a normalisation its own name back."""
    if kind.startswith("BatchNorm") and sketch.heavy[at]:
        own = module_names.from_weights(sketch.weights[at])
        path = paths[at]
        if own is not None and path is not None and own[:-1] == path[:-1]:
            paths[at] = own


def _read_names(
    sketch: GraphSketch, visible: list[int], paths: list[Path | None]
) -> None:
    """Use the kind of name that most of this graph's nodes have."""
    enough = _SLASHED_SHARE * max(len(visible), 1)
    if sum("/" in sketch.names[at] for at in visible) > enough:
        for at in visible:
            paths[at] = paths[at] or module_names.from_slashes(sketch.names[at])
        return
    firsts = [sketch.outputs[at][0] if sketch.outputs[at] else "" for at in visible]
    if sum("/" in name for name in firsts) > enough:
        for at, name in zip(visible, firsts, strict=True):
            paths[at] = module_names.from_output(name)
        return
    dotted = {at: module_names.from_dots(sketch.names[at]) for at in visible}
    if sum(path is not None for path in dotted.values()) > enough:
        for at, path in dotted.items():
            paths[at] = path
        return
    users = Counter(name for at in visible for name in sketch.weights[at])
    weighted = [at for at in visible if sketch.weights[at]]
    found = {
        # A weight that several nodes share (optimisers merge equal ones) is no name.
        at: module_names.from_weights(
            [name for name in sketch.weights[at] if users[name] == 1]
        )
        for at in weighted
    }
    n_found = sum(path is not None for path in found.values())
    if n_found >= _TELLING_SHARE * len(weighted):
        for at, path in found.items():
            paths[at] = path


def _fill_gaps(
    sketch: GraphSketch, visible: list[int], paths: list[Path | None]
) -> None:
    """Let nodes without a name join the module they continue."""
    if not any(paths[at] for at in visible):
        for at in visible:
            paths[at] = ()
        return
    following = _next_named(sketch, paths)
    leaves = {path for path in paths if path}
    for at in visible:
        if paths[at] is not None:
            continue
        latest = max(
            (p for p in sketch.producers[at] if paths[p] is not None), default=-1
        )
        path = paths[latest] if latest >= 0 else None
        if sketch.ops[at] == _BEGINS_A_NORM and following[at]:
            paths[at] = following[at]
        elif path is None:
            paths[at] = ()
        elif len(path) >= 2 and path in leaves:
            paths[at] = path[:-1]
        else:
            paths[at] = path


def _next_named(sketch: GraphSketch, paths: list[Path | None]) -> list[Path | None]:
    """Return for every node the path of the nearest named node after it."""
    following: list[Path | None] = [None] * len(sketch)
    for at in range(len(sketch) - 1, -1, -1):
        ahead = paths[at] if paths[at] is not None else following[at]
        for producer in sketch.producers[at]:
            if producer < at:
                following[producer] = ahead
    return following
