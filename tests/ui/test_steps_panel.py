"""The tab of steps: the film strip and what each prediction points to."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from tests.fakes.fake_controller import FakeController
from tests.ui import diffusion_parts as parts

from layerscope.ui.panels.steps import StepsPanel
from layerscope.ui.widgets.film_strip import FilmStrip


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    parts.open_diffusion(made)
    return made


@pytest.fixture
def panel(qtbot, controller):
    made = StepsPanel(controller)
    qtbot.addWidget(made)
    made.resize(760, 330)
    made.show()
    return made


def whole_run(controller):
    for at in range(5):
        parts.step(controller, at, running=at < 4, grey=10 * at)


def fill(panel):
    """Let the panel ask until it has all it wants."""
    asked = []
    for _ in range(10):
        panel.refresh()
        new = parts.answer_all(panel.controller)
        asked += new
        if not new:
            break
    panel.refresh()
    return asked


def test_before_a_run_it_says_what_to_do(panel):
    panel.refresh()
    assert "Run the model" in panel._empty._label.text()
    assert panel._empty.isVisible()


def test_the_strip_fills_while_it_runs_without_a_question(panel, controller):
    for at in range(3):
        parts.step(controller, at, grey=10 * at)
        panel.refresh()
    assert panel.strip.n == 5
    assert [panel.strip.has(at) for at in range(5)] == [True] * 3 + [False] * 2
    assert panel.strip.selected == 2
    assert not controller.queries


def test_four_pictures_tell_what_a_step_predicts(panel, controller):
    whole_run(controller)
    controller.session.looked_step = 2
    asked = fill(panel)
    kinds = [question["what"] for question in asked if question["step"] == 2]
    assert kinds == ["picture", "latent", "uncond", "cond", "guided"]
    assert all(panel.strip.has(at) for at in range(5))
    for view in panel.views.values():
        assert view.isVisible()
        assert view.pixels[0, 0, 0] == 40
    assert panel._words["guided"].text() == "guided × 3"


def test_the_step_in_front_is_asked_for_before_the_strip(panel, controller):
    whole_run(controller)
    controller.session.looked_step = 1
    panel.refresh()
    panel.look_at(3)
    panel.refresh()
    parts.answer_step(controller)  # the picture of step 1, asked for before
    assert controller.queries[-1][0].question == {
        "what": "picture",
        "step": 3,
        "index": 0,
    }


def test_at_the_end_the_result_stands_beside_the_last_prediction(panel, controller):
    whole_run(controller)
    fill(panel)
    assert panel.views["guided"].pixels[0, 0, 0] == 80  # the end itself
    assert panel.views["cond"].pixels[0, 0, 0] == 60
    assert panel._words["guided"].text() == "the picture"


def test_without_guidance_there_are_fewer_pictures(panel, controller):
    whole_run(controller)
    controller.session.looked_step = 1
    for _ in range(20):
        panel.refresh()
        if not controller.queries:
            break
        command, _, failed = controller.queries[-1]
        if command.question["what"] in ("uncond", "guided"):
            controller.queries.clear()
            failed(type("F", (), {"message": "there is none"})())
        else:
            parts.answer_step(controller)
            del controller.queries[0]
    panel.refresh()
    assert not panel._columns["uncond"].isVisible()
    assert panel._columns["cond"].isVisible()
    assert panel.views["guided"].pixels[0, 0, 0] == 20
    assert panel._words["guided"].text() == "what is under the noise"


def test_keys_and_drags_on_the_strip_choose_a_step_for_all(panel, controller, qtbot):
    whole_run(controller)
    fill(panel)
    panel.strip.setFocus()
    QTest.keyClick(panel.strip, Qt.Key.Key_Home)
    assert controller.session.looked_step == 0
    QTest.keyClick(panel.strip, Qt.Key.Key_Right)
    assert controller.session.looked_step == 1
    spot = panel.strip.cells()[4].center()
    qtbot.mouseClick(
        panel.strip, Qt.MouseButton.LeftButton, pos=QPoint(int(spot.x()), 30)
    )
    assert controller.session.looked_step == -1


def test_play_walks_to_the_end_and_stops(panel, controller, qtbot):
    whole_run(controller)
    fill(panel)
    panel._playing.setInterval(1)
    panel.play.click()

    def ended():
        fill(panel)
        return not panel.play.isChecked()

    qtbot.waitUntil(ended)
    assert controller.session.looked_step == -1
    assert panel.play.text() == "Play"


def test_layers_are_shown_at_the_step_that_stays(panel, controller, qtbot):
    whole_run(controller)
    fill(panel)
    panel._looking.setInterval(1)
    panel.look_at(1)

    def looks():
        return [q for q, _, _ in controller.queries if q.question.get("look")]

    qtbot.waitUntil(lambda: bool(looks()))
    assert looks()[0].question["step"] == 1
    number = next(
        n for n, (q, _, _) in enumerate(controller.queries) if q.question.get("look")
    )
    parts.answer_step(controller, number=number)
    assert controller.called("set_wall") == [()]


def test_a_grid_of_variations_has_the_room_of_the_steps(panel, controller):
    parts.variations(controller)
    panel.refresh()
    assert panel.grid.isVisible()
    assert not panel.play.isVisible()
    assert not controller.queries


def test_a_strip_too_narrow_for_all_shows_some_and_reaches_all(qtbot):
    strip = FilmStrip("steps")
    qtbot.addWidget(strip)
    strip.resize(200, 64)
    strip.set_length(1000)
    places = strip.places()
    assert places[0] == 0
    assert places[-1] == 999
    assert len(places) < 12
    strip.set_selected(500)
    QTest.keyClick(strip, Qt.Key.Key_Right)
    assert strip.selected == 501
    assert not strip.grab().isNull()
