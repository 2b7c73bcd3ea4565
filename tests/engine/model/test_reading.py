"""Tests of reading model files, and of telling them from what is none."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.model_building import BOOL, FLOAT, INT64, build

from layerscope.core.errors import BadInputError
from layerscope.core.wire import nesting
from layerscope.engine.model.file_kinds import MAX_FILE_BYTES
from layerscope.engine.model.reading import initializer_array, read_model


def identity(**weights):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    return build(nodes, [("x", FLOAT, [1])], [("y", FLOAT, [1])], weights)


def nested_ifs(depth):
    """Return `depth` bodies in one another, each the branch of an If."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y0"])],
        "innermost",
        [],
        [helper.make_tensor_value_info("y0", FLOAT, [1])],
    )
    for level in range(1, depth + 1):
        node = onnx.NodeProto(op_type="If", input=["on"], output=[f"y{level}"])
        for branch in ("then_branch", "else_branch"):
            attribute = node.attribute.add(name=branch, type=onnx.AttributeProto.GRAPH)
            if branch == "then_branch":
                attribute.g.CopyFrom(graph)
            else:
                attribute.g.name = "empty"
        graph = onnx.GraphProto(name=f"level {level}", node=[node])
        graph.output.add(name=f"y{level}")
    graph.input.extend(
        [
            helper.make_tensor_value_info("x", FLOAT, [1]),
            helper.make_tensor_value_info("on", BOOL, []),
        ]
    )
    return onnx.ModelProto(
        ir_version=8, graph=graph, opset_import=[helper.make_opsetid("", 17)]
    )


def field(number, content):
    """Return one protobuf field that holds bytes."""
    length, size = len(content), b""
    while length > 127:
        size += bytes([length & 127 | 128])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


def nested_bytes(depth):
    """Return a model nested more deeply than protobuf itself would write it."""
    graph = field(2, b"innermost")
    for _ in range(depth):
        graph = field(1, field(4, b"If") + field(5, field(6, graph)))
    return b"\x08\x08" + field(7, graph)


@pytest.fixture
def save(tmp_path):
    def save(content, name="model.onnx"):
        path = tmp_path / name
        if isinstance(content, onnx.ModelProto):
            content = content.SerializeToString()
        path.write_bytes(content)
        return path

    return save


def test_weights_in_initializers_and_constant_nodes_are_counted(save):
    held = helper.make_tensor("v", FLOAT, [5], np.ones(5, np.float32))
    shape = helper.make_tensor("s", INT64, [2], [1, 5])
    nodes = [
        helper.make_node("Constant", [], ["c"], value=held),
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("Reshape", ["c", "shape"], ["r"]),
        helper.make_node("Add", ["r", "w"], ["y"]),
    ]
    weights = {"w": np.zeros((3, 5), np.float32)}
    path = save(build(nodes, [], [("y", FLOAT, [3, 5])], weights))

    model = read_model(path)

    assert model.n_parameters == 5 + 15  # the shape is no parameter
    assert model.weight_bytes == 4 * 20 + 8 * 2
    assert model.file_bytes == path.stat().st_size
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(initializer_array(model, "c"), np.ones(5))
    np.testing.assert_array_equal(initializer_array(model, "w"), np.zeros((3, 5)))
    with pytest.raises(KeyError):
        initializer_array(model, "y")


def test_weights_of_a_body_are_counted_and_found_by_its_graph(save):
    model = nested_ifs(1)
    branch = model.graph.node[0].attribute[1].g
    branch.initializer.append(helper.make_tensor("w", FLOAT, [2], [3.0, 4.0]))
    model.graph.initializer.append(helper.make_tensor("w", FLOAT, [1], [9.0]))

    read = read_model(save(model))

    assert read.n_parameters == 3
    np.testing.assert_array_equal(initializer_array(read, "w"), [9.0])
    np.testing.assert_array_equal(initializer_array(read, "w", graph=2), [3.0, 4.0])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(6, dtype=np.float16), onnx.TensorProto.FLOAT16),
        (np.arange(6, dtype=np.int64), INT64),
        (np.array([True, False]), BOOL),
        (np.arange(4, dtype=np.float32), onnx.TensorProto.BFLOAT16),
        (np.array([-8, 7, 1]), onnx.TensorProto.INT4),
        (np.array([b"cat", b"dog"], dtype=object), onnx.TensorProto.STRING),
    ],
)
def test_every_element_type_comes_back(save, values, kind):
    model = identity()
    model.graph.initializer.append(
        helper.make_tensor("w", kind, values.shape, list(values))
    )

    array = initializer_array(read_model(save(model)), "w")

    assert array.shape == values.shape
    if kind == onnx.TensorProto.STRING:
        assert [str(v).strip("b'") for v in array] == ["cat", "dog"]
    else:
        np.testing.assert_array_equal(array.astype(np.float64), values)


def test_weight_without_its_bytes_is_not_counted_and_not_read(save):
    model = identity()
    model.graph.initializer.append(
        onnx.TensorProto(
            name="w", data_type=FLOAT, dims=[1 << 33, 1 << 33], raw_data=b""
        )
    )

    read = read_model(save(model))

    assert read.weight_bytes < 100
    with pytest.raises(BadInputError, match=r"needs .* but the file holds"):
        initializer_array(read, "w")


def test_negative_size_is_refused_when_the_weight_is_read(save):
    model = identity()
    model.graph.initializer.append(
        onnx.TensorProto(name="w", data_type=FLOAT, dims=[-2], raw_data=bytes(8))
    )

    with pytest.raises(BadInputError, match="negative size"):
        initializer_array(read_model(save(model)), "w")


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.onnx"))
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (bytes(range(255, 100, -1)), "not an ONNX model"),
        (b"this is not a valid onnx model", "not an ONNX model"),
        (b"\n <!DOCTYPE html><html><body>Not Found", "a web page"),
        (b"\xef\xbb\xbf<html>", "a web page"),
        (b"<?xml version='1.0'?><Error/>", "an XML document"),
        (b'{"error": "not found"}', "a JSON document"),
        (LFS, "Git LFS pointer"),
        (zipped(model_onnx=b"x"), "zip archive"),
        (zipped(archive__data_pkl=b"x"), "pickle"),
        (gzip.compress(b"x"), "gzip archive"),
        (tarred(), "tar archive"),
        (pickle.dumps({"state": 1}, protocol=2), "pickle"),
        (pickle.dumps({"state": 1}, protocol=5), "pickle"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"w":{}}', "safetensors"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x18\0\0\0ORTM", r"\.ort format"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture"),
    ],
)
def test_other_files_are_refused_by_what_they_are(save, content, sentence):
    path = save(content)

    with pytest.raises(BadInputError, match=sentence) as refused:
        read_model(path)

    assert "model.onnx" in str(refused.value)
    assert str(refused.value).endswith(".")


def test_pickle_is_never_unpickled(save, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "opened"),))

    path = save(pickle.dumps(Bomb()))

    with pytest.raises(BadInputError):
        read_model(path)
    assert not (tmp_path / "opened").exists()


def test_half_a_file_is_an_incomplete_download(save):
    whole = identity(w=np.zeros(1000, np.float32)).SerializeToString()

    with pytest.raises(BadInputError, match="incomplete, fetch it again"):
        read_model(save(whole[: len(whole) // 2]))


def test_file_rewritten_as_text_is_called_damaged(save):
    random = np.random.default_rng(0).standard_normal(500).astype(np.float32)
    whole = identity(w=random).SerializeToString()

    with pytest.raises(BadInputError, match="treated it as text"):
        read_model(save(whole.decode(errors="replace").encode()))


def test_message_without_a_graph_is_refused(save):
    with pytest.raises(BadInputError, match="no graph"):
        read_model(save(onnx.ModelProto(ir_version=8)))


def test_empty_graph_is_read(save):
    model = onnx.ModelProto(ir_version=8, graph=onnx.GraphProto(name="empty"))

    assert not read_model(save(model)).proto.graph.node


def test_31_nested_bodies_are_read_and_more_are_refused_by_their_depth(save):
    assert nesting(save(nested_ifs(31)).read_bytes()) == 31
    assert read_model(save(nested_ifs(31))).proto.graph.node[0].op_type == "If"

    with pytest.raises(BadInputError, match="nests control flow 200 levels deep"):
        read_model(save(nested_bytes(200)))


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="no such file"):
        read_model(tmp_path / "gone.onnx")


def test_folder_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="is a folder"):
        read_model(tmp_path)


def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    path = tmp_path / "pipe.onnx"
    os.mkfifo(path)

    with pytest.raises(BadInputError, match="pipe or device"):
        read_model(path)


def test_file_over_two_gibibytes_is_refused_unread(tmp_path):
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x08")
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(BadInputError, match="external data"):
        read_model(path)


def test_link_that_leaves_the_folder_is_refused_and_others_are_followed(save, tmp_path):
    real = save(identity(), "real.onnx")
    (tmp_path / "inside.onnx").symlink_to("real.onnx")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "outside.onnx").symlink_to(real)

    assert read_model(tmp_path / "inside.onnx").proto.graph.node
    with pytest.raises(BadInputError, match="open that file itself"):
        read_model(elsewhere / "outside.onnx")


@pytest.mark.corpus
def test_every_published_model_is_read(corpus):
    files = sorted((corpus / "onnx").glob("*/*.onnx"))

    models = {path: read_model(path) for path in files}

    assert len(models) >= 27
    for path, model in models.items():
        assert model.proto.graph.node, path
        assert model.weight_bytes <= model.file_bytes + 64, path


@pytest.mark.corpus
def test_every_hostile_file_is_drawn_or_refused_in_one_sentence(corpus):
    drawn, refused = [], {}
    for path in sorted((corpus / "onnx-hostile").glob("*.onnx")):
        try:
            drawn.append(read_model(path, to_draw=True).path)
        except BadInputError as error:
            refused[path.name] = str(error)

    assert len(drawn) + len(refused) >= 31
    assert len(refused) == 3  # what is no protobuf message at all
    assert all(name in sentence for name, sentence in refused.items())
