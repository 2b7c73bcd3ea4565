"""What the tests of the runtime share."""

from contextlib import contextmanager

import numpy as np
import onnx
from tests.raw_onnxruntime import raw_session

from layerscope.engine.model import reading, structure
from layerscope.engine.runtime import devices
from layerscope.engine.runtime.running import RunningModel


def read(path):
    model = reading.read_model(path)
    return model, structure.describe(model)


def running(path, **kwargs):
    model, described = read(path)
    made = RunningModel(model, described, devices.choose("cpu"), **kwargs)
    made.load()
    return made


def save(model, path):
    onnx.save(model, path)
    return path


def raw_run(source, feeds):
    """Run with onnxruntime's default options; the pool is set up for the process."""
    return raw_session(source).run(None, feeds)


def image_feeds(seed=0):
    rng = np.random.default_rng(seed)
    return {"image": rng.standard_normal((1, 3, 16, 16)).astype(np.float32)}


class Token:
    """A token that counts how often it was listened to."""

    def __init__(self):
        self.cancelled = False
        self.callbacks = []

    @contextmanager
    def on_cancel(self, callback):
        self.callbacks.append(callback)
        yield
        self.callbacks.remove(callback)

    def cancel(self):
        self.cancelled = True
        for callback in list(self.callbacks):
            callback()
