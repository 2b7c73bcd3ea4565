"""What only a real display shows: focus, keys, clipboard, drag and drop.

`make test` runs these under Xvfb. Keys and pointer are moved by xdotool, so that
events take the way through the X server, as a user's do.
"""

import subprocess
import time

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDrag, QGuiApplication, QImage
from PySide6.QtWidgets import QLabel, QLineEdit

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.library.preferences import Preferences
from layerscope.library.samples import sample_pictures
from layerscope.protocol.inputs import PictureArray, PictureFile
from layerscope.ui.main_window import MainWindow

pytestmark = pytest.mark.xvfb

DEADLINE_MS = 30_000


class DragSource(QLabel):
    """A label that drags files, as a file manager does.

    Parameters
    ----------
    paths : list of Path
        What is dragged.
    """

    def __init__(self, paths):
        super().__init__("drag me")
        self._urls = [QUrl.fromLocalFile(str(path)) for path in paths]
        self.action = None

    def mouseMoveEvent(self, _event):  # noqa: N802
        if self.action is None:
            self.action = Qt.DropAction.IgnoreAction
            drag = QDrag(self)
            data = QMimeData()
            data.setUrls(self._urls)
            drag.setMimeData(data)
            self.action = drag.exec(Qt.DropAction.CopyAction)


@pytest.fixture
def controller(tmp_path):
    client = EngineClient(arena_bytes=16 << 20)
    controller = Controller(client, Preferences(tmp_path / "preferences.json"))
    controller.start()
    yield controller
    controller.close()


@pytest.fixture
def window(qtbot, controller):
    """The shown window, with the bundled model open and the keyboard's focus."""
    window = MainWindow(controller)
    qtbot.addWidget(window)
    window.setGeometry(0, 0, 1400, 900)
    window.show()
    qtbot.waitExposed(window)
    controller.open_model(str(controller.library()[0].path))
    qtbot.waitUntil(lambda: controller.session.n_runs >= 1, timeout=DEADLINE_MS)
    xdotool("windowfocus", int(window.winId()))
    qtbot.waitUntil(window.isActiveWindow, timeout=DEADLINE_MS)
    return window


def xdotool(*arguments):
    """Do something with the pointer or the keyboard of the display."""
    command = ["xdotool", *(str(argument) for argument in arguments)]
    subprocess.run(command, check=True, timeout=10)


def chain(*steps):
    """Start a chain of xdotool's own, while the events it makes are worked through."""
    words = [str(word) for step in steps for word in step]
    return subprocess.Popen(["xdotool", *words])


def press(qtbot, key, condition):
    """Press a key and wait for what it should do."""
    xdotool("key", "--clearmodifiers", key)
    qtbot.waitUntil(condition, timeout=DEADLINE_MS)


def middle(widget):
    """Return the middle of `widget` on the screen."""
    return widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2))


def test_shortcuts_run_and_go_live(window, controller, qtbot):
    session = controller.session
    runs = session.n_runs

    press(qtbot, "ctrl+Return", lambda: session.n_runs > runs)
    press(qtbot, "ctrl+l", lambda: session.live)
    press(qtbot, "ctrl+l", lambda: not session.live)


def test_search_takes_the_focus_and_what_is_typed(window, qtbot):
    focused = QGuiApplication.focusObject

    press(qtbot, "ctrl+f", lambda: isinstance(focused(), QLineEdit))
    xdotool("type", "--delay", 20, "conv")

    qtbot.waitUntil(lambda: focused().text() == "conv", timeout=DEADLINE_MS)


def test_palette_opens_and_escape_gives_the_focus_back(window, qtbot):
    palette = window.palette_

    press(qtbot, "ctrl+k", palette.isVisible)
    press(qtbot, "Escape", lambda: not palette.isVisible())
    qtbot.waitUntil(window.isActiveWindow, timeout=DEADLINE_MS)


def test_tab_walks_through_more_than_one_control(window, qtbot):
    seen = set()
    for _ in range(8):
        xdotool("key", "Tab")
        qtbot.wait(30)  # that nothing moves can only be seen by waiting
        seen.add(QGuiApplication.focusObject())

    assert len(seen - {None}) >= 4


def test_a_pasted_picture_becomes_the_input(window, controller, qtbot):
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    session = controller.session
    slot = controller.first_picture_slot()
    runs = session.n_runs

    press(qtbot, "ctrl+v", lambda: isinstance(session.inputs.get(slot), PictureArray))

    qtbot.waitUntil(lambda: session.n_runs > runs, timeout=DEADLINE_MS)
    pasted = controller.get_array(session.inputs[slot].array)
    np.testing.assert_array_equal(pasted[..., :3], np.full((30, 40, 3), (255, 0, 0)))


def test_text_on_the_clipboard_changes_no_input(window, controller, qtbot):
    QGuiApplication.clipboard().setText("no picture")
    before = dict(controller.session.inputs)

    xdotool("key", "ctrl+v")
    qtbot.wait(200)  # that nothing happens can only be seen by waiting

    assert controller.session.inputs == before


def drop(qtbot, window, paths):
    """Drag files from another window and let them go over the middle of `window`."""
    source = DragSource(paths)
    qtbot.addWidget(source)
    source.setGeometry(1450, 50, 200, 100)
    source.show()
    qtbot.waitExposed(source)
    start, end = middle(source), middle(window)
    hand = chain(
        ("mousemove", start.x(), start.y(), "mousedown", 1, "sleep", 0.2),
        ("mousemove", start.x() - 40, start.y() + 10, "sleep", 0.3),
        ("mousemove", end.x() + 30, end.y(), "sleep", 0.3),
        ("mousemove", end.x(), end.y(), "sleep", 0.3, "mouseup", 1),
    )
    qtbot.waitUntil(lambda: hand.poll() is not None, timeout=DEADLINE_MS)
    qtbot.waitUntil(lambda: source.action is not None, timeout=DEADLINE_MS)
    deadline = time.monotonic() + DEADLINE_MS / 1000
    while source.action == Qt.DropAction.IgnoreAction and time.monotonic() < deadline:
        qtbot.wait(20)
    return source.action


def test_a_dropped_picture_becomes_the_input(window, controller, qtbot):
    picture = sample_pictures()[1]
    slot = controller.first_picture_slot()

    action = drop(qtbot, window, [picture])

    assert action == Qt.DropAction.CopyAction
    source = PictureFile(path=str(picture))
    qtbot.waitUntil(
        lambda: controller.session.inputs.get(slot) == source, timeout=DEADLINE_MS
    )


def test_a_dropped_model_opens(window, controller, qtbot, tiny_models):
    drop(qtbot, window, [tiny_models / "conv.onnx"])

    qtbot.waitUntil(
        lambda: controller.session.model_path.endswith("conv.onnx"),
        timeout=DEADLINE_MS,
    )
