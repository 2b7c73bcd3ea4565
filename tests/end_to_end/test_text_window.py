"""The whole program with a language model: a prompt is typed, tokens stream, stop."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.library.bundled import find_model
from layerscope.library.preferences import Preferences
from layerscope.ui import launch
from layerscope.ui.main_window import MainWindow

DEADLINE_MS = 60_000
MODEL = "shakespeare-gpt"


@pytest.fixture
def controller(tmp_path):
    client = EngineClient(arena_bytes=16 << 20)
    controller = Controller(client, Preferences(tmp_path / "preferences.json"))
    controller.start()
    yield controller
    controller.close()


@pytest.fixture
def window(qtbot, controller):
    launch.make_application()
    launch.theme.apply(QApplication.instance(), "dark")
    window = MainWindow(controller)
    qtbot.addWidget(window)
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    return window


def test_a_prompt_is_typed_tokens_stream_and_stop_stops(qtbot, window, controller):
    """One start of the engine for all that a person does with a text."""
    session = controller.session

    def wait(done):
        qtbot.waitUntil(lambda: bool(done()), timeout=DEADLINE_MS)

    controller.open_model(str(find_model(MODEL)))
    wait(lambda: session.stepped and session.setting_specs)
    controller.set_setting("max_new_tokens", 8)
    wait(lambda: session.n_runs > 0)
    page = window.input.text
    wait(lambda: len(page.strip.tokens) > 0)  # its own sample, in tokens

    # A prompt of one's own: its tokens appear while it is typed, and it is sent.
    page.editor.selectAll()
    qtbot.keyClicks(page.editor, "JULIET: what")
    wait(lambda: "".join(t.text for t in page.strip.tokens).endswith("what"))
    wait(lambda: session.inputs["text"].text == "JULIET: what")
    assert "of 256 tokens" in page.count_words()

    # Run: tokens stream into the output, coloured by their probability.
    runs = session.n_runs
    qtbot.keyClick(page.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: session.n_runs > runs)
    assert "\n" not in page.editor.toPlainText()
    view = window.panels["output"].views[0]
    # The view follows the session in its own time; the text before had 8 tokens too.
    wait(lambda: tuple(view.strip.tokens) == (*session.prompt, *session.tokens))
    wait(lambda: len(view.made) == 8)
    assert all(0 <= token.probability <= 1 for token in view.made)
    assert all(token.alternatives for token in view.made)
    assert "tok/s" in view.facts.whole()

    # The heads of this very text, without another run.
    attention = window.panels["attention"]
    n_tokens = len(view.strip.tokens)
    wait(lambda: attention.matrix.values.shape[1] >= n_tokens - 1)
    assert attention.matrix.values[-1].sum() == pytest.approx(1, abs=1e-4)

    # Another word in the place of the fourth: what stood before it stays.
    before = view.made
    taken = next(
        row for row, a in enumerate(before[3].alternatives) if a.id != before[3].id
    )
    runs = session.n_runs
    view.strip.alternative_chosen.emit(len(session.prompt) + 3, taken)
    wait(lambda: session.n_runs > runs and not session.running)
    wait(lambda: len(view.made) == 4 + 8)
    assert [t.id for t in view.made[:3]] == [t.id for t in before[:3]]
    assert view.made[3].id == before[3].alternatives[taken].id
    assert len(view.tree.branches) == 2
    assert "forced" not in session.settings

    # Back to the first: the model reads it again and adds nothing.
    runs = session.n_runs
    view.go_back(0)
    wait(lambda: session.n_runs > runs)
    wait(lambda: [t.id for t in view.made] == [t.id for t in before])

    # A long text is stopped within a token, and what is there stays.
    controller.set_setting("max_new_tokens", 200)
    controller.run()
    wait(lambda: session.running and len(session.tokens) > len(before) + 4)
    window.actions_.run("run.stop")
    wait(lambda: not session.running)
    made = len(session.tokens)
    qtbot.wait(200)
    assert len(before) + 4 < made == len(session.tokens) < 200
    assert session.trouble is None
