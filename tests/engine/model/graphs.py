"""Models for the tests of structure and layout, each a few lines."""

from __future__ import annotations

from types import SimpleNamespace

from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT


def opened(model):
    """Return what `describe` takes, without a file."""
    return SimpleNamespace(proto=model)


def model_of(nodes, inputs=("x",), outputs=("y",), weights=None, functions=()):
    """Return a model of opset 17; `weights` are shapes by name."""
    initializers = [
        helper.make_tensor(name, FLOAT, shape, [0.5] * _count(shape))
        for name, shape in (weights or {}).items()
    ]
    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info(name, FLOAT, ["n", 4]) for name in inputs],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        initializers,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_model(
        graph, opset_imports=opsets, ir_version=9, functions=list(functions)
    )


def _count(shape):
    total = 1
    for size in shape:
        total *= size
    return total


def chain(n, ops=("Relu", "Sigmoid"), names=None):
    """Return `n` nodes in a row from ``x`` to ``y``."""
    tensors = ["x", *(f"t{at}" for at in range(n - 1)), "y"]
    return model_of(
        [
            helper.make_node(
                ops[at % len(ops)],
                [tensors[at]],
                [tensors[at + 1]],
                name=names[at] if names else "",
            )
            for at in range(n)
        ]
    )


def residual_network(n_blocks):
    """Return Conv-Relu-Conv-Add-Relu blocks whose names say nothing."""
    nodes, weights, x = [], {}, "x"
    for at in range(n_blocks):
        a, b, c, d = (f"{letter}{at}" for letter in "abcd")
        out = "y" if at == n_blocks - 1 else f"x{at}"
        weights |= {f"{100 + 2 * at}": [1, 1, 1, 1], f"{101 + 2 * at}": [1, 1, 1, 1]}
        nodes += [
            helper.make_node("Conv", [x, f"{100 + 2 * at}"], [a]),
            helper.make_node("Relu", [a], [b]),
            helper.make_node("Conv", [b, f"{101 + 2 * at}"], [c]),
            helper.make_node("Add", [c, x], [d]),
            helper.make_node("Relu", [d], [out]),
        ]
        x = out
    return model_of(nodes, weights=weights)


def with_branches():
    """Return an If with two bodies, one of them with an If of its own."""

    def body(name, nodes, output):
        value = helper.make_tensor_value_info(output, FLOAT, None)
        return helper.make_graph(nodes, name, [], [value])

    inner = helper.make_node(
        "If",
        ["flag"],
        ["inner_out"],
        name="inner",
        then_branch=body("a", [helper.make_node("Relu", ["x"], ["ra"])], "ra"),
        else_branch=body("b", [helper.make_node("Abs", ["x"], ["rb"])], "rb"),
    )
    outer = helper.make_node(
        "If",
        ["flag"],
        ["y"],
        name="outer",
        then_branch=body("c", [inner], "inner_out"),
        else_branch=body("d", [helper.make_node("Neg", ["x"], ["rd"])], "rd"),
    )
    return model_of([outer], inputs=("x", "flag"))


def with_function():
    """Return two calls of a local function of two nodes."""
    function = helper.make_function(
        "local",
        "Swish",
        ["a"],
        ["b"],
        [
            helper.make_node("Sigmoid", ["a"], ["s"]),
            helper.make_node("Mul", ["a", "s"], ["b"]),
        ],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        helper.make_node("Swish", ["x"], ["m"], domain="local"),
        helper.make_node("Swish", ["m"], ["y"], domain="local"),
    ]
    return model_of(nodes, functions=[function])
