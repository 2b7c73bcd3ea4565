"""A stand-in for the controller, and frames as an engine would send them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication

from layerscope.core.latency import LatencyHistory
from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.protocol.values import (
    ArrayRef,
    GroupInfo,
    LayerTime,
    NodeInfo,
    Statistics,
)
from layerscope.state.session import Pictures, Selection, Session, Structure


class InsideController:
    """Holds a real session; records what the panels ask for."""

    def __init__(self):
        self.session = Session()
        self.pictures = Pictures()
        self.latency = LatencyHistory()
        jobs = itertools.count(1)
        self.client = SimpleNamespace(next_job=lambda: next(jobs))
        self.queries = []
        self.profiles = 0
        self.logged = []
        self.complaints = []
        self.arrays = {}
        self.tensors = {}

    def select(self, tensor="", unit=-1, node=-1, group=-1):
        self.session.selection = Selection(
            tensor=tensor, unit=unit, node=node, group=group
        )

    def set_wall(self, order=None, scale=None, boost=None):
        changes = {"order": order, "scale": scale, "boost": boost}
        given = {key: value for key, value in changes.items() if value is not None}
        self.session.wall = replace(self.session.wall, **given)

    def query(self, command, done, failed=None):
        self.queries.append((command, done, failed))

    def asked(self, kind):
        """Return the commands of one kind that were asked, oldest first."""
        return [command for command, _, _ in self.queries if isinstance(command, kind)]

    def answer(self, kind, event):
        """Give an event to whoever asked last with a command of that kind."""
        entries = [entry for entry in self.queries if isinstance(entry[0], kind)]
        entries[-1][1](event)

    def request_profile(self):
        self.profiles += 1

    def get_array(self, ref):
        return self.arrays[ref.block] if ref.block else ref.inline_array()

    def store(self, array):
        block = len(self.arrays) + 1
        self.arrays[block] = array
        return ArrayRef(dtype=array.dtype.name, shape=array.shape, block=block)

    def fetch_tensor(self, name, done, failed=None):
        done(self.tensors[name])

    def log(self, text, level="info"):
        self.logged.append((text, level))

    def complain(self, message, **_):
        self.complaints.append(message)

    def show(self, pictures, layers):
        """Let a frame arrive, as the controller's tick does."""
        frame = Frame(
            sequence=self.pictures.revision + 1,
            job=1,
            model=self.session.model,
            pictures=pictures,
            layers={layer.tensor: layer for layer in layers},
        )
        self.pictures.show(frame)
        self.session.n_runs += 1


def channel_levels(tensor):
    """Return levels, lows and highs of a (c, h, w) tensor, each channel its own."""
    low = tensor.min(axis=(1, 2))
    high = tensor.max(axis=(1, 2))
    span = np.where(high > low, high - low, 1)
    levels = (tensor - low[:, None, None]) / span[:, None, None] * 255
    return levels.astype(np.uint8), low, high


def statistics_of(tensor, flags=()):
    """Return the statistics of an array."""
    counts, _ = np.histogram(tensor, bins=64)
    return Statistics(
        mean=float(tensor.mean()),
        std=float(tensor.std()),
        minimum=float(tensor.min()),
        maximum=float(tensor.max()),
        active=float((tensor != 0).mean()),
        counts=tuple(int(n) for n in counts),
        flags=tuple(flags),
    )


def maps_of(name, tensor, unit=-1, flags=()):
    """Return pictures and summary of a (1, c, h, w) tensor, focused."""
    levels, low, high = channel_levels(tensor[0])
    pictures = {f"wall:{name}": levels, f"thumb:{name}": levels[0]}
    if unit >= 0:
        pictures[f"unit:{name}"] = levels[unit]
    summary = LayerSummary(
        tensor=name,
        dtype=tensor.dtype.name,
        shape=tensor.shape,
        role="maps",
        statistics=statistics_of(tensor, flags),
        channels=tuple(range(len(levels))),
        channel_low=tuple(float(v) for v in low),
        channel_high=tuple(float(v) for v in high),
        unit=unit,
        unit_statistics=statistics_of(tensor[0, unit]) if unit >= 0 else None,
    )
    return pictures, summary


def structure_of(names):
    """Return a chain of convolutions and activations with the given outputs."""
    structure = Structure(complete=True)
    structure.groups = [
        GroupInfo(
            index=0,
            name="stage1",
            path="stage1",
            parent=-1,
            graph=0,
            kind="module",
            n_nodes=2 * len(names),
        )
    ]
    before = "input"
    for name in names:
        index = len(structure.nodes)
        inner = f"{name}_conv"
        structure.nodes += [
            NodeInfo(
                index=index,
                name=f"/stage1/{name}/Conv",
                op="Conv",
                inputs=(before, f"{name}.weight"),
                outputs=(inner,),
                group=0,
                n_parameters=9408,
                parameter_bytes=37632,
            ),
            NodeInfo(
                index=index + 1,
                name=f"/stage1/{name}/Relu",
                op="Relu",
                inputs=(inner,),
                outputs=(name,),
                group=0,
            ),
        ]
        structure.producer_of[inner] = index
        structure.producer_of[name] = index + 1
        before = name
    return structure


def profile_of(structure):
    """Return a profile in which each convolution ran with its activation."""
    return tuple(
        LayerTime(
            nodes=(index, index + 1),
            op="FusedConv",
            provider="CPUExecutionProvider",
            ms=0.3 + 0.2 * index,
            flops=2_000_000,
        )
        for index in range(0, len(structure.nodes), 2)
    )


def looking_controller(
    names=("conv1", "conv2", "conv3"), shape=(1, 32, 14, 18), unit=3
):
    """Return a controller in the middle of looking at the second of three layers."""
    controller = InsideController()
    session = controller.session
    session.model = 1
    session.model_name = "tiny"
    session.structure = structure_of(names)
    session.profile = profile_of(session.structure)
    session.taps = tuple(names)
    chosen = names[len(names) // 2]
    controller.select(
        tensor=chosen, unit=unit, node=session.structure.producer_of[chosen]
    )
    send_layers(controller, names, shape)
    return controller


def send_layers(controller, names, shape, seed=0):
    """Let a frame of random maps arrive, the chosen tensor in full."""
    rng = np.random.default_rng(seed)
    pictures, layers = {}, []
    chosen = controller.session.selection
    for name in names:
        tensor = np.maximum(rng.standard_normal(shape), 0).astype(np.float32)
        tensor[0, 1] = 0  # one channel that is silent
        unit = chosen.unit if name == chosen.tensor else -1
        own, summary = maps_of(name, tensor, unit)
        if name != chosen.tensor:
            own = {key: value for key, value in own.items() if "thumb" in key}
        pictures.update(own)
        layers.append(summary)
    controller.show(pictures, layers)


def point_at(widget, point):
    """Move the pointer over a widget; sent directly, since Qt drops equal moves."""
    place = QPointF(point)
    QApplication.sendEvent(
        widget,
        QMouseEvent(
            QEvent.Type.MouseMove,
            place,
            QPointF(widget.mapToGlobal(place)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
        ),
    )
