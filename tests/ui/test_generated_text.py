"""A text streams into the output, and can go on another way from any token."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from tests.fakes.fake_controller import FakeController
from tests.ui import text_parts

from layerscope.protocol.answers import (
    Alternative,
    Answer,
    Embeddings,
    FilledMask,
    Scored,
    Span,
    Token,
    TokenLabels,
)
from layerscope.ui import theme
from layerscope.ui.panels.branches import BranchTree
from layerscope.ui.panels.output import OutputPanel

N_PROMPT = len(text_parts.WORDS)


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    text_parts.open_text_model(made)
    return made


@pytest.fixture
def panel(qapp, qtbot, controller):
    theme.apply(qapp, "dark")
    made = OutputPanel(controller)
    qtbot.addWidget(made)
    made.resize(520, 240)
    made.show()
    return made


def view_of(panel):
    panel.refresh()
    return panel.views[0]


def test_tokens_appear_as_they_come(panel, controller):
    text_parts.write(controller, text_parts.made((" the",)), running=True)
    view = view_of(panel)
    assert len(view.strip.tokens) == N_PROMPT + 1
    assert view.stop.isVisible()
    assert "writing" in view.facts.whole()
    text_parts.write(controller)
    view = view_of(panel)
    assert len(view.strip.tokens) == N_PROMPT + 3
    assert view.facts.whole() == "3 tokens · 312 tok/s · first 9.0 ms"
    assert not view.stop.isVisible()
    assert view.more.isVisible()


def test_a_text_that_ended_by_itself_says_so(panel, controller):
    text_parts.write(controller, stopped="end of text")
    view = view_of(panel)
    assert view.facts.whole().endswith("end of text")
    assert not view.more.isVisible()


def test_stop_and_copy_are_under_the_text(panel, controller, qtbot):
    text_parts.write(controller, running=True)
    view = view_of(panel)
    view.stop.click()
    assert len(controller.called("stop")) == 1
    view.copy.click()
    assert QGuiApplication.clipboard().text().endswith("window the sun.")
    QGuiApplication.clipboard().clear()


def test_an_alternative_goes_on_from_its_place(panel, controller):
    text_parts.write(controller)
    view = view_of(panel)
    view.strip.alternative_chosen.emit(N_PROMPT + 1, 1)
    assert controller.session.once == {"forced": "100 901"}
    assert len(controller.called("run")) == 1
    assert controller.session.token == N_PROMPT + 1
    controller.session.running = True
    assert [t.text for t in view_of(panel).made] == [" the", " moon"]


def test_a_token_of_the_prompt_cannot_be_replaced(panel, controller):
    text_parts.write(controller)
    view_of(panel).continue_from(2, 0)
    assert controller.called("run") == []


def test_branches_are_kept_and_can_be_gone_back_to(panel, controller):
    text_parts.write(controller)
    view = view_of(panel)
    assert not view.branches.isVisible()
    view.continue_from(N_PROMPT + 1, 1)
    forced = Token(id=901, text=" moon", probability=0.2)
    other = (*text_parts.made((" the",)), forced, Token(id=7, text="!"))
    text_parts.write(controller, other)
    view = view_of(panel)
    assert view.branches.isVisible()
    assert view.branches.text() == "Branches 2 ▾"
    titles = [action.text() for action in view.menu().actions()]
    assert titles[0].startswith("the sun.")
    assert "“moon” in place of “sun”" in titles[1]
    assert titles[1].startswith("    ")
    view.go_back(0)
    once = controller.session.once
    assert once == {"forced": "100 101 102", "max_new_tokens": 0}
    text_parts.write(controller)
    assert [t.text for t in view_of(panel).made] == [" the", " sun", "."]


def test_going_on_makes_the_text_longer_by_as_much_again(panel, controller):
    text_parts.write(controller)
    view_of(panel).more.click()
    assert controller.session.once == {"forced": "100 101 102"}


def test_a_token_chosen_elsewhere_is_outlined(panel, controller, qtbot):
    text_parts.write(controller)
    controller.session.token = N_PROMPT
    view = view_of(panel)
    assert view.strip.selected == N_PROMPT
    place = view.strip.token_rect(1).center().toPoint()
    viewport = view.strip.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    assert controller.session.token == 1


def ids(*numbers):
    return tuple(Token(id=n, text=f"w{n}") for n in numbers)


def test_the_end_of_a_stream_that_was_left_is_not_shown():
    tree, prompt = BranchTree(), ids(1)
    tree.show(prompt, ids(5, 6, 7), running=True)
    assert tree.continue_with(1, ids(9)[0]) == (5, 9)
    assert tree.show(prompt, ids(5, 6, 7, 8), running=True) == ids(5, 9)
    assert tree.show(prompt, (), running=True) == ids(5, 9)
    assert tree.show(prompt, ids(5, 9, 10), running=True) == ids(5, 9, 10)
    assert tree.branches[0].tokens == ids(5, 6, 7)


def test_the_same_text_again_is_no_new_branch_and_another_is():
    tree, prompt = BranchTree(), ids(1)
    tree.show(prompt, ids(5, 6, 7), running=False)
    for n in range(4):
        tree.show(prompt, ids(5, 6, 7)[:n], running=True)
    assert len(tree.branches) == 1
    tree.show(prompt, ids(5, 8), running=True)
    assert len(tree.branches) == 2
    assert tree.branches[0].tokens == ids(5, 6, 7)
    tree.show(ids(2), ids(5), running=True)
    assert len(tree.branches) == 1  # another prompt begins anew


def test_a_branch_that_never_ran_does_not_block_the_next(panel):
    tree, prompt = BranchTree(), ids(1)
    tree.show(prompt, ids(5, 6), running=False)
    tree.continue_with(0, ids(9)[0])
    tree.show(prompt, ids(5, 6), running=False)
    assert tree.show(prompt, ids(4), running=True) == ids(4)


def show(panel, part):
    panel.controller.session.answer = Answer(parts=(part,))
    panel.controller.session.n_runs += 1
    return view_of(panel)


def test_a_gap_lists_the_words_for_it(panel, controller):
    gap = Token(
        id=3,
        text="cat",
        probability=0.7,
        alternatives=(
            Alternative(id=3, text="cat", probability=0.7),
            Alternative(id=4, text="dog", probability=0.2),
        ),
    )
    part = FilledMask(text="a cat", tokens=(Token(id=1, text="a"), gap), gaps=(1,))
    view = show(panel, part)
    assert view.bars.shown() == {"cat": 0.7, "dog": 0.2}
    view.show_table()


def test_words_are_coloured_by_what_they_are(panel, controller):
    tokens = (
        Token(id=1, text="Ada", start=0, end=3),
        Token(id=2, text=" met", start=3, end=7),
        Token(id=3, text=" Bob", start=7, end=11),
    )
    spans = (
        Span(start=0, end=3, text="Ada", label="person", score=0.9),
        Span(start=8, end=11, text="Bob", label="person", score=0.8),
    )
    labels = (Scored(index=1, label="person", score=0.9),) * 3
    part = TokenLabels(source="Ada met Bob", tokens=tokens, labels=labels, spans=spans)
    view = show(panel, part)
    assert view.strip._classes == (0, -1, 0)
    assert "Ada · person 90 %" in view.list.accessibleDescription()


def test_texts_are_points(panel, controller):
    part = Embeddings(
        texts=("a cat", "a dog"),
        similarity=(1.0, 0.8, 0.8, 1.0),
        points=((-1.0, 0.0), (1.0, 0.0)),
        kept=1.0,
        n_dimensions=384,
    )
    view = show(panel, part)
    assert "384" in view.map.note
    assert view.map.nearest(0) == [1]
