"""Tests of weights in other files: which may be read, and how."""

import os

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.model_building import FLOAT, build
from tests.raw_onnxruntime import raw_session

from layerscope.core.errors import BadInputError
from layerscope.engine.model.external_data import cached_blob
from layerscope.engine.model.reading import initializer_array, read_model

VALUES = np.arange(6, dtype=np.float32)


def external(location, **stated):
    """Return a tensor of six float32 in another file."""
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[6])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **stated}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def adding(tensor):
    """Return a model that adds `tensor` to its input."""
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    weights = {"w": VALUES}
    model = build(nodes, [("x", FLOAT, [6])], [("y", FLOAT, [6])], weights)
    model.graph.initializer[0].CopyFrom(tensor)
    return model


@pytest.fixture
def folder(tmp_path):
    """A model's folder with good data in it, and a secret beside it."""
    (tmp_path / "secret").write_bytes(VALUES.tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.bin").write_bytes(b"head" + VALUES.tobytes())
    return folder


def write(folder, model):
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_external_weights_are_counted_and_mapped(folder):
    path = write(folder, adding(external("w.bin", offset=4, length=24)))

    model = read_model(path)
    array = initializer_array(model, "w")

    assert model.external_files == (folder / "w.bin",)
    assert model.file_bytes == path.stat().st_size + 28
    assert model.weight_bytes == 24
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, VALUES)


def test_weights_in_a_folder_below_are_read(folder):
    (folder / "parts").mkdir()
    (folder / "w.bin").rename(folder / "parts" / "w.bin")

    model = read_model(write(folder, adding(external("parts/w.bin", offset=4))))

    np.testing.assert_array_equal(initializer_array(model, "w"), VALUES)


@pytest.mark.parametrize(
    "location",
    [
        "../secret",
        "a/../../secret",
        "./../secret",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "\\\\server\\share\\w",
        "C:\\w.bin",
        "C:w.bin",
        "..\\secret",
        "~/w.bin",
        "file:///etc/passwd",
    ],
)
def test_paths_that_leave_the_folder_are_refused(folder, location):
    path = write(folder, adding(external(location)))

    with pytest.raises(BadInputError, match="outside its own folder"):
        read_model(path)


@pytest.mark.parametrize("place", ["", "prefix/"])
def test_memory_addresses_are_refused(folder, place):
    path = write(folder, adding(external(f"{place}*/_ORT_MEM_ADDR_/*", offset=4096)))

    with pytest.raises(BadInputError, match="this program's memory"):
        read_model(path)


def test_missing_file_is_named(folder):
    path = write(folder, adding(external("weights.data")))

    with pytest.raises(BadInputError, match=r'needs the file "weights\.data"'):
        read_model(path)


def test_tensor_without_a_location_is_refused(folder):
    tensor = external("w.bin")
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value="")

    with pytest.raises(BadInputError, match="names no usable file"):
        read_model(write(folder, adding(tensor)))


def test_link_is_refused(folder):
    (folder / "link.bin").symlink_to(folder.parent / "secret")

    with pytest.raises(BadInputError, match="through a link"):
        read_model(write(folder, adding(external("link.bin"))))


def test_link_in_a_parent_folder_is_refused(folder):
    (folder / "parts").symlink_to(folder.parent)

    with pytest.raises(BadInputError, match="through a link"):
        read_model(write(folder, adding(external("parts/secret"))))


def test_hard_link_is_refused(folder):
    os.link(folder.parent / "secret", folder / "hard.bin")

    with pytest.raises(BadInputError, match="hard link"):
        read_model(write(folder, adding(external("hard.bin"))))


def test_pipe_is_refused_without_waiting(folder):
    os.mkfifo(folder / "pipe.bin")

    with pytest.raises(BadInputError, match="not a plain file"):
        read_model(write(folder, adding(external("pipe.bin"))))


@pytest.mark.parametrize(
    ("stated", "sentence"),
    [
        ({"offset": -4}, "no number of bytes"),
        ({"length": "-1"}, "no number of bytes"),
        ({"offset": "four"}, "no number of bytes"),
        ({"offset": "1e3"}, "no number of bytes"),
        ({"offset": 4, "length": 100}, "download is incomplete"),
        ({"offset": 1000}, "download is incomplete"),
    ],
)
def test_impossible_places_in_the_file_are_refused(folder, stated, sentence):
    with pytest.raises(BadInputError, match=sentence):
        read_model(write(folder, adding(external("w.bin", **stated))))


def test_file_too_short_for_the_shape_is_refused_when_read(folder):
    (folder / "w.bin").write_bytes(bytes(8))
    model = read_model(write(folder, adding(external("w.bin"))))

    with pytest.raises(BadInputError, match="needs 24 bytes, but the file holds 8"):
        initializer_array(model, "w")


def in_constant(model, tensor):
    node = model.graph.node.add(op_type="Constant", output=["c"])
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR, t=tensor)


def in_sparse_initializer(model, tensor):
    model.graph.sparse_initializer.add(values=tensor, dims=[6])


def in_sparse_indices(model, tensor):
    model.graph.sparse_initializer.add(indices=tensor, dims=[6])


def in_function_default(model, tensor):
    function = model.functions.add(name="F", domain="local")
    function.attribute_proto.add(name="a", type=onnx.AttributeProto.TENSOR, t=tensor)


def in_function_body(model, tensor):
    node = model.functions.add(name="F", domain="local").node.add(op_type="Constant")
    node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR, t=tensor)


def in_nested_body(model, tensor):
    node = model.graph.node.add(op_type="Custom", domain="any", output=["z"])
    node.attribute.add(name="g", type=onnx.AttributeProto.GRAPH).g.initializer.append(
        tensor
    )


def in_training(model, tensor):
    model.training_info.add().algorithm.initializer.append(tensor)


@pytest.mark.parametrize(
    "hide",
    [
        in_constant,
        in_sparse_initializer,
        in_sparse_indices,
        in_function_default,
        in_function_body,
        in_nested_body,
        in_training,
    ],
)
def test_tricks_are_found_wherever_a_tensor_may_be(folder, hide):
    model = adding(external("w.bin", offset=4))
    hide(model, external("../secret"))

    with pytest.raises(BadInputError, match="outside its own folder"):
        read_model(write(folder, model))


def test_model_is_drawn_but_never_run_when_its_weights_may_not_be_read(folder):
    path = write(folder, adding(external("../secret")))

    model = read_model(path, to_draw=True)

    assert model.proto.graph.node[0].op_type == "Add"
    assert "outside its own folder" in model.obstacle
    assert model.obstacle_tensor == "w"
    with pytest.raises(BadInputError):
        initializer_array(model, "w")


@pytest.fixture
def cache(tmp_path):
    """A repository as the Hub's cache lays it out: every file a link."""
    repository = tmp_path / "models--org--net"
    snapshot = repository / "snapshots" / "0123abc"
    (repository / "blobs").mkdir(parents=True)
    (snapshot / "onnx").mkdir(parents=True)
    graph = adding(external("w.bin", offset=0, length=24)).SerializeToString()
    (repository / "blobs" / "aa").write_bytes(graph)
    (repository / "blobs" / "bb").write_bytes(VALUES.tobytes())
    (snapshot / "onnx" / "model.onnx").symlink_to("../../../blobs/aa")
    (snapshot / "onnx" / "w.bin").symlink_to("../../../blobs/bb")
    return snapshot


def test_links_inside_a_hub_cache_are_followed_and_run(cache):
    path = cache / "onnx" / "model.onnx"

    model = read_model(path)
    session = raw_session(path)
    (out,) = session.run(None, {"x": np.ones(6, np.float32)})

    np.testing.assert_array_equal(initializer_array(model, "w"), VALUES)
    np.testing.assert_array_equal(out, VALUES + 1)


def test_link_from_a_snapshot_to_elsewhere_is_refused(cache, tmp_path):
    (tmp_path / "secret").write_bytes(VALUES.tobytes())
    data = cache / "onnx" / "w.bin"
    data.unlink()
    data.symlink_to(tmp_path / "secret")

    with pytest.raises(BadInputError, match="through a link"):
        read_model(cache / "onnx" / "model.onnx")


def test_blobs_folder_that_is_a_link_itself_is_no_cache(cache, tmp_path):
    blobs = cache.parents[1] / "blobs"
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")

    assert cached_blob(cache / "onnx" / "w.bin") is None
    with pytest.raises(BadInputError, match="open that file itself"):
        read_model(cache / "onnx" / "model.onnx")
