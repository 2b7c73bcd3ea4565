"""Strokes become pictures, at once and at their end."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from layerscope.ui.widgets.canvas import DrawCanvas


@pytest.fixture
def canvas(qtbot):
    widget = DrawCanvas(100, 100)
    qtbot.addWidget(widget)
    widget.resize(200, 200)
    widget.show()
    return widget


def stroke(qtbot, canvas, *points):
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        qtbot.mouseMove(canvas, point)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=points[-1])


def test_a_dot_is_drawn_where_it_was_pressed_and_told(qtbot, canvas):
    with qtbot.waitSignal(canvas.drawn) as told:
        stroke(qtbot, canvas, QPoint(100, 100))
    picture = told.args[0]
    assert picture.shape == (100, 100, 3)
    assert picture.dtype == np.uint8
    assert (picture[50, 50] == 255).all()
    assert (picture[5, 5] == 0).all()


def test_a_picture_is_told_while_the_stroke_grows(qtbot, canvas):
    with qtbot.waitSignal(canvas.drawn, timeout=2000):
        qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))


def test_the_eraser_takes_away(qtbot, canvas):
    stroke(qtbot, canvas, QPoint(100, 100))
    canvas.erasing = True
    canvas.brush_px = 40.0
    stroke(qtbot, canvas, QPoint(100, 100))
    assert (canvas.pixels() == 0).all()


def test_undo_and_clear(qtbot, canvas):
    stroke(qtbot, canvas, QPoint(100, 100))
    drawn = canvas.pixels()
    canvas.clear()
    assert (canvas.pixels() == 0).all()
    canvas.undo()
    np.testing.assert_array_equal(canvas.pixels(), drawn)
    canvas.undo()
    assert (canvas.pixels() == 0).all()


def test_swapping_the_ground_inverts(qtbot, canvas):
    stroke(qtbot, canvas, QPoint(100, 100))
    before = canvas.pixels()
    canvas.swap_ground()
    np.testing.assert_array_equal(canvas.pixels(), 255 - before)


def test_a_new_size_starts_empty_and_the_same_size_does_not(qtbot, canvas):
    stroke(qtbot, canvas, QPoint(100, 100))
    canvas.set_size(100, 100)
    assert canvas.pixels().any()
    canvas.set_size(60, 30)
    assert canvas.pixels().shape == (30, 60, 3)
    assert not canvas.pixels().any()
