"""What only a real display shows: drag and drop, clipboard, focus, shortcuts."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QSettings, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.ui import theme
from layerscope.ui.main_window import MainWindow

pytestmark = pytest.mark.xvfb

OTHER_PROGRAM = """
import sys
from PySide6.QtGui import QColor, QGuiApplication, QImage
app = QGuiApplication([])
image = QImage(6, 4, QImage.Format.Format_RGB32)
image.fill(QColor(200, 100, 50))
app.clipboard().setImage(image)
sys.stdout.write("copied\\n")
sys.stdout.flush()
app.exec()
"""


@pytest.fixture
def window(qtbot, qapp, tmp_path):
    assert QGuiApplication.platformName() == "xcb"
    theme.apply(qapp, "dark")
    controller = FakeController(tmp_path)
    controller.session.recent = ("/models/squeeze.onnx",)
    parts.open_model(controller)
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(controller, settings)
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow, timeout=5000)
    made.refresh()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def press(window, key, *modifiers):
    mask = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        mask |= modifier
    target = QApplication.focusWidget() or window
    QTest.keyClick(target, key, mask)


CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


def test_a_file_dragged_from_elsewhere_is_opened(window, qtbot):
    source = QWidget()
    qtbot.addWidget(source)
    source.setGeometry(1300, 10, 80, 80)
    source.show()
    qtbot.waitExposed(source)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/a/model.onnx")])
    drag = QDrag(source)
    drag.setMimeData(data)
    target = window.panels["activations"]
    moves = [
        QPoint(5, 5),
        target.rect().center(),
        target.rect().center() + QPoint(3, 3),
    ]

    def move():
        if moves:
            QTest.mouseMove(target, moves.pop(0))
        else:
            steps.stop()
            QTest.mouseRelease(
                target, Qt.MouseButton.LeftButton, pos=target.rect().center()
            )

    steps = QTimer()
    steps.timeout.connect(move)
    steps.start(60)
    drag.exec(Qt.DropAction.CopyAction)
    qtbot.waitUntil(
        lambda: window.controller.called("open_path") == [("/a/model.onnx",)],
        timeout=5000,
    )
    source.close()


def test_a_picture_copied_in_another_program_is_pasted(window, qtbot):
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
    )
    try:
        assert other.stdout.readline() == "copied\n"
        qtbot.waitUntil(
            lambda: QGuiApplication.clipboard().mimeData().hasImage(), timeout=5000
        )
        press(window, Qt.Key.Key_V, CTRL)
        slot, source = window.controller.called("set_input")[-1]
        pixels = window.controller.get_array(source.array)
        assert slot == "data"
        assert pixels.shape == (4, 6, 3)
        np.testing.assert_array_equal(pixels[0, 0], (200, 100, 50))
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_the_keys_do_what_they_say(window, qtbot):
    controller = window.controller
    press(window, Qt.Key.Key_Return, CTRL)
    assert len(controller.called("run")) == 1
    press(window, Qt.Key.Key_L, CTRL)
    assert controller.session.live
    qtbot.waitUntil(window.actions_["run.stop"].isEnabled, timeout=3000)
    press(window, Qt.Key.Key_Return, CTRL, ALT)
    assert len(controller.called("stop")) == 1
    press(window, Qt.Key.Key_1, CTRL)
    assert controller.called("open_path") == [("/models/squeeze.onnx",)]
    press(window, Qt.Key.Key_W, CTRL)
    assert len(controller.called("close_model")) == 1


def test_the_theme_changes_by_key(window):
    press(window, Qt.Key.Key_Comma, CTRL)
    assert theme.current() is theme.LIGHT


def test_the_palette_takes_the_focus_and_gives_it_back(window, qtbot):
    press(window, Qt.Key.Key_K, CTRL)
    qtbot.waitUntil(window.palette_.field.hasFocus, timeout=3000)
    QTest.keyClicks(window.palette_.field, "pool1")
    press(window, Qt.Key.Key_Return)
    assert window.controller.session.selection.node == 1
    assert not window.palette_.isVisible()


def test_a_click_elsewhere_closes_the_palette(window, qtbot):
    press(window, Qt.Key.Key_K, CTRL)
    qtbot.waitUntil(window.palette_.field.hasFocus, timeout=3000)
    window.panels["library"].list.setFocus()
    qtbot.waitUntil(lambda: not window.palette_.isVisible(), timeout=3000)


def test_find_puts_the_cursor_into_the_network_search(window, qtbot):
    press(window, Qt.Key.Key_F, CTRL)
    qtbot.waitUntil(
        lambda: window.panels["network"].isAncestorOf(QApplication.focusWidget()),
        timeout=3000,
    )


def test_f1_lists_the_keys(window, qtbot):
    press(window, Qt.Key.Key_F1)
    dialogs = [w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog)]
    shown = [dialog for dialog in dialogs if dialog.isVisible()]
    assert [dialog.windowTitle() for dialog in shown] == ["Keys"]
    shown[0].close()


def test_every_control_is_reached_by_tab_and_has_a_name(window, qtbot):
    window.top_bar.model.setFocus()
    reached = []
    for _ in range(200):
        widget = QApplication.focusWidget()
        if widget in reached:
            break
        reached.append(widget)
        press(window, Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is reached[0]
    for widget in (
        window.top_bar.run,
        window.top_bar.live,
        window.panels["library"].list,
    ):
        assert widget in reached
    nameless = [
        widget
        for widget in reached
        if widget is not window.centralWidget() and not widget.accessibleName()
    ]
    assert nameless == []
