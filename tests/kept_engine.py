"""One engine for many calls of the command line, so that tests stay quick."""

from __future__ import annotations

import contextlib

from layerscope import cli
from layerscope.cli import opening
from layerscope.client.engine_client import EngineClient


class KeptEngine(EngineClient):
    """An engine that outlives the command that uses it."""

    def start(self):
        """Start, or go on with what runs; one that has died is replaced."""
        self.poll()
        super().start()

    def close(self):
        """Stay."""


@contextlib.contextmanager
def kept_engine():
    """Start an engine, and end it for good afterwards."""
    engine = KeptEngine()
    engine.start()
    try:
        yield engine
    finally:
        EngineClient.close(engine)


def caller(engine, monkeypatch, capfd):
    """Return a function that calls the command line on `engine`.

    It returns status, standard output and standard error.
    """
    monkeypatch.setattr(opening, "EngineClient", lambda: engine)

    def call(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, out, err

    return call
