"""The array store hands over the right elements or says that they are gone."""

from pathlib import Path

import numpy as np
import pytest

from layerscope.core.errors import BadInputError
from layerscope.protocol import shared_memory
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.values import ArrayRef

SIZE = 4 << 20


@pytest.fixture
def ends():
    writer = ArrayArena(size=SIZE)
    reader = ArrayArena(writer.name, SIZE)
    yield writer, reader
    reader.close()
    writer.close()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_an_array_arrives(ends, dtype):
    writer, reader = ends
    array = (np.arange(100_000) % 1000).reshape(100, 1000).astype(dtype)
    np.testing.assert_array_equal(reader.get(writer.put(array)), array)


def test_small_and_empty_arrays_travel_inline(ends):
    writer, reader = ends
    assert writer.put(np.ones(3)).block == 0
    empty = reader.get(writer.put(np.zeros((2, 0, 4), np.float32)))
    assert empty.shape == (2, 0, 4)


def test_old_arrays_are_gone_and_never_someone_elses(ends):
    writer, reader = ends
    refs = [writer.put(np.full(200_000, n, np.int32)) for n in range(8)]
    for n, ref in enumerate(refs[:3]):
        with pytest.raises(BadInputError, match="newer ones have replaced"):
            reader.get(ref)
        assert n < 3
    assert (reader.get(refs[-1]) == 7).all()


def test_too_large_an_array_is_refused_with_both_sizes(ends):
    writer, _ = ends
    with pytest.raises(BadInputError, match="at most 1 MB"):
        writer.put(np.zeros(SIZE // 2, np.uint8))


def test_a_reference_outside_the_store_is_refused(ends):
    _, reader = ends
    wild = ArrayRef(dtype="float32", shape=(1 << 20,), block=5, offset=SIZE - 64)
    with pytest.raises(BadInputError, match="outside"):
        reader.get(wild)


def test_what_is_borrowed_stays_and_is_gone_around(ends):
    writer, reader = ends
    ref = writer.put(np.full(200_000, 42, np.int32))
    lent = reader.borrow(ref)[10:]  # a view keeps it too
    assert not lent.flags.writeable
    for n in range(40):
        newest = writer.put(np.full(200_000, n, np.int32))
        assert (reader.get(newest) == n).all()
    assert (lent == 42).all()
    assert (reader.borrow(ref) == 42).all()
    del lent
    small = reader.borrow(writer.put(np.zeros(20_000, np.int32)))  # notes the return
    for n in range(8):
        writer.put(np.full(200_000, n, np.int32))
    with pytest.raises(BadInputError, match="newer ones have replaced"):
        reader.borrow(ref)
    del small


def test_loans_of_a_dead_reader_are_forgotten(ends):
    writer, reader = ends
    refs = [writer.put(np.full(200_000, n, np.int32)) for n in range(5)]
    lent = [reader.borrow(ref) for ref in refs]
    with pytest.raises(BadInputError, match="close a model"):
        writer.put(np.zeros(200_000, np.int32))
    writer.forget_loans()
    last = writer.put(np.full(200_000, 9, np.int32))
    assert (reader.get(last) == 9).all()
    del lent


def test_blocks_of_many_sizes_never_mix(ends):
    writer, reader = ends
    random = np.random.default_rng(0)
    kept, lent = [], []
    for n in range(300):
        values = np.full(int(random.integers(10_000, 90_000)), n, np.int32)
        kept.append((n, writer.put(values)))
        if n % 5 == 0:
            lent.append((n, reader.borrow(kept[-1][1])))
            del lent[:-3]
        for number, ref in kept[-12:]:
            try:
                found = reader.get(ref)
            except BadInputError:
                continue
            assert found.shape == ref.shape
            assert (found == number).all()
        assert all((array == number).all() for number, array in lent)
    assert (reader.get(kept[-1][1]) == 299).all()
    lent.clear()


def test_segments_of_dead_makers_are_swept():
    file = Path("/dev/shm/layerscope_999999999_0")
    if not file.parent.is_dir():
        pytest.skip("this system shows its shared memory nowhere")
    file.write_bytes(b"left over")
    assert file.name in shared_memory.sweep()
    assert not file.exists()
