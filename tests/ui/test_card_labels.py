"""What is left of names and shapes where the room is short."""

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFontMetricsF

from layerscope.ui import theme
from layerscope.ui.widgets.card_labels import short_name, short_shape
from layerscope.ui.widgets.card_rows import fitting
from layerscope.ui.widgets.graph_cards import letters_px, title_place
from layerscope.ui.widgets.overlay_view import LabelledBox, _tags


@pytest.mark.parametrize(
    ("text", "letters", "expected"),
    [
        ("conv1", 8, "conv1"),
        ("expanded_conv_3", 8, "conv_3"),
        ("first_conv", 6, "conv"),
        ("basenet.10", 7, "base…10"),
        ("expand3x3", 7, "exp…3x3"),
        ("conv_10", 6, "conv10"),
        ("attention12", 8, "atten…12"),
        ("image_pooling", 8, "pooling"),
        ("TreeEnsembleClassifier", 8, "TreeEns…"),
        ("concat_projection", 8, "project…"),
        ("12345678901", 6, "12345…"),
        ("", 6, ""),
    ],
)
def test_names_keep_what_tells_them_apart(text, letters, expected):
    shown = short_name(text, letters, len)
    assert shown == expected
    assert len(shown) <= letters


@pytest.mark.parametrize(
    ("text", "letters", "expected"),
    [
        ("128 × 55²", 9, "128 × 55²"),
        ("256 × 27²", 7, "256×27²"),
        ("32 × 120 × 160", 10, "32×120×160"),
        ("32 × 120 × 160", 9, "32×120×…"),
        ("32 × 120 × 160", 6, "32×…"),
        ("2 nodes", 5, "2 no…"),
    ],
)
def test_no_size_is_cut_in_two(text, letters, expected):
    assert short_shape(text, letters, len) == expected


def test_facts_of_a_card_are_whole_or_left_out(qapp):
    metrics = QFontMetricsF(theme.font(11))
    whole = "66 nodes · opset 7 · 2.5 MB"
    assert fitting(whole, metrics, 400) == whole
    less = metrics.horizontalAdvance(whole) - 4
    assert fitting(whole, metrics, less) == "66 nodes · opset 7"


def test_names_of_boxes_do_not_cover_each_other(qapp):
    target = QRectF(0, 0, 200, 100)
    boxes = tuple(
        LabelledBox(
            left=0.4 + 0.01 * n,
            top=0.4,
            right=0.6,
            bottom=0.6,
            text=f"face 9{n} %",
            colour=(80, 180, 255),
        )
        for n in range(6)
    )
    tags = _tags(target, boxes, QFontMetricsF(theme.font(11, 600)))
    assert tags[0][0] is boxes[0]
    assert 1 < len(tags) < len(boxes)
    for place, (_, tag) in enumerate(tags):
        assert target.contains(tag)
        assert not any(tag.intersects(other) for _, other in tags[:place])


def test_the_name_of_an_open_block_stays_in_sight():
    cut = QRectF(-40, -40, 500, 300)  # its top left corner is out of sight
    outer, inner = title_place(cut, 0, 20), title_place(cut, 1, 20)
    assert outer.left() >= 0
    assert outer.top() >= 0
    assert not outer.intersects(inner)
    assert title_place(QRectF(50, 60, 200, 100), 1, 20).top() == 61
    assert title_place(QRectF(50, -90, 200, 100), 0, 20).bottom() <= 12


def test_letters_grow_less_than_cards():
    assert letters_px(12, 0.5) == 6
    assert letters_px(12, 1.0) == 12
    assert letters_px(12, 1.3) < 12 * 1.3 - 1
