"""Latencies are measured beside the open model, on the real engine."""

import math
import shutil
import time

import numpy as np
import pytest

from layerscope.client.engine_client import EngineClient
from layerscope.controller.comparing import LatencyMeter
from layerscope.controller.controller import Controller
from layerscope.library.bundled import LibraryEntry
from layerscope.library.preferences import Preferences


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    client = EngineClient(arena_bytes=16 << 20)
    made = Controller(client, Preferences(folder / "preferences.json"))
    made.start()
    yield made
    made.close()


def until(controller, condition, meter=None, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        session = controller.session
        assert time.monotonic() < deadline, (session.engine, session.trouble)
        controller.client.wait(0.01)
        controller.tick()
        if meter is not None:
            meter.tick()


def entry(path):
    return LibraryEntry(id=path.stem, title=path.stem, task="", path=path, bytes=1)


@pytest.fixture
def opened(controller, tiny_models):
    controller.open_model(str(tiny_models / "conv.onnx"))
    until(controller, lambda: controller.session.runnable)
    n = controller.session.n_runs
    controller.run()
    until(controller, lambda: controller.session.n_runs > n)
    until(controller, lambda: not controller.session.running)
    return controller


def test_each_model_gets_its_time_and_the_open_one_stays(opened, tiny_models):
    session = opened.session
    before = (session.model, session.answer, session.inputs, session.n_runs)
    names = ("mlp", "matmul")
    meter = LatencyMeter(opened, [entry(tiny_models / f"{n}.onnx") for n in names])
    meter.start()
    until(opened, lambda: not meter.active, meter)
    assert set(meter.found) == set(names)
    for measured in meter.found.values():
        assert measured.ms > 0
        assert measured.n >= 5
        assert not measured.stepped
    assert (session.model, session.answer, session.inputs, session.n_runs) == before
    opened.run()
    until(opened, lambda: session.n_runs > before[-1])
    assert session.trouble is None


def test_a_model_that_cannot_be_opened_is_named_and_the_next_is_measured(
    opened, tiny_models, tmp_path
):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"<html><body>404</body></html>")
    meter = LatencyMeter(opened, [entry(broken), entry(tiny_models / "mlp.onnx")])
    meter.start()
    until(opened, lambda: not meter.active, meter)
    assert math.isnan(meter.found["broken"].ms)
    assert "web page" in meter.found["broken"].note
    assert meter.found["mlp"].n >= 5
    assert opened.session.trouble is None


def test_live_running_rests_meanwhile_and_goes_on(opened, tiny_models):
    opened.set_live(True)
    meter = LatencyMeter(opened, [entry(tiny_models / "mlp.onnx")])
    meter.start()
    assert not opened.session.live
    until(opened, lambda: not meter.active, meter)
    assert opened.session.live
    opened.set_live(False)


def test_it_can_be_stopped_and_keeps_what_it_has(opened, tiny_models):
    entries = [entry(tiny_models / f"{n}.onnx") for n in ("mlp", "matmul", "nan")]
    meter = LatencyMeter(opened, entries)
    meter.start()
    until(opened, lambda: len(meter.found) == 1 and meter.current, meter)
    meter.stop()
    assert not meter.active
    assert list(meter.found) == ["mlp"]
    n = opened.session.n_runs
    opened.run()
    until(opened, lambda: opened.session.n_runs > n)


def test_opening_a_model_ends_the_measurement(opened, tiny_models):
    meter = LatencyMeter(opened, [entry(tiny_models / "endless.onnx")])
    meter.start()
    until(opened, lambda: meter.current, meter)
    opened.open_model(str(tiny_models / "mlp.onnx"))
    until(opened, lambda: not meter.active, meter)
    until(opened, lambda: opened.session.model_name.startswith("mlp"))


def test_the_own_sample_of_a_model_is_its_input(opened, tiny_models, tmp_path):
    shutil.copy(tiny_models / "mlp.onnx", tmp_path / "model.onnx")
    opened.open_model(str(tmp_path / "model.onnx"))
    until(opened, lambda: opened.session.slots and not opened.session.opening)
    name = opened.session.slots[0].name
    size = [1 if not isinstance(d, int) else d for d in _shape(opened)]
    np.savez(tmp_path / "sample.npz", **{name: np.ones(size, np.float32)})
    (tmp_path / "samples.json").write_text('{"inputs": "sample.npz"}')
    opened.open_model(str(tmp_path / "model.onnx"))
    until(opened, lambda: name in opened.session.inputs)
    assert opened.session.inputs[name].path == str(tmp_path / "sample.npz")


def _shape(controller):
    return controller.session.slots[0].tensor.shape
