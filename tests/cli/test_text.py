"""Tests of numbers, shapes and tables as text."""

import json

import pytest

from layerscope.cli import text


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0"), (9_999, "9,999"), (25_600, "25.6 k"), (11_689_512, "11.7 M")],
)
def test_counts_are_short(number, written):
    assert text.count(number) == written


@pytest.mark.parametrize(
    ("n_bytes", "written"), [(12, "12 bytes"), (46_801_806, "46.8 MB")]
)
def test_sizes_have_units(n_bytes, written):
    assert text.size(n_bytes) == written


@pytest.mark.parametrize(
    ("dimensions", "written"),
    [
        ((1, 3, "height", None), "1 × 3 × height × ?"),
        ((), "scalar"),
        (None, "any shape"),
    ],
)
def test_shapes_show_names_and_unknown_sizes(dimensions, written):
    assert text.shape(dimensions) == written


def test_milliseconds_that_were_not_measured_are_a_dash():
    assert text.milliseconds(float("nan")) == "–"
    assert text.milliseconds(0.1234) == "0.123 ms"
    assert text.milliseconds(33.51) == "33.5 ms"


def test_a_table_aligns_columns_and_flushes_numbers_right():
    lines = text.table([("cat", "9 %"), ("horse", "90 %")], right=(1,))

    assert lines == ["  cat      9 %", "  horse   90 %"]


def test_a_name_with_line_breaks_stays_on_its_line():
    assert text.table([("two\nlines", "x")]) == ["  two lines   x"]


def test_json_holds_null_for_what_json_cannot_say(capsys):
    text.say_json({"nan": float("nan"), "rows": [(1, float("inf"))]})

    assert json.loads(capsys.readouterr().out) == {"nan": None, "rows": [[1, None]]}


def test_a_complaint_is_one_line_on_standard_error(capsys):
    text.complain("first\n  second\tthird")

    out, err = capsys.readouterr()
    assert (out, err) == ("", "first second third\n")
