from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.engine.model import graphs

from layerscope.engine.model.layout import (
    CLOSED,
    FRAME,
    INPUT,
    NODE,
    OUTPUT,
    lay_out,
)
from layerscope.engine.model.structure import describe

MODELS = {
    "chain": lambda: graphs.chain(30),
    "residual": lambda: graphs.residual_network(8),
    "branches": graphs.with_branches,
    "function": graphs.with_function,
    "empty": onnx.ModelProto,
    "cycle": lambda: graphs.model_of(
        [
            helper.make_node("Add", ["x", "b"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Relu", ["b"], ["y"]),
        ]
    ),
}


def structure_of(name):
    return describe(graphs.opened(MODELS[name]()))


def leaves(layout):
    return layout.boxes[layout.items[:, 0] != FRAME]


def overlaps(boxes):
    """Return how many pairs of boxes lie over each other."""
    low, high = boxes[:, :2] + 0.01, boxes[:, :2] + boxes[:, 2:] - 0.01
    apart = (low[:, None] >= high[None]).any(-1) | (low[None] >= high[:, None]).any(-1)
    return int((~apart).sum() - len(boxes)) // 2


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("opened", [False, True], ids=["closed", "open"])
def test_boxes_are_apart_and_frames_hold_their_content(name, opened):
    structure = structure_of(name)
    everything = range(len(structure.groups)) if opened else ()
    for graph in structure.graphs:
        layout = lay_out(structure, graph.index, everything)
        assert layout.items.shape == (len(layout.boxes), 2)
        assert layout.items.dtype == np.int32
        assert layout.boxes.dtype == np.float32
        assert np.isfinite(layout.boxes).all()
        assert layout.lanes.shape == (len(layout.edges),)
        assert overlaps(leaves(layout)) == 0
        rows = {
            (kind, index): row
            for row, (kind, index) in enumerate(layout.items.tolist())
        }
        for (kind, index), row in rows.items():
            around = (
                structure.nodes[index].group
                if kind == NODE
                else structure.groups[index].parent
                if kind in (CLOSED, FRAME)
                else -1
            )
            if around >= 0:
                frame = layout.boxes[rows[FRAME, around]]
                box = layout.boxes[row]
                assert (box[:2] >= frame[:2]).all()
                assert (box[:2] + box[2:] <= frame[:2] + frame[2:]).all()
                assert rows[FRAME, around] < row


def test_it_runs_from_left_to_right():
    structure = structure_of("chain")
    layout = lay_out(structure, 0, ())
    left = layout.boxes[:, 0]
    assert (left[layout.edges[:, 0]] < left[layout.edges[:, 1]]).all()
    kinds = layout.items[:, 0].tolist()
    assert left[kinds.index(INPUT)] == left.min()
    assert left[kinds.index(OUTPUT)] == left.max()
    middles = layout.boxes[:, 1] + layout.boxes[:, 3] / 2
    assert np.ptp(middles) < 1e-3


def test_a_closed_group_is_one_card_and_an_open_one_a_frame():
    structure = structure_of("residual")
    first = structure.groups[0]
    closed = lay_out(structure, 0, ()).items.tolist()
    opened = lay_out(structure, 0, {first.index}).items.tolist()
    assert [CLOSED, first.index] in closed
    assert [FRAME, first.index] in opened
    inside = [n.index for n in structure.nodes if n.group == first.index]
    assert all([NODE, index] in opened for index in inside)
    assert not any([NODE, index] in closed for index in inside)


def test_a_long_skip_runs_in_a_lane_beside_what_it_passes():
    structure = describe(
        graphs.opened(
            graphs.model_of(
                [
                    helper.make_node("Relu", ["x"], ["a"]),
                    helper.make_node("Relu", ["a"], ["b"]),
                    helper.make_node("Relu", ["b"], ["c"]),
                    helper.make_node("Add", ["c", "a"], ["y"]),
                ]
            )
        )
    )
    layout = lay_out(structure, 0, ())
    lanes = layout.lanes[~np.isnan(layout.lanes)]
    assert len(lanes) == 1
    boxes = leaves(layout)
    assert lanes[0] < boxes[:, 1].min() or lanes[0] > (boxes[:, 1] + boxes[:, 3]).max()


def test_a_skip_around_an_open_block_passes_its_inside():
    structure = structure_of("residual")
    group = structure.groups[2]
    layout = lay_out(structure, 0, {group.index})
    rows = {tuple(item): row for row, item in enumerate(layout.items.tolist())}
    add = next(
        n.index for n in structure.nodes if n.group == group.index and n.op == "Add"
    )
    entering = [
        lane
        for (origin, target), lane in zip(
            layout.edges.tolist(), layout.lanes.tolist(), strict=True
        )
        if target == rows[NODE, add] and layout.items[origin, 0] != NODE
    ]
    assert len(entering) == 1
    inside = layout.boxes[
        [rows[NODE, n.index] for n in structure.nodes if n.group == group.index]
    ]
    assert not (inside[:, 1].min() < entering[0] < (inside[:, 1] + inside[:, 3]).max())
    frame = layout.boxes[rows[FRAME, group.index]]
    assert frame[1] < entering[0] < frame[1] + frame[3]


def test_nodes_that_prepare_weights_are_left_out():
    value = helper.make_tensor("v", onnx.TensorProto.FLOAT, [4], [1.0] * 4)
    model = graphs.model_of(
        [
            helper.make_node("Constant", [], ["w"], value=value),
            helper.make_node("Add", ["x", "w"], ["y"]),
        ]
    )
    layout = lay_out(describe(graphs.opened(model)), 0, ())
    assert layout.items.tolist() == [[NODE, 1], [INPUT, 0], [OUTPUT, 0]]
    assert layout.edges.tolist() == [[1, 0], [0, 2]]


def test_the_same_graph_is_laid_out_the_same():
    structure = structure_of("residual")
    first, second = (lay_out(structure, 0, (0, 3)) for _ in range(2))
    assert first.boxes.tobytes() == second.boxes.tobytes()
    assert first.lanes.tobytes() == second.lanes.tobytes()


def test_every_model_of_the_corpus_is_laid_out(corpus):
    for path in sorted((corpus / "onnx").rglob("*.onnx")):
        structure = describe(graphs.opened(onnx.load(path, load_external_data=False)))
        for graph in structure.graphs:
            for expanded in ((), range(len(structure.groups))):
                layout = lay_out(structure, graph.index, expanded)
                assert np.isfinite(layout.boxes).all(), path
                assert overlaps(leaves(layout)) == 0, path
