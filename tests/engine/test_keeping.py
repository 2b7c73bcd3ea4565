import numpy as np
import onnx
import pytest
from tests.engine.lanes import lanes
from tests.model_building import FLOAT, build, random_weights
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.protocol.inputs import TensorArray

WEIGHT = random_weights(4, 4)
GIVEN = random_weights(1, 4, seed=5)


@pytest.fixture
def engine(tmp_path):
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "w"], ["inner"]),
        onnx.helper.make_node("Relu", ["inner"], ["active"]),
        onnx.helper.make_node("MatMul", ["active", "w"], ["y"]),
    ]
    model = build(nodes, [("x", FLOAT, [1, 4])], [("y", FLOAT, [1, 4])], {"w": WEIGHT})
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    with lanes() as opened:
        opened.open(path, "tensors")
        opened.path = path
        yield opened


def given(engine):
    return {"x": TensorArray(array=engine.arena.put(GIVEN))}


def test_a_run_keeps_all_that_was_asked_for_and_gives_the_same_answer(engine):
    engine.run(given(engine), keep_tensors=("inner", "active", "x"))
    kept = engine.model.kept
    np.testing.assert_allclose(kept["inner"], GIVEN @ WEIGHT, rtol=1e-5)
    np.testing.assert_array_equal(kept["active"], np.maximum(kept["inner"], 0))
    np.testing.assert_array_equal(kept["x"], GIVEN)
    (expected,) = raw_session(str(engine.path)).run(None, {"x": GIVEN})
    np.testing.assert_allclose(engine.model.outputs["y"], expected, rtol=1e-5)


def test_the_next_run_keeps_nothing_unasked(engine):
    engine.run(given(engine), keep_tensors=("inner",))
    engine.run(given(engine))
    assert engine.model.kept == {}


def test_a_tensor_that_is_not_there_is_named(engine):
    with pytest.raises(BadInputError, match='"nowhere" was to be kept'):
        engine.run(given(engine), keep_tensors=("nowhere",))
