"""Tests of the latency panel."""

from dataclasses import replace

import pytest
from tests.ui.inside import InsideController

from layerscope.protocol.values import StageTimes
from layerscope.ui.panels.latency import LatencyPanel


@pytest.fixture
def controller():
    controller = InsideController()
    controller.session.model = 1
    return controller


@pytest.fixture
def panel(qtbot, controller):
    panel = LatencyPanel(controller)
    qtbot.addWidget(panel)
    panel.resize(560, 150)
    panel.show()
    qtbot.waitExposed(panel)
    panel.refresh()
    return panel


def run(controller, *latencies_ms):
    for latency_ms in latencies_ms:
        controller.latency.append(latency_ms)
    controller.session.n_runs += 1


def test_before_the_first_run_the_panel_says_what_to_do(panel):
    assert panel._empty.isVisible()
    assert not panel.curve.isVisible()
    assert panel._clause.whole() == "the untouched model"


def test_percentiles_stand_in_the_title_in_milliseconds(panel, controller):
    run(controller, *range(1, 102))
    panel.refresh()
    text = panel.figures.text()
    assert "p50 <b>51.0</b>" in text
    assert "p95 <b>96.0</b>" in text
    assert "p99 <b>100</b>" in text
    assert text.endswith("<b>ms</b>")


def test_curve_follows_the_history_on_its_own(panel, controller, qtbot):
    run(controller, 8.0, 9.0)
    qtbot.waitUntil(lambda: panel.curve.samples.tolist() == [8.0, 9.0], timeout=2000)
    run(controller, 10.0)
    qtbot.waitUntil(lambda: panel.curve.samples.size == 3, timeout=2000)


def test_dashed_line_is_the_median(panel, controller):
    run(controller, 8.0, 9.0, 30.0)
    panel.refresh()
    assert panel.curve._median == 9.0


def test_figures_wait_a_second_while_the_curve_goes_on(panel, controller):
    run(controller, *[8.0] * 20)
    panel.refresh()
    before = panel.figures.text()
    run(controller, *[80.0] * 100)
    panel.refresh()
    assert panel.curve.samples.size == 120
    assert panel.figures.text() == before
    panel._pace.interval_s = 0
    panel.refresh()
    assert panel.figures.text() != before


def test_warm_up_is_told_apart_and_not_drawn(panel, controller):
    stages = StageTimes(warm_up_ms=31.2)
    controller.session.cost = replace(controller.session.cost, stages=stages)
    run(controller, 8.0)
    panel.refresh()
    assert panel._clause.whole() == "the untouched model · warm-up 31.2 ms apart"
    assert panel.curve.samples.tolist() == [8.0]


def test_another_model_starts_an_empty_curve(panel, controller):
    run(controller, 8.0, 9.0)
    panel.refresh()
    controller.latency.clear()
    controller.session.model = 2
    panel.refresh()
    assert panel._empty.isVisible()
    assert not panel.figures.isVisible()
    run(controller, 3.0)
    panel.refresh()
    assert panel.curve.samples.tolist() == [3.0]
