"""What happens at the start, before anybody clicks."""

from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.library.bundled import LibraryEntry
from layerscope.ui import launch


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    made.entries = (
        LibraryEntry(id="m", title="M", task="", path=Path("/bundled/m"), bytes=1),
    )
    return made


def start(controller, model="", source="", live=True):
    opener = launch._Opener(controller, model, source)
    opener.connect(live=live)
    return opener


def test_without_a_model_the_first_bundled_one_opens(controller):
    start(controller)
    assert controller.called("open_model") == [("/bundled/m",)]


def test_the_model_of_the_command_line_opens(controller):
    start(controller, model="/mine.onnx")
    assert controller.called("open_model") == [("/mine.onnx",)]


def test_the_input_follows_once_the_model_can_take_it(controller):
    opener = start(controller, source="/cat.jpg")
    assert controller.called("open_path") == []
    controller.session.slots = (parts.picture_slot(),)
    assert controller.called("open_path") == [("/cat.jpg",)]
    assert controller.session.live
    controller.session.slots = (parts.picture_slot("other"),)
    assert len(controller.called("open_path")) == 1
    assert opener is not None


def test_the_window_runs_live_from_the_first_model_on(qapp, controller):
    def watch():
        if controller.ticks > 3 and not controller.session.slots:
            controller.session.slots = (parts.picture_slot(),)
        elif controller.ticks > 6:
            qapp.closeAllWindows()

    watcher = QTimer()
    watcher.timeout.connect(watch)
    watcher.start(20)
    assert launch.run_window(controller, source="/cat.jpg") == 0
    assert controller.session.live
    assert controller.called("open_path") == [("/cat.jpg",)]


@pytest.mark.parametrize(
    ("platform", "display", "shown"),
    [("", ":0", True), ("", "", False), ("offscreen", ":0", False)],
)
def test_a_display_is_looked_for(monkeypatch, platform, display, shown):
    monkeypatch.setattr(launch.sys, "platform", "linux")
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert launch.has_display() is shown


def test_the_summary_says_answer_and_latency(controller):
    parts.open_model(controller)
    for value in (2.0, 4.0):
        controller.latency.append(value)
    text = launch._summary(controller)
    assert "Egyptian cat 41.6 %, tabby 22.8 %" in text
    assert "model 3.00 ms (median of 2 runs)" in text


def test_a_failure_is_the_sentence_on_the_screen(controller):
    controller.session.refusal = "The operator Debug is not known."
    assert launch._failure(controller) == "The operator Debug is not known."
