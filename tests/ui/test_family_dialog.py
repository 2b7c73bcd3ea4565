"""Quality against size and latency: plots, table, measurement, empty state."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from shiboken6 import isValid
from tests.fakes.fake_controller import FakeController

from layerscope.library.bundled import LibraryEntry
from layerscope.protocol.messages import Failed, ModelReady, OpenModel, Run, RunAnswered
from layerscope.protocol.values import StageTimes
from layerscope.ui.family_dialog import FamilyDialog, show_families
from layerscope.ui.widgets.scatter import Point, Scatter, best_for_size, log_ticks


def entry(name, value, parameters, metric="Accuracy", dataset="cifar10"):
    return LibraryEntry(
        id=name,
        title=f"ResNet {name.upper()}",
        task="image-classification",
        path=Path("/bundled") / name,
        bytes=parameters * 4,
        metric=metric,
        value=value,
        parameters=parameters,
        dataset=dataset,
        dataset_name=dataset.upper(),
    )


@pytest.fixture
def controller(tmp_path):
    made = FakeController(tmp_path)
    made.entries = (
        entry("m", 0.9, 656_000),
        entry("s", 0.87, 165_000),
        entry("gpt", 1.58, 2_700_000, "Nats per character", "tiny"),
        entry("lstm", 1.72, 900_000, "Nats per character", "tiny"),
    )
    made.sent = []
    made.client = SimpleNamespace(
        next_job=made.client.next_job,
        running=True,
        send=made.sent.append,
        cancel=lambda job: made.sent.append(("cancel", job)),
    )
    made.waiting = set()
    made.awaits = lambda job: job in made.waiting
    ask = made.query

    def query(command, done, failed=None):
        made.waiting.add(command.job)
        ask(command, done, failed)

    made.query = query
    return made


@pytest.fixture
def dialog(qtbot, controller):
    made = FamilyDialog(None, controller)
    made.show()
    yield made
    if isValid(made):
        made.close()


def answer(controller, *events):
    """Let the engine answer the newest question."""
    command, done, failed = controller.queries[-1]
    for event in events:
        (failed if isinstance(event, Failed) else done)(event)
    controller.waiting.discard(command.job)


def rows(dialog):
    model = dialog.table.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_the_plot_and_the_table_show_the_family(dialog):
    assert dialog.choice.count() == 2
    assert [p.name for p in dialog.by_size.points] == ["ResNet S", "ResNet M"]
    assert [p.y for p in dialog.by_size.points] == pytest.approx([87.0, 90.0])
    assert rows(dialog) == [
        ["ResNet S", "165 k", "660 kB", "–", "87.0 %"],
        ["ResNet M", "656 k", "2.6 MB", "–", "90.0 %"],
    ]
    assert dialog.by_latency.points == ()


def test_where_parameters_are_not_known_the_files_tell_the_size(qtbot, controller):
    forest = replace(controller.entries[0], id="forest", parameters=0, bytes=1_000_000)
    controller.entries = (forest, controller.entries[1])
    dialog = FamilyDialog(None, controller)
    assert {p.x for p in dialog.by_size.points} == {1_000_000, 660_000}
    assert rows(dialog)[0][1] == "–"
    dialog.close()
    dialog.deleteLater()


def test_another_family_has_another_unit(dialog):
    dialog.choice.setCurrentIndex(1)
    assert [p.y for p in dialog.by_size.points] == pytest.approx([1.72, 1.58])
    assert rows(dialog)[0][-1] == "1.72 nats/char"


def test_measuring_asks_the_engine_and_fills_the_second_plot(dialog, controller, qtbot):
    dialog.button.click()
    assert dialog.measuring
    assert dialog.button.text() == "Stop"
    for milliseconds in (0.5, 2.0):
        n = len(controller.queries)
        qtbot.waitUntil(lambda n=n: len(controller.queries) > n, timeout=3000)
        opened = controller.queries[-1][0]
        assert isinstance(opened, OpenModel)
        assert opened.model != controller.session.model
        answer(
            controller,
            ModelReady(
                model=opened.model,
                device="cpu",
                provider="CPU",
                precision="fp32",
                load_ms=1.0,
            ),
        )
        for repeats in (1, 50):
            n = len(controller.queries)
            qtbot.waitUntil(lambda n=n: len(controller.queries) > n, timeout=3000)
            run = controller.queries[-1][0]
            assert isinstance(run, Run)
            assert (run.model, run.repeats) == (opened.model, repeats)
            times = (milliseconds,) * repeats
            answer(
                controller,
                RunAnswered(
                    model=run.model,
                    answer=None,
                    outputs=(),
                    stages=StageTimes(),
                    samples_ms=times,
                ),
            )
    qtbot.waitUntil(lambda: not dialog.measuring, timeout=3000)
    assert [p.x for p in dialog.by_latency.points] == [0.5, 2.0]
    assert [row[3] for row in rows(dialog)] == ["0.50", "2.0"]
    closed = [c.model for c in controller.sent]
    assert len(closed) == 2
    assert dialog.button.text() == "Measure latency"


def test_a_model_that_is_refused_says_so_in_the_table(dialog, controller, qtbot):
    dialog.measure()
    qtbot.waitUntil(lambda: bool(controller.queries), timeout=3000)
    answer(controller, Failed(message="It needs a newer opset.", kind="refused"))
    qtbot.waitUntil(lambda: len(controller.queries) > 1, timeout=3000)
    assert "newer opset" in rows(dialog)[0][3]
    dialog.measure()
    assert not dialog.measuring


def test_stopping_cancels_what_is_under_way(dialog, controller, qtbot):
    controller.session.live = True
    dialog.measure()
    assert not controller.session.live
    qtbot.waitUntil(lambda: bool(controller.queries), timeout=3000)
    job = controller.queries[-1][0].job
    dialog.measure()
    assert ("cancel", job) in controller.sent
    assert controller.session.live


def test_closing_stops_too(dialog, controller, qtbot):
    dialog.measure()
    qtbot.waitUntil(lambda: bool(controller.queries), timeout=3000)
    meter = dialog._meter
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not meter.active
    n = len(controller.queries)
    qtbot.wait(100)
    assert len(controller.queries) == n


def test_one_model_is_no_family_and_the_dialog_says_what_to_do(qtbot, controller):
    controller.entries = controller.entries[:1]
    dialog = FamilyDialog(None, controller)
    dialog.show()
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert any("it takes two" in text for text in texts)
    dialog.close()


def test_there_is_one_comparison_at_a_time(qtbot, controller):
    window = QWidget()
    qtbot.addWidget(window)
    first = show_families(window, controller)
    assert show_families(window, controller) is first
    first.close()
    second = show_families(window, controller)
    assert second is not first
    second.close()


# --- the plot -------------------------------------------------------------------------


@pytest.fixture
def scatter(qtbot):
    made = Scatter("plot", "parameters", "accuracy", str)
    qtbot.addWidget(made)
    made.resize(420, 300)
    made.show()
    return made


def test_names_keep_clear_of_each_other_and_of_the_edges(scatter, qtbot):
    points = [
        Point(name="a long name of a model", x=x, y=y)
        for x, y in ((1e5, 87.2), (1e5, 87.9), (6e5, 90.0), (6e5, 89.6), (2.7e6, 92.0))
    ]
    scatter.set_points(points)
    scatter.grab()
    box = scatter._plot.getViewBox().sceneBoundingRect().toRect()
    rects = [
        item.textItem.sceneBoundingRect().toRect().adjusted(1, 1, -1, -1)
        for item in scatter._names
    ]
    assert len(rects) == len(points)
    inside = box.adjusted(-2, -2, 2, 2)
    for number, rect in enumerate(rects):
        assert inside.contains(rect)
        assert not any(rect.intersects(other) for other in rects[number + 1 :])


def test_points_without_a_place_are_left_out(scatter):
    nan = float("nan")
    scatter.set_points(
        [
            Point(name="a", x=0, y=1),
            Point(name="b", x=nan, y=1),
            Point(name="c", x=1, y=nan),
            Point(name="d", x=1, y=1),
        ]
    )
    assert [p.name for p in scatter.points] == ["d"]


def test_the_front_holds_what_no_smaller_one_equals():
    points = [
        Point(name=name, x=x, y=y)
        for name, x, y in (("a", 1, 5), ("b", 2, 4), ("c", 3, 6), ("d", 1, 4))
    ]
    assert [p.name for p in best_for_size(points)] == ["a", "c"]
    assert [p.name for p in best_for_size(points, falling=True)] == ["d"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.9, 2.1, [10, 20, 50, 100]), (5.0, 5.75, [1e5, 2e5, 5e5])],
)
def test_ticks_are_round(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_ticks_of_many_decades_are_few():
    assert 2 <= len(log_ticks(-3, 9)) <= 6
