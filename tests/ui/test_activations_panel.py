"""Tests of the activations panel."""

import numpy as np
import pytest
from msgspec import structs
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from tests.ui.inside import (
    InsideController,
    looking_controller,
    point_at,
    send_layers,
)

from layerscope.protocol.frames import LayerSummary
from layerscope.protocol.messages import FindReceptiveField, ReceptiveFieldFound
from layerscope.protocol.values import NodeInfo, Statistics
from layerscope.ui.panels.activations import BOOSTS, ActivationsPanel
from layerscope.ui.panels.naming import node_label


@pytest.fixture
def controller():
    return looking_controller()


@pytest.fixture
def panel(qtbot, controller):
    return shown(qtbot, ActivationsPanel(controller))


def shown(qtbot, panel):
    qtbot.addWidget(panel)
    panel.resize(640, 250)
    panel.show()
    qtbot.waitExposed(panel)
    panel.refresh()
    return panel


def hover(panel, position):
    point_at(panel.wall.viewport(), panel.wall.tile_rect(position).center())


def told(panel):
    return panel._told.whole()


def show_heat(controller, role, shape, levels, low=-1.0, high=3.0, flags=()):
    """Let the chosen tensor arrive in another form than maps."""
    tensor = controller.session.selection.tensor
    summary = LayerSummary(
        tensor=tensor,
        dtype="float32",
        shape=shape,
        role=role,
        statistics=Statistics(minimum=low, maximum=high, flags=flags),
        channels=(0,),
        channel_low=(low,),
        channel_high=(high,),
    )
    controller.show({f"wall:{tensor}": levels}, [summary])


def test_title_says_which_layer_what_shape_and_after_what(panel):
    assert panel._clause.whole() == "stage1 / conv2 · 32 × 14 × 18 · after ReLU"


def test_wall_shows_all_channels_with_the_chosen_one_marked(panel):
    assert panel._stack.currentWidget() is panel.wall
    assert panel.wall._selected == 3
    assert told(panel) == "32 channels"
    assert panel.wall._labels == {1: "zero"}


def test_a_new_frame_is_shown_on_the_shared_clock(panel, controller, qtbot):
    before = panel.wall._tiles
    send_layers(controller, ("conv1", "conv2", "conv3"), (1, 32, 14, 18), seed=1)
    qtbot.waitUntil(lambda: panel.wall._tiles is not before, timeout=2000)


def test_click_on_a_tile_selects_the_unit_and_keeps_layer_and_node(panel, controller):
    node = controller.session.selection.node
    point = panel.wall.tile_rect(9).center()
    QTest.mouseClick(panel.wall.viewport(), Qt.MouseButton.LeftButton, pos=point)
    chosen = controller.session.selection
    assert (chosen.tensor, chosen.unit, chosen.node) == ("conv2", 9, node)


def test_u_and_o_walk_the_layers_and_keep_the_unit(panel, controller):
    for key, tensor in (
        (Qt.Key.Key_O, "conv3"),
        (Qt.Key.Key_O, "conv3"),
        (Qt.Key.Key_U, "conv2"),
        (Qt.Key.Key_U, "conv1"),
    ):
        QTest.keyClick(panel.wall, key)
        chosen = controller.session.selection
        assert (chosen.tensor, chosen.unit) == (tensor, 3)
        assert chosen.node == controller.session.structure.producer_of[tensor]


def test_stepping_from_a_tensor_that_is_no_tap_goes_to_its_neighbours(
    panel, controller
):
    inner = "conv2_conv"
    for delta, tensor in ((1, "conv2"), (-1, "conv1")):
        controller.select(
            tensor=inner, node=controller.session.structure.producer_of[inner]
        )
        panel.step_layer(delta)
        assert controller.session.selection.tensor == tensor


def test_pointing_tells_channel_place_value_and_range(panel, controller):
    summary = controller.pictures.frame.layers["conv2"]
    hover(panel, 5)
    row, column = panel.wall.place.row, panel.wall.place.column
    assert told(panel).startswith(f"channel 5 · y {row}, x {column} · ")
    assert f"{summary.channel_high[5]:.4g}" in told(panel)


def test_values_are_read_back_through_scale_and_contrast(panel, controller):
    frame = controller.pictures.frame
    summary = frame.layers["conv2"]
    top = summary.statistics.maximum
    level = 64
    frame.pictures["wall:conv2"][5] = level
    for scale, boost, expected in (
        ("channel", 1.0, summary.channel_high[5] * level / 255),
        ("layer", 1.0, top * level / 255),
        ("layer", 0.5, top * (level / 255) ** 2),
    ):
        controller.set_wall(scale=scale, boost=boost)
        hover(panel, 6)
        hover(panel, 5)
        assert f" · {expected:.3g} · " in told(panel)


def test_pointing_asks_for_the_receptive_field_and_hands_it_on(
    panel, controller, qtbot
):
    hover(panel, 4)
    hover(panel, 5)
    qtbot.waitUntil(lambda: bool(controller.asked(FindReceptiveField)), timeout=2000)
    asked = controller.asked(FindReceptiveField)
    assert len(asked) == 1, "the place that was left at once needs no answer"
    assert asked[0].tensor == "conv2"
    place = panel.wall.place
    assert (asked[0].y, asked[0].x) == (place.row, place.column)
    found = ReceptiveFieldFound(
        job=asked[0].job,
        model=1,
        tensor="conv2",
        slot="input",
        left=1,
        top=2,
        right=8,
        bottom=9,
        height=32,
        width=32,
        exact=True,
    )
    with qtbot.waitSignal(panel.region_found) as seen:
        controller.answer(FindReceptiveField, found)
    assert seen.args == [found]
    with qtbot.waitSignal(panel.region_found) as seen:
        point_at(panel.wall.viewport(), panel.wall.viewport().rect().bottomLeft())
    assert seen.args == [None]


def test_a_late_answer_to_an_old_question_is_dropped(panel, controller, qtbot):
    hover(panel, 5)
    qtbot.waitUntil(lambda: bool(controller.asked(FindReceptiveField)), timeout=2000)
    job = controller.asked(FindReceptiveField)[0].job
    panel._on_place_hovered(None)
    seen = []
    panel.region_found.connect(seen.append)
    controller.answer(
        FindReceptiveField,
        ReceptiveFieldFound(
            job=job,
            model=1,
            tensor="conv2",
            slot="input",
            left=0,
            top=0,
            right=1,
            bottom=1,
            height=8,
            width=8,
            exact=True,
        ),
    )
    assert seen == []


def test_place_in_a_reduced_tile_becomes_the_place_in_the_map(panel, controller):
    frame = controller.pictures.frame
    summary = frame.layers["conv2"]
    frame.layers["conv2"] = structs.replace(summary, shape=(1, 32, 28, 36))
    hover(panel, 5)
    place = panel.wall.place
    assert panel.reading.map_place(place) == (place.row * 2, place.column * 2)


def test_maps_with_the_channels_last_are_read_alike(panel, controller):
    frame = controller.pictures.frame
    summary = frame.layers["conv2"]
    frame.layers["conv2"] = structs.replace(summary, shape=(1, 14, 18, 32))
    assert panel.reading.map_size == (14, 18)
    assert panel.reading.size_text() == "32 channels"


def test_legend_follows_the_scope_of_the_scale(panel, controller):
    layers = controller.pictures.frame.layers
    own = layers["conv2"]
    ends = []
    for scale in ("channel", "layer", "network"):
        controller.set_wall(scale=scale)
        panel.refresh()
        ends.append(panel.legend.ends[1])
    top = max(layer.statistics.maximum for layer in layers.values())
    expected = (own.channel_high[3], own.statistics.maximum, top)
    assert ends == [f"{value:.4g}" for value in expected]


def test_menus_set_order_scale_and_contrast_and_show_them(panel, controller):
    panel._option_actions["strength"].trigger()
    panel._option_actions["layer"].trigger()
    panel._option_actions[0.5].trigger()
    wall = controller.session.wall
    assert (wall.order, wall.scale, wall.boost) == ("strength", "layer", 0.5)
    panel.refresh()
    assert panel._order_button.text() == "by strength ▾"
    assert panel._scale_button.text() == "per layer, contrast up ▾"
    assert panel._option_actions[0.5].isChecked()


def test_t_raises_the_contrast_in_a_round_and_shift_t_the_scale(panel, controller):
    seen = []
    for _ in BOOSTS:
        QTest.keyClick(panel.wall, Qt.Key.Key_T)
        seen.append(controller.session.wall.boost)
    assert seen == [0.7, 0.5, 0.35, 1.0]
    QTest.keyClick(panel.wall, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert controller.session.wall.scale == "layer"


def test_table_of_channels_holds_what_the_wall_shows(panel, controller):
    panel._statistics.click()
    panel.refresh()
    assert panel._stack.currentWidget() is panel.table
    rows = panel.table.numbers.rows
    summary = controller.pictures.frame.layers["conv2"]
    assert len(rows) == 32
    assert rows[5][2].value == summary.channel_high[5]
    assert rows[1][-1].text == "zero everywhere"
    assert panel.table.currentIndex().row() == 3


def test_row_of_the_channel_table_selects_the_unit(panel, controller):
    panel._statistics.click()
    panel.refresh()
    panel.table.selectRow(7)
    assert controller.session.selection.unit == 7
    QTest.keyClick(panel.table, Qt.Key.Key_Down)
    assert controller.session.selection.unit == 8


def test_table_of_layers_is_in_running_order_and_selects_layers(panel, controller):
    panel._statistics.click()
    panel._all_layers.click()
    panel.refresh()
    rows = panel.table.numbers.rows
    assert [row[0].text for row in rows] == [
        f"stage1 / conv{number}" for number in (1, 2, 3)
    ]
    assert rows[0][-1].text == "ok"
    panel.table.selectRow(2)
    assert controller.session.selection.tensor == "conv3"


def test_numbers_of_the_table_wait_a_second_but_not_for_a_new_choice(panel, controller):
    panel._statistics.click()
    panel.refresh()
    before = panel.table.numbers.rows
    send_layers(controller, ("conv1", "conv2", "conv3"), (1, 32, 14, 18), seed=2)
    panel.refresh()
    assert panel.table.numbers.rows is before
    controller.set_wall(order="strength")
    panel.refresh()
    assert panel.table.numbers.rows is not before


def test_flags_are_words(panel, controller):
    tensor = controller.session.selection.tensor
    frame = controller.pictures.frame
    summary = frame.layers[tensor]
    flagged = structs.replace(summary.statistics, flags=("dead", "nan"))
    frame.layers[tensor] = structs.replace(summary, statistics=flagged)
    panel.refresh()
    assert panel.badges.isVisible()
    assert panel.badges.accessibleDescription() == "dead, NaN"
    panel._statistics.click()
    panel._all_layers.click()
    panel.refresh()
    assert panel.table.numbers.rows[1][-1].text == "dead, NaN"


def test_vector_becomes_bars_with_its_values(panel, controller):
    show_heat(controller, "vector", (1, 4), np.array([[[0, 255, 51, 102]]], np.uint8))
    panel.refresh()
    assert panel._stack.currentWidget() is panel.bars
    np.testing.assert_allclose(panel.bars.values, (-1, 3, -0.2, 0.6), atol=1e-9)
    panel.bars.unit_chosen.emit(2)
    assert controller.session.selection.unit == 2


def test_sequence_becomes_a_heat_map_of_time_by_feature(panel, controller):
    levels = np.zeros((1, 20, 64), np.uint8)
    levels[0, 4, 30] = 255
    show_heat(controller, "sequence", (20, 1, 64), levels, flags=("saturated",))
    panel.refresh()
    assert panel._stack.currentWidget() is panel.heat
    assert panel.reading.heat_text((4, 30)) == "step 4 · feature 30 · 3"
    assert told(panel) == "time runs downwards, one column a feature"
    assert panel.badges.flags == ("saturated",)
    panel.heat.place_chosen.emit((4, 30))
    assert controller.session.selection.unit == 30
    QTest.keyClick(panel.heat, Qt.Key.Key_Right)
    assert controller.session.selection.unit == 31
    QTest.keyClick(panel.heat, Qt.Key.Key_O)
    assert controller.session.selection.tensor == "conv3"


def test_without_a_model_the_panel_says_what_to_do(qtbot):
    panel = shown(qtbot, ActivationsPanel(InsideController()))
    assert panel._stack.currentWidget() is panel._empty
    assert "Open a model" in panel._empty._label.text()
    QTest.keyClick(panel.wall, Qt.Key.Key_O)


def test_a_model_that_does_not_run_is_not_promised_pictures(qtbot):
    controller = InsideController()
    controller.session.model = 1
    controller.session.refusal = "There is no such operator."
    panel = shown(qtbot, ActivationsPanel(controller))
    assert "does not run here" in panel._empty._label.text()


def test_a_layer_that_has_not_arrived_yet_leaves_a_hint(panel, controller):
    controller.select(tensor="conv2_conv", node=2)
    panel.refresh()
    assert panel._stack.currentWidget() is panel._empty
    assert panel._clause.whole() == "stage1 / conv2"


@pytest.mark.parametrize(
    ("name", "op", "label"),
    [
        ("/stage1/0/relu2/Relu", "Relu", "stage1.0 / relu2"),
        ("/layer1/layer1.0/conv1/Conv", "Conv", "layer1.0 / conv1"),
        ("Conv_12", "Conv", "Conv_12"),
        ("", "Conv", "Conv"),
        ("model/block/Add_1", "Add", "model / block"),
    ],
)
def test_nodes_are_called_by_the_last_parts_of_their_names(name, op, label):
    assert node_label(NodeInfo(index=0, name=name, op=op)) == label


def test_every_control_has_a_name_and_a_tooltip(panel):
    for button in (
        panel._maps,
        panel._statistics,
        panel._order_button,
        panel._scale_button,
        panel._this_layer,
        panel._all_layers,
    ):
        assert button.accessibleName()
        assert button.toolTip()
