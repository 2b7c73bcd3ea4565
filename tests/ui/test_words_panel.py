"""The tab of words: where the picture looks at each of them."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from tests.fakes.fake_controller import FakeController
from tests.ui import diffusion_parts as parts

from layerscope.ui.panels.words import WordsPanel


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    parts.open_diffusion(made)
    return made


@pytest.fixture
def panel(qtbot, controller):
    made = WordsPanel(controller)
    qtbot.addWidget(made)
    made.resize(760, 330)
    made.show()
    return made


def whole_run(controller):
    for at in range(5):
        parts.step(controller, at, running=at < 4)


def answered(panel):
    """Run, ask, answer; return the question."""
    whole_run(panel.controller)
    panel.refresh()
    command, done, _ = panel.controller.queries[-1]
    done(parts.attention(panel.controller))
    panel.refresh()
    return command.question


def mask(panel):
    """Return the colour over the picture, as (h, w) opacity."""
    image = panel.view._mask
    return [[image.pixelColor(96, y).alpha() for y in (10, 180)]]


def test_nothing_is_asked_while_it_runs(panel, controller):
    parts.step(controller, 2)
    panel.refresh()
    assert not controller.queries


def test_the_last_step_is_asked_for_first(panel):
    question = answered(panel)
    assert question == {"step": 3, "side": 0, "picture": True}
    assert panel.maps.words == ("a", "seven")
    assert panel._clause.whole() == "attention to “a” · step 4"
    assert panel.sides.isVisible()
    ((top, bottom),) = mask(panel)
    assert top > bottom  # it looks at the upper half


def test_a_click_on_a_word_lays_its_map_over_the_picture(panel, qtbot):
    answered(panel)
    spot = panel.maps.cells()[1].center()
    at = QPoint(int(spot.x()), int(spot.y()))
    qtbot.mouseClick(panel.maps, Qt.MouseButton.LeftButton, pos=at)
    ((top, bottom),) = mask(panel)
    assert bottom > top
    QTest.keyClick(panel.maps, Qt.Key.Key_Left)
    ((top, bottom),) = mask(panel)
    assert top > bottom


def test_the_slider_looks_at_another_step_with_all_panels(panel, controller):
    answered(panel)
    controller.queries.clear()
    QTest.keyClick(panel.slider, Qt.Key.Key_Left)
    assert controller.session.looked_step == 2
    panel.refresh()
    assert controller.queries[-1][0].question["step"] == 2


def test_all_steps_are_summed_on_demand(panel, controller):
    answered(panel)
    controller.queries.clear()
    panel.all.click()
    panel.refresh()
    assert controller.queries[-1][0].question["step"] == -1
    assert not panel.slider.isVisible()


def test_layers_are_chosen_by_the_side_of_their_maps(panel, controller):
    answered(panel)
    controller.queries.clear()
    panel.sides.setCurrentIndex(2)
    panel.refresh()
    assert controller.queries[-1][0].question["side"] == 8


def test_a_failure_is_said_in_place_of_the_maps(panel, controller):
    whole_run(controller)
    panel.refresh()
    _, _, failed = controller.queries[-1]
    failed(type("F", (), {"message": "The prompt has no words."})())
    panel.refresh()
    assert panel._empty._label.text() == "The prompt has no words."
    assert panel._empty.isVisible()


def test_the_words_have_a_table(panel, qtbot):
    from PySide6.QtWidgets import QApplication

    from layerscope.ui.widgets.table_window import TableWindow

    answered(panel)
    panel.show_table()
    windows = QApplication.topLevelWidgets()
    table = next(w for w in windows if isinstance(w, TableWindow) and w.isVisible())
    text = table.model.as_text()
    table.close()
    assert text == "word\tmean attention\na\t0.25\nseven\t0.5"
