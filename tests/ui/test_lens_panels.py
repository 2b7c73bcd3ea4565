"""What the lenses of text models say is asked for when it is looked at, and shown."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts
from tests.ui import window_parts as parts
from tests.ui.inside import point_at

from layerscope.protocol.messages import AskLens, Failed
from layerscope.ui import theme
from layerscope.ui.panels.asking import NewestOnly
from layerscope.ui.panels.attention import AttentionPanel
from layerscope.ui.panels.experts import ExpertsPanel
from layerscope.ui.panels.head_reading import HeadReading
from layerscope.ui.panels.logit_lens import LogitLensPanel
from layerscope.ui.panels.next_word import NextWordPanel
from layerscope.ui.panels.recurrent_state import RecurrentStatePanel

LENSES = ("attention", "logit-lens", "sampling", "recurrent-state", "experts")


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    text_parts.open_text_model(made, LENSES)
    return made


@pytest.fixture
def shown(qapp, qtbot, controller):
    theme.apply(qapp, "dark")

    def show(kind, width=780, height=320):
        panel = kind(controller)
        qtbot.addWidget(panel)
        panel.resize(width, height)
        panel.show()
        panel.refresh()
        return panel

    return show


def last(controller):
    """Return what was asked last, and how to answer it."""
    command, done, _ = controller.queries[-1]
    assert isinstance(command, AskLens)
    return command.question, done


def filled_attention(shown, controller):
    text_parts.write(controller)
    panel = shown(AttentionPanel)
    question, done = last(controller)
    assert question == {"overview": True}
    done(text_parts.overview())
    question, done = last(controller)
    assert question == {"layer": 1, "head": 0}
    done(text_parts.head())
    panel.refresh()
    return panel


@pytest.mark.parametrize(
    "kind",
    [AttentionPanel, LogitLensPanel, NextWordPanel, RecurrentStatePanel, ExpertsPanel],
)
def test_an_empty_view_says_what_to_do_and_asks_nothing(shown, controller, kind):
    panel = shown(kind)
    assert "Run the model (Ctrl+Enter)" in panel._empty._label.text()
    assert panel._empty.isVisible()
    assert controller.queries == []


@pytest.mark.parametrize("kind", [AttentionPanel, LogitLensPanel, ExpertsPanel])
def test_why_there_is_nothing_is_said(shown, controller, kind):
    text_parts.write(controller)
    panel = shown(kind)
    command, _, failed = controller.queries[-1]
    failed(Failed(job=command.job, kind="bad-input", message="Too long to look at."))
    panel.refresh()
    assert panel._empty._label.text() == "Too long to look at."


def test_the_overview_comes_first_then_one_head(shown, controller):
    panel = filled_attention(shown, controller)
    assert panel.grid.selected == (1, 0)
    assert panel._clause.whole() == "3 layers × 4 heads"
    assert panel._head_name.text() == "layer 1 · head 0"
    assert np.array_equal(panel.matrix.values, text_parts.causal())
    assert "Weights, not importance" in panel._caption.text()


def test_another_head_is_asked_for_by_a_click(shown, controller, qtbot):
    panel = filled_attention(shown, controller)
    pos = panel.grid.rect_of(2, 3).center()
    qtbot.mouseClick(panel.grid.viewport(), Qt.MouseButton.LeftButton, pos=pos)
    assert last(controller)[0] == {"layer": 2, "head": 3}
    assert panel._head_name.text() == "layer 2 · head 3"


def test_a_run_is_asked_about_once_and_a_new_one_again(shown, controller):
    panel = filled_attention(shown, controller)
    asked = len(controller.queries)
    panel.refresh()
    assert len(controller.queries) == asked
    text_parts.write(controller)
    panel.refresh()
    assert last(controller)[0] == {"overview": True}


def test_the_pair_under_the_pointer_is_told(shown, controller):
    panel = filled_attention(shown, controller)
    view = panel.matrix
    plot, side = view._plot(), view.cell_px
    spot = QPointF(plot.left() + 3.5 * side, plot.top() + 8.5 * side)
    point_at(view, spot.toPoint())
    assert panel._told.whole().startswith("“win” → “What” ·")


def test_query_and_key_of_a_pair(shown, controller):
    panel = filled_attention(shown, controller)
    panel.matrix.chosen.emit(8, 3)
    assert controller.session.token == 8
    question, done = last(controller)
    assert question == {"layer": 1, "head": 0, "query": 8, "key": 3}
    done(
        text_parts.lens_answer(
            "attention",
            arrays={"q": np.array([1.0, 2.0, 0.0]), "k": np.array([1.0, -3.0, 5.0])},
            numbers={"pair": (2.5, 0.1)},
        )
    )
    words = panel.reading.pair_words(8, 3)
    assert "score 2.5 before the softmax" in words
    assert "dimensions 1: −6, 0: 1" in words
    assert "score" not in panel.reading.pair_words(8, 2)


def test_the_chosen_token_is_marked_in_matrix_and_lines(shown, controller):
    panel = filled_attention(shown, controller)
    controller.session.token = 4
    panel.refresh()
    assert panel.matrix.locked == (4, -1)
    assert panel.lines.locked == 4
    panel.lines.query_chosen.emit(6)
    assert controller.session.token == 6
    assert panel.reading.query_words(0).startswith("“ROMEO” looks at “ROMEO” 100 %")


def test_matrix_and_lines_can_be_hidden_but_not_both(shown, controller):
    panel = filled_attention(shown, controller)
    assert panel.matrix.isVisible()
    assert panel.lines.isVisible()
    panel.as_lines.click()
    assert not panel.lines.isVisible()
    panel.as_matrix.click()
    assert panel.matrix.isVisible()


def test_a_vision_transformer_looks_at_its_picture(shown, controller, qtbot):
    session = controller.session
    session.slots = (parts.picture_slot(),)
    session.stepped = False
    controller.pictures.show(parts.frame(input__data=parts.pixels(24, 24)))
    session.n_runs += 1
    panel = shown(AttentionPanel)
    last(controller)[1](text_parts.overview())
    weights = np.full((17, 17), 0.02, np.float32)
    weights[0, 1 + 6] = 0.7  # the token of the class looks at patch 6
    weights[1 + 3, 1 + 9] = 0.8
    names = tuple(str(n) for n in range(17))
    last(controller)[1](
        text_parts.lens_answer(
            "attention",
            arrays={"weights": weights},
            numbers={"grid": (4.0, 4.0, 1.0)},
            texts={"queries": names, "keys": names},
        )
    )
    panel.refresh()
    assert panel.patches.isVisible()
    assert not panel.lines.isVisible()
    heat, query = panel.reading.patches(-1)
    assert np.unravel_index(heat.argmax(), heat.shape) == (1, 2)
    assert query == -1
    spot = panel.patches.patch_rect(3).center().toPoint()
    qtbot.mouseClick(panel.patches, Qt.MouseButton.LeftButton, pos=spot)
    assert session.token == 4
    heat, query = panel.reading.patches(session.token)
    assert np.unravel_index(heat.argmax(), heat.shape) == (2, 1)
    assert query == 3
    panel.as_lines.click()
    assert panel.lines.isVisible()
    assert not panel.patches.isVisible()


def test_tokens_in_a_square_number_are_no_picture_by_that(shown, controller):
    text_parts.write(controller)
    panel = shown(AttentionPanel)
    last(controller)[1](text_parts.overview())
    answer = text_parts.head()
    answer.numbers["grid"] = (3.0, 3.0, 1.0)
    last(controller)[1](answer)
    panel.refresh()
    assert not panel.over_picture.isVisible()
    assert panel.lines.isVisible()


def test_an_answer_about_another_model_is_not_shown(shown, controller):
    text_parts.write(controller)
    panel = shown(AttentionPanel)
    _, done = last(controller)
    controller.session.model = 2
    done(text_parts.overview())
    assert panel.reading.layers == ()


def test_a_habit_is_named():
    reading = HeadReading()
    n = 12
    reading.keys = reading.queries = tuple("abcdefghijkl")
    reading.weights = np.eye(n, dtype=np.float32)
    assert reading.habit() == "looks mostly at the token itself"
    reading.weights = np.eye(n, k=-1, dtype=np.float32)
    assert reading.habit() == "looks mostly at the token before"
    reading.weights = np.full((n, n), 1 / n, np.float32)
    assert reading.habit() == "spreads over many tokens"
    assert reading.entropy() == pytest.approx(np.log(n), abs=1e-4)


def logit_answer(position=None):
    numbers = {"probability": (0.5,) * 4, "id": (1.0,) * 4}
    texts = {"names": ("embedding", "h.0"), "words": ("a", "b", "c", "d")}
    if position is None:
        texts["tokens"] = ("x", "y")
    else:
        numbers["position"] = (float(position),)
    return text_parts.lens_answer("logit-lens", numbers=numbers, texts=texts)


def test_the_logit_lens_follows_the_chosen_token(shown, controller):
    text_parts.write(controller)
    panel = shown(LogitLensPanel)
    question, done = last(controller)
    assert question == {"n": 5, "position": -1}
    done(logit_answer(position=12))
    panel.refresh()
    assert panel.table.isVisible()
    assert panel.table.word(1, 0) == ("c", 0.5)
    assert "after “sun.”" in panel._clause.whole()
    controller.session.token = 4
    panel.refresh()
    assert last(controller)[0] == {"n": 5, "position": 4}


def test_every_place_at_once(shown, controller):
    text_parts.write(controller)
    panel = shown(LogitLensPanel)
    last(controller)[1](logit_answer(position=12))
    panel.every.click()
    panel.refresh()
    question, done = last(controller)
    assert question == {"n": 1}
    done(logit_answer())
    panel.refresh()
    panel.table.cell_chosen.emit(0, 1)
    assert controller.session.token == 1
    panel.refresh()
    assert panel.table.selected == (-1, 1)


def sampling_answer():
    return text_parts.lens_answer(
        "sampling",
        numbers={
            "id": (101.0, 901.0),
            "probability": (0.6, 0.2),
            "sampled": (1.0, 0.0),
            "choice": (101.0,),
            "step": (1.0,),
        },
        texts={"tokens": (" sun", " moon"), "choice": (" sun",)},
    )


def test_settings_are_tried_on_the_logits_that_were_kept(shown, controller):
    text_parts.write(controller)
    panel = shown(NextWordPanel)
    question, done = last(controller)
    assert question == {"step": -1, "n": 20, "temperature": 0.8}
    done(sampling_answer())
    panel.refresh()
    assert [word.drawn for word in panel.bars.words] == [True, False]
    assert "these settings draw “sun”" in panel._clause.whole()
    assert "the model did not run again" in panel._clause.whole()
    controller.session.settings = {"temperature": 0.2}
    panel.refresh()
    assert last(controller)[0]["temperature"] == 0.2
    assert controller.called("run") == []
    last(controller)[1](sampling_answer())
    controller.session.token = len(text_parts.WORDS) + 1
    panel.refresh()
    assert last(controller)[0]["step"] == 1


def test_the_state_of_a_recurrent_network_runs_over_the_text(shown, controller):
    text_parts.write(controller)
    panel = shown(RecurrentStatePanel)
    last(controller)[1](
        text_parts.lens_answer(
            "recurrent-state", texts={"names": ("hidden 0", "cell 0"), "tokens": ("a",)}
        )
    )
    question, done = last(controller)
    assert question == {"state": 0}
    values = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)
    done(
        text_parts.lens_answer(
            "recurrent-state",
            arrays={"values": values},
            texts={"tokens": text_parts.WORDS, "name": ("hidden 0",)},
        )
    )
    panel.refresh()
    assert panel.map.picture.shape == (3, 10)
    assert panel.map.picture[2, 9] == 255
    assert panel._clause.whole() == "3 units over 10 tokens"
    assert panel.states.isVisible()
    panel.map.place_chosen.emit((1, 4))
    assert controller.session.token == 4


def test_each_token_names_its_expert(shown, controller):
    text_parts.write(controller)
    panel = shown(ExpertsPanel)
    probability = np.full((2, 3, 4), 0.1, np.float32)
    probability[:, :, 2] = 0.7
    last(controller)[1](
        text_parts.lens_answer(
            "experts",
            arrays={
                "probability": probability,
                "chosen": np.full((2, 3, 1), 2, np.int32),
                "load": np.array([[0, 0, 1, 0]] * 2, np.float32),
            },
            texts={"names": ("h.0", "h.1"), "tokens": ("a", "b", "c")},
        )
    )
    panel.refresh()
    assert panel.routes.word(1, 2) == ("2", pytest.approx(0.7))
    assert panel.load.word(0, 2) == ("100 %", 1.0)
    assert panel._clause.whole() == "2 layers · 1 of 4 experts for each token"


def test_of_questions_that_wait_only_the_newest_is_asked(controller):
    answers = []
    newest = NewestOnly(controller, answers.append)

    def asking(layer):
        return lambda job: AskLens(
            job=job, model=1, lens="attention", question={"layer": layer}
        )

    for layer in range(5):
        newest.ask(asking(layer))
    assert len(controller.queries) == 1
    controller.queries[0][1]("first")
    assert [q[0].question["layer"] for q in controller.queries] == [0, 4]
    controller.queries[1][1]("last")
    assert answers == ["first", "last"]
    assert not newest.busy


def test_a_question_that_is_forgotten_is_not_answered(controller):
    answers = []
    newest = NewestOnly(controller, answers.append)
    newest.ask(lambda job: AskLens(job=job, model=1, lens="attention"))
    newest.forget()
    controller.queries[0][1]("late")
    assert answers == []
