from __future__ import annotations

import msgspec
import onnx
import pytest
from onnx import helper
from tests.engine.model import graphs

from layerscope.engine.model.structure import describe, pages
from layerscope.protocol.messages import MAX_MESSAGE_BYTES, GraphDescribed, encode


def test_nodes_and_tensors_are_linked():
    structure = describe(graphs.opened(graphs.chain(3)))
    assert [node.op for node in structure.nodes] == ["Relu", "Sigmoid", "Relu"]
    assert structure.producer["t0"] == 0
    assert structure.consumers["t0"] == (1,)
    assert structure.nodes[1].name == "Sigmoid_1"
    assert structure.graphs[0].inputs[0].shape == ("n", 4)
    assert [shape.name for shape in structure.tensors] == ["x"]


def test_initializers_listed_as_inputs_are_no_inputs():
    model = graphs.model_of(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        inputs=("x", "w"),
        weights={"w": [4]},
    )
    structure = describe(graphs.opened(model))
    assert [value.name for value in structure.graphs[0].inputs] == ["x"]
    assert structure.nodes[0].n_parameters == 4
    assert structure.nodes[0].parameter_bytes == 16


def test_constants_count_for_the_node_that_takes_them():
    value = helper.make_tensor("v", onnx.TensorProto.FLOAT16, [2, 3], [1.0] * 6)
    model = graphs.model_of(
        [
            helper.make_node("Constant", [], ["w"], value=value),
            helper.make_node("Transpose", ["w"], ["wt"]),
            helper.make_node("MatMul", ["x", "wt"], ["y"]),
        ]
    )
    structure = describe(graphs.opened(model))
    assert structure.hidden.tolist() == [True, True, False]
    assert [node.n_parameters for node in structure.nodes] == [0, 0, 6]
    assert structure.nodes[2].parameter_bytes == 12


def test_a_constant_that_is_an_output_is_drawn():
    value = helper.make_tensor("v", onnx.TensorProto.FLOAT, [1], [1.0])
    model = graphs.model_of([helper.make_node("Constant", [], ["y"], value=value)])
    assert describe(graphs.opened(model)).hidden.tolist() == [False]


def test_shapes_of_reshape_are_no_parameters():
    shape = helper.make_tensor("s", onnx.TensorProto.INT64, [2], [1, -1])
    model = graphs.model_of([helper.make_node("Reshape", ["x", "s"], ["y"])])
    model.graph.initializer.append(shape)
    assert describe(graphs.opened(model)).nodes[0].n_parameters == 0


def test_bodies_of_control_flow_are_graphs():
    structure = describe(graphs.opened(graphs.with_branches()))
    kinds = [(graph.name, graph.kind, graph.owner) for graph in structure.graphs]
    assert kinds[0] == ("main", "main", -1)
    outer = structure.nodes[0]
    assert [structure.graphs[at].name for at in outer.bodies] == [
        "then_branch",
        "else_branch",
    ]
    inner = next(node for node in structure.nodes if node.name == "inner")
    assert inner.graph == outer.bodies[0]
    assert len(inner.bodies) == 2
    assert all(structure.graphs[at].owner == inner.index for at in inner.bodies)
    assert [node.index for node in structure.nodes] == list(range(len(structure.nodes)))


def test_local_functions_can_be_entered_from_every_call():
    structure = describe(graphs.opened(graphs.with_function()))
    function = next(graph for graph in structure.graphs if graph.kind == "function")
    assert function.name == "Swish"
    assert function.owner == 0
    assert [node.bodies for node in structure.nodes if node.graph == 0] == [
        (function.index,),
        (function.index,),
    ]
    ops = [node.op for node in structure.nodes if node.graph == function.index]
    assert ops == ["Sigmoid", "Mul"]


def test_a_model_that_makes_no_sense_still_has_a_structure():
    nodes = [
        helper.make_node("Nonsense", ["ghost", ""], ["y", ""]),
        helper.make_node("Relu", ["loop"], ["loop"]),
        helper.make_node("Relu", [], []),
        helper.make_node("Relu", ["y"], ["y"]),
    ]
    structure = describe(graphs.opened(graphs.model_of(nodes)))
    assert len(structure.nodes) == 4
    assert describe(graphs.opened(onnx.ModelProto())).graphs[0].kind == "main"


def described(page):
    return GraphDescribed(model=1, page=0, n_pages=1, **page)


def test_pages_bring_everything_in_messages_that_fit():
    structure = describe(graphs.opened(graphs.chain(20_000)))
    found = pages(structure)
    assert len(found) > 1
    for page in found:
        assert len(encode(described(page))) <= MAX_MESSAGE_BYTES
    nodes = [node for page in found for node in page.get("nodes", ())]
    groups = [group for page in found for group in page.get("groups", ())]
    assert tuple(nodes) == structure.nodes
    assert tuple(groups) == structure.groups


@pytest.mark.parametrize(
    "make",
    [
        lambda: graphs.chain(2, names=["n" * 5_000_000, "b"]),
        lambda: graphs.model_of(
            [helper.make_node("Relu", ["x"], ["t" * 2_000_000])], outputs=()
        ),
        lambda: graphs.model_of(
            [helper.make_node("Concat", ["x"] * 300_000, ["y"], axis=0)]
        ),
        lambda: graphs.model_of(
            [helper.make_node("Relu", ["x"], ["y"])],
            inputs=tuple(f"input number {at}" for at in range(60_000)),
        ),
    ],
    ids=["node name", "tensor name", "inputs of a node", "inputs of a graph"],
)
def test_monsters_are_elided(make):
    for page in pages(describe(graphs.opened(make()))):
        assert len(encode(described(page))) <= MAX_MESSAGE_BYTES


def test_elided_names_stay_apart():
    stem = "n" * 10_000
    model = graphs.chain(2, names=[stem + "1" + stem, stem + "2" + stem])
    first, second = pages(describe(graphs.opened(model)))[0]["nodes"]
    assert first.name != second.name


def test_control_and_direction_characters_are_written_out():
    model = graphs.chain(1, names=["a\u202eb\x00c"])
    node = pages(describe(graphs.opened(model)))[0]["nodes"][0]
    assert node.name == "a\\u202eb\\u0000c"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(node))["name"].isprintable()
