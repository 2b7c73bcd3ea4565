"""The seed beside Run."""

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtTest import QTest
from tests.fakes.fake_controller import FakeController
from tests.ui import diffusion_parts as parts
from tests.ui import window_parts

from layerscope.ui.main_window import MainWindow


@pytest.fixture
def controller(tmp_path):
    return FakeController(tmp_path)


@pytest.fixture
def window(qapp, controller, tmp_path):
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(controller, settings)
    made.resize(1280, 800)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


@pytest.fixture
def seed(window, controller):
    parts.open_diffusion(controller)
    window.refresh()
    return window.top_bar.seed


def test_a_model_without_a_seed_has_no_such_control(window, controller):
    window_parts.open_model(controller)
    window.refresh()
    assert not window.top_bar.seed.isVisible()


def test_a_typed_seed_is_set_and_run(seed, controller):
    assert seed.isVisible()
    assert seed.field.text() == "seed 0"
    seed.field.selectAll()
    QTest.keyClicks(seed.field, "41")
    seed.field.editingFinished.emit()
    assert controller.called("set_setting") == [("seed", 41)]
    assert len(controller.called("run")) == 1


def test_what_is_no_number_is_put_back(seed, controller):
    seed.field.selectAll()
    QTest.keyClicks(seed.field, "many")
    seed.field.editingFinished.emit()
    assert seed.field.text() == "seed 0"
    assert not controller.called("set_setting")


def test_the_dice_draw_another_seed_and_run(seed, controller):
    for _ in range(3):
        seed.dice.click()
    drawn = [value for _, value in controller.called("set_setting")]
    assert len(set(drawn)) == 3
    assert len(controller.called("run")) == 3


def test_run_takes_the_same_seed_while_it_is_locked_and_another_one_else(
    seed, window, controller
):
    window.actions_.run("run.start")
    assert not controller.called("set_setting")
    seed.lock.click()
    assert not controller.session.seed_locked
    window.actions_.run("run.start")
    ((name, _),) = controller.called("set_setting")
    assert name == "seed"
    assert len(controller.called("run")) == 2


def test_while_live_the_new_seed_alone_starts_the_run(seed, controller):
    controller.session.live = True
    seed.dice.click()
    assert len(controller.called("set_setting")) == 1
    assert not controller.called("run")


def test_several_seeds_are_swept_and_one_again(seed, window, controller):
    seed.sweep.click()
    assert controller.called("set_setting") == [("sweep_columns", "seed")]
    controller.session.settings = {"sweep_columns": "seed"}
    window.refresh()
    assert seed.sweep.isChecked()
    seed.sweep.click()
    assert controller.called("set_setting")[-1] == ("sweep_columns", "none")


def test_a_model_that_cannot_sweep_is_not_offered_to(seed, window, controller):
    controller.session.setting_specs = parts.SPECS[:1]
    window.refresh()
    assert seed.isVisible()
    assert not seed.sweep.isVisible()


def test_an_optional_input_is_cleared_and_never_filled(window, controller):
    parts.open_diffusion(controller)
    panel = window.panels["input"]
    window.refresh()
    panel.slots.setCurrentIndex(1)
    panel.slots.activated.emit(1)
    assert panel.slots.itemText(1) == "image (none)"
    assert not panel.clear.isVisible()
    source = window_parts.PictureFile(path="/pictures/cat.jpg")
    controller.session.inputs = {**controller.session.inputs, "image": source}
    panel.refresh()
    assert panel.slots.itemText(1) == "image"
    panel.clear.click()
    assert controller.called("set_input") == [("image", None)]


def test_a_setting_of_a_run_of_many_steps_waits_for_run(window, controller):
    parts.open_diffusion(controller)
    window.refresh()
    window.panels["input"].form.changed.emit("guidance", 4.0)
    assert controller.called("set_setting") == [("guidance", 4.0)]
    assert not controller.called("run")
