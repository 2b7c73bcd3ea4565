"""A controller without an engine: a real session, and a record of what was asked."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

from layerscope.controller.texts import LastTexts
from layerscope.core.latency import LatencyHistory
from layerscope.library.preferences import Preferences
from layerscope.protocol.values import ArrayRef
from layerscope.state.session import Pictures, Selection, Session

RECORDED = (
    "start",
    "close_model",
    "open_path",
    "open_model",
    "set_input",
    "set_setting",
    "reset_settings",
    "set_task",
    "set_device",
    "set_precision",
    "run",
    "stop",
    "request_profile",
    "restart_engine",
    "dismiss_trouble",
    "trouble_action",
    "set_wall",
    "show_graph",
    "toggle_group",
    "set_expanded",
    "watch_visible",
    "fetch_tensor",
    "log",
    "complain",
    "forget_recent",
)


class FakeController:
    """Has every method of the real one; those that act only write down their call.

    Attributes
    ----------
    calls : list of (name, args, kwargs)
    queries : list of (command, done, failed)
        Questions to the engine; a test answers by calling ``done``.
    """

    def __init__(self, folder=None):
        self.session = Session()
        self.session.engine = "ready"
        self.pictures = Pictures()
        self.latency = LatencyHistory()
        self.preferences = Preferences(
            None if folder is None else Path(folder) / "preferences.json"
        )
        self.calls = []
        self.queries = []
        self.ticks = 0
        self.texts = LastTexts(self.preferences)
        self.entries = ()
        self.samples = []
        jobs = itertools.count(1)
        self.client = SimpleNamespace(next_job=lambda: next(jobs))
        for name in RECORDED:
            setattr(self, name, self._recorder(name))

    def _recorder(self, name):
        def call(*args, **kwargs):
            self.calls.append((name, args, kwargs))

        return call

    def called(self, name):
        """Return the arguments of all calls of `name`."""
        return [args for called, args, _ in self.calls if called == name]

    def tick(self):
        self.ticks += 1

    def set_live(self, on):
        self.calls.append(("set_live", (on,), {}))
        self.session.live = on

    def select(self, tensor="", unit=-1, node=-1, group=-1):
        self.calls.append(("select", (tensor, unit, node, group), {}))
        self.session.selection = Selection(
            tensor=tensor, unit=unit, node=node, group=group
        )

    def first_picture_slot(self):
        for slot in self.session.slots:
            if slot.kind == "picture":
                return slot.name
        return None

    def query(self, command, done, failed=None):
        self.queries.append((command, done, failed))

    def put_array(self, array):
        return ArrayRef.inline(array)

    def get_array(self, ref):
        return ref.inline_array()

    def sample_pictures(self):
        return self.samples

    def library(self):
        return self.entries
