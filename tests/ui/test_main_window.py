"""The window places and connects the panels, and remembers how it stood."""

import gc
import weakref

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSlider
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.protocol.messages import ReceptiveFieldFound
from layerscope.state.session import RunCost, Trouble
from layerscope.ui import dialogs, theme
from layerscope.ui.main_window import MainWindow
from layerscope.ui.panels import PANELS
from layerscope.ui.window_layout import WindowLayout


@pytest.fixture
def controller(tmp_path):
    return FakeController(tmp_path)


@pytest.fixture
def settings(tmp_path):
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def window(qapp, controller, settings):
    theme.apply(qapp, "dark")
    made = MainWindow(controller, settings)
    made.resize(1280, 800)
    made.show()
    yield made
    made.close()
    made.deleteLater()
    qapp.processEvents()


def test_every_panel_is_placed_and_can_be_seen(window):
    assert set(window.panels) == {spec.name for spec in PANELS if not spec.tab_of}
    for panel in window.panels.values():
        assert panel.isVisible()
        assert panel.width() >= 100
        assert panel.height() >= 60


def test_nothing_overlaps_at_the_least_size(window, qapp):
    window.resize(960, 600)
    qapp.processEvents()
    boxes = [
        panel.rect().translated(panel.mapTo(window, panel.rect().topLeft()))
        for panel in window.panels.values()
    ]
    for number, box in enumerate(boxes):
        assert window.rect().contains(box)
        assert not any(box.intersects(other) for other in boxes[number + 1 :])


def test_every_control_has_a_name_and_a_tooltip(window):
    parts.open_model(window.controller)
    window.refresh()
    nameless = [
        control
        for kind in (QAbstractButton, QComboBox, QSlider, QLineEdit)
        for control in window.findChildren(kind)
        if control.isVisible()
        and not (control.accessibleName() or getattr(control, "text", str)())
    ]
    assert nameless == []
    silent = [
        button
        for button in window.top_bar.findChildren(QAbstractButton)
        if not button.toolTip()
    ]
    assert silent == []


def test_the_top_bar_shows_the_model_and_what_can_be_done(window):
    bar = window.top_bar
    assert bar.model.text() == "Open a model"
    assert not bar.run.isEnabled()
    parts.open_model(window.controller)
    window.refresh()
    assert bar.model.text() == "Squeeze"
    assert bar.device.text() == "on CPU"
    assert bar.precision.text() == "fp32"
    assert bar.run.isEnabled()
    assert not bar.stop.isEnabled()
    assert window.windowTitle() == "Squeeze – Layerscope"


def test_run_live_and_stop_reach_the_controller(window, qtbot):
    parts.open_model(window.controller)
    window.refresh()
    qtbot.mouseClick(window.top_bar.run, Qt.MouseButton.LeftButton)
    assert len(window.controller.called("run")) == 1
    qtbot.mouseClick(window.top_bar.live, Qt.MouseButton.LeftButton)
    assert window.controller.session.live
    window.refresh()
    assert window.top_bar.live.isChecked()
    qtbot.mouseClick(window.top_bar.stop, Qt.MouseButton.LeftButton)
    assert len(window.controller.called("stop")) == 1


def test_the_precision_chooser_offers_the_variants(window):
    parts.open_model(window.controller)
    offered = window.top_bar.menu_of(window.top_bar.precision)
    assert [action.text() for action in offered] == ["fp32", "fp16"]
    offered[1].trigger()
    assert window.controller.called("set_precision") == [("fp16",)]


def test_what_is_dropped_is_opened(window):
    data = QMimeData()
    data.setUrls(
        [QUrl.fromLocalFile("/a/model.onnx"), QUrl.fromLocalFile("/a/cat.jpg")]
    )
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)
    assert window.controller.called("open_path") == [
        ("/a/model.onnx",),
        ("/a/cat.jpg",),
    ]


def test_trouble_is_a_sentence_with_buttons(window, qtbot):
    window.controller.session.trouble = Trouble(
        message="The engine stopped.", actions=("restart", "try-cpu")
    )
    parts.open_model(window.controller)
    window.refresh()
    assert window.banner.isVisible()
    assert window.banner.text.text() == "The engine stopped."
    buttons = window.banner.buttons()
    assert [button.text() for button in buttons] == ["Restart", "Try on CPU"]
    buttons[1].click()
    assert window.controller.called("trouble_action") == [("try-cpu",)]
    window.controller.session.trouble = None
    window.refresh()
    assert not window.banner.isVisible()


def test_trouble_at_a_node_offers_to_show_it(window):
    parts.open_model(window.controller)
    window.controller.session.trouble = Trouble(message="It fails.", node="pool1")
    window.refresh()
    window.banner.buttons()[0].click()
    assert window.controller.session.selection.node == 1


def test_a_hidden_panel_comes_back_and_its_row_goes_with_the_last_one(window, qapp):
    for name in ("latency", "stages", "log"):
        window.layout_.toggle(name)
    qapp.processEvents()
    assert not window.panels["log"].isVisible()
    assert window.panels["library"].height() > 600
    assert not window.actions_["panel.log"].isChecked()
    window.actions_.run("layout.reset")
    qapp.processEvents()
    assert window.panels["log"].isVisible()


def test_size_and_layout_are_kept(window, controller, settings, qapp):
    window.layout_.toggle("log")
    window.layout_._splitters["columns"].setSizes([300, 800, 180])
    qapp.processEvents()
    width = window.panels["library"].width()
    window.close()
    again = MainWindow(controller, settings)
    again.show()
    qapp.processEvents()
    shown, kept = again.panels["log"].isVisible(), again.panels["library"].width()
    again.close()
    again.deleteLater()
    assert not shown
    # The screen may be smaller than the window was; the first layout gives 240.
    assert 0.9 * width <= kept <= width


@pytest.mark.parametrize("junk", ["", "junk", "1 2 3"])
def test_a_damaged_layout_file_gives_the_first_layout(controller, settings, qapp, junk):
    settings.setValue("layout/version", 1)
    settings.setValue("layout/rows", junk)
    settings.setValue("window/geometry", junk)
    made = MainWindow(controller, settings)
    made.show()
    qapp.processEvents()
    assert all(panel.isVisible() for panel in made.panels.values())
    made.close()
    made.deleteLater()


def test_the_theme_goes_round_and_is_remembered(window):
    assert window.theme_choice == "dark"
    window.actions_.run("theme.next")
    assert window.theme_choice == "light"
    assert theme.current() is theme.LIGHT
    window.actions_.run("theme.next")
    assert window.theme_choice == "system"
    assert window.controller.preferences.option("theme", "") == "system"
    window.actions_.run("theme.dark")
    assert theme.current() is theme.DARK


def test_the_palette_finds_commands_models_and_layers(window):
    parts.open_model(window.controller)
    window.open_palette()
    texts = {entry.text for entry in window.palette_.found()}
    assert {"Run", "Open model…", "conv1", "pool1"} <= texts
    assert "Reset preprocessing" not in texts  # nothing is edited
    window.palette_.field.setText("pool1")
    window.palette_._press(Qt.Key.Key_Return)
    assert window.controller.session.selection.tensor == "b"


def test_a_region_found_is_drawn_on_the_input(window):
    parts.open_model(window.controller)
    field = ReceptiveFieldFound(
        model=1,
        tensor="b",
        slot="data",
        left=56,
        top=0,
        right=112,
        bottom=112,
        height=224,
        width=224,
        exact=True,
    )
    window.panels["activations"].region_found.emit(field)
    region = window.input.picture.view.region
    assert (region.left(), region.top(), region.right(), region.bottom()) == (
        0.25,
        0.0,
        0.5,
        0.5,
    )
    window.panels["activations"].region_found.emit(None)
    assert window.input.picture.view.region is None


def test_the_status_line_says_what_is_measured(window, controller):
    parts.open_model(controller)
    for value in (8.0, 8.0, 9.0):
        controller.latency.append(value)
    controller.session.cost = RunCost(looking_ratio=0.021, drift=0.0)
    controller.session.memory_bytes = 212_000_000
    window.refresh()
    line = window.status.texts()
    for part in (
        "engine ready",
        "CPU · fp32",
        "model",
        "looking costs +2.1 %",
        "drift 0",
        "RSS 212 MB",
        "core",
    ):
        assert part in line


def test_a_still_picture_has_no_frame_rate(window, controller, monkeypatch):
    monkeypatch.setattr(window.bridge, "frames_per_second", lambda: 4.0)
    window.status.refresh()
    assert "fps" not in window.status.texts()
    controller.session.live = True
    window.status.refresh()
    assert "view 4 fps" in window.status.texts()


def test_the_status_line_leaves_out_what_is_not_known(window):
    window.status.refresh()
    line = window.status.texts()
    assert "drift" not in line
    assert "looking" not in line
    assert "nan" not in line


def test_the_bridge_ticks_and_switches_the_collector_off(window, qtbot):
    assert not gc.isenabled()
    qtbot.waitUntil(lambda: window.controller.ticks > 3, timeout=3000)
    window.controller.pictures.show(parts.frame(input__data=parts.pixels()))
    qtbot.waitUntil(lambda: window.bridge.frames_per_second() > 0, timeout=3000)
    window.bridge.collect()
    window.close()
    assert gc.isenabled()


def test_every_key_is_listed_once(window):
    dialog = dialogs.show_keys(window)
    keys = [row[0].text for row in dialog.table.numbers.rows]
    assert "Ctrl+K" in keys
    window_keys = [
        r[0].text for r in dialog.table.numbers.rows if r[2].text == "window"
    ]
    assert len(window_keys) == len(set(window_keys))
    dialog.field.setText("palette")
    assert [row[1].text for row in dialog.table.numbers.rows] == ["Command palette"]
    dialog.close()


def test_the_facts_of_the_model_are_listed(window):
    assert dialogs.show_model(window) is None
    parts.open_model(window.controller)
    dialog = dialogs.show_model(window)
    rows = {row[0].text: row[1].text for row in dialog.table.numbers.rows}
    assert rows["parameters"] == "1.24 M"
    assert rows["input data"] == "float32 1 × 3 × 224 × 224"
    dialog.close()


def test_about_carries_the_licences_of_what_is_bundled(window):
    dialog = dialogs.show_about(window)
    texts = dialogs.licence_texts()
    assert "SIL OPEN FONT LICENSE" in texts
    assert "ISC License" in texts
    dialog.close()


def test_the_picture_of_the_window_goes_to_the_clipboard(window):
    window.actions_.run("window.copy_picture")
    image = QGuiApplication.clipboard().image()
    assert (image.width(), image.height()) == (1280, 800)
    QGuiApplication.clipboard().clear()


def test_a_closed_window_is_let_go(qapp, controller, settings):
    made = MainWindow(controller, settings)
    made.show()
    qapp.processEvents()
    made.close()
    panel = weakref.ref(made.panels["library"])
    made.deleteLater()
    del made
    for _ in range(3):
        qapp.processEvents()
        qapp.sendPostedEvents(None, 52)  # deferred deletes
        gc.collect()
    assert panel() is None
    controller.session.live = True  # nobody listens who is gone


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_the_window_is_painted_in_the_colours_of_the_theme(qapp, window, mode, size):
    theme.apply(qapp, mode)
    window.resize(*size)
    window.layout_.arrange()
    qapp.processEvents()
    image = window.grab().toImage()
    assert (image.width(), image.height()) == size
    box = window.panels["library"]
    inside = box.mapTo(window, box.rect().bottomRight()) - box.rect().topLeft()
    panel = image.pixelColor(inside.x() - 12, inside.y() - 12).name()
    gap = image.pixelColor(inside.x() + 5, inside.y() - 40).name()
    assert panel == theme.current().panel
    assert gap == theme.current().window
    theme.apply(qapp, "dark")


def test_the_layout_shares_its_room(qtbot, controller):
    panels = {spec.name: spec.make(controller) for spec in PANELS}
    layout = WindowLayout(PANELS, panels, lambda: None)
    qtbot.addWidget(layout)
    for width in (1280, 1920):
        layout.resize(width, 800)
        layout.show()
        layout.arrange()
        assert panels["output"].width() > panels["input"].width()
        assert (
            panels["library"].width() == np.clip(0.17 * (width - 16), 240, 280).round()
        )
    layout.close()
