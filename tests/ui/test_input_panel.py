"""The input panel shows what is fed, and feeds what is chosen."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.protocol.inputs import (
    CameraFrame,
    ConstantTensor,
    PictureArray,
    PictureFile,
    PreviousOutput,
    RandomTensor,
    TensorFile,
)
from layerscope.protocol.messages import DecodePicture, PictureDecoded
from layerscope.protocol.values import ArrayRef
from layerscope.ui import theme
from layerscope.ui.panels import input_sources
from layerscope.ui.panels.input import InputPanel
from layerscope.ui.widgets.pixels import from_image, to_image
from layerscope.ui.widgets.settings_form import parse_setting
from layerscope.ui.widgets.tensor_editor import parse_shape


@pytest.fixture
def controller(tmp_path):
    return FakeController(tmp_path)


@pytest.fixture
def panel(qapp, qtbot, controller):
    theme.apply(qapp, "dark")
    made = InputPanel(controller)
    qtbot.addWidget(made)
    made.resize(420, 240)
    made.show()
    yield made
    made.close()


def feed(controller):
    """Return the last source that was set."""
    return controller.called("set_input")[-1]


def test_without_a_model_it_says_what_to_do(panel):
    panel.refresh()
    assert panel._nothing.isVisible()


def test_it_shows_the_picture_as_prepared(panel, controller):
    parts.open_model(controller)
    prepared = parts.pixels(224, 224)
    panel.refresh()
    controller.pictures.show(parts.frame(input__data=prepared))
    panel.refresh()
    np.testing.assert_array_equal(panel.picture.view.pixels, prepared)


def test_before_the_first_run_it_shows_the_file(panel, controller):
    parts.open_model(controller)
    panel.refresh()
    command, done, _ = controller.queries[0]
    assert isinstance(command, DecodePicture)
    assert command.path == "/pictures/cat.jpg"
    raw = parts.pixels()
    done(
        PictureDecoded(
            path=command.path, array=ArrayRef.inline(raw), width=12, height=8
        )
    )
    np.testing.assert_array_equal(panel.picture.view.pixels, raw)


def test_a_late_preview_does_not_replace_the_prepared_picture(panel, controller):
    parts.open_model(controller)
    panel.refresh()
    command, done, _ = controller.queries[0]
    prepared = parts.pixels(224, 224)
    controller.pictures.show(parts.frame(input__data=prepared))
    panel.refresh()
    late = ArrayRef.inline(parts.pixels(seed=5))
    done(PictureDecoded(path=command.path, array=late, width=12, height=8))
    np.testing.assert_array_equal(panel.picture.view.pixels, prepared)


def test_a_stroke_on_the_canvas_is_fed_and_run(panel, controller, qtbot):
    parts.open_model(controller)
    panel.refresh()
    panel.draw.setChecked(True)
    panel.refresh()
    canvas = panel.picture.canvas
    assert canvas.isVisible()
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    slot, source = feed(controller)
    assert slot == "data"
    assert isinstance(source, PictureArray)
    assert source.array.shape == (224, 224, 3)
    assert controller.get_array(source.array).max() == 255
    assert controller.called("run")


def test_while_live_a_stroke_needs_no_extra_run(panel, controller, qtbot):
    parts.open_model(controller)
    controller.session.live = True
    panel.refresh()
    panel.draw.setChecked(True)
    canvas = panel.picture.canvas
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert controller.called("set_input")
    assert not controller.called("run")


def test_the_camera_runs_live_and_is_given_back(panel, controller):
    parts.open_model(controller)
    controller.samples = [Path("/samples/01-cat.jpg")]
    panel.refresh()
    panel.camera.setChecked(True)
    assert feed(controller) == ("data", CameraFrame())
    assert controller.session.live
    controller.session.inputs = {"data": CameraFrame()}
    panel.camera.setChecked(False)
    assert feed(controller) == ("data", PictureFile(path="/samples/01-cat.jpg"))
    assert not controller.session.live


def test_stepping_walks_the_folder_of_the_picture(panel, controller, tmp_path):
    for name in ("a.png", "b.JPG", "c.png", "notes.txt"):
        (tmp_path / name).touch()
    parts.open_model(controller)
    controller.session.inputs = {"data": PictureFile(path=str(tmp_path / "c.png"))}
    panel.refresh()
    panel.picture.step(1)
    assert feed(controller)[1].path == str(tmp_path / "a.png")
    panel.picture.step(-1)
    assert feed(controller)[1].path == str(tmp_path / "b.JPG")


def test_a_picture_alone_in_its_folder_has_no_arrows(panel, controller, tmp_path):
    (tmp_path / "a.png").touch()
    parts.open_model(controller)
    controller.session.inputs = {"data": PictureFile(path=str(tmp_path / "a.png"))}
    panel.refresh()
    assert not panel.picture._forth.isVisible()


def test_a_picture_on_the_clipboard_is_pasted(panel, controller):
    parts.open_model(controller)
    pasted = parts.pixels(5, 7)
    QGuiApplication.clipboard().setImage(to_image(pasted))
    assert input_sources.paste(panel, controller)
    _, source = feed(controller)
    np.testing.assert_array_equal(controller.get_array(source.array), pasted)
    QGuiApplication.clipboard().clear()


def test_words_on_the_clipboard_are_no_picture(panel, controller):
    parts.open_model(controller)
    QGuiApplication.clipboard().setText("words")
    assert not input_sources.paste(panel, controller)
    assert not controller.called("set_input")
    QGuiApplication.clipboard().clear()


def test_pixels_survive_the_way_through_qt():
    pixels = parts.pixels(5, 7)
    np.testing.assert_array_equal(from_image(to_image(pixels)), pixels)


def test_the_numbers_behind_the_picture_can_be_read(panel, controller, qapp):
    parts.open_model(controller)
    panel.refresh()
    pixels = parts.pixels(4, 6)
    panel.picture.view.set_picture(pixels)
    panel.picture.view.menu().actions()[0].trigger()
    table = next(
        w for w in qapp.topLevelWidgets() if w.windowTitle() == "Input picture"
    )
    assert table.model.rowCount() == 4
    assert table.model.text(0, 0) == " ".join(str(v) for v in pixels[0, 0])
    table.close()


# --- settings ---------------------------------------------------------------------


def test_a_setting_is_changed_and_marked_as_edited(panel, controller):
    parts.open_model(controller)
    panel.refresh()
    assert not panel.form.edited_visible
    order = panel.form.control("order")
    assert isinstance(order, QComboBox)
    order.setCurrentText("BGR")
    assert controller.called("set_setting") == [("order", "BGR")]
    controller.session.settings = {"order": "BGR"}
    panel.refresh()
    assert panel.form.edited_visible
    assert order.currentText() == "BGR"


def test_showing_settings_does_not_set_them(panel, controller):
    parts.open_model(controller)
    controller.session.settings = {"order": "BGR", "flip": True, "overlap": 0.25}
    panel.refresh()
    assert controller.called("set_setting") == []


def test_a_setting_can_be_put_back(panel, controller):
    parts.open_model(controller)
    controller.session.settings = {"order": "BGR"}
    panel.refresh()
    panel.form._rows["order"]._back.click()
    assert controller.called("set_setting") == [("order", "RGB")]
    panel.form._edited.click()
    assert len(controller.called("reset_settings")) == 1


def test_three_numbers_can_be_read_in_a_window_of_1280_pixels(panel, controller):
    parts.open_model(controller)
    controller.session.settings = {"mean": "0.485 0.456 0.406"}
    panel.resize(379, 190)  # what the input gets there
    panel.refresh()
    QApplication.processEvents()
    mean = panel.form.control("mean")
    assert isinstance(mean, QLineEdit)
    needed = mean.fontMetrics().horizontalAdvance(mean.text())
    assert mean.width() >= needed + 8


def test_the_size_of_the_picture_stands_in_the_title(panel, controller):
    parts.open_model(controller)
    panel.refresh()
    controller.pictures.show(parts.frame(input__data=parts.pixels(224, 224)))
    panel.refresh()
    assert panel._clause.whole().endswith("224 × 224")
    assert panel.picture._caption.whole() == "cat"


def test_nonsense_is_not_sent(panel, controller, qtbot):
    parts.open_model(controller)
    panel.refresh()
    mean = panel.form.control("mean")
    assert isinstance(mean, QLineEdit)
    mean.selectAll()
    qtbot.keyClicks(mean, "0.5 0.5")
    qtbot.keyClick(mean, Qt.Key.Key_Return)
    assert controller.called("set_setting") == []
    assert "three numbers" in mean.toolTip()
    mean.selectAll()
    qtbot.keyClicks(mean, "1 2 3")
    qtbot.keyClick(mean, Qt.Key.Key_Return)
    assert controller.called("set_setting") == [("mean", "1 2 3")]


def test_what_is_being_typed_is_not_overwritten(panel, controller, qtbot):
    parts.open_model(controller)
    panel.refresh()
    size = panel.form.control("size")
    size.selectAll()
    qtbot.keyClicks(size, "320")
    panel.refresh()
    assert size.text() == "320"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "7", 7),
        ("int", "7.5", None),
        ("float", "0.25", 0.25),
        ("float", "much", None),
        ("size", "224, 256", "224 256"),
        ("size", "0 5", None),
        ("size", "224", None),
        ("triple", "1 2 3", "1 2 3"),
        ("triple", "1 2 x", None),
    ],
)
def test_what_may_be_typed(kind, text, value):
    spec = next(s for s in parts.SPECS if s.name == "size")
    spec = type(spec)(name="s", label="S", kind=kind, default="")
    assert parse_setting(spec, text) == value


# --- tensors ----------------------------------------------------------------------


@pytest.fixture
def tensor_panel(panel, controller):
    controller.session.model = 1
    controller.session.slots = (
        parts.tensor_slot("x", ("batch", 4), feedback="y"),
        parts.tensor_slot("h", (1, 8)),
    )
    panel.refresh()
    return panel


def test_a_tensor_input_is_chosen_by_kind_seed_and_sizes(
    tensor_panel, controller, qtbot
):
    editor = tensor_panel.tensor
    assert editor.isVisible()
    assert editor.kind.currentText() == "Random"
    editor.seed.setValue(3)
    assert feed(controller) == ("x", RandomTensor(seed=3))
    editor.sizes.selectAll()
    qtbot.keyClicks(editor.sizes, "5 4")
    qtbot.keyClick(editor.sizes, Qt.Key.Key_Return)
    assert feed(controller) == ("x", RandomTensor(seed=3, shape=(5, 4)))
    editor.kind.setCurrentText("Constant")
    editor.value.setValue(2.5)
    assert feed(controller) == ("x", ConstantTensor(value=2.5, shape=(5, 4)))
    editor.kind.setCurrentText("Feed back")
    assert feed(controller) == ("x", PreviousOutput(output="y", shape=(5, 4)))


def test_values_come_from_a_file(tensor_panel, controller):
    editor = tensor_panel.tensor
    editor.kind.setCurrentText("File")
    before = len(controller.called("set_input"))
    assert before == 0  # no file is chosen yet
    editor.use_file("/data/x.npy")
    assert feed(controller) == ("x", TensorFile(path="/data/x.npy"))


def test_a_fixed_size_cannot_be_changed(tensor_panel):
    tensor_panel.slots.setCurrentText("h")
    tensor_panel._choose_slot(1)
    assert tensor_panel.tensor.sizes.isReadOnly()
    assert tensor_panel.tensor.kind.findText("Feed back") < 0


def test_all_inputs_of_a_model_can_be_reached(tensor_panel, controller):
    assert tensor_panel.slots.isVisible()
    tensor_panel.slots.setCurrentText("h")
    tensor_panel._choose_slot(1)
    tensor_panel.tensor.seed.setValue(9)
    assert feed(controller) == ("h", RandomTensor(seed=9))


@pytest.mark.parametrize(
    ("text", "dims", "shape"),
    [
        ("2 4", ("batch", 4), (2, 4)),
        ("2 5", ("batch", 4), None),
        ("2", ("batch", 4), None),
        ("2 x 4", ("batch", 4), None),
        ("1 × 3", None, (1, 3)),
        ("", (), ()),
    ],
)
def test_sizes_have_to_fit_the_model(text, dims, shape):
    assert parse_shape(text, dims) == shape


def test_the_menu_offers_samples(panel, controller):
    controller.samples = [Path("/s/01-red-ship.png")]
    panel.sources._fill()
    action = panel.sources.actions()[-1]
    assert action.text() == "Red ship"
    action.trigger()
    assert controller.called("open_path") == [("/s/01-red-ship.png",)]


def test_a_chosen_file_is_opened(panel, controller, monkeypatch):
    chosen = partial(lambda path, *_: (path, ""), "/a/cat.jpg")
    monkeypatch.setattr(input_sources.QFileDialog, "getOpenFileName", chosen)
    input_sources.choose_input(panel, controller)
    assert controller.called("open_path") == [("/a/cat.jpg",)]
