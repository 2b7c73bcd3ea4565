"""Pictures from cameras and video files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.pictures import PIXEL_LIMIT, check_file, shown_name

VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
_VIDEO_BYTES = 1 << 40

Pixels = npt.NDArray[np.uint8]


class Camera:
    """One camera, kept open while it is used.

    Raises
    ------
    BadInputError
        If there is no such camera or another program holds it.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        _quieten()
        self._capture = cv2.VideoCapture(number) if number >= 0 else None
        if self._capture is None or not self._capture.isOpened():
            self.close()
            raise BadInputError(
                f"Camera {number} was asked for, but there is none or another "
                "program uses it; connect one, or choose a picture or a video."
            )
        # Older pictures must not queue up while the model is busy.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def newest(self) -> Pixels:
        """Return the newest picture, (h, w, 3) RGB.

        Raises
        ------
        BadInputError
            If the camera gives none, since it was pulled out for example.
        """
        good, frame = (False, None)
        if self._capture is not None:
            good, frame = self._capture.read()
        if not good or frame is None:
            raise BadInputError(
                f"Camera {self._number} gives no picture any more; connect it again."
            )
        return to_rgb(frame)

    def close(self) -> None:
        """Give the camera back."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class Video:
    """One video file, kept open while it is stepped through.

    Attributes
    ----------
    position : int
        Number of the frame returned last, -1 before the first.
    n_frames : int
        As the file says; 0 where it does not.

    Raises
    ------
    BadInputError
        If the file is no video that can be read.
    """

    def __init__(self, path: Path) -> None:
        check_file(path, _VIDEO_BYTES)
        self._name = shown_name(path)
        with path.open("rb") as file:
            start = file.read(16)
        # Playlists name other files and addresses; only the file itself is read.
        if start.startswith((b"#EXTM3U", b"ffconcat")):
            raise BadInputError(
                f"{self._name} is a list of videos; choose one video file."
            )
        _quieten()
        self._capture = _open_file(path)
        self.position = -1
        self.n_frames = max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if not 0 < width * height <= PIXEL_LIMIT:
            self.close()
            raise BadInputError(
                f"{self._name} has frames of {width:.0f} x {height:.0f} pixels; at "
                f"most {PIXEL_LIMIT / 1e6:.0f} megapixels are decoded."
            )

    def frame(self, position: int = -1) -> Pixels:
        """Return one frame, (h, w, 3) RGB.

        Parameters
        ----------
        position : int
            Number of the frame, or -1 for the next one, starting over at the end.

        Raises
        ------
        BadInputError
            If there is no such frame.
        """
        if position >= 0 and position != self.position + 1:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, position)
            self.position = position - 1
        good, frame = self._capture.read()
        if not good and position < 0 and self.position >= 0:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self.position = -1
            good, frame = self._capture.read()
        if not good or frame is None:
            wanted = position if position >= 0 else self.position + 1
            raise BadInputError(
                f"Frame {wanted} of {self._name} was asked for, but the video has "
                f"{self.n_frames} frames, or it is damaged there."
            )
        self.position += 1
        return to_rgb(frame)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def to_rgb(frame: npt.NDArray[np.generic]) -> Pixels:
    """Turn what OpenCV gives, BGR or grey, into (h, w, 3) RGB."""
    pixels = np.asarray(frame, dtype=np.uint8)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., 2::-1])


def _open_file(path: Path) -> cv2.VideoCapture:
    # Named back ends: others would take a name with "%" for a series of pictures.
    for backend in (cv2.CAP_FFMPEG, cv2.CAP_OPENCV_MJPEG):
        try:
            capture = cv2.VideoCapture(str(path), backend)
        except cv2.error:
            continue
        if capture.isOpened():
            return capture
        capture.release()
    raise BadInputError(
        f"{shown_name(path)} is no video that can be read; AVI, MP4, MOV, MKV and "
        "WebM can."
    )


def _quieten() -> None:
    # What OpenCV prints on its own says nothing that the error text does not.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
