"""A diffusion in the output panel: while it runs, afterwards, and its variations."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from tests.fakes.fake_controller import FakeController
from tests.ui import diffusion_parts as parts
from tests.ui.text_parts import lens_answer

from layerscope.core import made_with
from layerscope.ui.panels.denoising import DenoisingView, VariationGridView
from layerscope.ui.panels.output import OutputPanel


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    parts.open_diffusion(made)
    return made


@pytest.fixture
def panel(qtbot, controller):
    made = OutputPanel(controller)
    qtbot.addWidget(made)
    made.resize(640, 320)
    made.show()
    return made


def view_of(panel, kind):
    panel.refresh()
    return next(view for view in panel.views if isinstance(view, kind))


def shown(panel):
    """Return the grey of the picture in the panel."""
    panel.refresh()
    picture = panel.views[0].view.pixels
    return int(picture[0, 0, 0])


def test_while_it_runs_the_newest_picture_and_what_is_left_are_shown(panel, controller):
    for at in range(3):
        parts.step(controller, at, grey=10 * at)
    view = view_of(panel, DenoisingView)
    assert shown(panel) == 20
    assert view.head.whole() == "step 3 of 4"
    # 5, 6 and 7 ms so far; two of five steps are left
    assert view.facts.whole() == "6.0 ms a step · 0.0 s left"
    assert view.curve.step == 2
    assert view.stop.isVisible()
    assert not controller.queries
    view.stop.click()
    assert controller.called("stop")


def test_the_slider_goes_back_through_the_steps_and_the_newest_question_wins(
    panel, controller
):
    for at in range(5):
        parts.step(controller, at, running=at < 4, grey=99)
    view = view_of(panel, DenoisingView)
    assert view.slider.maximum() == 4
    assert not view.stop.isVisible()
    view.slider.setFocus()
    for _ in range(3):
        QTest.keyClick(view.slider, Qt.Key.Key_Left)
        panel.refresh()
    assert controller.session.looked_step == 1
    asked = [command.question["step"] for command, _, _ in controller.queries]
    assert asked == [3]  # the rest waits for its answer
    parts.answer_step(controller)
    panel.refresh()
    assert shown(panel) == 99  # step 1 is asked for, not what lies between
    assert parts.answer_step(controller)["step"] == 1
    assert shown(panel) == 20
    assert view.head.whole() == "step 2 of 4"
    assert view.facts.whole() == "80 % noise"
    QTest.keyClick(view.slider, Qt.Key.Key_End)
    assert controller.session.looked_step == -1
    assert shown(panel) == 99


def test_a_new_run_forgets_the_pictures_of_the_last(panel, controller):
    for at in range(5):
        parts.step(controller, at, running=at < 4)
    view = view_of(panel, DenoisingView)
    view.look_at(2)
    panel.refresh()
    parts.answer_step(controller)
    assert shown(panel) == 40
    controller.session.looked_step = -1
    parts.step(controller, 0, grey=7)
    assert shown(panel) == 7
    assert view.steps.get("picture", 2) is None


def test_a_stopped_run_keeps_its_picture_and_its_steps(panel, controller):
    for at in range(3):
        parts.step(controller, at, grey=10 * at)
    controller.session.running = False
    view = view_of(panel, DenoisingView)
    assert shown(panel) == 20
    assert view.slider.maximum() == 2
    assert not view.stop.isVisible()
    view.look_at(1)
    panel.refresh()
    parts.answer_step(controller)
    assert shown(panel) == 20


def test_a_picture_of_a_batch_is_shown_large_by_a_click(panel, controller, qtbot):
    for at in range(5):
        parts.step(controller, at, running=at < 4, count=4, grey=5)
    view = view_of(panel, DenoisingView)
    assert view.which.isVisible()
    image = panel.views[0].view
    target = image.picture_rect()
    spot = target.bottomRight() - target.center() * 0.1
    qtbot.mouseClick(
        image, Qt.MouseButton.LeftButton, pos=QPoint(int(spot.x()), int(spot.y()))
    )
    panel.refresh()
    question = parts.answer_step(controller, grey=70)
    assert (question["what"], question["step"], question["index"]) == ("picture", 4, 3)
    assert view.which.currentText() == "seed 3"
    assert shown(panel) == 70
    view.picture_clicked(0.1, 0.1)
    assert shown(panel) == 5


def test_a_saved_picture_tells_what_it_was_made_with(panel, controller, tmp_path):
    for at in range(5):
        parts.step(controller, at, running=at < 4, grey=33, metadata=parts.made(seed=8))
    panel.refresh()
    assert panel.save.isVisible()
    panel.save_as(str(tmp_path / "seven"))
    read = made_with.read(tmp_path / "seven.png")
    assert read.settings["seed"] == 8
    assert read.texts_given == {"prompt": "a seven"}


def test_a_step_on_the_way_is_saved_without_claiming_to_be_the_result(
    panel, controller, tmp_path
):
    for at in range(5):
        parts.step(controller, at, running=at < 4, metadata=parts.made())
    view_of(panel, DenoisingView).look_at(1)
    panel.refresh()
    parts.answer_step(controller)
    panel.refresh()
    panel.save_as(str(tmp_path / "step.png"))
    assert made_with.read(tmp_path / "step.png") is None


def test_what_cannot_be_saved_is_one_sentence(panel, controller, tmp_path):
    parts.step(controller, 4, running=False)
    panel.refresh()
    panel.save_as(str(tmp_path / "nowhere" / "a.png"))
    ((message,),) = controller.called("complain")
    assert message.count(".") >= 1


def test_variations_are_a_grid_with_names(panel, controller):
    parts.variations(controller)
    view = view_of(panel, VariationGridView)
    assert view.isVisible()
    assert not panel.views[0].isVisible()  # the grid stands for the picture
    assert view.grid.name_of(3) == "guidance 5 · seed 1"
    middle = view.grid.cell_rect(2).center()
    assert view.grid.cell_at(middle) == 2


def test_a_variation_is_shown_large_and_its_settings_are_taken_over(
    panel, controller, qtbot
):
    controller.session.settings = {"sweep_rows": "guidance", "sweep_columns": "seed"}
    parts.variations(controller)
    view = view_of(panel, VariationGridView)
    where = view.grid.cell_rect(3).center().toPoint()
    qtbot.mouseClick(view.grid, Qt.MouseButton.LeftButton, pos=where)
    assert view.large.isVisible()
    np.testing.assert_array_equal(view.picture_to_save(), parts.flat(160))
    command, done, _ = controller.queries[-1]
    assert command.question == {"what": "cell", "cell": 3}
    done(
        lens_answer(
            "denoising-steps",
            arrays={"picture": parts.flat(161)},
            texts={"metadata": (parts.made(seed=1, guidance=5.0),)},
        )
    )
    np.testing.assert_array_equal(view.picture_to_save(), parts.flat(161))
    view.use.click()
    assert controller.called("reset_settings") == [({"seed": 1, "guidance": 5.0},)]
    assert controller.called("run")
    view.back.click()
    assert view.grid.isVisible()


def test_a_variation_that_is_not_there_yet_is_not_chosen(panel, controller):
    parts.variations(controller, n_done=2)
    view = view_of(panel, VariationGridView)
    view.choose(3)
    assert not view.large.isVisible()
    assert view.told.whole() == "2 of 4 pictures"


def test_the_grid_is_walked_with_keys(panel, controller):
    parts.variations(controller)
    grid = view_of(panel, VariationGridView).grid
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down):
        QTest.keyClick(grid, key)
    assert grid.pointed == 3
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert controller.queries[-1][0].question["cell"] == 3


def test_an_answer_that_comes_after_another_model_was_opened_harms_nobody(
    panel, controller, qapp
):
    from layerscope.protocol.answers import Answer, TextAnswer

    for at in range(5):
        parts.step(controller, at, running=at < 4)
    view_of(panel, DenoisingView).look_at(1)
    panel.refresh()
    controller.session.answer = Answer(parts=(TextAnswer(text="words"),))
    panel.refresh()
    qapp.sendPostedEvents(None, 52)  # deferred deletion
    qapp.processEvents()
    parts.answer_step(controller)
    panel.refresh()
    assert len(panel.views) == 1
