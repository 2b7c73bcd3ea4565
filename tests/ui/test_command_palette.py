"""A few letters find what is meant."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from layerscope.ui.widgets.command_palette import (
    CommandPalette,
    PaletteEntry,
    find,
    score,
)


def entries(*texts, run=None):
    return [PaletteEntry(text=text, run=run or (lambda: None)) for text in texts]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("open", "Open model…"),
        ("conv10", "features/conv10"),
        ("rl", "Reset layout"),
        ("fire squeeze", "fire3/squeeze1x1"),
    ],
)
def test_the_best_answer_comes_first(query, best):
    texts = (
        "features/conv1",
        "features/conv10",
        "Reset layout",
        "Reopen",
        "Open model…",
        "fire3/squeeze1x1",
        "fire3/expand",
    )
    assert find(query, entries(*texts))[0].text == best


def test_letters_out_of_order_find_nothing():
    assert score("nepo", "Open model") == 0
    assert find("xyz", entries("Open model")) == []


def test_nothing_typed_lists_everything_in_order():
    assert [e.text for e in find("", entries("b", "a"))] == ["b", "a"]


def test_a_large_graph_lists_only_what_can_be_read():
    assert len(find("n", entries(*(f"node{n}" for n in range(5000))))) == 200


@pytest.fixture
def palette(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(800, 600)
    chosen = []
    made = [
        PaletteEntry(text=text, run=lambda text=text: chosen.append(text))
        for text in ("Run", "Stop", "Open model…")
    ]
    widget = CommandPalette(window, lambda: made)
    window.show()
    widget.open_at(40)
    widget.chosen = chosen
    yield widget
    window.close()


def test_typing_and_enter_does_it_and_closes(qtbot, palette):
    qtbot.keyClicks(palette.field, "stop")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.chosen == ["Stop"]
    assert not palette.isVisible()


def test_arrows_choose(qtbot, palette):
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.chosen == ["Stop"]


def test_escape_does_nothing_and_closes(qtbot, palette):
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert palette.chosen == []
    assert not palette.isVisible()


def test_it_opens_empty_each_time(qtbot, palette):
    qtbot.keyClicks(palette.field, "stop")
    palette.hide()
    palette.open_at(40)
    assert palette.field.text() == ""
    assert len(palette.found()) == 3


def test_enter_with_nothing_found_is_harmless(qtbot, palette):
    qtbot.keyClicks(palette.field, "zzz")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.chosen == []
