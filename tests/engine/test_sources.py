import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from layerscope.core.errors import BadInputError
from layerscope.engine.array_files import array_names, read_array
from layerscope.engine.sources import Sources, random_values
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.inputs import (
    CameraFrame,
    ConstantTensor,
    PictureArray,
    PictureFile,
    PreviousOutput,
    RandomTensor,
    TensorArray,
    TensorFile,
)
from layerscope.protocol.values import InputSlot, TensorInfo


@pytest.fixture
def arena():
    made = ArrayArena(size=4 << 20)
    yield made
    made.close()


@pytest.fixture
def sources(arena):
    made = Sources(arena)
    yield made
    made.close()


def slot(dtype="float32", shape=(1, 3)):
    return InputSlot(
        name="x", kind="tensor", tensor=TensorInfo(name="x", dtype=dtype, shape=shape)
    )


def test_a_picture_file_is_decoded_once_until_it_changes(tmp_path, sources):
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4), (1, 2, 3)).save(path)
    source = PictureFile(path=str(path))
    first = sources.picture(source)
    assert sources.picture(PictureFile(path=str(path))) is first
    Image.new("RGB", (5, 4), (9, 8, 7)).save(path)
    assert sources.picture(source).shape == (4, 5, 3)
    path.unlink()
    with pytest.raises(BadInputError, match=r"picture\.png"):
        sources.picture(source)


def test_notes_are_told_once(tmp_path, sources):
    path = tmp_path / "grey.png"
    Image.new("L", (4, 4), 7).save(path)
    sources.picture(PictureFile(path=str(path)))
    assert len(sources.take_notes()) == 1
    sources.picture(PictureFile(path=str(path)))
    assert sources.take_notes() == []


def test_a_drawn_picture_outlives_its_place_in_the_store(arena, sources):
    drawn = np.full((128, 128, 4), (255, 0, 0, 255), dtype=np.uint8)
    source = PictureArray(array=arena.put(drawn))
    first = sources.picture(source)
    for _ in range(200):
        arena.put(np.zeros((200, 200), dtype=np.uint8))
    assert sources.picture(source) is first
    assert first[0, 0].tolist() == [255, 0, 0]


def test_pictures_of_a_wrong_shape_are_refused(arena, sources):
    for bad in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(BadInputError, match="height x width"):
            sources.picture(PictureArray(array=arena.put(bad)))
    with pytest.raises(BadInputError, match="choose a picture"):
        sources.picture(RandomTensor())


def test_random_values_repeat_and_stay_in_bounds(sources):
    ids = slot("int64", (1, 50))
    first = sources.tensor(RandomTensor(seed=3), ids, (1, 50), 7)
    again = sources.tensor(RandomTensor(seed=3), ids, (1, 50), 7)
    other = sources.tensor(RandomTensor(seed=4), ids, (1, 50), 7)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() >= 0
    assert first.max() < 7


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "bool"]
)
def test_made_values_have_the_type_of_the_slot(sources, dtype):
    for source in (RandomTensor(), ConstantTensor(value=1.0)):
        array = sources.tensor(source, slot(dtype), (2, 3))
        assert array.dtype == np.dtype(dtype)
        assert array.shape == (2, 3)


def test_strings_can_be_made(sources):
    array = sources.tensor(ConstantTensor(value=2), slot("string"), (2,))
    assert array.dtype == object
    assert array.tolist() == ["2", "2"]
    assert random_values(0, (2,), np.dtype(object), 5).shape == (2,)


def test_sizes_beyond_reason_are_refused(sources):
    with pytest.raises(BadInputError, match="choose smaller sizes"):
        sources.tensor(RandomTensor(), slot(), (1 << 20, 1 << 20))


def test_sequences_cannot_be_fed(sources):
    with pytest.raises(BadInputError, match="cannot be fed"):
        sources.tensor(RandomTensor(), slot("sequence(float)"), (1,))


def test_previous_output_is_zeros_first_then_the_value(sources):
    source = PreviousOutput(output="y")
    assert sources.tensor(source, slot(), (1, 3)).tolist() == [[0, 0, 0]]
    before = sources.key(source)
    sources.remember_outputs({"y": np.array([[1, 2, 3]], dtype=np.float32)})
    assert sources.key(source) != before
    assert sources.tensor(source, slot(), (1, 3)).tolist() == [[1, 2, 3]]
    sources.remember_outputs({"y": np.zeros((1, 3), dtype=np.int64)})
    with pytest.raises(BadInputError, match="feed back another output"):
        sources.tensor(source, slot(), (1, 3))
    sources.forget_outputs()
    assert sources.tensor(source, slot(), (1, 3)).tolist() == [[0, 0, 0]]


def test_the_camera_is_given_back_when_no_input_needs_it(sources, monkeypatch):
    closed = []

    class FakeCamera:
        def __init__(self, number):
            self.number = number

        def newest(self):
            return np.zeros((2, 2, 3), np.uint8)

        def close(self):
            closed.append(self.number)

    monkeypatch.setattr("layerscope.engine.sources.Camera", FakeCamera)
    sources.picture(CameraFrame(camera=1))
    sources.release_unused([CameraFrame(camera=1), RandomTensor()])
    assert closed == []
    sources.release_unused([RandomTensor()])
    assert closed == [1]
    sources.picture(CameraFrame(camera=1))
    assert closed == [1]


def test_arrays_come_from_files_and_from_the_window(tmp_path, arena, sources):
    values = np.arange(3, dtype=np.float32)[None]
    np.save(tmp_path / "x.npy", values)
    np.savez(tmp_path / "all.npz", x=values, y=values * 2)
    for source, expected in (
        (TensorFile(path=str(tmp_path / "x.npy")), values),
        (TensorFile(path=str(tmp_path / "all.npz")), values),
        (TensorFile(path=str(tmp_path / "all.npz"), key="y"), values * 2),
        (TensorArray(array=arena.put(values * 3)), values * 3),
    ):
        np.testing.assert_array_equal(sources.tensor(source, slot(), ()), expected)
    assert array_names(tmp_path / "all.npz") == ("x", "y")
    assert array_names(tmp_path / "x.npy") == ()
    with pytest.raises(BadInputError, match="it holds x, y"):
        read_array(tmp_path / "all.npz", "z")


def test_a_forged_header_allocates_nothing(tmp_path):
    path = tmp_path / "forged.npy"
    np.lib.format.write_array_header_1_0(
        stream := io.BytesIO(),
        {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)},
    )
    path.write_bytes(stream.getvalue() + b"\0" * 64)
    with pytest.raises(BadInputError, match="promises"):
        read_array(path)
    np.save(path, np.zeros(100))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(BadInputError, match="damaged"):
        read_array(path)


def test_an_archive_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "bomb.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (3 << 30,)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 1000)
    data = bytearray(path.read_bytes())
    # State 3 GB in the central directory, as a real bomb would.
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = (3 << 30).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(BadInputError, match="unpack"):
        read_array(path, "x")


def test_an_archive_member_with_a_forged_header_is_refused(tmp_path):
    path = tmp_path / "forged.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(BadInputError, match="promises"):
        read_array(path, "x")


def test_pickles_and_other_files_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object))
    with pytest.raises(BadInputError, match="never unpickled"):
        read_array(tmp_path / "objects.npy")
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object))
    with pytest.raises(BadInputError, match="never unpickled"):
        read_array(tmp_path / "objects.npz", "x")
    (tmp_path / "text.npy").write_bytes(b"hello there")
    with pytest.raises(BadInputError, match=r"numpy\.save"):
        read_array(tmp_path / "text.npy")
