"""Tests of the network panel, on graphs that the real engine laid out."""

from __future__ import annotations

import pytest
from onnx import helper
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from tests.engine.model import graphs
from tests.ui.network_stage import StageController

from layerscope.core.errors import BadInputError
from layerscope.ui import theme
from layerscope.ui.panels.network import NetworkPanel
from layerscope.ui.panels.network_looks import compact_shape
from layerscope.ui.panels.network_menus import item_menu
from layerscope.ui.panels.network_search import find_nodes
from layerscope.ui.widgets.graph_scene import CLOSED, FRAME, INPUT, NODE


@pytest.fixture
def controller():
    return StageController()


@pytest.fixture
def panel(qtbot, controller):
    theme.apply(QApplication.instance(), "dark")
    made = NetworkPanel(controller)
    qtbot.addWidget(made)
    made.resize(900, 260)
    made.show()
    qtbot.waitExposed(made)
    return made


def opened(panel, model):
    panel.controller.open(model)
    refreshed(panel)
    return panel


def refreshed(panel):
    for _ in range(3):  # one refresh may ask for another
        panel.mark_stale()
        panel.refresh_if_stale()


def row(panel, kind, index):
    found = panel.canvas.scene.row_of(kind, index)
    assert found >= 0
    return found


def titles(panel):
    scene = panel.canvas.scene
    return [panel.cards.words(at).title for at in range(len(scene))]


def conv_relu(n=3):
    """Return `n` times Conv and Relu, few enough to be shown node by node."""
    nodes, weights, x = [], {}, "x"
    for at in range(n):
        y = "y" if at == n - 1 else f"r{at}"
        weights[f"{at}"] = [2, 2, 1, 1]
        nodes += [
            helper.make_node("Conv", [x, f"{at}"], [f"c{at}"], name=f"conv{at}"),
            helper.make_node("Relu", [f"c{at}"], [y], name=f"relu{at}"),
        ]
        x = y
    return graphs.model_of(nodes, weights=weights)


def test_it_says_what_to_do_before_a_model_is_open(panel):
    refreshed(panel)
    assert "Open a model" in panel._empty._label.text()
    panel.controller.session.opening = "/somewhere/model.onnx"
    refreshed(panel)
    assert "Reading" in panel._empty._label.text()


def test_blocks_are_cards_and_the_clause_counts_them(panel):
    opened(panel, graphs.residual_network(6))
    assert titles(panel) == [*(f"block{n}" for n in range(1, 7)), "Input", "Output"]
    assert panel._clause.whole() == "6 blocks · 30 nodes"


def test_cards_without_a_picture_wear_the_icon_of_their_operator(panel):
    opened(panel, conv_relu())
    icons = {panel.cards.words(row(panel, NODE, at)).icon for at in (0, 1)}
    assert icons == {"grid-3x3", "activity"}
    shot = panel.canvas.grab().toImage()
    words, view = panel.cards.words, panel.canvas.view
    panel.canvas.set_words(lambda at: words(at)._replace(icon=""), lambda _: "")
    assert panel.canvas.grab().toImage() != shot
    assert view.scale > 0.5  # large enough for an icon


def test_opening_a_block_shows_its_nodes_in_place(panel):
    opened(panel, graphs.residual_network(6))
    closed = row(panel, CLOSED, 1)
    before = panel.canvas.view.to_pixels(*panel.canvas.scene.boxes[closed, :2].tolist())
    panel.canvas.opened.emit(closed)
    refreshed(panel)
    frame = row(panel, FRAME, 1)
    after = panel.canvas.view.to_pixels(*panel.canvas.scene.boxes[frame, :2].tolist())
    assert after[0] == pytest.approx(before[0], abs=1)
    assert "Conv" in titles(panel)
    panel.canvas.opened.emit(frame)
    refreshed(panel)
    row(panel, CLOSED, 1)


def test_choosing_selects_everywhere(panel):
    opened(panel, graphs.residual_network(6))
    panel.canvas.chosen.emit(row(panel, CLOSED, 2))
    chosen = panel.controller.session.selection
    assert (chosen.group, chosen.tensor) == (2, "x2")
    panel.canvas.chosen.emit(row(panel, INPUT, 0))
    assert panel.controller.session.selection.tensor == "x"


def test_a_selection_from_elsewhere_is_marked_on_its_closed_block(panel):
    opened(panel, graphs.residual_network(6))
    panel.controller.select(tensor="c3", node=17)
    refreshed(panel)
    assert panel.canvas.row == row(panel, CLOSED, 3)
    panel.controller.select(tensor="x")
    refreshed(panel)
    assert panel.canvas.row == row(panel, INPUT, 0)


def test_shares_of_the_time_are_written_and_drawn(panel):
    opened(panel, conv_relu())
    cpu = "CPUExecutionProvider"
    panel.controller.profile(((0, 1), cpu, 6.0), ((2, 3), cpu, 3.0), ((4, 5), cpu, 1.0))
    refreshed(panel)
    notes = [panel.cards.words(row(panel, NODE, at)).note for at in (0, 2, 4)]
    assert notes == ["60 %", "30 %", "10 %"]
    bars, _ = panel.cards.bars("time")
    assert bars[row(panel, NODE, 0)] == 1.0
    assert bars[row(panel, NODE, 2)] == pytest.approx(0.5)
    assert panel.legend.entries() == ["0", "60 %"]


def test_a_fused_node_shows_its_groups_time_and_picture_and_says_so(panel):
    opened(panel, conv_relu())
    panel.controller.profile(((0, 1), "CPUExecutionProvider", 6.0))
    panel.controller.send(["r0", "r1", "y"])
    refreshed(panel)
    conv = row(panel, NODE, 0)
    assert panel.cards.thumbnail_of(conv) == "r0"
    assert panel.cards.times.ms_of([0], single=True) == 6.0
    assert "fused with relu0" in panel.canvas._tooltip(conv)
    assert conv in panel.canvas._dress.pictures


def test_without_a_profile_a_fused_node_shows_what_follows(panel):
    opened(panel, conv_relu())
    panel.controller.send(["r0", "r1", "y"])
    refreshed(panel)
    conv = row(panel, NODE, 2)
    assert panel.cards.thumbnail_of(conv) == "r1"
    assert "fused away" in panel.canvas._tooltip(conv)


def test_a_fused_group_counts_once_in_the_sum_of_blocks(panel):
    opened(panel, graphs.residual_network(6))
    cpu = "CPUExecutionProvider"
    panel.controller.profile(((3, 4, 5), cpu, 2.0), ((6, 7), cpu, 1.0))
    refreshed(panel)
    times = panel.cards.times
    blocks = [panel.cards.nodes_of(row(panel, CLOSED, at)) for at in (0, 1)]
    assert [times.ms_of(nodes, single=False) for nodes in blocks] == [2.0, 1.0]


def test_only_what_is_large_enough_is_watched(panel, qtbot):
    opened(panel, conv_relu())
    panel.controller.send(["r0", "r1", "y", "c0"])
    refreshed(panel)
    qtbot.waitUntil(lambda: set(panel.controller.watched) >= {"r0", "r1", "y"})
    panel.canvas.view.scale = 0.05
    panel.canvas.settled.emit()
    assert panel.controller.watched == ()


def test_shapes_are_the_measured_ones(panel):
    opened(panel, conv_relu())
    panel.controller.measure({"r0": (1, 128, 55, 55)})
    refreshed(panel)
    assert panel.cards.words(row(panel, NODE, 1)).caption == "128 × 55²"


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((1, 128, 55, 55), "128 × 55²"),
        (("batch", "time", 768), "time × 768"),
        ((1, 1000), "1000"),
        ((1, 1000, 1, 1), "1000"),
        ((8, 3, 40, 60), "8 × 3 × 40 × 60"),
        ((None, None), "?"),
        ((), "one number"),
        ((1, "Quantout_dim_1", "Quantout_dim_1"), "? × ?"),
    ],
)
def test_compact_shapes(shape, text):
    assert compact_shape(shape) == text


@pytest.mark.parametrize(
    ("mode", "legend"),
    [
        ("size", ["0", "33 %"]),
        ("provider", ["CUDA", "CPU"]),
        ("error", ["NaN, Inf or refused", "fine"]),
        ("none", []),
    ],
)
def test_every_mode_explains_its_colours(panel, mode, legend):
    opened(panel, conv_relu())
    panel.controller.profile(
        ((0, 1), "CUDAExecutionProvider", 6.0),
        ((2, 3), "CUDAExecutionProvider", 1.0),
        ((4, 5), "CPUExecutionProvider", 1.0),
    )
    panel.set_mode(mode)
    refreshed(panel)
    assert panel.legend.entries() == legend
    assert panel._mode_button.accessibleName()


def test_a_refused_node_is_outlined_and_says_why(panel):
    opened(panel, conv_relu())
    session = panel.controller.session
    session.refusal = "Conv wants 4 dimensions and got 2; export it again."
    session.refusal_node = "conv1"
    refreshed(panel)
    wrong = row(panel, NODE, 2)
    assert panel.canvas._dress.errors == {wrong}
    assert "Conv wants 4 dimensions" in panel.canvas._tooltip(wrong)
    assert "cannot run" in panel._clause.whole()


def test_nan_is_outlined_while_it_lasts(panel):
    opened(panel, conv_relu())
    panel.controller.send(["r0", "r1"], flags={"r1": ("nan",)})
    refreshed(panel)
    assert panel.canvas._dress.errors == {row(panel, NODE, 3)}
    assert "NaN" in panel.canvas._tooltip(row(panel, NODE, 3))
    panel.controller.send(["r0", "r1"])
    refreshed(panel)
    assert not panel.canvas._dress.errors


class TestSearch:
    def test_by_name_operator_and_shape(self, controller):
        controller.open(conv_relu())
        controller.measure({"c1": (1, 64, 56, 56), "r1": (1, 64, 56, 56)})
        structure = controller.session.structure
        assert find_nodes(structure, "CONV") == [0, 2, 4]
        assert find_nodes(structure, "relu[12]") == [3, 5]
        assert find_nodes(structure, "64x56") == [2, 3]
        assert find_nodes(structure, "64 × 56 × 56") == [2, 3]
        assert find_nodes(structure, "4x56") == []
        assert find_nodes(structure, "(") == []
        assert find_nodes(structure, "") == []

    def test_enter_jumps_and_opens_the_blocks_around(self, panel, qtbot):
        opened(panel, graphs.residual_network(6))
        panel.focus_search()
        QTest.keyClicks(panel.finder.field, "Add")
        panel.finder.search()
        assert len(panel.finder.hits) == 6
        assert len(panel.canvas._dress.hits) == 6
        QTest.keyClick(panel.finder.field, Qt.Key.Key_Return)
        refreshed(panel)
        add = panel.finder.hits[0]
        assert panel.controller.session.selection.node == add
        assert panel.canvas.row == row(panel, NODE, add)
        QTest.keyClick(panel.finder.field, Qt.Key.Key_Return)
        refreshed(panel)
        assert panel.controller.session.selection.node == panel.finder.hits[1]
        panel.finder.end()
        refreshed(panel)
        assert panel.canvas._dress.hits == frozenset()

    def test_a_hit_in_a_body_is_entered(self, panel):
        opened(panel, graphs.with_branches())
        panel.finder.field.setText("Neg")
        panel.finder.jump()
        refreshed(panel)
        neg = panel.finder.hits[0]
        structure = panel.controller.session.structure
        assert panel.controller.session.graph == structure.nodes[neg].graph
        assert panel.controller.session.selection.node == neg


def test_bodies_are_entered_and_left(panel):
    opened(panel, graphs.with_branches())
    assert panel.crumbs.isHidden()
    panel.canvas.opened.emit(row(panel, NODE, 0))
    refreshed(panel)
    structure = panel.controller.session.structure
    shown = panel.controller.session.graph
    assert structure.graphs[shown].owner == 0
    assert not panel.crumbs.isHidden()
    assert "without pictures" in panel._clause.whole()
    QTest.keyClick(panel.canvas, Qt.Key.Key_Backspace)
    refreshed(panel)
    assert panel.controller.session.graph == 0
    assert panel.canvas.row == row(panel, NODE, 0)
    QTest.keyClick(panel.canvas, Qt.Key.Key_Backspace)
    assert panel.controller.session.graph == 0


def test_a_functions_call_is_entered(panel):
    opened(panel, graphs.with_function())
    panel.canvas.opened.emit(row(panel, NODE, 1))
    refreshed(panel)
    assert {"Sigmoid", "Mul"} <= set(titles(panel))


def test_traces_light_up_what_leads_here(panel):
    opened(panel, conv_relu())
    panel.canvas.set_row(row(panel, NODE, 2))
    panel.trace_inputs()
    rows, edges = panel.canvas._dress.traced
    assert {row(panel, NODE, at) for at in (0, 1, 2)} <= rows
    assert row(panel, NODE, 3) not in rows
    assert len(edges) == 3
    panel.trace_outputs()
    assert row(panel, NODE, 5) in panel.canvas._dress.traced[0]
    QTest.keyClick(panel.canvas, Qt.Key.Key_Escape)
    assert panel.canvas._dress.traced is None


def test_the_menu_offers_what_can_be_done(panel):
    opened(panel, graphs.with_branches())
    texts = [a.text() for a in item_menu(panel, row(panel, NODE, 0)).actions()]
    assert {"Enter then_branch", "Enter else_branch"} <= set(texts)
    opened(panel, graphs.residual_network(6))
    texts = [a.text() for a in item_menu(panel, row(panel, CLOSED, 0)).actions()]
    assert texts[0].startswith("Open block")


def test_names_are_copied(panel):
    opened(panel, conv_relu())
    panel.canvas.copied.emit(row(panel, NODE, 0))
    assert QGuiApplication.clipboard().text() == "c0"


def test_hostile_names_are_only_text(panel):
    name = "<img src=x>\u202e\n" + "n" * 5000
    model = graphs.chain(2, names=[name, "b"])
    opened(panel, model)
    tip = panel.canvas._tooltip(row(panel, NODE, 0))
    assert "<img" not in tip
    assert "\u202e" not in tip
    assert len(tip) < 1000
    panel.grab()


def test_another_model_begins_anew(panel):
    opened(panel, graphs.residual_network(6))
    panel.canvas.zoom(3)
    panel.finder.field.setText("Add")
    panel.finder.search()
    opened(panel, conv_relu())
    assert panel.finder.hits == []
    assert panel.canvas.view.area.left <= 0
    panel.controller.session.model = 0
    refreshed(panel)
    assert panel._stack.currentWidget() is panel._empty


def test_a_layout_whose_arrays_are_gone_is_asked_for_again(panel, monkeypatch):
    opened(panel, graphs.residual_network(6))
    before = panel.controller.n_layouts
    answers = iter([BadInputError("replaced")])
    real = panel.controller.get_array

    def get_array(ref):
        for error in answers:
            raise error
        return real(ref)

    monkeypatch.setattr(panel.controller, "get_array", get_array)
    panel.controller.toggle_group(1)
    refreshed(panel)
    assert panel.controller.n_layouts == before + 2
    row(panel, FRAME, 1)
