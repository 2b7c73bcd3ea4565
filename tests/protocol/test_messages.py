"""Messages survive the way through bytes, and nothing else passes."""

import msgspec
import numpy as np
import pytest

from layerscope.protocol import messages
from layerscope.protocol.inputs import PictureFile, RandomTensor
from layerscope.protocol.values import ArrayRef


def test_a_run_comes_back_as_it_was_sent():
    run = messages.Run(
        job=7,
        model=2,
        inputs={"x": PictureFile(path="a.png"), "h": RandomTensor(seed=3)},
        settings={"size": "32 32", "iou": 0.5, "flip": True},
        watch=messages.Watch(everything=True, focus="conv", unit=3),
    )
    assert messages.decode_command(messages.encode(run)) == run


def test_an_event_keeps_its_array():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    event = messages.TensorFetched(
        job=1,
        model=1,
        tensor="t",
        dtype="float32",
        shape=(3, 4),
        start=0,
        array=ArrayRef.inline(array),
    )
    back = messages.decode_event(messages.encode(event))
    np.testing.assert_array_equal(back.array.inline_array(), array)


def test_a_message_that_is_too_long_is_refused_before_it_is_sent():
    long = messages.Noted(job=1, text="x" * messages.MAX_MESSAGE_BYTES)
    with pytest.raises(messages.MessageError, match="at most 1,048,576 fit"):
        messages.encode(long)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xc1", b"\x80", b"cos\nsystem\n(S'true'\ntR.", msgspec.msgpack.encode(5)],
    ids=["empty", "invalid", "untagged", "pickle", "number"],
)
def test_garbage_is_no_event(data):
    with pytest.raises(messages.MessageError, match="unreadable"):
        messages.decode_event(data)


def test_a_command_is_no_event():
    with pytest.raises(messages.MessageError):
        messages.decode_event(messages.encode(messages.Cancel(job=1)))


def test_messages_sent_together_come_back_in_their_order():
    events = [messages.Progress(job=n, text="x") for n in range(3)]
    pieces = messages.encode_together(events)
    assert len(pieces) == 1
    assert messages.decode_events(pieces[0]) == events
    alone = messages.encode_together(events[:1])
    assert messages.decode_events(alone[0]) == events[:1]


@pytest.mark.parametrize(
    ("n", "length"), [(2, messages.MAX_MESSAGE_BYTES // 2), (40, 10)]
)
def test_what_fits_no_piece_goes_in_several(n, length):
    events = [messages.Noted(job=1, text="x" * length) for _ in range(n)]
    pieces = messages.encode_together(events)
    assert all(len(piece) <= messages.MAX_MESSAGE_BYTES for piece in pieces)
    assert [e for piece in pieces for e in messages.decode_events(piece)] == events


@pytest.mark.parametrize("data", [b"", b"\x92\x01", b"\x91\x05", b"\x80"])
def test_garbage_is_no_list_of_events(data):
    with pytest.raises(messages.MessageError, match="unreadable"):
        messages.decode_events(data)
