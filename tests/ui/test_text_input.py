"""A text is typed, counted in tokens at once, and sent when the keys rest."""

import json

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts

from layerscope.core.text import MOST_CHARACTERS
from layerscope.protocol.inputs import TokenIds, TypedText
from layerscope.protocol.messages import Failed, Tokenise, Tokenised
from layerscope.ui import theme
from layerscope.ui.panels.input import InputPanel


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    folder = tmp_path / "gpt"
    folder.mkdir()
    samples = {"text": ["ROMEO:\nBut soft", "KING: " + "long " * 40]}
    (folder / "samples.json").write_text(json.dumps(samples))
    text_parts.open_text_model(made)
    made.session.model_path = str(folder)
    return made


@pytest.fixture
def panel(qapp, qtbot, controller):
    theme.apply(qapp, "dark")
    made = InputPanel(controller)
    qtbot.addWidget(made)
    made.resize(380, 200)
    made.show()
    made.refresh()
    return made


def answer(controller, n=10, limit=256, note="", words=text_parts.WORDS):
    """Let the engine answer the question that is open."""
    command, done, _ = controller.queries[-1]
    assert isinstance(command, Tokenise)
    found = text_parts.tokens(words)
    done(Tokenised(job=command.job, model=1, tokens=found, n=n, limit=limit, note=note))


def test_the_text_of_the_session_is_shown_with_its_tokens(panel, controller):
    controller.session.inputs = {"text": TypedText.of("ROMEO:")}
    panel.refresh()
    assert panel.text.editor.toPlainText() == "ROMEO:"
    answer(controller)
    panel.refresh()
    assert len(panel.text.strip.tokens) == len(text_parts.WORDS)
    assert panel._clause.whole() == "10 of 256 tokens"


def test_typing_asks_at_once_and_only_for_the_newest(panel, controller, qtbot):
    answer(controller, n=0, words=())
    asked = len(controller.queries)
    qtbot.keyClicks(panel.text.editor, "abc")
    qtbot.waitUntil(lambda: len(controller.queries) > asked)
    qtbot.keyClicks(panel.text.editor, "de")
    qtbot.wait(80)
    assert len(controller.queries) == asked + 1  # one is still open
    answer(controller)
    assert controller.queries[-1][0].text == "abcde"
    assert len(controller.queries) == asked + 2


def test_a_text_is_sent_when_the_keys_rest(panel, controller, qtbot):
    qtbot.keyClicks(panel.text.editor, "what")
    qtbot.waitUntil(lambda: bool(controller.called("set_input")))
    assert controller.called("set_input") == [("text", TypedText(text="what"))]
    assert controller.called("run") == []  # a text is made when it is asked for


def test_a_model_that_reads_in_one_pass_runs_while_one_types(panel, controller, qtbot):
    controller.session.stepped = False
    qtbot.keyClicks(panel.text.editor, "a fine film")
    qtbot.waitUntil(lambda: bool(controller.called("run")))


def test_what_is_typed_is_not_overwritten(panel, controller, qtbot):
    qtbot.keyClicks(panel.text.editor, "mine")
    panel.refresh()
    assert panel.text.editor.toPlainText() == "mine"


def test_a_sample_is_put_in_by_a_button(panel, controller, qtbot):
    buttons = panel.text._samples._buttons
    assert buttons[0].text() == "ROMEO: But soft"
    assert buttons[1].text().endswith("…")
    buttons[0].click()
    assert controller.called("set_input")[-1][1].text == "ROMEO:\nBut soft"


def test_too_many_tokens_are_told(panel, controller):
    answer(controller, n=300)
    panel.refresh()
    assert "300 of 256 tokens" in panel._clause.whole()
    assert "more than the model takes" in panel._clause.whole()


def test_a_missing_tokenizer_is_told_and_ids_can_be_typed(panel, controller, qtbot):
    note = "There is no tokenizer.json beside the model; type token ids."
    answer(controller, note=note)
    assert panel.text.note.isVisible()
    assert panel.text.note.whole() == note
    controller.session.inputs = {"text": TokenIds(ids=(1, 2, 3))}
    panel.refresh()
    assert panel.text.editor.toPlainText() == "ids: 1 2 3"


def test_a_question_that_fails_leaves_a_sentence(panel, controller):
    command, _, failed = controller.queries[-1]
    failed(Failed(job=command.job, kind="bad-input", message="The id 9 is too large."))
    assert panel.text.note.whole() == "The id 9 is too large."
    assert panel.text.strip.tokens == ()


def test_a_paste_is_cut_to_what_can_be_sent(panel, qtbot):
    data = QMimeData()
    data.setText("x" * (MOST_CHARACTERS + 5000))
    panel.text.editor.insertFromMimeData(data)
    assert len(panel.text.editor.toPlainText()) == MOST_CHARACTERS
    QGuiApplication.clipboard().clear()


def test_the_settings_stand_beside_the_text_where_there_is_room(panel, controller):
    assert not panel._form_area.isVisible()
    panel.set_up.click()
    panel.refresh()
    assert panel._form_area.isVisible()
    assert panel.text.width() >= 100


def test_sampling_settings_do_not_run_the_model_again(panel, controller):
    panel._on_setting("temperature", 0.3)
    assert controller.called("set_setting") == [("temperature", 0.3)]
    assert controller.called("run") == []


def test_a_token_of_the_prompt_is_shared_with_all_panels(panel, controller, qtbot):
    answer(controller)
    place = panel.text.strip.token_rect(3).center().toPoint()
    viewport = panel.text.strip.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert controller.session.token == 3
    controller.session.token = 5
    panel.refresh()
    assert panel.text.strip.selected == 5
