"""The whole program off-screen: window, controller, engine process, real models."""

import os
import random
import signal
import time

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.library.preferences import Preferences
from layerscope.protocol.messages import Fault
from layerscope.ui import launch
from layerscope.ui.main_window import MainWindow

DEADLINE_MS = 40_000


@pytest.fixture
def controller(tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERSCOPE_FAULTS", "1")
    client = EngineClient(arena_bytes=16 << 20)
    controller = Controller(client, Preferences(tmp_path / "preferences.json"))
    controller.start()
    yield controller
    controller.close()


@pytest.fixture
def window(qtbot, controller):
    launch.make_application()
    window = MainWindow(controller)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    return window


def test_the_first_start_runs_the_bundled_model_and_goes_on(qapp, controller):
    """Nothing is clicked: something moves because the program was started."""
    session = controller.session
    seen = {}

    def look():
        if session.n_runs >= 12 or time.monotonic() > deadline:
            seen.update(
                live=session.live,
                runs=session.n_runs,
                samples=len(controller.latency.samples_ms()),
                answer=session.answer,
                focus=session.selection.tensor,
            )
            for shown in QApplication.topLevelWidgets():
                if isinstance(shown, MainWindow):
                    shown.close()

    deadline = time.monotonic() + DEADLINE_MS / 1000
    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    launch.run_window(controller)
    timer.stop()
    QApplication.sendPostedEvents(None, 0)
    assert session.model_name == launch.FIRST_MODEL
    assert seen["runs"] >= 12
    assert seen["live"]
    assert seen["samples"] >= 3
    assert seen["answer"].parts
    assert seen["focus"]


def test_every_layer_on_the_screen_gets_its_picture(
    qtbot, window, controller, tiny_models
):
    controller.open_model(str(tiny_models / "conv.onnx"))
    controller.set_live(True)

    def pictured():
        frame = controller.pictures.frame
        return frame is not None and any(k.startswith("thumb:") for k in frame.pictures)

    qtbot.waitUntil(pictured, timeout=DEADLINE_MS)
    qtbot.waitUntil(
        lambda: any(
            key.startswith("wall:") for key in controller.pictures.frame.pictures
        ),
        timeout=DEADLINE_MS,
    )
    assert controller.session.cost.drift == pytest.approx(0, abs=1e-5)


def test_a_killed_engine_leaves_the_window_as_it_was(
    qtbot, window, controller, tiny_models
):
    session = controller.session
    controller.open_model(str(tiny_models / "conv.onnx"))
    qtbot.waitUntil(lambda: session.n_runs > 0, timeout=DEADLINE_MS)
    frame, answer = controller.pictures.frame, session.answer
    os.kill(controller.client.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: session.trouble is not None, timeout=DEADLINE_MS)
    assert controller.pictures.frame is frame
    assert session.answer == answer
    assert window.isVisible()
    qtbot.waitUntil(lambda: session.runnable, timeout=DEADLINE_MS)


def test_the_window_outlives_a_storm_of_faults(qtbot, window, controller, tiny_models):
    """Frames stream while the engine dies in every way, again and again."""
    session = controller.session
    chosen = random.Random(3)
    controller.open_model(str(tiny_models / "conv.onnx"))
    qtbot.waitUntil(lambda: session.n_runs > 0, timeout=DEADLINE_MS)
    for _ in range(5):
        if session.engine == "stopped":
            controller.trouble_action("restart")
        qtbot.waitUntil(
            lambda: session.engine == "ready" and session.runnable, timeout=DEADLINE_MS
        )
        controller.set_live(True)
        runs = session.n_runs
        qtbot.waitUntil(lambda n=runs: session.n_runs > n + 2, timeout=DEADLINE_MS)
        pid = controller.client.pid
        kind = chosen.choice(["crash", "abort", "exit", "bad_message", "die_after"])
        controller.client.send(
            Fault(job=controller.client.next_job(), kind=kind, value=0.05)
        )
        qtbot.waitUntil(lambda p=pid: controller.client.pid != p, timeout=DEADLINE_MS)
    assert window.isVisible()
    controller.trouble_action("restart")
    qtbot.waitUntil(lambda: session.runnable, timeout=DEADLINE_MS)
    runs = session.n_runs
    controller.run()
    qtbot.waitUntil(lambda: session.n_runs > runs, timeout=DEADLINE_MS)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_window_is_composed_at_its_smallest_size(
    qtbot, window, controller, tiny_models, theme
):
    """No panel is pushed out of the window, and none lies over another."""
    launch.theme.apply(QApplication.instance(), theme)
    controller.open_model(str(tiny_models / "conv.onnx"))
    qtbot.waitUntil(lambda: controller.session.n_runs > 0, timeout=DEADLINE_MS)
    boxes = []
    for panel in window.panels.values():
        assert panel.isVisible()
        corner = panel.mapTo(window, panel.rect().topLeft())
        box = panel.rect().translated(corner)
        assert window.rect().contains(box), panel.objectName()
        assert not any(box.intersects(other) for other in boxes), panel.objectName()
        boxes.append(box)
