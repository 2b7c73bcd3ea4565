"""Tests of pan, zoom and fit."""

import pytest
from tests.ui.card_rows import row_of_cards

from layerscope.ui.widgets.graph_view import (
    LEISURELY_PX,
    READABLE,
    WIDE_READABLE,
    GraphView,
)


class TestView:
    def test_zoom_leaves_what_is_below_the_pointer(self):
        view = GraphView(width=600, height=130)
        before = view.to_graph(200, 50)
        view.zoom(1.7, 200, 50)
        assert view.to_graph(200, 50) == pytest.approx(before)

    def test_a_small_graph_is_shown_whole(self):
        view = GraphView(width=900, height=130)
        view.begin(row_of_cards(10).bounds)
        assert view.area.left <= 0
        assert view.area.right >= row_of_cards(10).bounds.right

    def test_a_long_graph_begins_at_its_left_end_and_can_be_read(self):
        view = GraphView(width=900, height=130)
        view.begin(row_of_cards(500).bounds)
        assert view.scale >= READABLE
        assert -20 < view.x <= 0

    def test_a_long_graph_that_scrolls_is_not_small_too(self):
        view = GraphView(width=900, height=60)
        view.begin(row_of_cards(500).bounds)
        assert view.scale == WIDE_READABLE

    def test_a_narrow_graph_that_is_too_tall_stands_in_the_middle(self):
        view = GraphView(width=900, height=60)
        bounds = row_of_cards(3).bounds
        view.begin(bounds)
        middle = view.to_pixels((bounds.left + bounds.right) / 2, 0)[0]
        assert middle == pytest.approx(450)

    def test_a_short_graph_asks_for_the_height_that_fills_the_width(self):
        view = GraphView(width=900, height=100)
        few, many = row_of_cards(4).bounds, row_of_cards(30).bounds
        assert view.wanted_height(few) > view.wanted_height(many)
        assert view.wanted_height(few) <= LEISURELY_PX + 1
        view.scale = 2.5
        assert view.kept_height(few) > view.wanted_height(few)

    def test_a_block_that_was_opened_is_seen_from_top_to_bottom(self):
        view = GraphView(width=900, height=300, scale=1.0)
        bounds = row_of_cards(4).bounds
        tall = bounds._replace(top=bounds.top - 60, bottom=bounds.bottom + 60)
        left = view.to_graph(100, 0)[0]
        height = 0.8 * (tall.bottom - tall.top)
        view.lower(tall, (900, round(height)), 100, 50)
        assert READABLE <= view.scale < 1.0
        assert view.area.top <= tall.top
        assert view.area.bottom >= tall.bottom
        assert view.to_graph(100, 0)[0] == pytest.approx(left)

    def test_a_block_too_tall_to_be_read_whole_stays_readable(self):
        view = GraphView(width=900, height=100, scale=1.0)
        bounds = row_of_cards(4).bounds
        tall = bounds._replace(bottom=bounds.bottom + 5000)
        view.lower(tall, (900, 100), 0, 0)
        assert view.scale == READABLE

    def test_fit_shows_everything_however_long(self):
        view = GraphView(width=900, height=130)
        bounds = row_of_cards(20_000).bounds
        view.fit(bounds)
        assert view.area.left <= bounds.left
        assert view.area.right >= bounds.right
