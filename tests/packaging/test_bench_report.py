"""Tests of the file that the benches write."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "packaging" / "bench"


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module("report")
    for name in ("report", "comparing"):
        sys.modules.pop(name, None)


def measured(report, path, group, *values, quick=False):
    written = report.Report(path, quick)
    written.begin(group)
    for value in values:
        written.add(report.Row(name=group, value=value, unit="s", limit=2))
    written.close()
    return json.loads(path.read_text())["groups"]


def values(group):
    return [row["value"] for row in group["rows"]]


def test_groups_that_are_not_measured_stay_with_their_date(report, tmp_path):
    path = tmp_path / "bench.json"
    before = measured(report, path, "memory", 1, 3, quick=True)
    assert [row["held"] for row in before["memory"]["rows"]] == [True, False]

    after = measured(report, path, "engine", 5)

    assert after["memory"] == before["memory"]
    assert after["memory"]["measured"]
    assert (after["memory"]["quick"], after["engine"]["quick"]) == (True, False)
    assert values(after["engine"]) == [5]
    assert "load at the end" in after["engine"]["environment"]


def test_a_group_measured_again_loses_its_old_rows(report, tmp_path):
    path = tmp_path / "bench.json"
    measured(report, path, "engine", 5, 6)

    assert values(measured(report, path, "engine", 7)["engine"]) == [7]


def test_a_group_that_could_not_be_measured_keeps_what_it_had(report, tmp_path):
    path = tmp_path / "bench.json"
    measured(report, path, "text", 5)

    assert values(measured(report, path, "text")["text"]) == [5]


@pytest.mark.parametrize("damaged", ["", "[]", '{"rows": []}', '{"groups": 3}'])
def test_a_file_of_another_form_is_written_anew(report, tmp_path, damaged):
    path = tmp_path / "bench.json"
    path.write_text(damaged)

    assert values(measured(report, path, "engine", 1)["engine"]) == [1]
