"""Tests of what is said of a model before it is loaded to run."""

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.model_building import BOOL, FLOAT, build

from layerscope.core.errors import BadInputError
from layerscope.engine.model import memory, operators, structure
from layerscope.engine.model.folders import resolve
from layerscope.engine.model.preflight import preflight
from layerscope.engine.model.reading import read_model

IMAGE = [("x", FLOAT, ["batch", 3, "h", "w"])]


@pytest.fixture
def read(tmp_path):
    """Write a model and return it as read, with its structure."""

    def read(model, name="tiny.onnx"):
        path = tmp_path / name
        path.write_bytes(model.SerializeToString())
        opened = read_model(path, to_draw=True)
        return opened, structure.describe(opened)

    return read


@pytest.fixture
def report(read):
    def report(model, name="tiny.onnx"):
        opened, described = read(model, name)
        return preflight(opened, resolve(opened.path), described)

    return report


def chain(*nodes, opset=None, inputs=None, outputs=None, weights=None):
    """Return an unchecked model of nodes that each take and make one tensor."""
    made = build(
        [helper.make_node("Identity", ["x"], ["y"])],
        inputs or [("x", FLOAT, [1, 4])],
        [("y", FLOAT, [1, 4])] if outputs is None else outputs,
        weights,
    )
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    if opset is not None:
        del made.opset_import[:]
        made.opset_import.extend(helper.make_opsetid(*item) for item in opset.items())
    return made


def identity(**options):
    return chain(helper.make_node("Identity", ["x"], ["y"]), **options)


def test_report_of_a_plain_model(report):
    weights = {"w": np.ones((8, 3, 3, 3), np.float32), "b": np.zeros(8, np.float32)}
    model = build(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1] * 4)],
        IMAGE,
        [("y", FLOAT, ["batch", 8, "h", "w"])],
        weights,
    )
    helper.set_model_props(model, {"author": "somebody"})

    found = report(model)

    assert found.name == "tiny"
    assert len(found.sha256) == 16
    assert found.producer == "layerscope-tests"
    assert found.opsets == {"ai.onnx": 18}
    assert found.inputs[0].shape == ("batch", 3, "h", "w")
    assert [value.name for value in found.outputs] == ["y"]
    assert found.n_nodes == 1
    assert found.n_parameters == 8 * 27 + 8
    assert found.weight_bytes == 4 * found.n_parameters
    assert found.file_bytes > found.weight_bytes
    assert found.precisions == ("fp32",)
    assert found.metadata == {"author": "somebody"}
    assert found.unsupported == found.problems == ()
    # a 224 × 224 picture in, eight channels of it out
    assert found.run_bytes == found.weight_bytes + 4 * 224 * 224 * (3 + 8)
    assert found.free_bytes > 0


@pytest.mark.parametrize(
    ("node", "opset", "name", "why"),
    [
        (("Zork", ""), {"": 18}, "ai.onnx::Zork", "no operator that"),
        (("Quant", "onnx.brevitas"), {"": 18}, "onnx.brevitas::Quant", "custom"),
        (("Gelu", ""), {"": 18}, "ai.onnx::Gelu", "exists from opset 20 on"),
        (("Upsample", ""), {"": 13}, "ai.onnx::Upsample", "removed from ONNX in opset"),
        (("Add", ""), {"": 6}, "ai.onnx::Add", "no implementation for the CPU"),
        (
            ("PackedAttention", "com.microsoft"),
            {"": 18},
            "com.microsoft::PackedAttention",
            "no implementation for the CPU",
        ),
    ],
)
def test_unsupported_operators_are_named_with_the_reason(
    report, node, opset, name, why
):
    op, domain = node
    found = report(
        chain(helper.make_node(op, ["x"], ["y"], domain=domain), opset=opset)
    )

    assert found.unsupported == (name,)
    assert why in found.problems[0]


@pytest.mark.parametrize(
    ("op", "domain", "opset"),
    [
        ("Relu", "ai.onnx", {"": 18}),
        ("Relu", "", {"ai.onnx": 18}),
        ("Gelu", "", {"": 20}),
        ("HardSwish", "", {"": 14}),  # only spelt out as a function
        ("Mish", "", {"": 18}),
        ("Gelu", "com.microsoft", {"": 18}),  # of a domain that need not be imported
        ("Constant", "", {"": 18}),
        ("ArrayFeatureExtractor", "ai.onnx.ml", {"": 18, "ai.onnx.ml": 3}),
    ],
)
def test_what_onnxruntime_runs_is_not_called_unsupported(report, op, domain, opset):
    found = report(
        chain(helper.make_node(op, ["x"], ["y"], domain=domain), opset=opset)
    )

    assert found.unsupported == ()


def function(name, *ops, domain="local"):
    nodes = [
        helper.make_node(op, ["a"], [f"b{i}"], domain=where)
        for i, (op, where) in enumerate(ops)
    ]
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    return helper.make_function(domain, name, ["a"], ["b0"], nodes, imports)


def calling(name, *functions):
    model = chain(
        helper.make_node(name, ["x"], ["y"], domain="local"),
        opset={"": 18, "local": 1},
    )
    model.functions.extend(functions)
    return model


def test_local_functions_are_supported_but_what_they_call_counts(read):
    good = calling("F", function("F", ("Relu", "")), function("Unused", ("Zork", "")))
    bad = calling("F", function("F", ("Relu", ""), ("Zork", "")))

    assert operators.unsupported_nodes(*read(good)) == {}
    assert list(operators.unsupported_nodes(*read(bad))) == [2]


def test_operators_inside_a_body_are_found(report):
    branch = helper.make_graph(
        [helper.make_node("Zork", ["x"], ["z"])],
        "b",
        [],
        [onnx.ValueInfoProto(name="z")],
    )
    node = helper.make_node("If", ["on"], ["y"], then_branch=branch, else_branch=branch)
    model = chain(node, inputs=[("x", FLOAT, [1, 4]), ("on", BOOL, [])])

    assert report(model).unsupported == ("ai.onnx::Zork",)


def test_recursive_function_is_a_problem(report):
    found = report(calling("F", function("F", ("F", "local"))))

    assert "local::F calls itself" in found.problems[0]


def test_functions_that_double_are_a_problem_before_they_are_written_out(report):
    doubling = [
        function(f"F{i}", (f"F{i + 1}", "local"), (f"F{i + 1}", "local"))
        for i in range(24)
    ]
    found = report(calling("F0", *doubling, function("F24", ("Relu", ""))))

    assert "stand for 50,331,647 nodes" in found.problems[0]


def test_functions_used_often_are_no_problem(read):
    model, _ = read(calling("F", function("F", *[("Relu", "")] * 100)))

    assert operators.expansion_error(model.proto) == ""


def test_opset_and_ir_of_the_future_are_a_problem_with_both_numbers(report):
    newest = onnx.defs.onnx_opset_version()
    found = report(identity(opset={"": newest + 100}))
    assert f"uses opset {newest + 100} of ai.onnx" in found.problems[0]
    assert "reads up to" in found.problems[0]

    model = identity()
    model.ir_version = 99
    assert "written in IR version 99" in report(model).problems[0]


def test_file_without_an_opset_is_a_problem(report):
    assert "states no opset version" in report(identity(opset={})).problems[0]


def test_graph_without_outputs_is_a_problem(report):
    assert "names no outputs" in report(identity(outputs=[])).problems[0]


def test_weights_that_may_not_be_read_are_a_problem(report):
    model = identity(weights={"w": np.ones(2, np.float32)})
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="gone.bin")

    assert 'needs the file "gone.bin"' in report(model).problems[0]


def test_stored_sizes_that_cannot_be_right_are_told(report):
    model = build(
        [
            helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2, 2]),
            helper.make_node("Relu", ["p"], ["y"]),
        ],
        IMAGE,
        [("y", FLOAT, ["batch", 3, "h", "w"])],
    )
    assert report(model).problems == ()

    model.graph.value_info.append(
        helper.make_tensor_value_info("p", FLOAT, [1, 3, 1, 1])
    )
    (problem,) = report(model).problems
    assert "p is stored as 1 × 3 × 1 × 1 and works out to 1 × 3 × 223 × 223" in problem


def test_session_options_in_the_file_are_not_used(report):
    model = identity()
    helper.set_model_props(model, {"ort_config": "{broken"})

    assert "ort_config" in report(model).problems[0]


def test_engine_for_other_hardware_is_told(report):
    node = helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")

    assert any("EPContext" in problem for problem in report(chain(node)).problems)


def test_monstrous_texts_are_cut(report):
    model = identity()
    model.producer_name = "p" * 10_000_000
    helper.set_model_props(model, {"k" * 100_000: "v\x00" * 1_000_000})

    found = report(model)

    assert len(found.producer) < 200
    assert len(str(found.metadata)) < 10_000


def test_peak_counts_only_what_lives_at_the_same_time(read):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Concat", ["a"] * 10, ["b"], axis=0),
        helper.make_node("ReduceMax", ["b"], ["c"], keepdims=0),
        helper.make_node("Add", ["c", "x"], ["y"]),
    ]
    model, _ = read(build(nodes, [("x", FLOAT, [1000])], [("y", FLOAT, ["n"])]))

    # at Concat: x stays the caller's, a and b
    assert memory.estimate(model).n_bytes == 4 * (1000 + 1000 + 10_000)


def test_sizes_of_inputs_can_be_given(read):
    model, _ = read(identity(inputs=[("x", FLOAT, ["batch", 1000])]))

    small = memory.estimate(model).n_bytes
    large = memory.estimate(model, {"x": (10**9, 1000)}).n_bytes

    assert small == 4 * 2 * 1000
    assert large == 4 * 2 * 1000 * 10**9


def test_impossible_sizes_stay_within_a_message(read):
    model, _ = read(identity(inputs=[("x", FLOAT, [1 << 40, 1 << 40])]))

    assert memory.estimate(model).n_bytes == (1 << 63) - 1


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        (("batch", 3, None, None), (1, 3, 224, 224)),
        ((None, "h", "w", 3), (1, 224, 224, 3)),
        (("batch", 64, "h", "w"), (1, 64, 1, 1)),
        (("batch", "tokens"), (1, 1)),
        ((2, 0, -1), (2, 0, 1)),
        ((), ()),
    ],
)
def test_open_sizes_are_assumed(shape, sizes):
    assert memory.assumed(shape) == sizes


def test_large_graphs_are_estimated_by_their_stored_sizes(read):
    n = memory.MAX_INFERRED_NODES + 1
    nodes = [helper.make_node("Neg", [f"t{i}"], [f"t{i + 1}"]) for i in range(n)]
    made = build(nodes, [("t0", FLOAT, [8])], [(f"t{n}", FLOAT, [8])])
    made.graph.value_info.append(helper.make_tensor_value_info("t7", FLOAT, [1000]))
    model, _ = read(made)

    assert memory.estimate(model).n_bytes == 4 * (8 + 1000)


def test_broken_graph_still_gets_a_report(report):
    broken = chain(
        helper.make_node("MatMul", ["x", "nothing"], [""]),
        helper.make_node("MatMul", ["y", "y"], ["x"]),
        opset={"": 18},
    )
    broken.graph.initializer.append(
        onnx.TensorProto(name="w", data_type=99, dims=[-1, 1 << 40])
    )

    assert report(broken).n_nodes == 2


@pytest.mark.corpus
def test_published_models_are_called_unsupported_exactly_where_they_are(corpus):
    found = {}
    for path in sorted((corpus / "onnx").glob("*/*.onnx")):
        model = read_model(path)
        described = structure.describe(model)
        refused = operators.unsupported_nodes(model, described)
        if refused:
            found[path.parent.name] = {described.nodes[i].op for i in refused}

    assert found == {
        "espcn-quant-qonnx": {"Quant"},
        "squeezenet-dao-fp16": {"Debug"},
    }


@pytest.mark.corpus
def test_lying_sizes_are_found_in_the_one_published_model_that_has_them(corpus):
    found = set()
    for path in sorted((corpus / "onnx").glob("*/*.onnx")):
        model = read_model(path)
        estimate = memory.estimate(model)
        assert estimate.n_bytes >= model.weight_bytes
        if estimate.lies:
            found.add(path.parent.name)

    assert found == {"ppocr-det-en-opencv"}


@pytest.mark.corpus
def test_every_file_that_can_be_drawn_gets_a_report(corpus):
    n_drawn = 0
    for path in sorted((corpus / "onnx-hostile").glob("*.onnx")):
        try:
            model = read_model(path, to_draw=True)
        except BadInputError:
            continue
        n_drawn += 1
        found = preflight(model, resolve(path), structure.describe(model))
        assert all(problem.endswith(".") for problem in found.problems), path
    assert n_drawn >= 28
