"""Tests of the stages panel: stages, layers, memory."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from tests.ui.inside import InsideController, looking_controller

from layerscope.protocol.values import Preflight, StageTimes
from layerscope.ui.panels.stages import StagesPanel, stretches
from layerscope.ui.widgets.paint_clock import paint_ms

STAGES = StageTimes(
    decode_ms=0.6, prepare_ms=0.9, model_ms=8.3, finish_ms=0.0, summarise_ms=0.4
)


@pytest.fixture
def controller():
    controller = looking_controller()
    controller.session.cost = replace(controller.session.cost, stages=STAGES)
    return controller


@pytest.fixture
def panel(qtbot, controller):
    return shown(qtbot, StagesPanel(controller))


def shown(qtbot, panel):
    qtbot.addWidget(panel)
    panel.resize(400, 150)
    panel.show()
    qtbot.waitExposed(panel)
    panel.refresh()
    return panel


def press(panel, view):
    panel._choice.button(view).click()


def test_stages_that_did_not_happen_are_left_out():
    parts = stretches(StageTimes(decode_ms=-1.0, model_ms=8.3), 1.1)
    assert [part.name for part in parts] == ["model", "paint"]
    assert [part.text for part in parts] == ["8.3", "1.1"]


def test_bar_is_divided_in_proportion(panel):
    names = [part.name for part in panel.bar.stretches]
    assert names[:4] == ["decode", "prepare", "model", "summarise"]
    widths = {
        part.name: rect.width()
        for part, rect in zip(panel.bar.stretches, panel.bar.rects(), strict=True)
    }
    assert widths["model"] / widths["prepare"] == pytest.approx(8.3 / 0.9)
    assert sum(widths.values()) == pytest.approx(panel.bar.width())


def test_bar_is_told_in_words_too(panel):
    assert "model 8.3" in panel.bar.accessibleDescription()


def test_painting_is_counted_while_it_can_be_seen(panel, qtbot):
    for _ in range(3):
        panel.bar.repaint()
    seen = paint_ms()
    assert seen > 0
    panel.hide()
    assert paint_ms() < seen


def test_layers_are_listed_slowest_first_and_in_running_order(panel):
    press(panel, 1)
    names = [layer.name for layer in panel.layers.layers]
    assert names == [f"stage1 / conv{number}" for number in (3, 2, 1)]
    panel._order.click()
    names = [layer.name for layer in panel.layers.layers]
    assert names == [f"stage1 / conv{number}" for number in (1, 2, 3)]
    assert panel._order.text() == "in running order"


def test_layer_of_the_selection_is_marked(panel, controller):
    press(panel, 1)
    assert panel.layers.currentIndex().row() == 1
    controller.select(tensor="conv1", node=1)
    panel.refresh()
    assert panel.layers.currentIndex().row() == 2


def test_click_on_a_layer_selects_what_leaves_it(panel, controller):
    press(panel, 1)
    rect = panel.layers.visualRect(panel.layers.numbers.index(0, 0))
    QTest.mouseClick(
        panel.layers.viewport(), Qt.MouseButton.LeftButton, pos=rect.center()
    )
    chosen = controller.session.selection
    assert (chosen.tensor, chosen.node) == ("conv3", 4)


def test_slowest_layer_has_the_longest_bar(panel):
    press(panel, 1)
    values = [row[1].value for row in panel.layers.numbers.rows]
    assert values[0] == 1
    assert values == sorted(values, reverse=True)


def test_narrow_panel_leaves_out_columns_and_a_wide_one_does_not(panel):
    press(panel, 1)
    assert panel.layers.isColumnHidden(5)
    panel.resize(900, 200)
    assert not panel.layers.isColumnHidden(5)


def test_without_a_profile_a_button_asks_for_one(panel, controller):
    controller.session.profile = ()
    press(panel, 1)
    assert panel._unprofiled.isVisible()
    assert not panel.layers.isVisible()
    panel._again.click()
    assert controller.profiles == 1


def test_memory_tells_weights_peak_engine_and_gpu(panel, controller):
    session = controller.session
    session.preflight = Preflight(
        name="tiny",
        path="tiny.onnx",
        sha256="0",
        producer="",
        ir_version=8,
        opsets={},
        inputs=(),
        outputs=(),
        n_nodes=6,
        n_parameters=1,
        weight_bytes=2_500_000,
        file_bytes=2_500_000,
        run_bytes=19_000_000,
    )
    session.memory_bytes = 212_000_000
    press(panel, 2)
    assert panel.memory.value("weights") == "2.5 MB"
    assert panel.memory.value("activations, peak") == "16.5 MB"
    assert panel.memory.value("engine now") == "212 MB"
    assert panel.memory.value("GPU memory") == ""
    session.device_memory_bytes = 3_000_000_000
    session.device_memory_total = 80_000_000_000
    session.device_load = 0.42
    panel.show_view(2)
    assert panel.memory.value("GPU memory") == "3 GB of 80 GB"
    assert panel.memory.value("GPU load") == "42 %"


def test_memory_of_the_engine_is_followed_over_time(panel, controller):
    press(panel, 2)
    for n_bytes in (200_000_000, 210_000_000, 205_000_000):
        controller.session.memory_bytes = n_bytes
        panel._note_memory()
    panel.show_view(2)
    assert panel.memory_curve.samples.tolist() == [200.0, 210.0, 205.0]


def test_before_the_first_run_the_panel_says_what_to_do(qtbot):
    panel = shown(qtbot, StagesPanel(InsideController()))
    assert panel._empty.isVisible()
    assert not panel.bar.isVisible()
