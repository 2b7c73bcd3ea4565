"""What waits for the first paint happens once, and panels wait with it."""

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QWidget

from layerscope.ui.first_paint import FirstPaint, panels_wait


def test_the_callback_comes_once_and_after_the_first_paint(qtbot):
    called = []
    widget = QWidget()
    qtbot.addWidget(widget)
    FirstPaint(widget, lambda: called.append(panels_wait()))
    assert panels_wait()
    widget.show()
    qtbot.waitUntil(lambda: bool(called))
    widget.repaint()
    qtbot.wait(50)
    assert called == [False]


def test_a_window_that_is_never_painted_keeps_nothing_back(qtbot):
    called = []
    widget = QWidget()
    qtbot.addWidget(widget)
    FirstPaint(widget, lambda: called.append(True))
    qtbot.waitUntil(lambda: called == [True])
    assert not panels_wait()


def test_a_window_that_is_gone_keeps_nothing_back(qtbot):
    widget = QWidget()
    FirstPaint(widget, lambda: None)
    assert panels_wait()
    widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not panels_wait()
