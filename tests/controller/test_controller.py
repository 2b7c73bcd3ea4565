"""The controller with the real engine: open, run, look, crash, come back."""

import os
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.library.preferences import Preferences
from layerscope.protocol.answers import TensorsAnswer
from layerscope.protocol.inputs import (
    CameraFrame,
    ConstantTensor,
    PictureFile,
    TensorArray,
)
from layerscope.protocol.messages import Fault


@pytest.fixture
def controller(tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_FAULTS", "1")
    client = EngineClient(arena_bytes=16 << 20)
    controller = Controller(client, Preferences(tmp_path / "preferences.json"))
    controller.start()
    yield controller
    controller.close()


def until(controller, condition, timeout_s=30.0):
    """Tick until `condition` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            session = controller.session
            raise AssertionError(
                f"engine {session.engine}, trouble {session.trouble}, "
                f"log {[line.text for line in session.log[-6:]]}"
            )
        controller.client.wait(0.01)
        controller.tick()


def opened(controller, path):
    controller.open_model(str(path))
    until(controller, lambda: controller.session.n_runs >= 1)
    until(controller, lambda: controller.session.layout is not None)
    return controller.session


def test_a_model_opens_runs_and_shows_its_structure(controller, tiny_models):
    session = opened(controller, tiny_models / "conv.onnx")
    assert session.runnable
    assert session.structure.complete
    assert session.preflight.n_nodes == len(session.structure.nodes)
    assert session.answer.parts
    assert len(controller.latency.samples_ms()) >= 1
    assert session.cost.stages.warm_up_ms >= 0
    until(controller, lambda: session.profile)
    assert {d.id for d in session.devices} >= {"cpu"}


def test_a_broken_file_leaves_the_open_model_alone(controller, tiny_models, tmp_path):
    session = opened(controller, tiny_models / "conv.onnx")
    answer, model = session.answer, session.model
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"<html><body>404</body></html>")
    controller.open_path(broken)
    until(controller, lambda: session.trouble is not None)
    assert "web page" in session.trouble.message
    assert (session.model, session.answer) == (model, answer)
    controller.run()
    until(controller, lambda: session.n_runs >= 2)


def test_looking_at_a_layer_brings_its_pictures(controller, tiny_models):
    session = opened(controller, tiny_models / "conv.onnx")
    tensor = next(
        node.outputs[0] for node in session.structure.nodes if node.op == "Relu"
    )
    controller.select(tensor=tensor)
    until(controller, lambda: _has(controller, f"wall:{tensor}"))
    frame = controller.pictures.frame
    summary = frame.layers[tensor]
    assert frame.pictures[f"wall:{tensor}"].shape[0] == len(summary.channels)
    controller.select(tensor=tensor, unit=1)
    until(controller, lambda: _has(controller, f"unit:{tensor}"))
    assert session.structure.measured


def test_a_tensor_inside_a_body_does_not_end_the_run(controller, tiny_models):
    session = opened(controller, tiny_models / "control.onnx")
    inner = next(node for node in session.structure.nodes if node.graph > 0)
    controller.set_live(True)
    controller.select(tensor=inner.outputs[0], node=inner.index)
    runs = session.n_runs
    until(controller, lambda: session.n_runs > runs + 3)
    assert session.live
    assert session.trouble is None
    said = [line.text for line in session.log if inner.outputs[0] in line.text]
    assert len(said) == 1


def test_a_video_plays_at_once(controller, tiny_models, tmp_path):
    session = opened(controller, tiny_models / "conv.onnx")
    video = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 32))
    for grey in (0, 120, 240):
        writer.write(np.full((32, 32, 3), grey, np.uint8))
    writer.release()
    controller.open_path(video)
    runs = session.n_runs
    until(controller, lambda: session.n_runs > runs + 5)
    assert session.live


def _has(controller, key):
    frame = controller.pictures.frame
    return frame is not None and key in frame.pictures


def test_live_runs_follow_the_input(controller, tiny_models):
    session = opened(controller, tiny_models / "mlp.onnx")
    slot = session.slots[0]
    controller.set_live(True)
    runs = session.n_runs
    until(controller, lambda: session.n_runs > runs + 3)
    shape = tuple(d if isinstance(d, int) else 1 for d in slot.tensor.shape)
    for value in (0.5, 2.0):
        array = np.full(shape, value, np.float32)
        source = TensorArray(array=controller.put_array(array))
        controller.set_input(slot.name, source)
        runs = session.n_runs
        until(controller, lambda runs=runs: session.n_runs > runs + 1)
        got = []
        controller.fetch_tensor(session.outputs[0].name, got.append)
        until(controller, lambda got=got: got)
        assert np.isfinite(got[0]).all()
        assert isinstance(session.answer.parts[0], TensorsAnswer) or session.answer
    controller.set_live(False)


def test_a_big_tensor_comes_whole_in_pieces(controller, tiny_models):
    session = opened(controller, tiny_models / "matmul.onnx")
    controller.stop()
    got = []
    name = session.outputs[0].name
    controller.fetch_tensor(name, got.append)
    until(controller, lambda: got)
    assert got[0].shape == session.outputs[0].shape


def test_an_endless_model_is_stopped_and_the_engine_lives(controller, tiny_models):
    session = controller.session
    controller.open_model(str(tiny_models / "endless.onnx"))
    until(controller, lambda: session.running)
    pid = controller.client.pid
    controller.stop()
    until(controller, lambda: not session.running)
    assert controller.client.pid == pid
    assert session.n_runs == 0


def test_a_killed_engine_comes_back_with_the_model(controller, tiny_models):
    session = opened(controller, tiny_models / "conv.onnx")
    answer = session.answer
    os.kill(controller.client.pid, signal.SIGKILL)
    until(controller, lambda: session.engine == "restarting")
    assert session.answer == answer
    assert "everything shown is kept" in session.trouble.message
    until(controller, lambda: session.engine == "ready" and session.runnable)
    runs = session.n_runs
    controller.run()
    until(controller, lambda: session.n_runs > runs)


def test_a_crash_without_a_model_offers_nothing_about_models(controller):
    until(controller, lambda: controller.session.engine == "ready")
    controller.client.send(Fault(job=controller.client.next_job(), kind="crash"))
    until(controller, lambda: controller.session.trouble is not None)
    assert controller.session.trouble.actions == ()


def test_a_camera_that_fails_is_given_up(controller, tiny_models):
    session = opened(controller, tiny_models / "conv.onnx")
    controller.set_task("image-classification")
    until(controller, lambda: session.task == "image-classification")
    slot = controller.first_picture_slot()
    controller.set_input(slot, CameraFrame(camera=63))
    controller.set_live(True)
    until(controller, lambda: session.trouble is not None)
    assert not session.live
    assert isinstance(session.inputs[slot], PictureFile)


def test_the_third_crash_asks_and_a_button_brings_it_back(controller, tiny_models):
    session = opened(controller, tiny_models / "mlp.onnx")
    for _ in range(3):
        until(controller, lambda: session.engine == "ready" and session.runnable)
        controller.client.send(Fault(job=controller.client.next_job(), kind="crash"))
        until(controller, lambda: session.engine != "ready")
    assert session.engine == "stopped"
    assert session.trouble.actions == ("restart", "try-cpu", "forget-model")
    controller.trouble_action("try-cpu")
    until(controller, lambda: session.engine == "ready" and session.runnable)
    assert session.device == "cpu"


def test_settings_are_remembered_for_the_model(controller, tiny_models, tmp_path):
    session = opened(controller, tiny_models / "conv.onnx")
    spec = session.setting_specs[0]
    other = next((c for c in spec.choices if c != spec.default), None)
    if other is None:
        other = "8 8" if spec.kind == "size" else 3
    controller.set_setting(spec.name, other)
    again = Preferences(tmp_path / "preferences.json")
    assert again.settings_of(session.preflight.sha256) == {spec.name: other}
    controller.set_setting(spec.name, spec.default)
    assert session.settings == {}


def test_fifty_clicks_are_one_run_at_a_time(controller, tiny_models):
    session = opened(controller, tiny_models / "conv.onnx")
    runs = session.n_runs
    for _ in range(50):
        controller.run()
    until(controller, lambda: session.n_runs > runs and not session.running)
    for _ in range(20):
        controller.client.wait(0.01)
        controller.tick()
    assert session.n_runs - runs <= 3


def test_what_cannot_be_opened_is_said_in_one_sentence(
    controller, tmp_path, monkeypatch
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    for name, words in (
        ("notes.txt", "no open model takes text"),
        ("notes.odt", "cannot be opened"),
        ("missing.onnx", "missing.onnx"),
        ("cat.png", "no model is open"),
        ("x.npy", "no model is open"),
        ("locked", "cannot be read"),
    ):
        path = tmp_path / name
        if name.startswith("notes"):
            path.write_text("hello")
        if name == "locked":
            path.mkdir()
            monkeypatch.setattr(Path, "iterdir", refuse)
        controller.session.trouble = None
        controller.open_path(path)
        assert words in controller.session.trouble.message
        assert "\n" not in controller.session.trouble.message


def test_a_damaged_archive_is_called_one(controller, tiny_models, tmp_path):
    session = opened(controller, tiny_models / "mlp.onnx")
    damaged = tmp_path / "x.npz"
    damaged.write_bytes(b"no archive")
    controller.open_path(damaged)
    assert "cannot be read as an .npz file" in session.trouble.message


def test_what_looking_costs_is_not_said_of_a_single_run(controller, tiny_models):
    session = opened(controller, tiny_models / "mlp.onnx")
    tensor = session.structure.nodes[0].outputs[0]
    costs = {}
    for _ in range(30):
        controller.select(tensor=tensor)
        runs = session.n_runs
        controller.run()
        until(controller, lambda runs=runs: session.n_runs > runs)
        costs[len(controller.latency.samples_ms())] = session.cost.looking_ratio
    assert all(np.isnan(cost) for n, cost in costs.items() if n < 3)
    assert np.isfinite(session.cost.looking_ratio)


def test_a_constant_input_gives_the_same_answer_twice(controller, tiny_models):
    session = opened(controller, tiny_models / "mlp.onnx")
    values = []
    for _ in range(2):
        controller.set_input(session.slots[0].name, ConstantTensor(value=0.25))
        runs = session.n_runs
        controller.run()
        until(controller, lambda runs=runs: session.n_runs > runs)
        got = []
        controller.fetch_tensor(session.outputs[0].name, got.append)
        until(controller, lambda got=got: got)
        values.append(got[0])
    np.testing.assert_array_equal(values[0], values[1])
