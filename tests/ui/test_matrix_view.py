"""A matrix can be zoomed, read off and walked by keys, and strong weights stay seen."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from tests.ui import text_parts
from tests.ui.inside import point_at

from layerscope.ui import theme
from layerscope.ui.widgets.matrix_pyramid import MatrixPyramid, brightened
from layerscope.ui.widgets.matrix_view import MatrixView


@pytest.fixture
def view(qapp, qtbot):
    theme.apply(qapp, "dark")
    made = MatrixView("Weights")
    qtbot.addWidget(made)
    made.resize(400, 400)
    made.show()
    return made


def test_the_pointer_reads_the_cell_it_is_over(view):
    seen = []
    view.hovered.connect(lambda *cell: seen.append(cell))
    view.set_matrix(text_parts.causal(), text_parts.WORDS, text_parts.WORDS)
    plot, side = view._plot(), view.cell_px
    spot = QPointF(plot.left() + 2.5 * side, plot.top() + 4.5 * side)
    assert view.cell_at(spot) == (4, 2)
    point_at(view, spot.toPoint())
    assert seen == [(4, 2)]
    assert view.cell_at(QPointF(1, 1)) == (-1, -1)  # the words are no cells


def test_words_stand_along_the_axes_where_there_is_room(view):
    view.set_matrix(text_parts.causal(), text_parts.WORDS, text_parts.WORDS)
    assert view._plot().left() > 20
    view.set_matrix(np.ones((300, 300), np.float32))
    assert view._plot().left() == 0
    for _ in range(30):
        view.zoom(1)
    assert view._plot().left() > 20


def test_zooming_keeps_what_is_under_the_pointer(view):
    view.set_matrix(np.tri(512, dtype=np.float32))
    spot = QPointF(300, 120)
    before = view.cell_at(spot)
    for _ in range(4):
        view.zoom(1, spot)
    after = view.cell_at(spot)
    assert abs(after[0] - before[0]) <= 1
    assert abs(after[1] - before[1]) <= 1
    view.zoom(-40, spot)
    assert view._plot().width() == pytest.approx(400, abs=1)


def test_dragging_moves_and_is_no_click(view, qtbot):
    chosen = []
    view.chosen.connect(lambda *cell: chosen.append(cell))
    view.set_matrix(np.tri(512, dtype=np.float32))
    view.zoom(12, QPointF(200, 200))
    before = view.cell_at(QPointF(200, 200))
    button, pos = Qt.MouseButton.LeftButton, QPointF(200, 200).toPoint()
    qtbot.mousePress(view, button, pos=pos)
    qtbot.mouseMove(view, QPointF(150, 160).toPoint())
    qtbot.mouseRelease(view, button, pos=QPointF(150, 160).toPoint())
    moved = view.cell_at(QPointF(200, 200))
    assert moved[0] > before[0]
    assert moved[1] > before[1]
    assert chosen == []
    qtbot.mouseClick(view, button, pos=pos)
    assert chosen == [moved]


def test_keys_walk_choose_and_zoom(view, qtbot):
    chosen = []
    view.chosen.connect(lambda *cell: chosen.append(cell))
    view.set_matrix(text_parts.causal(), text_parts.WORDS, text_parts.WORDS)
    view.set_locked(3, 1)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert chosen == [(4, 2)]
    side = view.cell_px
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.cell_px > side
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.cell_px == side


def test_an_empty_view_can_be_shown_and_resized(view):
    view.resize(200, 100)
    view.zoom(1)
    assert not view.grab().isNull()
    assert view.cell_at(QPointF(50, 50)) == (-1, -1)


def test_one_strong_weight_among_millions_is_not_lost():
    values = np.zeros((2048, 2048), np.float32)
    values[700, 300] = 1.0
    number, small = MatrixPyramid(values).level(4)
    assert number == 4
    assert small.shape == (128, 128)
    assert small[700 // 16, 300 // 16] == 255
    assert np.count_nonzero(small) == 1


def test_a_thousand_equal_weights_are_bright_beside_the_first_row():
    weights = np.tri(1000, dtype=np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    _, levels = MatrixPyramid(weights).level(0)
    assert levels[999, 500] > 60  # by its share of the largest it would be 8
    assert levels[0, 0] == 255
    assert levels[0, 5] == 0


def test_numbers_that_are_none_are_dark():
    values = np.array([[np.nan, 1.0], [np.inf, 0.5]], np.float32)
    _, levels = MatrixPyramid(values).level(0)
    assert levels[0, 0] == 0
    assert levels[0, 1] == 255


def test_each_small_map_has_its_own_scale():
    maps = np.zeros((1, 2, 8, 8), np.uint8)
    maps[0, 0] += 10
    maps[0, 1] += 200
    assert np.array_equal(brightened(maps)[0, 0], brightened(maps)[0, 1])
