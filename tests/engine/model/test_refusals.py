"""Tests of turning onnxruntime's errors into sentences.

The errors are real: sessions are made and run.
"""

import re
import threading

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from tests.model_building import BOOL, FLOAT, INT64, build
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import (
    BadInputError,
    DeviceError,
    JobCancelledError,
    LayerscopeError,
    ModelRefusedError,
    OutOfMemoryError,
)
from layerscope.engine.model import structure
from layerscope.engine.model.reading import read_model
from layerscope.engine.model.refusals import explain, refuse_early

# What no sentence may show: source files, signatures, codes, our own folders.
UGLY = re.compile(
    r"\.(cc|h|cpp|cu):\d|onnxruntime_src|::\w+\(|ONNXRuntimeError|std::|Status Message"
    r"|/tmp/|\n|was false|Please fix|0x[0-9a-f]{6}"
)


@pytest.fixture
def read(tmp_path):
    def read(model):
        path = tmp_path / "net.onnx"
        path.write_bytes(model.SerializeToString())
        opened = read_model(path, to_draw=True)
        return opened, structure.describe(opened)

    return read


def model_of(*nodes, inputs=None, outputs=None, weights=None, opset=18):
    """Return a model that need not make sense."""
    made = build(
        [helper.make_node("Identity", ["x"], ["y"])],
        inputs or [("x", FLOAT, [2, 3])],
        [("y", FLOAT, [2, 3])],
        weights,
    )
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    if outputs is not None:
        del made.graph.output[:]
        made.graph.output.extend(helper.make_tensor_value_info(*o) for o in outputs)
    made.opset_import[0].version = opset
    return made


def session_of(model):
    return raw_session(model.path)


def refusal(model, described):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - any of onnxruntime's
        session_of(model)
    return checked(explain(raised.value, model, described))


def failure(model, described, feeds, options=None):
    session = session_of(model)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        session.run(None, feeds, options)
    return checked(explain(raised.value, model, described))


def checked(error):
    assert isinstance(error, LayerscopeError)
    assert not UGLY.search(str(error)), str(error)
    assert str(error).endswith(".")
    assert len(str(error)) < 500
    return error


def node(op, inputs="x", outputs="y", name="", **options):
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **options)


@pytest.mark.parametrize(
    ("model", "named", "sentence"),
    [
        (model_of(node("Zork", name="z")), "z", r"Zork is no operator that onnxrun"),
        (model_of(node("Zork")), "Zork_0", r"at node Zork_0 \(Zork\)"),
        (model_of(node("Gelu", name="g")), "g", "exists from opset 20 on"),
        (
            model_of(node("Zork", domain="mine", name="z")),
            "z",
            'the domain "mine" without stating which version',
        ),
        (model_of(node("Relu", "q", name="r")), "r", "takes the tensor q, which noth"),
        (
            model_of(
                node("Relu", outputs="a", name="one"),
                node("Relu", outputs="a"),
                node("Relu", "a"),
            ),
            "Relu_1",
            "the tensor a is made twice",
        ),
        (
            model_of(node("Add", "x b", "a"), node("Relu", "a", "b"), node("Abs", "a")),
            "",
            "its nodes form a circle",
        ),
        (model_of(node("Relu", outputs="a")), "", "its output y is made by no node"),
        (
            model_of(node("Relu", name="r"), inputs=[("x", BOOL, [2, 3])]),
            "r",
            r"Type 'tensor\(bool\)' of input parameter \(x\) of operator \(Relu\)",
        ),
        (model_of(node("Relu", name="r", foo=1)), "r", "Unrecognized attribute: foo"),
        (model_of(node("Add", name="a")), "a", r"has input size 1 not in range"),
        (
            model_of(node("MatMul", "x x", name="m")),
            "m",
            r"at node m \(MatMul\): Incompatible dimensions",
        ),
        (
            model_of(node("Relu"), opset=9999),
            "",
            r"opset 9999 of ai\.onnx, .* up to \d",
        ),
    ],
)
def test_refused_model_is_explained_at_its_node(read, model, named, sentence):
    error = refusal(*read(model))

    assert isinstance(error, ModelRefusedError)
    assert re.search(sentence, str(error)), str(error)
    assert error.node == named


def test_version_of_the_format_is_explained_with_both_numbers(read):
    model = model_of(node("Relu"))
    model.ir_version = 99

    assert re.search(r"IR version 99, .* up to \d+", str(refusal(*read(model))))


def test_weight_without_its_bytes_is_named(read):
    model = model_of(node("Add", "x w", name="a"), weights={"w": np.ones((2, 3))})
    model.graph.initializer[0].data_type = FLOAT
    model.graph.initializer[0].raw_data = b""

    error = refusal(*read(model))

    assert "the weight w needs 24 bytes and the file holds 0 bytes" in str(error)
    assert error.node == "a"


def test_missing_implementation_is_explained(read):
    bfloat16 = onnx.TensorProto.BFLOAT16
    model = model_of(
        node("Sin", name="s"),
        inputs=[("x", bfloat16, [2, 3])],
        outputs=[("y", bfloat16, [2, 3])],
        opset=22,
    )

    error = refusal(*read(model))

    assert "has no implementation of Sin" in str(error)
    assert error.node == "s"


def test_local_function_that_calls_itself_is_explained(read):
    model = model_of(helper.make_node("F", ["x"], ["y"], domain="local"))
    imports = [helper.make_opsetid("local", 1)]
    inner = helper.make_node("F", ["a"], ["b"], domain="local")
    model.functions.append(
        helper.make_function("local", "F", ["a"], ["b"], [inner], imports)
    )
    model.opset_import.extend(imports)

    assert "calls itself" in str(refusal(*read(model)))


@pytest.fixture
def relu(read):
    return read(model_of(node("Relu", name="r")))


@pytest.mark.parametrize(
    ("feeds", "sentence"),
    [
        ({}, "also needs the input 'x'"),
        ({"x": np.zeros((2, 5), np.float32)}, "has size 5 in dimension 1, .* takes 3"),
        ({"x": np.zeros(6, np.float32)}, "has 1 dimensions, and the model takes 2"),
        ({"x": np.zeros((2, 3))}, "is double, and the model takes float"),
        ({"x": np.zeros((2, 3), np.float32), "q": np.zeros(1)}, "has no input q"),
    ],
)
def test_inputs_that_do_not_fit_are_the_users_to_change(relu, feeds, sentence):
    error = failure(*relu, feeds)

    assert isinstance(error, BadInputError)
    assert re.search(sentence, str(error)), str(error)


def expanding(read):
    nodes = [node("Expand", "x shape", name="e")]
    inputs = [("x", FLOAT, [1]), ("shape", INT64, [2])]
    return read(model_of(*nodes, inputs=inputs, outputs=[("y", FLOAT, ["a", "b"])]))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ([1 << 20, 1 << 20], r"needs 4\.4 TB for one tensor at node e \(Expand\)"),
        ([1 << 40, 1 << 40], r"node e \(Expand\) would have more elements than any"),
    ],
)
def test_tensors_that_do_not_fit_are_out_of_memory(read, shape, sentence):
    feeds = {"x": np.zeros(1, np.float32), "shape": np.array(shape)}

    error = failure(*expanding(read), feeds)

    assert isinstance(error, OutOfMemoryError)
    assert re.search(sentence, str(error)), str(error)


@pytest.mark.parametrize(
    ("op", "feeds", "sentence"),
    [
        ("Div", {"x": np.ones(1, int), "z": np.zeros(1, int)}, "division by zero"),
        (
            "Gather",
            {"x": np.ones(1, int), "z": np.array([77])},
            "idx=77 must be",
        ),
    ],
)
def test_failed_run_is_explained_at_its_node(read, op, feeds, sentence):
    model = model_of(
        node(op, "x z", name="bad"),
        inputs=[("x", INT64, [1]), ("z", INT64, [1])],
        outputs=[("y", INT64, [1])],
    )

    error = failure(*read(model), feeds)

    assert isinstance(error, ModelRefusedError)
    assert error.node == "bad"
    assert str(error).startswith(f"The run failed at node bad ({op}): ")
    assert sentence in str(error)


def test_false_stored_sizes_are_explained(read):
    nodes = [
        node("Conv", "x w", "a", name="one"),
        node("Conv", "a w", "b", name="two"),
        node("Conv", "b w", "c", name="three"),
        node("Conv", "c w", "y", name="four"),
    ]
    text = (
        "[ONNXRuntimeError] : 1 : FAIL : Non-zero status code returned while running "
        "Conv node. Name:'three_nchwc' Status Message: /onnxruntime_src/onnxruntime/"
        "core/framework/op_kernel.cc:87 virtual OrtValue* onnxruntime::OpKernelContext"
        "::OutputMLValue(int, const onnxruntime::TensorShape&) [ONNXRuntimeError] : 1 "
        ": FAIL : Shape mismatch attempting to re-use buffer. {1,96,46,46} != "
        "{1,96,92,92}. Validate usage of dim_value (values should be > 0).\n"
    )

    error = checked(explain(RuntimeError(text), *read(model_of(*nodes))))

    assert "1 × 96 × 46 × 46 where it has to be 1 × 96 × 92 × 92" in str(error)
    assert error.node == "three"


def test_stopped_run_is_no_failure_of_the_model(read):
    body = helper.make_graph(
        [node("Identity", "go", "on"), node("Identity", "v", "v_out")],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("go", BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [2, 3]),
        ],
        [
            helper.make_tensor_value_info("on", BOOL, []),
            helper.make_tensor_value_info("v_out", FLOAT, [2, 3]),
        ],
    )
    loop = helper.make_node("Loop", ["", "start", "x"], ["y"], body=body)
    model = model_of(loop, inputs=[("x", FLOAT, [2, 3]), ("start", BOOL, [])])
    options = onnxruntime.RunOptions()
    stop = threading.Timer(0.05, lambda: setattr(options, "terminate", True))
    stop.start()

    feeds = {"x": np.zeros((2, 3), np.float32), "start": np.array(True)}
    error = failure(*read(model), feeds, options)

    stop.join()
    assert isinstance(error, JobCancelledError)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "CUDA failure 700: an illegal memory access was encountered ; GPU=0",
            DeviceError,
        ),
        ("CUDNN failure 4: CUDNN_STATUS_INTERNAL_ERROR ; GPU=0 ; expr=x", DeviceError),
        (
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=/a/b.cc",
            OutOfMemoryError,
        ),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", OutOfMemoryError),
        ("std::bad_alloc", OutOfMemoryError),
    ],
)
def test_failures_of_a_device_are_told_from_lack_of_memory(relu, text, kind):
    assert type(explain(RuntimeError(text), *relu)) is kind


def test_lack_of_memory_in_python_is_the_same(relu):
    assert type(explain(MemoryError(), *relu)) is OutOfMemoryError


def test_our_own_errors_pass_unchanged(relu):
    error = BadInputError("As it is.")

    assert explain(error, *relu) is error


def test_slip_of_our_own_is_not_blamed_on_the_model(relu):
    error = explain(KeyError("tensor"), *relu)

    assert type(error) is LayerscopeError
    assert "made a mistake" in str(error)


def test_deleted_model_is_told(relu):
    model, described = relu
    model.path.unlink()

    assert "moved or deleted" in str(refusal(model, described))


def test_monstrous_names_are_cut(read):
    name = "bad\u202e\x07" + "n" * 5_000_000
    error = refusal(*read(model_of(node("Zork", name=name))))

    assert len(str(error)) < 500
    assert "\u202e" not in str(error)


def test_models_that_must_not_be_loaded_are_refused_before(read):
    outside = model_of(node("Add", "x w", name="a"), weights={"w": np.ones((2, 3))})
    weight = outside.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secret")
    with pytest.raises(ModelRefusedError, match="outside its own folder") as refused:
        refuse_early(*read(outside))
    assert refused.value.node == "a"

    engine = helper.make_node("EPContext", ["x"], ["y"], "e", domain="com.microsoft")
    with pytest.raises(ModelRefusedError, match="never loaded") as refused:
        refuse_early(*read(model_of(engine)))
    assert refused.value.node == "e"

    with pytest.raises(ModelRefusedError, match="names no outputs"):
        refuse_early(*read(model_of(node("Relu"), outputs=[])))

    refuse_early(*read(model_of(node("Relu"))))
