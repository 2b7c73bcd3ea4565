"""The box holds every pixel that changes the place, and for plain graphs no more."""

import numpy as np
import pytest
from onnx import helper
from tests import model_building
from tests.engine.runtime.running_models import raw_run, read, running, save

from layerscope.core.errors import BadInputError
from layerscope.engine.model import receptive_field

FLOAT = model_building.FLOAT
node = helper.make_node


def changed_by(path, size, y, x):
    """Return the box of input pixels that change one place of the output."""
    rng = np.random.default_rng(0)
    base = rng.random((1, 1, size, size), dtype=np.float32)
    before = raw_run(str(path), {"x": base})[0][..., y, x]
    rows, columns = [], []
    for i in range(size):
        for j in range(size):
            moved = base.copy()
            moved[..., i, j] += 100
            if not np.allclose(raw_run_cached(path, moved)[..., y, x], before):
                rows.append(i)
                columns.append(j)
    return min(columns), min(rows), max(columns), max(rows)


_sessions = {}


def raw_run_cached(path, x):
    if path not in _sessions:
        _sessions[path] = running(path)
    from layerscope.engine.runtime.cancelling import NeverCancelled

    outputs, _ = _sessions[path].run_fast({"x": x}, NeverCancelled())
    return next(iter(outputs.values()))


def ones(*shape):
    return np.ones(shape, np.float32)


CASES = {
    "strided": [
        node("Conv", ["x", "w"], ["a"], kernel_shape=[3, 3], strides=[2, 2]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "w"], ["y"], pads=[1] * 4),  # the weights tell the kernel
    ],
    "dilated": [node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3], dilations=[2, 2])],
    "residual": [
        node("Conv", ["x", "w"], ["a"], kernel_shape=[3, 3], pads=[1] * 4),
        node("Add", ["a", "x"], ["y"]),
    ],
    "pooled": [
        node("AveragePool", ["x"], ["a"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["a", "w"], ["y"], kernel_shape=[3, 3], pads=[1] * 4),
    ],
    "same": [
        node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3], auto_pad="SAME_UPPER")
    ],
    "transposed convolution": [
        node("ConvTranspose", ["x", "w"], ["y"], kernel_shape=[3, 3], strides=[2, 2])
    ],
    "flipped axes": [
        node("Transpose", ["x"], ["a"], perm=[0, 1, 3, 2]),
        node("Conv", ["a", "wide"], ["y"], kernel_shape=[1, 3], pads=[0, 1, 0, 1]),
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_the_box_is_what_changes_the_place(name, tmp_path):
    proto = model_building.build(
        CASES[name],
        [("x", FLOAT, [1, 1, 12, 12])],
        [("y", FLOAT, [None] * 4)],
        {"w": ones(1, 1, 3, 3), "wide": ones(1, 1, 1, 3)},
    )
    path = save(proto, tmp_path / "m.onnx")
    _, described = read(path)
    shapes = measured(path)

    for y, x in ((0, 0), (2, 3)):
        found = receptive_field.find(described, shapes, "y", y, x)
        box = (found.left, found.top, found.right, found.bottom)
        assert box == changed_by(path, 12, y, x)
        assert (found.slot, found.height, found.width) == ("x", 12, 12)
        assert found.exact
    _sessions.clear()


def measured(path):
    model = running(path)
    shapes = model.measured_shapes({"x": np.zeros((1, 1, 12, 12), np.float32)})
    return {name: shape for name, (_, shape) in shapes.items()}


def test_a_global_operator_makes_it_the_whole_input(tmp_path):
    proto = model_building.build(
        [
            node("GlobalAveragePool", ["x"], ["m"]),
            node("Sub", ["x", "m"], ["y"]),
        ],
        [("x", FLOAT, [1, 1, 12, 12])],
        [("y", FLOAT, [1, 1, 12, 12])],
    )
    path = save(proto, tmp_path / "m.onnx")
    _, described = read(path)

    found = receptive_field.find(described, measured(path), "y", 4, 4)

    assert (found.left, found.top, found.right, found.bottom) == (0, 0, 11, 11)
    assert not found.exact


def test_before_a_run_nothing_is_known(tiny_models):
    _, described = read(tiny_models / "conv.onnx")

    with pytest.raises(BadInputError, match="run the model first"):
        receptive_field.find(described, {}, "r1", 0, 0)


def test_without_a_picture_there_is_none(tiny_models):
    _, described = read(tiny_models / "mlp.onnx")

    with pytest.raises(BadInputError, match="no picture"):
        receptive_field.find(described, {"x": (1, 4), "y": (1, 3)}, "y", 0, 0)
