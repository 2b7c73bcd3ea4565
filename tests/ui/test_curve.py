"""Tests of the rolling curve."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from tests.ui.inside import point_at

from layerscope.ui.widgets.curve import Curve, axis_texts, ticks
from layerscope.ui.widgets.readable import (
    count,
    milliseconds,
    number,
    shape_of,
    share,
    size_of,
)


@pytest.fixture
def curve(qtbot):
    curve = Curve("Latency", "ms", capacity=200)
    qtbot.addWidget(curve)
    curve.resize(400, 120)
    curve.show()
    qtbot.waitExposed(curve)
    return curve


@pytest.mark.parametrize(
    ("low", "high"), [(8.1, 9.7), (0, 1e-4), (-3, 5), (120, 121), (0.4, 3000)]
)
def test_ticks_are_evenly_spaced_and_enclose_the_values(low, high):
    values = ticks(low, high)
    assert values[0] <= low
    assert values[-1] >= high
    assert 2 <= len(values) <= 6
    np.testing.assert_allclose(np.diff(values), values[1] - values[0])


def test_axis_is_written_with_as_many_digits_as_it_needs():
    assert axis_texts([8.0, 10.0, 12.0], "ms") == ["8", "10", "12 ms"]
    assert axis_texts([17.5, 20.0, 22.5], "ms") == ["17.5", "20.0", "22.5 ms"]
    assert axis_texts([0.0, 0.25, 0.5], "ms") == ["0.00", "0.25", "0.50 ms"]


def test_ticks_of_nothing_are_refused():
    with pytest.raises(ValueError, match="from 3 to 3"):
        ticks(3, 3)


def test_newest_value_is_at_the_right_and_larger_ones_are_higher(curve):
    curve.set_samples(np.array([5.0, 6.0, 7.0]))
    points = curve.points()
    assert np.all(np.diff(points[:, 0]) > 0)
    assert np.all(np.diff(points[:, 1]) < 0)
    assert points[-1, 0] == pytest.approx(curve.width() - 5, abs=1)


def test_only_the_newest_values_are_kept(curve):
    curve.set_samples(np.arange(1.0, 301.0))
    assert curve.samples.size == 200
    assert curve.samples[-1] == 300


def test_one_hiccup_does_not_flatten_the_rest(curve):
    samples = np.full(100, 8.0) + np.linspace(0, 1, 100)
    samples[50] = 900.0
    curve.set_samples(samples)
    assert curve.axis[-1] < 100
    assert curve.points()[:, 1].min() >= 0


def test_axis_stays_while_the_values_stay_within_it(curve):
    curve.set_samples(np.array([8.1, 8.9, 9.6]))
    before = curve.axis
    curve.set_samples(np.array([8.2, 8.8, 9.5]))
    assert curve.axis == before
    curve.set_samples(np.array([18.2, 18.8, 19.5]))
    assert curve.axis != before


def test_equal_and_invalid_values_are_drawn_without_trouble(curve):
    curve.set_samples(np.array([4.0, np.nan, 4.0]), median=4.0)
    assert curve.samples.tolist() == [4.0, 4.0]
    assert curve.axis[0] < 4.0 < curve.axis[-1]
    curve.grab()


def test_curve_paints_something_in_the_accent(curve):
    empty = curve.grab().toImage()
    curve.set_samples(np.array([5.0, 9.0, 5.0, 9.0] * 20), median=7.0)
    assert curve.grab().toImage() != empty


def test_pointer_shows_the_value_below_it(curve):
    curve.set_samples(np.array([5.0, 6.0, 7.0]))
    assert curve.describe(2) == "7 ms · newest run"
    assert curve.describe(0) == "5 ms · 2 runs ago"
    before = curve.grab().toImage()
    x = round(curve.points()[1, 0])
    point_at(curve, QPoint(x, 40))
    assert curve.hovered == 1
    assert curve.grab().toImage() != before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(464.75), "464.8"),
        (number(0), "0"),
        (number(-0.00123), "−0.00123"),
        (number(1234567), "1,234,567"),
        (number(3e-9), "3.00e−09"),
        (number(float("nan")), "NaN"),
        (number(float("-inf")), "−∞"),
        (count(1_240_000), "1.24 M"),
        (count(512), "512"),
        (size_of(2_490_000), "2.5 MB"),
        (size_of(12_400_000_000), "12.4 GB"),
        (size_of(12), "12 B"),
        (shape_of((1, "N", None)), "1 × N × ?"),
        (shape_of(()), "one number"),
        (milliseconds(8.34), "8.3"),
        (milliseconds(0.714), "0.71"),
        (share(0.6), "60 %"),
        (share(0.004), "0.4 %"),
    ],
)
def test_numbers_read_as_people_write_them(text, expected):
    assert text == expected
