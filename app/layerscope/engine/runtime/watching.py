"""What can be watched of a model, and what stands for the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import onnx

from layerscope.engine.model.structure import ModelStructure
from layerscope.engine.model.taps import choose_taps, likely_survivors
from layerscope.engine.runtime import memory
from layerscope.engine.runtime.fusing import Fusing, find_fusing
from layerscope.engine.runtime.session_maker import SessionMaker

logger = logging.getLogger(__name__)

MAX_NEIGHBOURS = 200
_LINEAR = frozenset({"Conv", "BatchNormalization", "MatMul", "Gemm"})


class TapPlan:
    """The tap points of a model.

    Parameters
    ----------
    maker : SessionMaker
    structure : ModelStructure

    Attributes
    ----------
    taps : tuple of str
        In the order of computation.
    fusing : Fusing or None
        None for models too large to have optimised graphs written.
    """

    def __init__(self, maker: SessionMaker, structure: ModelStructure) -> None:
        self._structure = structure
        self.fusing: Fusing | None = None
        graph = maker.model.proto.graph
        if not memory.is_large(maker.model):
            try:
                self.fusing = find_fusing(
                    maker.model, maker.providers, keep_shapes=maker.keep_shapes
                )
            except Exception:
                logger.info("the optimised graph was not to be had", exc_info=True)
        dtypes = {t.name: t.dtype for t in structure.tensors}
        if self.fusing is None:
            candidates = likely_survivors(graph)
        else:
            dtypes.update(self.fusing.dtypes)
            candidates = _survivors(graph, self.fusing)
        self.taps = choose_taps(candidates, dtypes)
        self._known = frozenset(self.taps)

    def stands_for(self, tensor: str) -> str:
        """Return the tap point nearest to `tensor`, empty where there is none."""
        if tensor in self._known:
            return tensor
        if self.fusing is not None:
            found = self.fusing.fusion.stands_for(tensor)
            if found in self._known:
                return found
        for name in self._neighbours(tensor):
            if name in self._known:
                return name
        return ""

    def _neighbours(self, tensor: str) -> Iterator[str]:
        """Yield what follows from `tensor` alone, then what it is made from."""
        nodes, name = self._structure.nodes, tensor
        for _ in range(MAX_NEIGHBOURS):
            takers = self._structure.consumers.get(name, ())
            if len(takers) != 1 or not nodes[takers[0]].outputs:
                break
            name = nodes[takers[0]].outputs[0]
            yield name
        name = tensor
        for _ in range(MAX_NEIGHBOURS):
            index = self._structure.producer.get(name)
            made = [n for n in nodes[index].inputs if n] if index is not None else []
            inner = [n for n in made if n in self._structure.producer]
            if not inner:
                return
            name = inner[0]
            yield name


def _survivors(graph: onnx.GraphProto, fusing: Fusing) -> list[tuple[str, str]]:
    """Return tensors that survive fusion and what makes them, in the file's order.

    Further outputs of a node are statistics, masks or states and are left out, as is
    a summand that goes into its sum alone: the sum tells more, and each tap costs.
    """
    takers: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node.op_type)
    group_of = {name: g for g in fusing.fusion.groups for name in g.outputs}
    found = []
    for node in graph.node:
        name = node.output[0] if node.output else ""
        summand = node.op_type in _LINEAR and takers.get(name) in (["Add"], ["Sum"])
        if name in group_of and not summand:
            quantised = node.op_type in ("QuantizeLinear", "DequantizeLinear")
            found.append((name, group_of[name].op if quantised else node.op_type))
    return found
