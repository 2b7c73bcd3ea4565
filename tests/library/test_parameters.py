"""Parameters are counted from the sizes that a file states."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from layerscope.library.parameters import count_parameters


def saved(path, **arrays):
    """Write a graph whose initializers are `arrays`, and return its path."""
    weights = [numpy_helper.from_array(a, name) for name, a in arrays.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["x"], ["y"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], "g", [x], [y], initializer=weights)
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


@pytest.fixture
def weights():
    return np.zeros((3, 4), np.float32)


def test_weights_count_and_operands_do_not(tmp_path, weights):
    file = saved(
        tmp_path / "model.onnx",
        w=weights,
        eight=np.zeros(5, np.int8),
        shape=np.array([1, -1], np.int64),
    )
    assert count_parameters([file]) == 12 + 5


def test_the_same_weights_at_two_precisions_count_once(tmp_path, weights):
    files = [
        saved(tmp_path / name, w=weights)
        for name in ("model.onnx", "model_quantized.onnx", "model_fp16.onnx")
    ]
    assert count_parameters(files) == 12


def test_parts_of_a_model_add_up(tmp_path, weights):
    files = [
        saved(tmp_path / part / "model.onnx", w=weights)
        for part in ("unet", "text_encoder", "vae_decoder")
    ]
    assert count_parameters(files) == 36


def test_the_decoder_that_is_written_twice_counts_once(tmp_path, weights):
    names = ("encoder_model", "decoder_model", "decoder_with_past_model")
    files = [saved(tmp_path / f"{name}.onnx", w=weights) for name in names]
    assert count_parameters(files) == 24


def test_a_file_that_is_rewritten_is_counted_again(tmp_path, weights):
    file = saved(tmp_path / "model.onnx", w=weights)
    assert count_parameters([file]) == 12
    saved(file, w=np.zeros(2, np.float32))
    stamp = file.stat()
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000))
    assert count_parameters([file]) == 2


def test_something_else_than_onnx_has_none(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"<html>404</html>")
    assert count_parameters([file]) == 0
