"""Times, providers and health by node, and what was fused away."""

from __future__ import annotations

from collections import Counter

from layerscope.protocol.frames import Frame
from layerscope.protocol.values import LayerTime
from layerscope.state.session import Session

_HOPS = 6


class NodeTimes:
    """Answers about nodes from the last profile and the tap points.

    Parameters
    ----------
    session : Session
        Read once; make a new one when its profile or its taps change.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layers: tuple[LayerTime, ...] = session.profile
        self._layer_of: dict[int, LayerTime] = {}
        for layer in self._layers:
            for node in layer.nodes:
                self._layer_of.setdefault(node, layer)
        self.taps = frozenset(session.taps)
        self.total_ms = sum(layer.ms for layer in self._layers)
        used = Counter(layer.provider for layer in self._layers if layer.provider)
        self.providers = tuple(name for name, _ in used.most_common())
        self.unhealthy: dict[int, tuple[str, ...]] = {}

    @property
    def known(self) -> bool:
        """Whether a profile was made."""
        return bool(self._layers)

    def note_health(self, frame: Frame | None) -> bool:
        """Take the health flags of a frame; return whether they changed."""
        found: dict[int, tuple[str, ...]] = {}
        for tensor, layer in (frame.layers if frame is not None else {}).items():
            words = [
                {"nan": "NaN", "inf": "infinite values"}[flag]
                for flag in layer.statistics.flags
                if flag in ("nan", "inf")
            ]
            node = self._session.structure.producer_of.get(tensor, -1)
            if words and node >= 0:
                found[node] = (f"This output holds {' and '.join(words)}.",)
        changed = found != self.unhealthy
        self.unhealthy = found
        return changed

    def ms_of(self, nodes: list[int], *, single: bool) -> float:
        """Return the time of nodes in milliseconds, NaN where nothing is known.

        Parameters
        ----------
        nodes : list of int
            Indices of nodes.
        single : bool
            One node: its fused group's whole time. Else every fused group counts
            once, where its first node is.
        """
        if not nodes or not self._layers:
            return float("nan")
        if single:
            layer = self._layer_of.get(nodes[0])
            return layer.ms if layer is not None else 0.0
        inside = set(nodes)
        layers = {
            id(layer): layer
            for node in nodes
            if (layer := self._layer_of.get(node)) is not None
            and layer.nodes[0] in inside
        }
        return sum(layer.ms for layer in layers.values())

    def provider_of(self, nodes: list[int]) -> str:
        """Return the execution provider that ran most of the nodes, or ``""``."""
        used = Counter(
            self._layer_of[node].provider for node in nodes if node in self._layer_of
        )
        return used.most_common(1)[0][0] if used else ""

    def fused_text(self, node: int) -> str:
        """Say with what a node was fused, or return ``""``."""
        layer = self._layer_of.get(node)
        if layer is None or len(layer.nodes) < 2:
            return ""
        nodes = self._session.structure.nodes
        others = [
            nodes[at].label or nodes[at].name
            for at in layer.nodes
            if at != node and at < len(nodes)
        ]
        names = ", ".join(others[:4]) + (" …" if len(others) > 4 else "")
        return f"ran fused with {names} as {layer.op}: time and picture are the group's"

    def standing_tensor(self, tensor: str) -> str:
        """Return the tap that shows `tensor`: itself, or its fused group's output."""
        if tensor in self.taps:
            return tensor
        structure = self._session.structure
        node = structure.producer_of.get(tensor, -1)
        layer = self._layer_of.get(node)
        if layer is not None:
            for at in reversed(layer.nodes):
                if at < len(structure.nodes):
                    for name in structure.nodes[at].outputs:
                        if name in self.taps:
                            return name
        current = tensor
        for _ in range(_HOPS):
            consumers = structure.consumers_of.get(current, [])
            if len(consumers) != 1:
                break
            outputs = structure.nodes[consumers[0]].outputs
            if not outputs:
                break
            current = outputs[0]
            if current in self.taps:
                return current
        return tensor
