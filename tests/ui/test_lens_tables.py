"""The tables behind the pictures of the lenses of text models."""

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts

from layerscope.ui import theme
from layerscope.ui.panels.experts import ExpertsPanel
from layerscope.ui.panels.logit_lens import LogitLensPanel
from layerscope.ui.panels.next_word import NextWordPanel
from layerscope.ui.widgets.table_window import TableWindow

LOGITS = {
    "numbers": {"probability": (0.5, 0.25, 0.75, 0.125)},
    "texts": {"names": ("embedding", "h.0"), "words": ("a", " b", "c", "d")},
}
SAMPLING = {
    "numbers": {
        "id": (101.0, 901.0),
        "probability": (0.6, 0.2),
        "sampled": (1.0, 0.0),
        "choice": (101.0,),
    },
    "texts": {"tokens": ("sun", "moon"), "choice": ("sun",)},
}
EXPERTS = {
    "arrays": {
        "probability": np.float32([[[0.25, 0.75], [0.5, 0.5]]]),
        "chosen": np.int32([[[1], [0]]]),
        "load": np.float32([[0.5, 0.5]]),
    },
    "texts": {"names": ("h.0",), "tokens": ("a", "b")},
}


@pytest.fixture
def opened(qapp, qtbot, tmp_path):
    theme.apply(qapp, "dark")

    def open_panel(kind, lens):
        controller = FakeController(tmp_path)
        text_parts.open_text_model(controller, (lens,))
        text_parts.write(controller)
        panel = kind(controller)
        qtbot.addWidget(panel)
        panel.resize(780, 320)
        panel.show()
        panel.refresh()
        return panel

    return open_panel


def answer(panel, lens, **fields):
    panel.controller.queries[-1][1](text_parts.lens_answer(lens, **fields))
    panel.refresh()


def table_of(panel):
    """Click the panel's button and return the rows of the window it opens."""
    panel.as_table.click()
    (window,) = (
        widget
        for widget in QApplication.topLevelWidgets()
        if isinstance(widget, TableWindow) and widget.isVisible()
    )
    text = window.model.as_text()
    window.close()
    return [line.split("\t") for line in text.split("\n")]


def test_words_of_each_layer_at_one_place(opened):
    panel = opened(LogitLensPanel, "logit-lens")
    assert not panel.as_table.isVisible()
    numbers = {**LOGITS["numbers"], "position": (3.0,)}
    answer(panel, "logit-lens", numbers=numbers, texts=LOGITS["texts"])
    rows = table_of(panel)
    assert rows[0] == ["layer", "rank", "next word", "probability"]
    assert rows[1] == ["embedding", "1", "a", "0.5"]
    assert rows[4] == ["h.0", "2", "d", "0.125"]


def test_words_of_each_layer_at_every_place(opened):
    panel = opened(LogitLensPanel, "logit-lens")
    panel.every.click()
    panel.refresh()
    texts = {**LOGITS["texts"], "tokens": ("x", "y")}
    answer(panel, "logit-lens", numbers=LOGITS["numbers"], texts=texts)
    rows = table_of(panel)
    assert rows[0][1] == "token"
    assert rows[3] == ["h.0", "x", "c", "0.75"]


def test_words_that_were_weighed(opened):
    panel = opened(NextWordPanel, "sampling")
    assert not panel.as_table.isVisible()
    answer(panel, "sampling", **SAMPLING)
    assert table_of(panel) == [
        ["word", "probability", "as sampled", "drawn"],
        ["sun", "0.6", "1", "drawn"],
        ["moon", "0.2", "0", ""],
    ]


def test_experts_of_tokens_and_their_load(opened):
    panel = opened(ExpertsPanel, "experts")
    assert not panel.as_table.isVisible()
    answer(panel, "experts", **EXPERTS)
    assert table_of(panel)[1:] == [
        ["h.0", "a", "1", "0.75"],
        ["h.0", "b", "0", "0.5"],
        ["h.0", "all tokens", "0", "0.5"],
        ["h.0", "all tokens", "1", "0.5"],
    ]


@pytest.mark.parametrize(
    ("kind", "lens", "widget", "fields"),
    [
        (NextWordPanel, "sampling", "bars", SAMPLING),
        (ExpertsPanel, "experts", "load", EXPERTS),
    ],
)
def test_the_menu_of_the_picture_leads_there_too(opened, kind, lens, widget, fields):
    panel = opened(kind, lens)
    answer(panel, lens, **fields)
    getattr(panel, widget).table_wanted.emit()
    windows = panel.findChildren(TableWindow)
    assert [window.isVisible() for window in windows] == [True]
    windows[0].close()
