"""Tests of the inspector."""

import numpy as np
import pytest
from msgspec import structs
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFileDialog
from tests.ui.inside import (
    InsideController,
    looking_controller,
    point_at,
    send_layers,
    statistics_of,
)

from layerscope.protocol.messages import (
    DescribeNode,
    DescribeWeight,
    Failed,
    FindReceptiveField,
    NodeDescribed,
    ReceptiveFieldFound,
    WeightDescribed,
)
from layerscope.protocol.values import (
    Attribute,
    NodeDetails,
    TensorShape,
    WeightDetails,
    WeightInfo,
)
from layerscope.ui.panels.inspector import InspectorPanel, write_npy
from layerscope.ui.panels.inspector_facts import maximum_place

WEIGHTS = (
    WeightInfo(name="conv2.bias", dtype="float32", shape=(32,), nbytes=128),
    WeightInfo(name="conv2.weight", dtype="float32", shape=(32, 3, 3, 3), nbytes=3456),
)


@pytest.fixture
def controller():
    return looking_controller()


@pytest.fixture
def panel(qtbot, controller):
    return shown(qtbot, InspectorPanel(controller))


def shown(qtbot, panel):
    qtbot.addWidget(panel)
    panel.resize(260, 560)
    panel.show()
    qtbot.waitExposed(panel)
    panel.refresh()
    return panel


def describe_node(panel, controller):
    """Answer the question about the chosen node."""
    asked = controller.asked(DescribeNode)[-1]
    details = NodeDetails(
        node=asked.node,
        attributes=(Attribute(name="kernel_shape", text="3, 3"),),
        weights=WEIGHTS,
    )
    event = NodeDescribed(job=asked.job, model=asked.model, details=details)
    controller.answer(DescribeNode, event)
    panel.refresh()
    return asked


def field(job, tensor, right, bottom):
    return ReceptiveFieldFound(
        job=job,
        model=1,
        tensor=tensor,
        slot="input",
        left=10,
        top=10,
        right=right,
        bottom=bottom,
        height=64,
        width=64,
        exact=True,
    )


def test_unit_is_shown_large_with_its_own_statistics(panel, controller):
    frame = controller.pictures.frame
    own = frame.layers["conv2"].unit_statistics
    assert panel._clause.whole() == "channel 3"
    np.testing.assert_array_equal(panel.unit.picture, frame.pictures["unit:conv2"])
    row, column = maximum_place(panel.unit.picture)
    assert panel.facts.value("max") == f"{own.maximum:.4g} at x {column}, y {row}"
    assert panel.facts.value("active") == f"{100 * own.active:.0f} %"
    assert panel.histogram.isVisible()


def test_layer_time_share_device_and_fusion_come_from_the_profile(panel, controller):
    total = sum(layer.ms for layer in controller.session.profile)
    layer = controller.session.profile[1]
    share = round(100 * layer.ms / total)
    assert panel.facts.value("time of layer") == f"{layer.ms:.2f} ms · {share} %"
    assert panel.facts.value("runs on") == "CPU"
    assert panel.facts.value("fused with") == "Conv"


def test_shape_type_and_bytes_are_those_of_the_run(panel):
    assert panel.more.value("shape") == "1 × 32 × 14 × 18"
    assert panel.more.value("type") == "float32 · 32.3 kB"


def test_tensor_that_never_ran_shows_what_the_file_stores(panel, controller):
    controller.session.structure.shapes["conv2_conv"] = TensorShape(
        name="conv2_conv", dtype="float16", shape=(1, "channels", 8, 8)
    )
    controller.select(tensor="conv2_conv", node=2)
    panel.refresh()
    assert panel.more.value("shape") == "1 × channels × 8 × 8"
    assert panel.more.value("type") == "float16"
    assert panel.more.value("operator") == "Conv"
    assert not panel.unit.isVisible()


def test_place_of_the_maximum_is_outlined(panel):
    assert panel.unit._mark == maximum_place(panel.unit.picture)


def test_nothing_stands_out_in_a_flat_picture():
    assert maximum_place(np.full((4, 4), 7, np.uint8)) is None
    assert maximum_place(None) is None


def test_receptive_field_of_the_middle_is_asked_once_and_written(
    panel, controller, qtbot
):
    qtbot.waitUntil(lambda: bool(controller.asked(FindReceptiveField)), timeout=2000)
    asked = controller.asked(FindReceptiveField)[0]
    assert (asked.tensor, asked.y, asked.x) == ("conv2", 7, 9)
    controller.answer(FindReceptiveField, field(asked.job, "conv2", 20, 30))
    panel.refresh()
    assert panel.facts.value("receptive field") == "11 × 21 px"
    panel.refresh()
    assert len(controller.asked(FindReceptiveField)) == 1


def test_field_that_covers_everything_is_called_the_whole_input(
    panel, controller, qtbot
):
    qtbot.waitUntil(lambda: bool(controller.asked(FindReceptiveField)), timeout=2000)
    asked = controller.asked(FindReceptiveField)[0]
    found = structs.replace(field(asked.job, "conv2", 63, 63), left=0, top=0)
    controller.answer(FindReceptiveField, found)
    panel.refresh()
    assert panel.facts.value("receptive field") == "the whole input"


def test_pointing_at_a_pixel_tells_its_value(panel, controller):
    own = controller.pictures.frame.layers["conv2"].unit_statistics
    row, column = maximum_place(panel.unit.picture)
    rect = panel.unit.drawn_rect()
    height, width = panel.unit.picture.shape
    point = QPoint(
        int(rect.left() + (column + 0.5) * rect.width() / width),
        int(rect.top() + (row + 0.5) * rect.height() / height),
    )
    point_at(panel.unit, point)
    assert panel._told.whole() == f"x {column}, y {row} · {own.maximum:.4g}"


def test_node_is_described_once_with_attributes_and_weights(panel, controller):
    asked = describe_node(panel, controller)
    assert asked.node == controller.session.selection.node
    assert panel.more.value("operator") == "Relu"
    assert panel.more.value("kernel_shape") == "3, 3"
    panel.refresh()
    send_layers(controller, ("conv1", "conv2"), (1, 32, 14, 18))
    panel.refresh()
    assert len(controller.asked(DescribeNode)) == 1


def test_late_description_of_another_node_is_dropped(panel, controller):
    first = controller.asked(DescribeNode)[-1]
    controller.select(tensor="conv3", unit=3, node=5)
    panel.refresh()
    details = NodeDetails(node=first.node, attributes=(), weights=WEIGHTS)
    event = NodeDescribed(job=first.job, model=1, details=details)
    controller.queries[0][1](event)
    panel.refresh()
    assert not panel.weights.isVisible()


def test_weight_with_filters_is_shown_with_statistics(panel, controller):
    describe_node(panel, controller)
    asked = controller.asked(DescribeWeight)[-1]
    assert asked.name == "conv2.weight", "the one with filters is the one to look at"
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((32, 3, 3, 3)).astype(np.float32)
    filters = rng.integers(0, 256, (32, 3, 3, 3)).astype(np.uint8)
    details = WeightDetails(
        name=asked.name,
        dtype="float32",
        shape=weight.shape,
        nbytes=weight.nbytes,
        statistics=statistics_of(weight),
    )
    event = WeightDescribed(
        job=asked.job, model=1, details=details, filters=controller.store(filters)
    )
    controller.answer(DescribeWeight, event)
    np.testing.assert_array_equal(panel.weights.filters._tiles, filters)
    assert panel.weights.facts.value("max") == f"{weight.max():.4g}"
    assert panel.weights.histogram.isVisible()


def test_weight_without_filters_shows_numbers_alone(panel, controller):
    describe_node(panel, controller)
    panel.weights._group.button(0).click()
    asked = controller.asked(DescribeWeight)[-1]
    assert asked.name == "conv2.bias"
    details = WeightDetails(
        name=asked.name,
        dtype="float32",
        shape=(32,),
        nbytes=128,
        statistics=statistics_of(np.arange(32.0)),
    )
    event = WeightDescribed(job=asked.job, model=1, details=details)
    controller.answer(DescribeWeight, event)
    assert not panel.weights.filters.isVisible()
    assert panel.weights.facts.value("max") == "31"


def test_group_shows_its_counts(panel, controller):
    controller.select(group=0)
    panel.refresh()
    assert panel._clause.whole() == "block stage1"
    assert panel.more.value("nodes") == "6"
    assert panel.more.value("parameters") == "28.2 k"
    assert panel.more.value("Conv") == "3"
    assert panel.more.value("time").endswith("· 100 %")


def test_reason_of_a_node_that_cannot_run_is_given(panel, controller):
    nodes = controller.session.structure.nodes
    nodes[2] = structs.replace(nodes[2], error="This onnxruntime has no Conv-99.")
    controller.select(node=2)
    panel.refresh()
    assert panel.more.value("cannot run") == "This onnxruntime has no Conv-99."


def test_tensor_and_weight_are_saved_as_npy(panel, controller, tmp_path, monkeypatch):
    describe_node(panel, controller)
    controller.tensors = {
        "conv2": np.arange(6, dtype=np.float32).reshape(1, 2, 3),
        "conv2.weight": np.ones((2, 2), np.float16),
    }
    for index, press in enumerate(
        (panel._save.click, lambda: panel.weights.save_asked.emit("conv2.weight"))
    ):
        path = tmp_path / f"{index}.npy"
        answer = (str(path), "")
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, answer=answer: answer
        )
        press()
        expected = controller.tensors[("conv2", "conv2.weight")[index]]
        read = np.load(path)
        np.testing.assert_array_equal(read, expected)
        assert read.dtype == expected.dtype
    assert sorted(p.name for p in tmp_path.glob("*.npy*")) == ["0.npy", "1.npy"]


def test_saving_where_nobody_may_write_is_one_sentence(
    panel, controller, tmp_path, monkeypatch
):
    controller.tensors = {"conv2": np.zeros(3)}
    path = tmp_path / "absent" / "x.npy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    panel._save.click()
    (complaint,) = controller.complaints
    assert complaint == (
        "x.npy was to be written and could not be: No such file or directory; choose "
        "another folder."
    )


def test_cancelled_dialog_fetches_nothing(panel, controller, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    panel._save.click()
    assert controller.logged == []


def test_a_failed_write_leaves_no_half_file(tmp_path):
    class Full:
        def __array__(self, dtype=None, copy=None):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_npy(tmp_path / "a.npy", Full())
    assert list(tmp_path.iterdir()) == []


def test_failure_of_a_question_is_no_complaint_of_a_node(panel, controller):
    asked = controller.asked(DescribeNode)[-1]
    controller.queries[0][2](Failed(job=asked.job, kind="bad-input", message="No."))
    assert controller.complaints == []


def test_statistics_wait_a_second_but_the_picture_does_not(panel, controller):
    before = panel.facts.properties
    send_layers(controller, ("conv1", "conv2"), (1, 32, 14, 18), seed=3)
    panel.refresh()
    assert panel.facts.properties == before
    np.testing.assert_array_equal(
        panel.unit.picture, controller.pictures.frame.pictures["unit:conv2"]
    )
    controller.select(tensor="conv2", unit=4, node=3)
    panel.refresh()
    assert panel.facts.properties != before


def test_without_a_selection_the_panel_says_what_to_do(qtbot):
    panel = shown(qtbot, InspectorPanel(InsideController()))
    assert panel._empty.isVisible()
    assert not panel._scroll.isVisible()
