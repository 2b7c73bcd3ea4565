"""The overview of heads, the lines between tokens, and the table of words."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from tests.ui import text_parts
from tests.ui.inside import point_at

from layerscope.ui import theme
from layerscope.ui.widgets.attention_lines import AttentionLines
from layerscope.ui.widgets.head_grid import HeadGrid
from layerscope.ui.widgets.point_map import PointMap
from layerscope.ui.widgets.sampling_bars import SampledWord, SamplingBars
from layerscope.ui.widgets.word_table import WordTable


def shown(qtbot, widget, width=420, height=300):
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    return widget


@pytest.fixture(autouse=True)
def dressed(qapp):
    theme.apply(qapp, "dark")


@pytest.fixture
def grid(qtbot):
    made = shown(qtbot, HeadGrid())
    maps = np.full((3, 4, 8, 8), 200, np.uint8)
    made.set_maps(maps, (4, 2, 4), ("L0", "L1", "L2"), ("a", "b", "c"))
    return made


def test_a_click_chooses_a_head(grid, qtbot):
    chosen = []
    grid.head_chosen.connect(lambda *head: chosen.append(head))
    pos = grid.rect_of(2, 3).center()
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=pos)
    assert chosen == [(2, 3)]
    assert "head 3" in grid.accessibleDescription()
    lacking = grid.rect_of(1, 3).center()
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=lacking)
    assert chosen == [(2, 3)]  # layer 1 has two heads only


def test_arrows_walk_the_heads_and_stop_at_the_ends(grid, qtbot):
    grid.set_selected(0, 3)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Up):
        qtbot.keyClick(grid, key)
    assert grid.selected == (0, 1)


def test_what_a_layer_does_not_have_is_left_blank(grid):
    image = grid.viewport().grab().toImage()
    panel = theme.current().panel
    assert image.pixelColor(grid.rect_of(1, 3).center()).name() == panel
    assert image.pixelColor(grid.rect_of(0, 3).center()).name() != panel


def test_many_layers_scroll(grid):
    maps = np.zeros((48, 32, 8, 8), np.uint8)
    grid.set_maps(maps, (32,) * 48, [f"L{n}" for n in range(48)])
    assert grid.verticalScrollBar().maximum() > 0
    grid.set_selected(47, 31)
    assert grid.viewport().rect().contains(grid.rect_of(47, 31))


@pytest.fixture(params=[(700, 200), (240, 300)], ids=["rows", "columns"])
def lines(qtbot, request):
    made = shown(qtbot, AttentionLines(), *request.param)
    made.set_attention(text_parts.causal(), text_parts.WORDS, text_parts.WORDS)
    return made


def foot(lines, row, place):
    return lines.middle(row, place).toPoint()


def test_the_pointer_finds_the_token_and_a_click_holds_it(lines, qtbot):
    held, seen = [], []
    lines.query_chosen.connect(held.append)
    lines.query_hovered.connect(seen.append)
    place = 5
    assert lines.token_at(foot(lines, 0, place).toPointF()) == (0, place)
    assert lines.token_at(foot(lines, 1, place).toPointF()) == (1, place)
    point_at(lines.viewport(), foot(lines, 1, place))
    assert seen == [place]
    button = Qt.MouseButton.LeftButton
    qtbot.mouseClick(lines.viewport(), button, pos=foot(lines, 1, place))
    assert lines.locked == place
    qtbot.mouseClick(lines.viewport(), button, pos=foot(lines, 1, place))
    assert held == [place, -1]


def test_the_lines_of_the_held_token_stand_out(lines):
    plain = lines.viewport().grab().toImage()
    lines.set_locked(7)
    marked = lines.viewport().grab().toImage()
    assert plain != marked


def test_a_long_text_begins_at_its_end_and_goes_where_it_is_told(lines):
    n = 400
    words = [f"w{place}" for place in range(n)]
    lines.set_attention(text_parts.causal(n), words, words)
    bar = lines._bar()
    assert bar.value() > bar.maximum() // 2
    lines.set_locked(3)
    assert bar.value() < bar.maximum() // 4


def test_cross_attention_has_rows_of_different_length(lines):
    weights = np.full((4, 9), 1 / 9, np.float32)
    lines.set_attention(weights, ["q"] * 4, [f"k{n}" for n in range(9)])
    assert not lines.viewport().grab().isNull()
    assert lines.token_at(foot(lines, 0, 8).toPointF()) == (0, 8)


@pytest.fixture
def table(qtbot):
    made = shown(qtbot, WordTable("Words"))
    words = [f"{row}{column}" for row in range(3) for column in range(50)]
    made.set_words(
        ("embedding", "h.0", "h.1"),
        [f"t{n}" for n in range(50)],
        words,
        [0.5] * 150,
    )
    return made


def test_a_cell_is_found_chosen_and_scrolled_to(table, qtbot):
    chosen = []
    table.cell_chosen.connect(lambda *cell: chosen.append(cell))
    pos = table.cell_rect(2, 1).center()
    assert table.word(2, 1) == ("21", 0.5)
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=pos)
    assert chosen == [(2, 1)]
    table.set_selected(-1, 49)
    assert table.viewport().rect().contains(table.cell_rect(0, 49).center())
    assert table.cell_at(QPoint(4, 40).toPointF()) == (-1, -1)  # the row's name


def test_a_small_table_fills_its_room_without_scrolling(table):
    table.set_words(("a", "b"), ("", ""), ("x", "y", "z", "w"), (0.1, 0.2, 0.3, 0.4))
    assert table.horizontalScrollBar().maximum() == 0
    assert table.cell_rect(0, 0).top() == 0  # no line for names that are not there


def test_points_name_their_nearest(qtbot):
    points = shown(qtbot, PointMap("Points"))
    alike = np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]], np.float32)
    points.set_points([(-1, 0), (-0.9, 0.1), (1, 1)], ["cat", "dog", "stone"], alike)
    point_at(points, points.where(0).toPoint())
    assert points.chosen == 0
    assert points.nearest(0) == [1, 2]
    assert points._words([1]) == "nearest to cat: dog 0.9"
    qtbot.keyClick(points, Qt.Key.Key_Right)
    assert points.chosen == 1
    assert not points.grab().isNull()


def test_words_that_are_cut_are_told_apart(qtbot):
    bars = shown(qtbot, SamplingBars())
    words = [
        SampledWord(text="sun", probability=0.5, sampled=1.0, drawn=True),
        SampledWord(text="moon", probability=0.1, sampled=0.0),
    ]
    bars.set_words(words)
    assert "moon: 10 %, sampled 0 %" in bars.accessibleDescription()
    assert not bars.grab().isNull()
