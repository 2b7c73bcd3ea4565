"""One list of actions: menus, keys, palette and the list of keys come from it."""

import pytest
from PySide6.QtWidgets import QMenuBar, QWidget

from layerscope.ui.actions import ActionRegistry, ActionSpec, shown_key


@pytest.fixture
def registry(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    return ActionRegistry(window)


def test_an_action_runs_when_it_is_enabled(registry):
    done, allowed = [], [False]
    registry.add(
        [
            ActionSpec(
                id="a", text="A", run=lambda: done.append(1), enabled=lambda: allowed[0]
            )
        ]
    )
    registry.run("a")
    assert done == []
    allowed[0] = True
    registry.run("a")
    assert done == [1]


def test_a_key_may_be_given_once_only(registry):
    registry.add([ActionSpec(id="a", text="A", keys=("Ctrl+K",), run=print)])
    with pytest.raises(ValueError, match=r"Ctrl\+k is to start b, but it starts a"):
        registry.add([ActionSpec(id="b", text="B", keys=("Ctrl+k",), run=print)])


def test_an_id_may_be_given_once_only(registry):
    registry.add([ActionSpec(id="a", text="A", run=print)])
    with pytest.raises(ValueError, match="called a"):
        registry.add([ActionSpec(id="a", text="A again", run=print)])


def test_the_tooltip_ends_with_the_key(registry):
    spec = ActionSpec(
        id="a", text="Do it…", keys=("Ctrl+Return",), tooltip="Does it", run=print
    )
    registry.add([spec])
    assert registry["a"].toolTip() == "Does it (Ctrl+Enter)"


def test_menus_are_built_from_the_list(registry, qtbot):
    registry.add(
        [
            ActionSpec(id="a", text="Open", menu="File", run=print),
            ActionSpec(id="r", text="One", menu="File/Recent", run=print),
            ActionSpec(id="b", text="Close", menu="File", section=1, run=print),
            ActionSpec(id="c", text="Hidden", run=print),
        ]
    )
    bar = QMenuBar()
    qtbot.addWidget(bar)
    registry.fill(bar)
    menu = next(a.menu() for a in bar.actions() if a.text() == "File")
    texts = ["-" if a.isSeparator() else a.text() for a in menu.actions()]
    assert texts == ["Open", "Recent", "-", "Close"]


def test_names_and_marks_follow_the_session(registry):
    state = {"on": False, "name": ""}
    registry.add(
        [
            ActionSpec(id="s", text="Switch", run=print, checked=lambda: state["on"]),
            ActionSpec(id="n", text="Name", run=print, label=lambda: state["name"]),
        ]
    )
    registry.refresh()
    assert (registry["s"].isChecked(), registry["n"].isVisible()) == (False, False)
    state.update(on=True, name="squeeze.onnx")
    registry.refresh()
    assert registry["s"].isChecked()
    assert registry["n"].isVisible()
    assert registry["n"].text() == "squeeze.onnx"


def test_keys_are_written_as_people_say_them():
    assert shown_key("Ctrl+Return") == "Ctrl+Enter"
