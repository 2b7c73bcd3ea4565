"""Tests of what is said and drawn of a node's weights."""

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.model_building import FLOAT, INT64, build

from layerscope.core.errors import BadInputError
from layerscope.engine.model import structure
from layerscope.engine.model.filter_pictures import MAX_SIDE, MAX_TILES, atlas
from layerscope.engine.model.reading import read_model
from layerscope.engine.model.weights import (
    CHUNK,
    attribute_text,
    describe_node,
    describe_weight,
    statistics,
)

RANDOM = np.random.default_rng(0)


@pytest.fixture
def opened(tmp_path):
    """Return a model and its structure from nodes and weights."""

    def opened(nodes, weights, **options):
        outputs = [(nodes[-1].output[0], FLOAT, ["m", "n"])]
        model = build(nodes, [("x", FLOAT, ["a", "b"])], outputs, weights, **options)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        read = read_model(path)
        return read, structure.describe(read)

    return opened


def test_node_is_described_with_attributes_weights_and_documentation(opened):
    weights = {
        "w": np.ones((4, 3, 3, 3), np.float32),
        "b": np.zeros(4, np.float32),
    }
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])]

    details = describe_node(*opened(nodes, weights), 0)

    assert [(a.name, a.text) for a in details.attributes] == [("pads", "[1, 1, 1, 1]")]
    assert [(w.name, w.shape, w.nbytes) for w in details.weights] == [
        ("w", (4, 3, 3, 3), 432),
        ("b", (4,), 16),
    ]
    assert details.documentation.startswith("The convolution operator")


def test_quantised_weight_is_found_behind_the_node_that_unpacks_it(opened):
    weights = {
        "q": np.ones((3, 5), np.int8),
        "scale": np.float32(0.5),
        "zero": np.int8(0),
    }
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"]),
        helper.make_node("Transpose", ["w"], ["wt"], perm=[0, 1]),
        helper.make_node("MatMul", ["x", "wt"], ["y"]),
    ]

    details = describe_node(*opened(nodes, weights), 1)

    assert [w.name for w in details.weights] == ["q", "scale", "zero"]


def test_activations_are_no_weights(opened):
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Mul", ["b", "w"], ["y"]),
    ]

    details = describe_node(*opened(nodes, {"w": np.ones(2, np.float32)}), 2)

    assert [w.name for w in details.weights] == ["w"]


def test_node_out_of_range_is_refused(opened):
    read = opened([helper.make_node("Relu", ["x"], ["y"])], {})

    with pytest.raises(BadInputError, match="Node 7 was asked for"):
        describe_node(*read, 7)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.1, "0.1"),
        ("SAME_UPPER", "SAME_UPPER"),
        ([1, 2], "[1, 2]"),
        ([0.5, 1e-5], "[0.5, 1e-05]"),
        (["a\nb", "c"], "[a b, c]"),
        (list(range(100)), f"[{', '.join(map(str, range(16)))}, …]"),
        (helper.make_tensor("t", INT64, [2, 3], range(6)), "int64 2 × 3"),
        (helper.make_graph([], "g", [], []), "graph of 0 nodes"),
    ],
)
def test_attributes_become_short_text(value, text):
    assert attribute_text(helper.make_attribute("a", value)) == text


def test_attribute_of_a_function_refers_to_its_caller():
    attribute = onnx.AttributeProto(name="a", ref_attr_name="alpha")

    assert attribute_text(attribute) == "the caller's alpha"


def test_operator_of_a_local_function_is_documented_by_it(opened):
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 18)]
    )
    function.doc_string = "Does it twice."
    nodes = [helper.make_node("Twice", ["x"], ["y"], domain="mine")]

    details = describe_node(
        *opened(nodes, {}, opsets={"mine": 1}, functions=[function]), 0
    )

    assert details.documentation == "Does it twice."


def test_statistics_of_a_weight(opened):
    values = RANDOM.standard_normal((3, 7)).astype(np.float32)
    values[0, 0] = 0
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]

    details, filters = describe_weight(*opened(nodes, {"w": values}), "w")

    found = details.statistics
    assert details.shape == (3, 7)
    assert details.nbytes == 84
    assert found.mean == pytest.approx(values.mean(), abs=1e-6)
    assert found.std == pytest.approx(values.std(), abs=1e-6)
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.active == 20 / 21
    assert sum(found.counts) == 21
    np.testing.assert_array_equal(
        found.counts, np.histogram(values, 64, (values.min(), values.max()))[0]
    )
    assert filters.shape == (1, 3, 7)


def test_unknown_weight_is_refused(opened):
    read = opened([helper.make_node("Relu", ["x"], ["y"])], {})

    with pytest.raises(BadInputError, match="none of that name"):
        describe_weight(*read, "nothing")


def test_string_weight_is_described_but_not_drawn(opened):
    model, described = opened([helper.make_node("Relu", ["x"], ["y"])], {})
    model.proto.graph.initializer.append(
        helper.make_tensor("s", onnx.TensorProto.STRING, [2], [b"cat", b"dog"])
    )

    details, filters = describe_weight(model, described, "s")

    assert details.dtype == "string"
    assert details.statistics.counts == ()
    assert filters is None


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([0.0, 0.0], ("dead",)),
        ([1.0, np.nan], ("nan",)),
        ([1.0, np.inf], ("inf",)),
        ([1.0, 1e30], ("exploding",)),
        ([np.nan, -np.inf], ("nan", "inf")),
        ([1.0, 2.0], ()),
    ],
)
def test_ill_weights_are_flagged(values, flags):
    found = statistics(np.array(values))

    assert found.flags == flags
    assert found.n_nonfinite == np.count_nonzero(~np.isfinite(values))


@pytest.mark.parametrize(
    "values",
    [
        np.array([5e-324, 1e-323]),
        np.array([-1.7e308, 1.7e308]),
        np.array([1.0, np.nextafter(1, 2)]),
        np.full(9, 3.0),
        np.zeros(0),
        np.array(2.5),
        np.array([True, False]),
    ],
)
def test_every_finite_value_is_in_one_bin(values):
    assert sum(statistics(values).counts) == values.size


def test_pieces_of_a_large_weight_are_put_together():
    values = np.zeros(CHUNK + 10, np.float32)
    values[-10:] = 4.0

    found = statistics(values)

    assert found.active == pytest.approx(10 / values.size)
    assert found.mean == pytest.approx(40 / values.size)
    assert (found.counts[0], found.counts[-1]) == (CHUNK, 10)


@pytest.mark.parametrize(
    ("shape", "transposed", "tiles"),
    [
        ((8, 3, 5, 5), False, (8, 5, 5, 3)),
        ((3, 8, 5, 5), True, (8, 5, 5, 3)),
        ((8, 4, 3, 3), False, (32, 3, 3)),
        ((16, 1, 3, 3), False, (16, 3, 3)),
        ((8, 4, 1, 1), False, (1, 8, 4)),
        ((2, 3, 1, 1), False, (1, 2, 3)),
        ((4, 2, 3, 5, 5), False, (8, 5, 5)),
        ((2, 6, 7), False, (2, 6, 7)),
        ((6, 7), False, (1, 6, 7)),
        ((7,), False, (1, 1, 7)),
        ((), False, (1, 1, 1)),
        ((2000, 3, 2, 2), False, (MAX_TILES, 2, 2, 3)),
        ((600, 600, 3, 3), False, (MAX_TILES, 3, 3)),
        ((1025, 100), False, (1, 342, 100)),
    ],
)
def test_tiles_of_every_rank(shape, transposed, tiles):
    pixels = atlas(np.ones(shape, np.float32), transposed=transposed)

    assert pixels.shape == tiles
    assert pixels.dtype == np.uint8
    assert max(pixels.shape[1:3]) <= MAX_SIDE


def test_grey_tiles_share_one_scale_around_zero():
    filters = np.zeros((2, 1, 2, 2), np.float32)
    filters[0, 0] = [[-1, 1], [0, 0.5]]
    filters[1, 0, 0, 0] = 2

    tiles = atlas(filters)

    np.testing.assert_array_equal(tiles[0], [[64, 192], [128, 160]])
    assert tiles[1, 0, 0] == 255


def test_coloured_tiles_keep_their_channels_and_stretch_each_filter():
    filters = np.zeros((2, 3, 2, 2), np.float32)
    filters[0, 0, 0, 0] = 1  # red at the top left
    filters[1, 2, 1, 1] = 100  # blue at the bottom right

    tiles = atlas(filters)

    np.testing.assert_array_equal(tiles[0, 0, 0], [255, 0, 0])
    np.testing.assert_array_equal(tiles[1, 1, 1], [0, 0, 255])


def test_weights_without_a_sign_are_drawn_from_black():
    tiles = atlas(np.array([[0, 51], [255, 102]], np.uint8))

    np.testing.assert_array_equal(tiles[0], [[0, 51], [255, 102]])


def test_nan_is_drawn_as_zero():
    assert atlas(np.array([[np.nan, 1.0]]))[0, 0, 0] == 128


@pytest.mark.corpus
def test_every_published_weight_is_described(corpus):
    for path in sorted((corpus / "onnx").glob("*/*.onnx")):
        model = read_model(path)
        described = structure.describe(model)
        for name in list(model.weights)[:40]:
            details, filters = describe_weight(model, described, name)
            assert (filters is None) == (0 in details.shape)
