"""Tests of taking onnxruntime's texts apart."""

import pytest

from layerscope.engine.model.ort_words import bounded, take_apart, without_source


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (
            "/src/a/b.cc:12 void ort::F(const std::vector<int>&, bool) No.",
            "No.",
        ),
        ("b.h:1 ns::C::C(int, (anonymous)) const x > 0 was false. No.", "No."),
        ("b.cc:9 operator()(int) No (really).", "No (really)."),
        ("tensor.cc:57 Compute Not there", "Not there"),
        ("a.cc:1 T ns::G(U) [with T = float; U = int] No.", "No."),
        ("first a.cc:1 ns::F() second", "first second"),
        ("nothing of it (here)", "nothing of it (here)"),
    ],
)
def test_places_in_source_code_are_taken_out(text, left):
    assert without_source(text) == left


def test_sentence_stays_one():
    words = take_apart("Product of 0. Product cannot be 0. Really.")

    assert words.reason == "Product of 0; Product cannot be 0; Really"


@pytest.mark.parametrize(
    ("text", "node", "op"),
    [
        ("Node (n) Op (MatMul) [ShapeInferenceError] No", "n", "MatMul"),
        ('In Node, ("n", Foo, "", -1) : ("X") -> ("Y") , Error No', "n", "Foo"),
        ("Could not find an implementation for Sin(22) node with name 's'", "s", "Sin"),
        ("Type 'a' of input parameter (x) of operator (Abs) in node (n)", "n", "Abs"),
        ("Nothing of the kind", "", ""),
    ],
)
def test_node_and_operator_are_found(text, node, op):
    words = take_apart(text)

    assert (words.node, words.op) == (node, op)


def test_inner_failure_says_more_than_the_loop_around_it():
    inner = "Non-zero status code returned while running {} node. Name:'{}' Status "
    text = inner.format("Loop", "outer") + "Message: "
    text += inner.format("Div", "inner") + "Message: division by zero"

    words = take_apart(text)

    assert (words.node, words.op, words.reason) == ("inner", "Div", "division by zero")
    assert words.running


def test_monstrous_text_loses_its_middle():
    text = bounded("a" * 10**6 + "the end")

    assert len(text) < 10_000
    assert text.endswith("the end")
