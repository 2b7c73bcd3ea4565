"""The frame ring: newest wins, nothing torn, nothing grows."""

import threading

import numpy as np
import pytest

from layerscope.protocol.frames import SLOT_BYTES, FrameRing, LayerSummary
from layerscope.protocol.values import Statistics


@pytest.fixture
def ends():
    window = FrameRing()
    engine = FrameRing(window.name)
    yield window, engine
    engine.close()
    window.close()


def test_the_window_gets_the_newest_frame_once(ends):
    window, engine = ends
    for value in range(5):
        engine.publish(value, 1, {"thumb:a": np.full((4, 6), value, np.uint8)})
    frame = window.newest()
    assert (frame.pictures["thumb:a"] == 4).all()
    assert frame.job == 4
    assert window.newest() is None


def test_numbers_travel_with_the_pictures(ends):
    window, engine = ends
    layer = LayerSummary(
        tensor="a",
        dtype="float32",
        shape=(1, 2, 3),
        role="maps",
        statistics=Statistics(mean=1.5, flags=("dead",)),
    )
    engine.publish(1, 1, {"wall:a": np.zeros((2, 3, 3), np.uint8)}, (layer,))
    assert window.newest().layers == {"a": layer}


def test_a_frame_outlives_the_ring(ends):
    window, engine = ends
    engine.publish(1, 1, {"x": np.full((8, 8), 9, np.uint8)})
    frame = window.newest()
    engine.publish(2, 1, {"x": np.zeros((8, 8), np.uint8)})
    engine.publish(3, 1, {"x": np.zeros((8, 8), np.uint8)})
    assert (frame.pictures["x"] == 9).all()


def test_what_does_not_fit_leaves_the_old_frame(ends):
    window, engine = ends
    engine.publish(1, 1, {"x": np.ones((2, 2), np.uint8)})
    assert not engine.publish(2, 1, {"x": np.zeros(SLOT_BYTES, np.uint8)})
    assert window.newest().job == 1


def test_no_frame_is_ever_torn(ends):
    window, engine = ends
    stop = threading.Event()

    def write():
        value = 0
        while not stop.is_set():
            value = (value + 1) % 251
            picture = np.full((200, 200), value, np.uint8)
            engine.publish(value, 1, {"a": picture, "b": picture})

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    try:
        while seen < 300:
            frame = window.newest()
            if frame is None:
                continue
            seen += 1
            assert (frame.pictures["a"] == frame.job).all()
            assert (frame.pictures["b"] == frame.job).all()
    finally:
        stop.set()
        writer.join()
