"""Tests of the histogram and of the bars of a vector."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from tests.ui.inside import point_at

from layerscope.ui import theme
from layerscope.ui.widgets.histogram import Histogram, VectorBars


@pytest.fixture
def histogram(qtbot):
    histogram = Histogram()
    qtbot.addWidget(histogram)
    histogram.resize(200, 66)
    return histogram


@pytest.fixture
def bars(qtbot):
    bars = VectorBars()
    qtbot.addWidget(bars)
    bars.resize(200, 100)
    return bars


def test_heights_follow_the_root_of_the_counts(histogram):
    histogram.set_counts((0, 1, 4, 16), -1.0, 1.0)
    np.testing.assert_allclose(histogram.heights(), (0, 0.25, 0.5, 1))


def test_a_bar_says_which_values_it_counts(histogram):
    histogram.set_counts((0, 3, 12_000, 16), -1.0, 1.0)
    assert histogram.describe(1) == "3 values from −0.5 to 0"
    assert histogram.describe(2) == "12 k values from 0 to 0.5"


def test_highest_bar_is_painted_and_empty_ones_are_not(histogram):
    histogram.set_counts((16, 0, 0, 16), 0.0, 1.0)
    image = histogram.grab().toImage()
    accent = QColor(theme.current().accent)
    assert image.pixelColor(20, 10) == accent
    assert image.pixelColor(75, 10) != accent


def test_without_counts_nothing_is_painted(histogram):
    histogram.set_counts((), 0.0, 0.0)
    assert histogram.heights().size == 0
    histogram.grab()


def test_vector_bars_grow_up_and_down_from_zero(bars):
    bars.set_values([1.0, -1.0])
    image = bars.grab().toImage()
    ground = image.pixelColor(50, 97)
    assert image.pixelColor(50, 20) != ground
    assert image.pixelColor(150, 80) != ground
    assert image.pixelColor(150, 20) == ground


def test_click_chooses_the_element_by_its_own_number(bars, qtbot):
    bars.set_values([1.0, 3.0, 2.0, 0.5], (7, 5, 6, 4))
    with qtbot.waitSignal(bars.unit_chosen) as chosen:
        QTest.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(60, 50))
    assert chosen.args == [5]
    assert bars.bar_at(QPointF(199, 1)) == 3
    assert bars.bar_at(QPointF(-5, 1)) in (-1, 0)


def test_place_gives_index_and_value_under_the_pointer(bars, qtbot):
    bars.set_values([1.0, 3.0], (7, 5))
    bars.show()
    qtbot.waitExposed(bars)
    with qtbot.waitSignal(bars.place_hovered) as hovered:
        point_at(bars, QPoint(150, 20))
    assert hovered.args == [5]
    assert bars.place == (5, 3.0)


def test_values_that_are_no_numbers_do_not_stop_the_painting(bars):
    bars.set_values([float("nan"), 1.0, float("inf")])
    bars.grab()
    assert np.isfinite(bars.values).all()
