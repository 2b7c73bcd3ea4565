"""Tests of reading and writing ``.npz`` files."""

import json

import numpy as np
import pytest

from layerscope.cli import archives
from layerscope.core.errors import BadInputError


def test_what_is_written_can_be_loaded_by_numpy(tmp_path):
    path = tmp_path / "a.npz"
    written = {
        "file": np.arange(3),  # numpy.savez cannot take this name
        "/layer1/conv": np.ones((2, 0, 3), np.float16),
        "scalar": np.array(2.5),
        "ä:0": np.array(["x", "yz"]),
    }

    with archives.npz_writer(path) as archive:
        for name, array in written.items():
            archive.write(name, array)

    with np.load(path) as loaded:
        assert sorted(loaded.files) == sorted(written)
        for name, array in written.items():
            assert loaded[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded[name], array)


def test_names_are_read_without_the_arrays(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(2), state=np.ones(1))

    assert archives.array_names(path) == ("x", "state")


@pytest.mark.parametrize("content", [None, b"", b"not a zip file"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match=r"cannot be read as an \.npz file"):
        archives.array_names(path)


def test_an_archive_that_fails_half_way_leaves_the_old_one_and_no_other(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")

    with (
        pytest.raises(ValueError, match="allow_pickle"),
        archives.npz_writer(path) as archive,
    ):
        archive.write("x", np.array([object()]))

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInputError, match="cannot be written"):
        archives.write_json(tmp_path / "none" / "a.json", {})


def test_json_keeps_lists_of_maps(tmp_path):
    path = tmp_path / "a.json"
    maps = {"probability": [{"0": 0.25, "1": 0.75}]}

    archives.write_json(path, maps)

    assert json.loads(path.read_text()) == maps
