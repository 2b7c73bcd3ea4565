"""Panels that share a place are tabs there, offered where the model has something."""

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts
from tests.ui import window_parts as parts

from layerscope.ui import theme
from layerscope.ui.main_window import MainWindow


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


def tabs(panel):
    """Return the titles in a panel's title line, the one in front with a star."""
    row = panel._tabs
    if row is None or not row.isVisible():
        return []
    return [
        row.tabText(n) + ("*" if n == row.currentIndex() else "")
        for n in range(row.count())
    ]


def open_text(window, **changes):
    text_parts.open_text_model(window.controller, **changes)
    window.refresh()


def test_a_picture_model_has_one_view_and_no_tabs(window):
    parts.open_model(window.controller)
    window.refresh()
    assert tabs(window.panels["activations"]) == []
    assert "attention" not in window.panels  # it is made when it is wanted
    assert window.panels["network"].isVisible()


def test_a_language_model_brings_its_views(window):
    open_text(window)
    assert window.layout_.is_front("attention")
    assert tabs(window.panels["attention"]) == [
        "Network",
        "Activations",
        "Attention*",
        "Logit lens",
        "Next word",
    ]
    assert window.panels["attention"].isVisible()
    assert not window.panels["activations"].isVisible()
    assert "experts" not in window.panels


def test_the_network_gets_its_own_place_back(window, qapp):
    open_text(window)
    assert window.layout_.is_front("attention")
    assert not window.panels["network"].isVisible()
    parts.open_model(window.controller)
    window.controller.session.lenses = ()
    window.controller.session.task = "image-classification"
    window.refresh()
    qapp.processEvents()
    network, wall = window.panels["network"], window.panels["activations"]
    assert network.isVisible()
    assert wall.isVisible()
    assert tabs(network) == tabs(wall) == []
    assert network.mapTo(window, network.rect().bottomLeft()).y() < (
        wall.mapTo(window, wall.rect().topLeft()).y()
    )


def test_a_click_brings_a_view_to_the_front(window, qtbot, qapp):
    open_text(window)
    row = window.panels["attention"]._tabs
    qtbot.mouseClick(row, Qt.MouseButton.LeftButton, pos=row.tabRect(3).center())
    assert window.layout_.is_front("logit_lens")
    row = window.panels["logit_lens"]._tabs
    row.setFocus()
    QTest.keyClick(row, Qt.Key.Key_Left)
    assert window.layout_.is_front("attention")
    assert window.panels["attention"]._tabs.hasFocus()


def test_the_views_are_reached_by_keys_and_menu(window):
    open_text(window)
    window.actions_.run("tab.next")
    assert window.layout_.is_front("logit_lens")
    window.actions_.run("tab.previous")
    window.actions_.run("tab.previous")
    assert window.layout_.is_front("activations")
    window.actions_.refresh()
    assert window.actions_["tab.attention"].isEnabled()
    assert window.actions_["tab.activations"].isChecked()
    assert not window.actions_["tab.experts"].isEnabled()


def test_the_choice_is_kept_for_the_task(window, controller, settings, qapp):
    open_text(window)
    window.layout_.choose_tab("next_word")
    parts.open_model(controller)
    controller.session.lenses, controller.session.task = (), "image-classification"
    window.refresh()
    open_text(window)
    assert window.layout_.is_front("next_word")
    window.close()
    again = MainWindow(controller, settings)
    again.show()
    again.refresh()
    qapp.processEvents()
    front = again.layout_.is_front("next_word")
    again.close()
    again.deleteLater()
    assert front


def test_a_search_in_the_network_brings_it_to_the_front(window):
    open_text(window)
    window.find_node()
    assert window.layout_.is_front("network")
    assert window.panels["network"].isVisible()


def test_hiding_the_place_hides_all_its_views(window, qapp):
    open_text(window)
    window.layout_.toggle("activations")
    assert not window.panels["attention"].isVisible()
    window.layout_.choose_tab("logit_lens")
    assert window.panels["logit_lens"].isVisible()


def test_every_control_of_the_views_has_a_name_and_a_tooltip(window):
    lenses = ("attention", "logit-lens", "sampling", "recurrent-state", "experts")
    open_text(window, lenses=lenses)
    text_parts.write(window.controller)
    window.refresh()
    for name in ("attention", "logit_lens", "next_word", "recurrent_state", "experts"):
        window.layout_.choose_tab(name)
    for name in ("attention", "logit_lens", "input", "output", "recurrent_state"):
        panel = window.panels[name]
        for button in panel.findChildren(QAbstractButton):
            if button.objectName().startswith(("qt_", "Scroll")):
                continue  # Qt's own
            assert button.accessibleName() or button.text(), name
            assert button.toolTip(), (name, button.text())
        for box in panel.findChildren(QComboBox):
            assert box.accessibleName(), name
