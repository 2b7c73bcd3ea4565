"""A controller whose engine answers at once, for the network view."""

from __future__ import annotations

import numpy as np
from tests.engine.model import graphs

from layerscope.engine.model.layout import lay_out
from layerscope.engine.model.structure import describe
from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.protocol.messages import GraphLaidOut
from layerscope.protocol.values import ArrayRef, LayerTime, Statistics, TensorShape
from layerscope.state.session import Pictures, Selection, Session, Structure


class StageController:
    """Opens models made in memory; lays out with the real engine code."""

    def __init__(self):
        self.session = Session()
        self.pictures = Pictures()
        self.watched = ()
        self.n_layouts = 0

    def open(self, model):
        """Describe a model and lay it out, as opening one does."""
        self.structure = found = describe(graphs.opened(model))
        structure = Structure(
            graphs=list(found.graphs),
            groups=list(found.groups),
            nodes=list(found.nodes),
            complete=True,
        )
        for node in found.nodes:
            for name in node.outputs:
                structure.producer_of.setdefault(name, node.index)
            for name in node.inputs:
                structure.consumers_of.setdefault(name, []).append(node.index)
        self.session.model += 1
        self.session.structure = structure
        self.session.graph = 0
        self.session.structure_revision += 1
        self.set_expanded(())

    def measure(self, shapes):
        """Tell run-time shapes."""
        for name, shape in shapes.items():
            known = TensorShape(name=name, dtype="float32", shape=shape)
            self.session.structure.shapes[name] = known
            self.session.structure.measured.add(name)
        self.session.structure_revision += 1

    def profile(self, *layers):
        """Tell times: each layer is (nodes, provider, ms)."""
        self.session.profile = tuple(
            LayerTime(nodes=nodes, op="Fused", provider=provider, ms=ms)
            for nodes, provider, ms in layers
        )

    def send(self, tensors, flags=None):
        """Send a frame with a thumbnail of each tensor."""
        self.session.taps = tuple(tensors)
        levels = np.full((8, 8), 255, dtype=np.uint8)
        self.pictures.show(
            Frame(
                sequence=1,
                job=1,
                model=self.session.model,
                pictures={f"thumb:{name}": levels for name in tensors},
                layers={
                    name: LayerSummary(
                        tensor=name,
                        dtype="float32",
                        shape=(1, 4, 8, 8),
                        role="maps",
                        statistics=Statistics(flags=(flags or {}).get(name, ())),
                    )
                    for name in tensors
                },
            )
        )
        self.session.n_runs += 1

    def set_expanded(self, groups):
        """Lay out at once."""
        self.session.expanded = tuple(groups)
        found = lay_out(self.structure, self.session.graph, groups)
        refs = (found.items, found.boxes, found.edges, found.lanes)
        items, boxes, edges, lanes = (ArrayRef.inline(array) for array in refs)
        self.n_layouts += 1
        self.session.layout = GraphLaidOut(
            job=self.n_layouts,
            model=self.session.model,
            graph=self.session.graph,
            expanded=tuple(groups),
            items=items,
            boxes=boxes,
            edges=edges,
            lanes=lanes,
        )

    def toggle_group(self, index):
        """Open or close a group."""
        now = self.session.expanded
        self.set_expanded(
            tuple(g for g in now if g != index) if index in now else (*now, index)
        )

    def show_graph(self, graph):
        """Enter another graph."""
        self.session.graph = graph
        self.set_expanded(())

    def get_array(self, ref):
        """Return an array of a layout."""
        return ref.inline_array()

    def watch_visible(self, tensors):
        """Note what is drawn large enough."""
        self.watched = tensors

    def select(self, tensor="", unit=-1, node=-1, group=-1):
        """Point at something."""
        self.session.selection = Selection(
            tensor=tensor, unit=unit, node=node, group=group
        )
