"""Every kind of answer is drawn, and every drawing has its table."""

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from tests.fakes.fake_controller import FakeController
from tests.ui import window_parts as parts

from layerscope.protocol.answers import (
    Answer,
    Box,
    BoxesAnswer,
    LegendEntry,
    MaskAnswer,
    PictureAnswer,
    TensorsAnswer,
    TensorSummary,
    TextAnswer,
)
from layerscope.protocol.answers import AnswerPart as AnyPart
from layerscope.protocol.values import Statistics, TensorInfo
from layerscope.ui.panels.answer_views import VIEWS
from layerscope.ui.panels.output import OutputPanel
from layerscope.ui.widgets.table_window import TableWindow


@pytest.fixture
def controller(tmp_path):
    return FakeController(tmp_path)


@pytest.fixture
def panel(qtbot, controller):
    made = OutputPanel(controller)
    qtbot.addWidget(made)
    made.resize(640, 320)
    made.show()
    yield made
    for window in QApplication.topLevelWidgets():
        if isinstance(window, TableWindow):
            window.close()
    made.close()


def answer(panel, *answer_parts, **pictures):
    """Show an answer and return its views."""
    controller = panel.controller
    controller.session.model = 1
    controller.pictures.show(parts.frame(**pictures))
    controller.session.answer = Answer(parts=answer_parts)
    controller.session.n_runs += 1
    panel.refresh()
    return panel.views


def opened_table():
    windows = QApplication.topLevelWidgets()
    return next(w for w in windows if isinstance(w, TableWindow) and w.isVisible())


def test_every_kind_of_part_has_a_view():
    assert set(VIEWS) == set(AnyPart.__args__)


def test_scores_glide_to_their_values(panel, qtbot):
    (view,) = answer(panel, *parts.scores(("cat", 0.4), ("dog", 0.3)).parts)
    qtbot.waitUntil(lambda: view.bars.shown() == {"cat": 0.4, "dog": 0.3})
    answer(panel, *parts.scores(("dog", 0.9), ("cat", 0.1)).parts)
    assert view.bars.shown()["dog"] < 0.9  # on its way
    qtbot.waitUntil(lambda: view.bars.shown() == {"dog": 0.9, "cat": 0.1})
    assert view.bars.accessibleDescription() == "dog 90.0 %, cat 10.0 %"


def test_views_are_kept_while_the_kind_of_answer_stays(panel):
    (first,) = answer(panel, *parts.scores(("cat", 0.4)).parts)
    (second,) = answer(panel, *parts.scores(("dog", 0.5)).parts)
    assert first is second
    (third,) = answer(panel, TextAnswer(text="words"))
    assert third is not first


def test_scores_have_a_table(panel):
    (view,) = answer(panel, *parts.scores(("cat", 0.4), ("dog", 0.3)).parts)
    view.show_table()
    assert (
        opened_table().model.as_text()
        == "index\tclass\tscore\n0\tcat\t0.4\n1\tdog\t0.3"
    )


def test_a_picture_is_compared_with_its_input(panel):
    made, before = parts.pixels(16, 16), parts.pixels(8, 8, seed=1)
    part = PictureAnswer(key="made", width=16, height=16, compare="input:data")
    (view,) = answer(panel, part, answer__made=made, input__data=before)
    np.testing.assert_array_equal(view.view.pixels, made)
    assert view._modes.isVisible()
    view.set_mode("beside")
    target = view.view.picture_rect()
    assert target.left() > view.view.width() / 2
    view.set_mode("wipe")
    assert not view.view.grab().isNull()


def test_without_a_picture_to_compare_there_are_no_modes(panel):
    part = PictureAnswer(key="made", width=4, height=4)
    (view,) = answer(panel, part, answer__made=parts.pixels(4, 4))
    assert not view._modes.isVisible()


def test_a_mask_colours_the_picture(panel):
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[:, :2] = (255, 0, 0, 255)
    part = MaskAnswer(
        key="mask",
        width=4,
        height=4,
        over="input:data",
        legend=(
            LegendEntry(index=0, label="road", colour=(0, 0, 255), share=0.25),
            LegendEntry(index=1, label="sky", colour=(255, 0, 0), share=0.75),
        ),
    )
    below = np.zeros((40, 40, 3), np.uint8)
    (view,) = answer(panel, part, answer__mask=mask, input__data=below)
    assert [key.text for key in view.legend.keys()] == ["sky", "road"]  # noqa: SIM118
    image = view.view.grab().toImage()
    target = view.view.picture_rect()
    left = image.pixelColor(int(target.left() + 8), int(target.center().y()))
    right = image.pixelColor(int(target.right() - 8), int(target.center().y()))
    assert left.red() > 200
    assert right.red() < 60
    view.show_table()
    assert "sky\t0.75" in opened_table().model.as_text()


def test_boxes_lie_where_they_were_found(panel):
    part = BoxesAnswer(
        over="input:data",
        width=200,
        height=100,
        boxes=(
            Box(
                left=0.1,
                top=0.2,
                right=0.6,
                bottom=0.7,
                score=0.9,
                index=2,
                label="dog",
            ),
        ),
    )
    below = np.zeros((100, 200, 3), np.uint8)
    (view,) = answer(panel, part, input__data=below)
    assert view._count.text() == "1 object"
    target = view.view.picture_rect()
    image = view.view.grab().toImage()
    x = int(target.left() + 0.1 * target.width())
    y = int(target.top() + 0.5 * target.height())
    strip = [image.pixelColor(x + dx, y) for dx in (-1, 0, 1)]
    assert max(colour.green() for colour in strip) > 100
    view.show_table()
    text = opened_table().model.as_text()
    assert "dog\t0.9\t20\t20\t120\t70" in text


def test_no_boxes_is_said_in_words(panel):
    part = BoxesAnswer(over="input:data", width=2, height=1, boxes=())
    (view,) = answer(panel, part, input__data=parts.pixels())
    assert view._count.text() == "nothing found above the threshold"


def tensor(name, key="", **more):
    return TensorSummary(
        info=TensorInfo(name=name, dtype="float32", shape=(2, 3)),
        key=key,
        statistics=Statistics(mean=0.5, std=0.1, minimum=0.0, maximum=1.0),
        **more,
    )


def test_tensors_show_shape_numbers_and_map(panel, controller):
    part = TensorsAnswer(tensors=(tensor("y", key="y", preview=("0.1", "0.2")),))
    heat = np.arange(6, dtype=np.uint8).reshape(2, 3)
    (view,) = answer(panel, part, answer__y=heat)
    (row,) = view.list.rows()
    assert row.name.whole() == "y"
    assert row._shape.whole() == "float32 · 2 × 3"
    assert row.numbers.whole() == "mean 0.5 · std 0.1 · 0 … 1"
    np.testing.assert_array_equal(row.map.pixels, heat)


def test_a_whole_tensor_is_fetched_for_its_table(panel, controller):
    (view,) = answer(panel, TensorsAnswer(tensors=(tensor("y"),)))
    view.list.show_table("y")
    name, done = controller.called("fetch_tensor")[0]
    assert name == "y"
    done(np.arange(12, dtype=np.float32).reshape(2, 2, 3))
    assert opened_table().model.rowCount() == 4
    assert opened_table().model.text(3, 2) == "11"


def test_what_is_no_tensor_is_text(panel):
    sequence = TensorSummary(
        info=TensorInfo(name="p", dtype="sequence(map(int64,float))"), text="{0: 0.5}"
    )
    (view,) = answer(panel, TensorsAnswer(tensors=(sequence,)))
    assert view.list.rows()[0]._text.text().replace("\u200b", "") == "{0: 0.5}"


def test_several_parts_stand_side_by_side(panel):
    first, second = answer(
        panel,
        *parts.scores(("cat", 0.4)).parts,
        TextAnswer(text="a cat", title="Words"),
    )
    assert second.text.toPlainText() == "a cat"
    assert (
        first.mapTo(panel, first.rect().topLeft()).x()
        < second.mapTo(panel, second.rect().topLeft()).x()
    )


def test_the_empty_panel_says_why(panel, controller):
    panel.refresh()
    assert "Open a model" in panel._empty._label.text()
    controller.session.refusal = "The operator Debug is not known."
    panel.refresh()
    assert panel._empty._label.text() == "The operator Debug is not known."


def test_another_task_can_be_chosen(panel, controller):
    controller.session.tasks = ("image-classification", "tensors")
    controller.session.task = "image-classification"
    panel.refresh()
    assert panel.task.currentText() == "as classes"
    panel.task.activated.emit(1)
    assert controller.called("set_task") == [("tensors",)]
