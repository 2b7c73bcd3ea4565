"""Tests of the canvas that draws the network."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.ui.card_rows import PITCH, row_of_cards

from layerscope.ui import theme
from layerscope.ui.widgets import graph_raster
from layerscope.ui.widgets.graph_canvas import GraphCanvas
from layerscope.ui.widgets.graph_cards import CardPainter, CardWords
from layerscope.ui.widgets.graph_scene import (
    CLOSED,
    FRAME,
    INPUT,
    NODE,
    Area,
    GraphScene,
)


def framed():
    """Return a frame with two cards inside, and a card before it."""
    items = np.array([[INPUT, 0], [FRAME, 7], [NODE, 1], [NODE, 2]], dtype=np.int32)
    boxes = np.array(
        [[0, 40, 72, 108], [100, 0, 190, 160], [112, 30, 72, 108], [200, 30, 72, 108]],
        dtype=np.float32,
    )
    edges = np.array([[0, 2], [2, 3]], dtype=np.int32)
    return GraphScene(items, boxes, edges, np.full(2, np.nan, dtype=np.float32))


@pytest.fixture
def canvas(qtbot):
    theme.apply(QApplication.instance(), "dark")
    made = GraphCanvas()
    qtbot.addWidget(made)
    made.resize(600, 130)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(canvas, scene):
    canvas.set_scene(scene)
    canvas.grab()
    return canvas


def middle_of(canvas, row):
    x, y, width, height = canvas.scene.boxes[row].tolist()
    return QPoint(
        *(round(v) for v in canvas.view.to_pixels(x + width / 2, y + height / 2))
    )


def colours_of(canvas):
    image = canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), dtype=np.uint32)
    return {QColor.fromRgb(int(word)).name() for word in np.unique(pixels)}


def wheel(canvas, place, delta, modifiers=Qt.KeyboardModifier.NoModifier):
    event = QWheelEvent(
        QPointF(place),
        QPointF(canvas.mapToGlobal(place)),
        QPoint(),
        QPoint(0, delta),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


class TestScene:
    def test_what_is_in_an_area(self):
        scene = row_of_cards(1000)
        assert scene.leaves_in(Area(0, 0, 100, 50)).tolist() == [0, 1]
        assert scene.leaves_in(Area(PITCH * 500, 0, PITCH * 500 + 1, 1)).tolist() == [
            500
        ]
        assert scene.leaves_in(Area(0, 200, 1000, 300)).tolist() == []

    def test_edges_in_an_area_include_long_ones(self):
        scene = row_of_cards(100)
        long = GraphScene(
            scene.items,
            scene.boxes,
            np.concatenate([scene.edges, [[0, 99]]]).astype(np.int32),
            np.append(scene.lanes, -30).astype(np.float32),
        )
        middle = Area(PITCH * 50, -40, PITCH * 51, 100)
        assert 99 in long.edges_in(middle)
        assert 99 not in long.edges_in(Area(PITCH * 50, 60, PITCH * 51, 100))

    def test_the_innermost_item_is_hit(self):
        scene = framed()
        assert scene.row_at(130, 60) == 2
        assert scene.row_at(190, 10) == 1
        assert scene.row_at(90, 10) == -1

    def test_tracing_finds_all_that_leads_here_and_all_that_follows(self):
        scene = row_of_cards(5)
        assert scene.trace(2, upstream=True) == ({0, 1, 2}, {0, 1})
        assert scene.trace(2, upstream=False) == ({2, 3, 4}, {2, 3})

    def test_tracing_a_frame_starts_from_what_is_inside(self):
        rows, edges = framed().trace(1, upstream=True)
        assert rows == {0, 1, 2, 3}
        assert edges == {0, 1}

    def test_walking_follows_edges(self):
        scene = row_of_cards(5)
        assert scene.neighbour(2, 1, 0) == 3
        assert scene.neighbour(2, -1, 0) == 1
        assert scene.neighbour(2, 0, 1) == 2


class TestRaster:
    def test_boxes_are_filled_and_cut(self):
        picture = graph_raster.blank(10, 8)
        boxes = np.array([[1.0, 1, 3, 2], [8, 6, 5, 5], [-9, 0, 4, 4]])
        colours = np.array([1, 2, 3], dtype=np.uint32)
        graph_raster.fill_boxes(picture, boxes, colours)
        assert (picture[1:3, 1:4] == 1).all()
        assert (picture[6:, 8:] == 2).all()
        assert np.count_nonzero(picture) == 6 + 4

    def test_boxes_below_a_pixel_are_a_pixel(self):
        picture = graph_raster.blank(10, 8)
        graph_raster.fill_boxes(
            picture, np.array([[4.2, 3.1, 0.01, 0.01]]), np.array([9], dtype=np.uint32)
        )
        assert picture[3, 4] == 9
        assert np.count_nonzero(picture) == 1

    def test_lines_run_from_end_to_end_and_are_cut(self):
        picture = graph_raster.blank(10, 8)
        lines = np.array([[0.0, 2, 9, 2], [5, -100, 5, 100], [50, 50, 60, 60]])
        colours = np.array([1, 2, 3], dtype=np.uint32)
        graph_raster.draw_lines(picture, lines, colours)
        assert np.count_nonzero(picture[2]) == 10
        assert (picture[:, 5] == 2).all()
        assert 3 not in picture


class TestCanvas:
    def test_a_click_chooses_and_a_drag_pans(self, canvas, qtbot):
        shown(canvas, row_of_cards(5))
        with qtbot.waitSignal(canvas.chosen) as caught:
            QTest.mouseClick(
                canvas, Qt.MouseButton.LeftButton, pos=middle_of(canvas, 3)
            )
        assert caught.args == [3]
        assert canvas.row == 3
        before = canvas.view.x
        with qtbot.assertNotEmitted(canvas.chosen):
            place = QPoint(300, 60)
            QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=place)
            QTest.mouseMove(canvas, place - QPoint(50, 0))
            QTest.mouseRelease(
                canvas, Qt.MouseButton.LeftButton, pos=place - QPoint(50, 0)
            )
        assert canvas.view.x == pytest.approx(before + 50 / canvas.view.scale)

    def test_a_double_click_and_enter_open(self, canvas, qtbot):
        shown(canvas, row_of_cards(3, kind=CLOSED))
        with qtbot.waitSignal(canvas.opened) as caught:
            QTest.mouseDClick(
                canvas, Qt.MouseButton.LeftButton, pos=middle_of(canvas, 1)
            )
        assert caught.args == [1]
        canvas.set_row(2)
        with qtbot.waitSignal(canvas.opened) as caught:
            QTest.keyClick(canvas, Qt.Key.Key_Return)
        assert caught.args == [2]

    def test_arrows_walk_and_bring_into_sight(self, canvas):
        shown(canvas, row_of_cards(60))
        QTest.keyClick(canvas, Qt.Key.Key_Right)
        assert canvas.row == 0
        for _ in range(30):
            QTest.keyClick(canvas, Qt.Key.Key_Right)
        assert canvas.row == 30
        assert canvas.rect().contains(middle_of(canvas, 30))
        QTest.keyClick(canvas, Qt.Key.Key_Left)
        assert canvas.row == 29

    def test_keys_zoom_fit_and_leave(self, canvas, qtbot):
        shown(canvas, row_of_cards(60))
        before = canvas.view.scale
        QTest.keyClick(canvas, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
        assert canvas.view.scale > before
        QTest.keyClick(canvas, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        assert canvas.view.scale == pytest.approx(before)
        QTest.keyClick(canvas, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ShiftModifier)
        assert canvas.view.scale == pytest.approx(1.0)
        QTest.keyClick(canvas, Qt.Key.Key_Space)
        assert canvas.view.area.right >= canvas.scene.bounds.right
        with qtbot.waitSignal(canvas.left):
            QTest.keyClick(canvas, Qt.Key.Key_Backspace)

    def test_the_wheel_zooms_at_the_pointer(self, canvas):
        shown(canvas, row_of_cards(60))
        place = QPoint(200, 60)
        before = canvas.view.to_graph(200, 60)
        scale = canvas.view.scale
        wheel(canvas, place, 240)
        assert canvas.view.scale > scale
        assert canvas.view.to_graph(200, 60) == pytest.approx(before)

    def test_opening_a_block_leaves_it_where_it_is(self, canvas):
        shown(canvas, row_of_cards(40, kind=CLOSED))
        canvas.view.pan(-200, 0)
        before = canvas.view.to_pixels(*canvas.scene.boxes[10, :2].tolist())[0]
        moved = row_of_cards(40, kind=CLOSED)
        moved.boxes[:, 0] += 500
        moved.items[10] = FRAME, 10
        canvas.set_scene(moved, keep=(CLOSED, 10))
        after = canvas.view.to_pixels(*canvas.scene.boxes[10, :2].tolist())[0]
        assert after == pytest.approx(before, abs=0.1)

    def test_a_resize_fits_again_until_someone_moves(self, canvas):
        shown(canvas, row_of_cards(6))
        before = canvas.view.scale
        canvas.resize(300, 130)
        assert canvas.view.scale < before
        canvas.zoom(1.5)
        chosen = canvas.view.scale
        canvas.resize(500, 130)
        assert canvas.view.scale == chosen

    def test_pictures_are_only_wanted_where_they_can_be_seen(self, canvas):
        shown(canvas, row_of_cards(400))
        rows = canvas.picture_rows()
        assert rows
        assert rows[-1] < 20
        canvas.fit()
        assert canvas.picture_rows() == []

    def test_cards_wear_picture_and_bar(self, canvas):
        scene = row_of_cards(4)
        shown(canvas, scene)
        image = QImage(4, 4, QImage.Format.Format_RGB32)
        image.fill(QColor("#ff00ff"))
        bar = QColor("#00ff88")
        assert not {"#ff00ff", "#00ff88"} & colours_of(canvas)
        canvas.set_pictures({1: image})
        canvas.set_bars(np.ones(4), np.full(4, bar.rgba(), dtype=np.uint32))
        assert {"#ff00ff", "#00ff88"} <= colours_of(canvas)

    @pytest.mark.parametrize("scale", [0.4, 0.15, 0.02])
    def test_small_cards_are_boxes_in_their_colour(self, canvas, scale):
        shown(canvas, row_of_cards(400))
        canvas.set_bars(
            np.ones(400), np.full(400, QColor("#00ff88").rgba(), dtype=np.uint32)
        )
        canvas.view.scale = scale
        assert "#00ff88" in colours_of(canvas)

    @pytest.mark.parametrize("mode", ["dark", "light"])
    @pytest.mark.parametrize("scale", [1.0, 0.2])
    def test_marks_take_the_colours_of_the_theme(self, canvas, mode, scale):
        theme.apply(QApplication.instance(), mode)
        shown(canvas, row_of_cards(3))
        canvas.view.scale = scale
        palette = theme.current()
        assert palette.panel in colours_of(canvas)
        assert not {palette.accent, palette.warning} & colours_of(canvas)
        canvas.set_row(0)
        canvas.set_errors(frozenset({1}))
        canvas.grab()
        found = colours_of(canvas)
        assert near(found, palette.accent)
        assert near(found, palette.warning)
        theme.apply(QApplication.instance(), "dark")

    def test_a_frame_is_drawn_around_what_is_open(self, canvas):
        canvas.set_words(lambda row: CardWords(f"card {row}"), lambda row: "")
        shown(canvas, framed())
        assert theme.DARK.window in colours_of(canvas)

    def test_a_graph_without_anything_is_an_empty_canvas(self, canvas):
        empty = GraphScene(
            np.zeros((0, 2), np.int32),
            np.zeros((0, 4), np.float32),
            np.zeros((0, 2), np.int32),
            np.zeros(0, np.float32),
        )
        shown(canvas, empty)
        canvas.fit()
        QTest.keyClick(canvas, Qt.Key.Key_Right)
        assert canvas.row == -1
        assert colours_of(canvas) == {theme.DARK.panel}

    def test_the_chosen_card_is_told_to_screen_readers(self, canvas):
        canvas.set_words(
            lambda row: CardWords("fire4", "256 × 27²", "9 %"), lambda r: ""
        )
        shown(canvas, row_of_cards(3))
        canvas.set_row(1)
        assert canvas.accessibleName()
        assert canvas.accessibleDescription() == "fire4, 256 × 27², 9 %"


def near(names, wanted):
    """Return whether a colour close to `wanted` is among `names`."""
    target = QColor(wanted)
    return any(
        abs(QColor(name).red() - target.red()) < 40
        and abs(QColor(name).green() - target.green()) < 40
        and abs(QColor(name).blue() - target.blue()) < 40
        for name in names
    )


def test_long_names_lose_what_their_neighbours_share(qapp):
    theme.apply(qapp, "dark")
    painter = CardPainter(1.0)
    fitted = painter.fit("expanded_convolution_block_16", 60, bold=True)
    assert fitted == "block_16"
    assert painter.fit("conv1", 60, bold=True) == "conv1"
