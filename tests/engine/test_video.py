import cv2
import numpy as np
import pytest

from layerscope.core.errors import BadInputError
from layerscope.engine.sources import Sources
from layerscope.engine.video import Camera, Video
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.inputs import CameraFrame, VideoFrame

SHADES = (20, 90, 160, 230)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48), True
    )
    for shade in SHADES:
        frame = np.zeros((48, 64, 3), dtype=np.uint8)
        frame[..., 2] = shade  # red, as OpenCV orders it
        writer.write(frame)
    writer.release()
    return path


@pytest.fixture
def sources():
    arena = ArrayArena(size=1 << 20)
    made = Sources(arena)
    yield made
    made.close()
    arena.close()


def reds(video, count):
    return [int(video.frame()[24, 32, 0]) for _ in range(count)]


def test_frames_come_in_order_and_start_over(clip):
    video = Video(clip)
    shown = reds(video, 6)
    video.close()
    np.testing.assert_allclose(shown, [*SHADES, *SHADES[:2]], atol=8)


def test_a_frame_by_its_number(clip):
    video = Video(clip)
    assert video.n_frames == 4
    third = video.frame(2)
    assert third.shape == (48, 64, 3)
    assert abs(int(third[24, 32, 0]) - SHADES[2]) < 8
    assert third[24, 32, 2] < 12
    assert abs(int(video.frame()[24, 32, 0]) - SHADES[3]) < 8
    with pytest.raises(BadInputError, match="Frame 99"):
        video.frame(99)
    video.close()


def test_a_numbered_frame_is_cached_and_a_running_one_is_not(clip, sources):
    fixed = VideoFrame(path=str(clip), position=1)
    assert sources.picture(fixed) is sources.picture(fixed)
    running = VideoFrame(path=str(clip))
    assert sources.key(running) is None
    first, second = sources.picture(running), sources.picture(running)
    assert first[24, 32, 0] != second[24, 32, 0]


def test_other_files_are_no_videos(tmp_path):
    for name, content in (
        ("text.avi", b"not a video at all" * 50),
        ("list.m3u8", b"#EXTM3U\nhttp://localhost/secret.ts\n"),
        ("empty.mp4", b""),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=name):
            Video(path)


def test_a_missing_camera_is_said_plainly(sources):
    with pytest.raises(BadInputError, match="Camera 77"):
        Camera(77)
    with pytest.raises(BadInputError, match="connect one"):
        sources.picture(CameraFrame(camera=-1))
