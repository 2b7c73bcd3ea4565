"""Tests of the tile wall: geometry, pixels, hands."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from layerscope.core.colours import viridis
from layerscope.ui import theme
from layerscope.ui.widgets.atlas import GAP, composed, resized
from layerscope.ui.widgets.tile_wall import USUAL_TILE, TileWall


@pytest.fixture
def wall(qtbot):
    wall = TileWall()
    qtbot.addWidget(wall)
    wall.resize(400, 200)
    wall.show()
    qtbot.waitExposed(wall)
    return wall


def flat_tiles(n, side=8):
    """Return n tiles, the i-th of level i everywhere."""
    levels = np.arange(n, dtype=np.uint8)[:, None, None]
    return np.broadcast_to(levels, (n, side, side)).copy()


def colour_at(wall, point):
    return wall.viewport().grab().toImage().pixelColor(point)


def viridis_colour(level):
    return QColor(*(int(v) for v in viridis()[level]))


def test_tile_is_painted_in_the_colour_of_its_level(wall):
    wall.numbered = False
    wall.set_tiles(flat_tiles(200))
    for position in (0, 7, 12):
        centre = wall.tile_rect(position).center()
        assert colour_at(wall, centre) == viridis_colour(position)


def test_gaps_between_tiles_show_the_panel(wall):
    wall.set_tiles(flat_tiles(40))
    point = wall.tile_rect(0).topRight() + QPoint(2, 10)
    assert colour_at(wall, point) == QColor(theme.current().panel)


def test_scrolling_shows_later_tiles_where_place_at_says(wall):
    wall.numbered = False
    wall.set_tiles(flat_tiles(250))
    wall.verticalScrollBar().setValue(wall.verticalScrollBar().maximum())
    point = wall.tile_rect(249).center()
    assert wall.place_at(point).channel == 249
    assert colour_at(wall, point) == viridis_colour(249)


def test_few_tiles_grow_until_they_fill_the_wall_and_do_not_scroll(wall):
    wall.set_tiles(flat_tiles(6))
    assert wall.cell.width() > USUAL_TILE
    assert wall.verticalScrollBar().maximum() == 0
    assert all(
        wall.viewport().rect().contains(wall.tile_rect(position))
        for position in range(6)
    )


def test_many_tiles_keep_a_legible_size_and_use_the_whole_width(wall):
    wall.set_tiles(flat_tiles(255))
    assert wall.cell.width() >= USUAL_TILE
    row = wall.columns * (wall.cell.width() + GAP) - GAP
    assert wall.viewport().width() - row < wall.columns + USUAL_TILE // 4


def test_tall_maps_keep_their_form(wall):
    wall.set_tiles(np.zeros((5, 20, 10), np.uint8))
    assert wall.cell.height() == pytest.approx(2 * wall.cell.width(), abs=1)


def test_place_names_the_pixel_and_is_none_between_tiles(wall):
    wall.set_tiles(flat_tiles(40, side=10), channels=tuple(range(100, 140)))
    rect = wall.tile_rect(3)
    place = wall.place_at(rect.topLeft())
    assert (place.channel, place.row, place.column) == (103, 0, 0)
    place = wall.place_at(rect.bottomRight())
    assert (place.row, place.column) == (9, 9)
    assert wall.place_at(rect.topRight() + QPoint(2, 0)) is None


def test_click_chooses_the_channel_under_the_pointer(wall, qtbot):
    wall.set_tiles(flat_tiles(40), channels=tuple(range(39, -1, -1)))
    point = wall.tile_rect(4).center()
    with qtbot.waitSignal(wall.unit_chosen) as chosen:
        QTest.mouseClick(wall.viewport(), Qt.MouseButton.LeftButton, pos=point)
    assert chosen.args == [35]


@pytest.mark.parametrize(
    ("key", "step"),
    [
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_L, 1),
        (Qt.Key.Key_J, -1),
        (Qt.Key.Key_Down, "row"),
        (Qt.Key.Key_K, "row"),
        (Qt.Key.Key_I, "back"),
    ],
)
def test_keys_walk_along_the_wall(wall, qtbot, key, step):
    wall.set_tiles(flat_tiles(40))
    wall.set_selected(15)
    with qtbot.waitSignal(wall.unit_chosen) as chosen:
        QTest.keyClick(wall, key)
    expected = {"row": wall.columns, "back": -wall.columns}.get(step, step)
    assert chosen.args == [15 + expected]


def test_shift_walks_faster_and_stops_at_the_end(wall, qtbot):
    wall.set_tiles(flat_tiles(40))
    wall.set_selected(30)
    for expected in (35, 39):
        with qtbot.waitSignal(wall.unit_chosen) as chosen:
            QTest.keyClick(wall, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
        assert chosen.args == [expected]
        wall.set_selected(expected)


def test_walking_follows_the_order_of_the_wall_not_of_the_numbers(wall, qtbot):
    wall.set_tiles(flat_tiles(4), channels=(9, 2, 7, 4))
    wall.set_selected(2)
    with qtbot.waitSignal(wall.unit_chosen) as chosen:
        QTest.keyClick(wall, Qt.Key.Key_L)
    assert chosen.args == [7]


def test_u_and_o_ask_for_layers(wall, qtbot):
    wall.set_tiles(flat_tiles(4))
    for key, delta in ((Qt.Key.Key_U, -1), (Qt.Key.Key_O, 1)):
        with qtbot.waitSignal(wall.layer_asked) as asked:
            QTest.keyClick(wall, key)
        assert asked.args == [delta]


def test_selection_is_outlined_and_scrolled_to(wall):
    wall.set_tiles(flat_tiles(255))
    wall.set_selected(250, show=True)
    rect = wall.tile_rect(250)
    assert wall.viewport().rect().contains(rect)
    edge = QPoint(rect.left(), rect.center().y())
    assert colour_at(wall, edge) == QColor(theme.current().accent)


def turn_wheel(wall, modifiers):
    centre = QPointF(wall.viewport().rect().center())
    QApplication.sendEvent(
        wall.viewport(),
        QWheelEvent(
            centre,
            QPointF(wall.viewport().mapToGlobal(centre)),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )


def test_wheel_scrolls_and_with_ctrl_changes_the_size(wall):
    wall.set_tiles(flat_tiles(255))
    before = wall.cell.width()
    turn_wheel(wall, Qt.KeyboardModifier.NoModifier)
    assert wall.verticalScrollBar().value() > 0
    assert wall.cell.width() == before
    turn_wheel(wall, Qt.KeyboardModifier.ControlModifier)
    assert wall.cell.width() < before


def test_no_tiles_is_no_trouble(wall):
    wall.set_tiles(np.zeros((0, 4, 4), np.uint8))
    wall.resize(100, 50)
    QTest.keyClick(wall, Qt.Key.Key_Right)
    assert wall.place_at(QPoint(3, 3)) is None
    wall.grab()


def test_colour_tiles_keep_their_colours(wall):
    tiles = np.zeros((4, 3, 3, 3), np.uint8)
    tiles[2] = (200, 30, 90)
    wall.numbered = False
    wall.set_tiles(tiles)
    assert colour_at(wall, wall.tile_rect(2).center()) == QColor(200, 30, 90)


def test_growing_repeats_pixels_and_shrinking_averages_blocks():
    tile = np.array([[[0, 100], [200, 40]]], np.uint8)
    grown = resized(tile, 4, 4)[0]
    assert grown.tolist() == [
        [0, 0, 100, 100],
        [0, 0, 100, 100],
        [200, 200, 40, 40],
        [200, 200, 40, 40],
    ]
    assert resized(tile, 1, 1).tolist() == [[[85]]]


def test_composed_lines_are_whole_words_and_leave_gaps_dark():
    tiles = np.full((3, 2, 2), 9, np.uint8)
    atlas = composed(tiles, 2, 2, columns=2, gap=1)
    assert atlas.shape == (6, 8)
    assert atlas[0].tolist() == [9, 9, 0, 9, 9, 0, 0, 0]
    assert atlas[2].tolist() == [0] * 8
    assert atlas[3].tolist() == [9, 9, 0, 0, 0, 0, 0, 0]
