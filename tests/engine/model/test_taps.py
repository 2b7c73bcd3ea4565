import pytest
from onnx import TensorProto, helper
from tests import models

from layerscope.engine.model import taps


def old_model(opset):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Exp", ["r"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


@pytest.mark.parametrize(("opset", "ops"), [(9, ["Gather"] * 4), (10, ["Slice"])])
def test_a_tap_is_made_of_what_the_opset_has(opset, ops):
    proto = old_model(opset)

    (tap,) = taps.add_taps(proto, [("r", 4)])

    assert [node.op_type for node in proto.graph.node[2:]] == ops
    assert {value.name for value in proto.graph.input} == {"x", *tap.gates}
    assert [value.name for value in proto.graph.output] == ["y", tap.output]


@pytest.mark.parametrize("opset", [9, 10])
def test_gate_values_choose_a_window(opset):
    (tap,) = taps.add_taps(old_model(opset), [("r", 4)])
    window = ((0, 1, 1), (2, 3, 1), (0, 6, 2), (0, 6, 3))

    values = [v.tolist() for v in tap.gate_values(window)]

    if tap.axes:
        assert values == [[2], [0, 2, 4], [0, 3], [0]]
    else:
        assert values == [[0, 2, 0, 0], [1, 3, 6, 6], [1, 1, 2, 3]]


def test_the_deepest_tap_comes_first_in_the_file():
    proto = models.conv()

    made = taps.add_taps(proto, [("r1", 4), ("r2", 4)])

    assert [tap.tensor for tap in made] == ["r1", "r2"]
    tapped = [n.input[0] for n in proto.graph.node if n.op_type == "Slice"]
    assert tapped == ["r2", "r1"]


def test_plumbing_and_indices_are_not_watched():
    candidates = [("a", "Conv"), ("b", "Reshape"), ("c", "Shape"), ("d", "Add")]

    assert taps.choose_taps(candidates, {"d": "int64"}) == ("a",)
    assert taps.choose_taps(candidates, {}) == ("a", "d")


def test_too_many_are_thinned_out_and_activations_kept():
    candidates = [(f"t{i}", "Relu" if i % 3 == 0 else "Mul") for i in range(300)]

    chosen = taps.choose_taps(candidates, {}, limit=50)

    assert len(chosen) == 50
    assert chosen[0] == "t0"
    assert all(int(name[1:]) % 3 == 0 for name in chosen)
    assert list(chosen) == sorted(chosen, key=lambda name: int(name[1:]))


def test_likely_survivors_skip_what_an_activation_takes_in():
    found = [name for name, _ in taps.likely_survivors(models.conv().graph)]

    assert {"r1", "r2", "p"} <= set(found)
    assert "c1" not in found
