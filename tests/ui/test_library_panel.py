"""The library lists what can be opened and opens what is clicked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QImage
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.library.bundled import LibraryEntry
from layerscope.library.folders import models_in
from layerscope.protocol.inputs import PictureFile
from layerscope.protocol.messages import PictureDecoded
from layerscope.protocol.values import ArrayRef
from layerscope.state.session import LogEntry
from layerscope.ui import theme
from layerscope.ui.panels.library import LibraryPanel
from layerscope.ui.panels.log import LogPanel
from layerscope.ui.widgets.card_rows import wrapped


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    made.entries = (
        LibraryEntry(
            id="cifar",
            title="CIFAR-10 ResNet",
            task="image-classification",
            path=Path("/bundled/cifar"),
            bytes=2_800_000,
            metric="Accuracy",
            value=0.924,
            teaches="How a network goes from edges to things.",
            parameters=656_000,
        ),
        LibraryEntry(
            id="gpt",
            title="Shakespeare GPT",
            task="text-generation",
            path=Path("/bundled/gpt"),
            bytes=11_000_000,
            metric="Nats per character",
            value=1.5789,
            teaches="How a sentence grows letter by letter.",
        ),
    )
    made.samples = [Path("/samples/01-red-ship.png")]
    return made


@pytest.fixture
def panel(qtbot, controller):
    made = LibraryPanel(controller)
    qtbot.addWidget(made)
    made.resize(220, 600)
    made.show()
    made.refresh()
    yield made
    made.close()


def titles(panel):
    return [card.title for card in panel.list.cards()]


def card(panel, title):
    return next(card for card in panel.list.cards() if card.title == title)


def click(qtbot, panel, title):
    row = titles(panel).index(title)
    area = panel.list.visualRect(panel.list.model().index(row, 0))
    qtbot.mouseClick(
        panel.list.viewport(), Qt.MouseButton.LeftButton, pos=area.center()
    )


def press(qtbot, panel, key):
    qtbot.keyClick(panel.list, key)


def current(panel):
    return panel.list.currentIndex().data()


def test_it_lists_bundled_models_by_what_they_work_on_and_samples(panel):
    assert titles(panel) == [
        *("Pictures", "CIFAR-10 ResNet"),
        *("Text", "Shakespeare GPT"),
        *("Samples", "Red ship"),
    ]
    assert card(panel, "CIFAR-10 ResNet").detail == "92.4 % · 2.8 MB"
    assert card(panel, "Shakespeare GPT").detail == "1.58 nats/char · 11 MB"
    assert card(panel, "Pictures").detail == "1"
    assert panel._clause.whole() == "2 bundled"


def test_a_card_says_what_the_model_teaches_and_its_tooltip_everything(panel):
    model = card(panel, "CIFAR-10 ResNet")
    assert model.note == "How a network goes from edges to things."
    for words in (model.note, "656 k parameters", "picture classes", "accuracy 92.4 %"):
        assert words in model.tooltip
    index = panel.list.model().index(1, 0)
    spoken = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("CIFAR-10 ResNet, 92.4 % · 2.8 MB, How a network")


def test_a_long_sentence_takes_two_lines_and_is_cut(qapp):
    words = "How a residual network goes from edges to textures to parts of things"
    lines = wrapped(words, 150, 2)
    assert len(lines) == 2
    assert lines[0] == words[: len(lines[0])]
    assert lines[1].endswith("…")
    metrics = QFontMetricsF(theme.font(11))
    assert all(metrics.horizontalAdvance(line) <= 150 for line in lines)
    assert wrapped("Where it looks.", 150, 2) == ["Where it looks."]


def test_a_heading_folds_its_rows_away_for_good(panel, controller, qtbot):
    click(qtbot, panel, "Pictures")
    assert titles(panel) == ["Pictures", "Text", "Shakespeare GPT", *titles(panel)[3:]]
    assert card(panel, "Pictures").folded
    again = LibraryPanel(controller)
    qtbot.addWidget(again)
    again.refresh()
    assert "CIFAR-10 ResNet" not in titles(again)
    click(qtbot, panel, "Pictures")
    assert "CIFAR-10 ResNet" in titles(panel)
    assert controller.calls == []


def test_the_keyboard_walks_opens_and_folds(panel, controller, qtbot):
    panel.list.setCurrentIndex(panel.list.model().index(0, 0))
    press(qtbot, panel, Qt.Key.Key_Left)
    assert card(panel, "Pictures").folded
    assert current(panel) == "Pictures"
    press(qtbot, panel, Qt.Key.Key_Right)
    press(qtbot, panel, Qt.Key.Key_Down)
    assert current(panel) == "CIFAR-10 ResNet"
    press(qtbot, panel, Qt.Key.Key_Return)
    assert controller.called("open_model") == [("/bundled/cifar",)]


def test_the_filter_looks_at_names_tasks_and_sentences_even_in_folded_parts(
    panel, qtbot
):
    panel.set_folded("Text", True)
    panel.field.setText("LETTER")
    panel.refresh()
    assert titles(panel) == ["Text", "Shakespeare GPT"]
    panel.field.setText("picture cifar")
    panel.refresh()
    assert titles(panel) == ["Pictures", "CIFAR-10 ResNet"]
    panel.field.setText("zebra")
    panel.refresh()
    assert titles(panel) == []
    assert panel._clause.whole() == "nothing holds “zebra”"
    qtbot.keyClick(panel.field, Qt.Key.Key_Escape)
    panel.refresh()
    assert "Red ship" in titles(panel)


def test_down_leads_from_the_filter_to_the_first_model(panel, controller, qtbot):
    panel.activateWindow()
    panel.field.setFocus()
    qtbot.waitUntil(panel.field.hasFocus, timeout=3000)
    qtbot.keyClick(panel.field, Qt.Key.Key_Down)
    assert current(panel) == "CIFAR-10 ResNet"
    press(qtbot, panel, Qt.Key.Key_Return)
    assert controller.called("open_model") == [("/bundled/cifar",)]


def test_a_model_wears_its_thumbnail(qtbot, controller, tmp_path):
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(0x123456)
    image.save(str(tmp_path / "thumbnail.png"))
    controller.entries = (replace(controller.entries[0], path=tmp_path),)
    panel = LibraryPanel(controller)
    qtbot.addWidget(panel)
    panel.refresh()
    shown = panel.list.thumbnail(f"model:{tmp_path}")
    assert shown.pixelColor(3, 3).name() == "#123456"


def test_a_model_that_is_opened_elsewhere_comes_into_view(panel, controller):
    one = controller.entries[0]
    controller.entries = tuple(
        replace(one, id=f"m{n}", title=f"Model {n}", path=Path(f"/bundled/{n}"))
        for n in range(20)
    )
    panel.refresh()
    assert panel.list.verticalScrollBar().value() == 0
    controller.session.model_path = "/bundled/19"
    panel.refresh()
    row = panel.list.model().index(titles(panel).index("Model 19"), 0)
    assert panel.list.viewport().rect().contains(panel.list.visualRect(row).center())
    assert card(panel, "Model 19").chosen


def test_all_sizes_of_libraries_are_painted(panel, controller):
    one = controller.entries[0]
    controller.entries = tuple(
        replace(one, id=f"m{n}", title=f"Model {n} " * n, path=Path(f"/bundled/{n}"))
        for n in range(20)
    )
    panel.refresh()
    assert len(titles(panel)) == 1 + 20 + 2
    picture = panel.grab().toImage()
    assert len({picture.pixel(80, y) for y in range(0, picture.height(), 3)}) > 3


def test_a_click_opens_a_model_and_feeds_a_sample(panel, controller, qtbot):
    click(qtbot, panel, "CIFAR-10 ResNet")
    assert controller.called("open_model") == [("/bundled/cifar",)]
    click(qtbot, panel, "Red ship")
    assert controller.called("open_path") == [("/samples/01-red-ship.png",)]


def test_enter_opens_what_is_marked(panel, controller, qtbot):
    panel.list.setCurrentIndex(panel.list.model().index(1, 0))
    qtbot.keyClick(panel.list, Qt.Key.Key_Return)
    assert controller.called("open_model") == [("/bundled/cifar",)]


def test_what_is_open_is_marked(panel, controller):
    controller.session.recent = ("/models/squeeze.onnx", "/bundled/cifar")
    parts.open_model(controller)
    controller.session.inputs = {"data": PictureFile(path="/samples/01-red-ship.png")}
    panel.refresh()
    assert titles(panel).count("CIFAR-10 ResNet") == 1  # not in Recent again
    recent = card(panel, "squeeze.onnx")
    assert recent.chosen
    assert recent.detail == "2 nodes · opset 17 · 5.1 MB"
    assert card(panel, "Red ship").chosen
    assert not card(panel, "CIFAR-10 ResNet").chosen


def test_the_panel_follows_the_session_by_itself(panel, controller, qtbot):
    controller.session.recent = ("/models/new.onnx",)
    qtbot.waitUntil(lambda: "new.onnx" in titles(panel), timeout=3000)


def test_a_recent_model_can_be_taken_off(panel, controller):
    controller.session.recent = ("/models/squeeze.onnx",)
    panel.refresh()
    menu = panel.menu_for("model:/models/squeeze.onnx")
    action = next(a for a in menu.actions() if a.text() == "Remove from Recent")
    action.trigger()
    assert controller.called("forget_recent") == [("/models/squeeze.onnx",)]
    menu.deleteLater()


def test_samples_get_thumbnails_once(panel, controller):
    assert len(controller.queries) == 1
    command, done, _ = controller.queries[0]
    array = ArrayRef.inline(np.zeros((4, 6, 3), np.uint8))
    done(PictureDecoded(path=command.path, array=array, width=600, height=400))
    assert panel.list.thumbnail(f"sample:{command.path}").width() == 6
    panel.refresh()
    assert len(controller.queries) == 1
    assert card(panel, "Red ship").detail == "600 × 400"


def test_nothing_is_asked_of_an_engine_that_is_not_there(qtbot, controller):
    controller.session.engine = "starting"
    panel = LibraryPanel(controller)
    qtbot.addWidget(panel)
    panel.refresh()
    assert controller.queries == []


def test_an_added_folder_is_listed_and_remembered(panel, controller, tmp_path, qtbot):
    folder = tmp_path / "mine"
    (folder / "hub" / "onnx").mkdir(parents=True)
    (folder / "hub" / "onnx" / "model.onnx").touch()
    (folder / "lone.onnx").touch()
    (folder / "notes.txt").touch()
    (folder / "empty").mkdir()
    panel.add_folder(folder)
    panel.refresh()
    place = titles(panel).index("mine")
    assert titles(panel)[place + 1 : place + 3] == ["hub", "lone.onnx"]
    again = LibraryPanel(controller)
    qtbot.addWidget(again)
    again.refresh()
    assert "lone.onnx" in titles(again)
    panel.remove_folder(folder)
    panel.refresh()
    assert "mine" not in titles(panel)


def test_a_folder_that_has_gone_has_no_models(tmp_path):
    assert models_in(tmp_path / "gone") == ()


# --- the log ------------------------------------------------------------------------


def test_the_log_writes_only_what_is_new(qtbot, controller):
    log = LogPanel(controller)
    qtbot.addWidget(log)
    controller.session.log = (LogEntry(text="opened"),)
    log.refresh()
    controller.session.log = (
        *controller.session.log,
        LogEntry(text="odd", level="warning"),
    )
    log.refresh()
    log.refresh()
    lines = log.text.toPlainText().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["opened", "odd"]
    assert log._clause.whole() == "1 warning"


def test_the_log_follows_when_its_oldest_lines_have_gone(qtbot, controller):
    log = LogPanel(controller)
    qtbot.addWidget(log)
    entries = tuple(LogEntry(text=str(n)) for n in range(4))
    controller.session.log = entries[:3]
    log.refresh()
    controller.session.log = entries[2:]
    log.refresh()
    assert [line[-1] for line in log.text.toPlainText().splitlines()] == list("0123")


def test_the_log_can_be_copied(qtbot, qapp, controller):
    log = LogPanel(controller)
    qtbot.addWidget(log)
    controller.session.log = (LogEntry(text="opened", when=0.0),)
    log.copy()
    assert qapp.clipboard().text().endswith("info    opened")
    qapp.clipboard().clear()
