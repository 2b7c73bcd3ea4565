"""Where inputs come from: pictures and tensors by their sources, with a cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine import pictures
from layerscope.engine.array_files import read_array
from layerscope.engine.video import Camera, Video
from layerscope.protocol.arrays import LENT_BYTES, ArrayArena
from layerscope.protocol.inputs import (
    CameraFrame,
    ConstantTensor,
    InputSource,
    PictureArray,
    PictureFile,
    PreviousOutput,
    RandomTensor,
    Source,
    TensorArray,
    TensorFile,
    VideoFrame,
)
from layerscope.protocol.values import InputSlot

PICTURE_SOURCES = (PictureFile, PictureArray, CameraFrame, VideoFrame)
CACHE_BYTES = 384 << 20
_MOST_BYTES = 2 << 30

Pixels = npt.NDArray[np.uint8]
Array = npt.NDArray[np.generic]


class Sources:
    """Opens sources, and remembers what need not be opened again.

    Parameters
    ----------
    arena : ArrayArena
        Holds the arrays that the window sends.

    Attributes
    ----------
    pixel_limit : int
        Pictures with more pixels are refused.
    """

    def __init__(self, arena: ArrayArena, pixel_limit: int = pictures.PIXEL_LIMIT):
        self._arena = arena
        self.pixel_limit = pixel_limit
        self._cache: OrderedDict[Hashable, Array] = OrderedDict()
        self._cached_bytes = 0
        self._from_window: set[Hashable] = set()  # those of the keys in the cache
        self._notes: list[str] = []
        self._camera: tuple[int, Camera] | None = None
        self._video: tuple[Hashable, Video] | None = None
        self._outputs: Mapping[str, Any] = {}
        self._outputs_revision = 0

    def key(self, source: InputSource) -> Hashable | None:
        """What identifies the content of `source`; None if it changes by itself.

        Raises
        ------
        BadInputError
            If its file is not there.
        """
        if isinstance(source, CameraFrame):
            return None
        if isinstance(source, VideoFrame):
            if source.position < 0:
                return None
            return (source, _file_key(source.path))
        if isinstance(source, PictureFile | TensorFile):
            return (source, _file_key(source.path))
        if isinstance(source, PreviousOutput):
            return (source, self._outputs_revision)
        return source

    def picture(self, source: InputSource) -> Pixels:
        """Return the picture of `source`, (h, w, 3) RGB; treat it as read-only.

        Raises
        ------
        BadInputError
            If there is none, or the source is no picture.
        """
        key = self.key(source)
        known = self._cached(key)
        if known is not None:
            return known  # type: ignore[return-value]
        if isinstance(source, PictureFile):
            decoded = pictures.decode(Path(source.path), self.pixel_limit)
            self._notes.extend(decoded.notes)
            pixels = decoded.pixels
        elif isinstance(source, PictureArray):
            pixels = self._drawn(source)
        elif isinstance(source, CameraFrame):
            pixels = self._camera_for(source.camera).newest()
        elif isinstance(source, VideoFrame):
            pixels = self._video_for(source.path).frame(source.position)
        else:
            raise BadInputError(
                "A picture was needed, but the source holds a tensor; choose a "
                "picture, or the task for tensors."
            )
        self._remember(key, pixels)
        return pixels

    def tensor(
        self,
        source: InputSource,
        slot: InputSlot,
        shape: tuple[int, ...],
        n_values: int = 10,
    ) -> Array:
        """Return the tensor of `source` for `slot`.

        Parameters
        ----------
        source : source
            Any but a picture.
        slot : InputSlot
            Its element type is the one wanted; arrays from files and from the
            window come as they are, for the caller to compare.
        shape : tuple of int
            What the slot needs now; values that are made here get it.
        n_values : int
            Random integers lie below this.

        Returns
        -------
        array
            Treat it as read-only.

        Raises
        ------
        BadInputError
            If it cannot be had in this type and shape.
        """
        name = slot.tensor.dtype
        if isinstance(source, RandomTensor | ConstantTensor | PreviousOutput):
            kind = element_type(slot)
            wanted = source.shape if source.shape is not None else shape
            size = int(np.prod(wanted, dtype=np.float64)) * kind.itemsize
            if size > _MOST_BYTES:
                raise BadInputError(
                    f"Input {slot.name} of shape {shape_text(wanted)} would take "
                    f"{size / 1e9:,.1f} GB; choose smaller sizes."
                )
            if isinstance(source, RandomTensor):
                return random_values(source.seed, wanted, kind, n_values)
            if isinstance(source, ConstantTensor):
                return _constant(source.value, wanted, kind)
            return self._previous(source, slot, wanted, kind)
        key = self.key(source)
        values = self._cached(key)
        if values is None:
            if isinstance(source, TensorFile):
                values = read_array(Path(source.path), source.key or slot.name)
            elif isinstance(source, TensorArray):
                values = self._arena.borrow(source.array)
            else:
                raise BadInputError(
                    f"Input {slot.name} ({name} {shape_text(shape)}) takes no picture; "
                    "choose random or constant values or a .npy file."
                )
            self._remember(key, values)
        return values

    def borrowed(self, source: TensorArray) -> Array | None:
        """Return an array of the window where it lies; None where it has to be copied.

        Nothing is remembered of it; it stays where it is while it is in use.

        Raises
        ------
        BadInputError
            If it is gone.
        """
        if source.array.nbytes > LENT_BYTES:
            return None
        return self._arena.borrow(source.array)

    def remember_outputs(self, outputs: Mapping[str, Any]) -> None:
        """Keep the outputs of a run for `PreviousOutput`."""
        self._outputs = dict(outputs)
        self._outputs_revision += 1

    def forget_outputs(self) -> None:
        """Start recurrent state anew."""
        self._outputs = {}
        self._outputs_revision += 1

    def previous(self, name: str) -> Array | None:
        """Return the last value of output `name`, None before the first run."""
        value = self._outputs.get(name)
        return value if isinstance(value, np.ndarray) else None

    def take_notes(self) -> list[str]:
        """Return what is worth telling since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def release_unused(self, used: Iterable[InputSource]) -> None:
        """Let go of what none of `used` needs: camera, video, the window's arrays."""
        if self._camera is None and self._video is None and not self._from_window:
            return
        used = tuple(used)
        kinds = {type(source) for source in used}
        for source in [key for key in self._from_window if key not in used]:
            self._cached_bytes -= self._cache.pop(source).nbytes
            self._from_window.discard(source)
        if self._camera is not None and CameraFrame not in kinds:
            self._camera[1].close()
            self._camera = None
        if self._video is not None and VideoFrame not in kinds:
            self._video[1].close()
            self._video = None

    def close(self) -> None:
        """Give the camera back, close the video, empty the cache."""
        self.release_unused(())
        self._cache.clear()
        self._from_window.clear()
        self._cached_bytes = 0

    def _drawn(self, source: PictureArray) -> Pixels:
        array = self._arena.get(source.array)
        good = array.ndim == 3 and array.shape[2] in (3, 4) and array.size > 0
        if array.dtype != np.uint8 or not good:
            raise BadInputError(
                f"A picture of {array.dtype} {shape_text(array.shape)} was given; "
                "height x width x 3 or 4 bytes are needed."
            )
        if array.shape[0] * array.shape[1] > self.pixel_limit:
            raise BadInputError(
                "The picture given has too many pixels; scale it down first."
            )
        return pictures.flatten(array.view(np.uint8))

    def _camera_for(self, number: int) -> Camera:
        if self._camera is None or self._camera[0] != number:
            if self._camera is not None:
                self._camera[1].close()
                self._camera = None
            self._camera = (number, Camera(number))
        return self._camera[1]

    def _video_for(self, path: str) -> Video:
        key = _file_key(path)
        if self._video is None or self._video[0] != key:
            if self._video is not None:
                self._video[1].close()
                self._video = None
            self._video = (key, Video(Path(path)))
        return self._video[1]

    def _previous(
        self,
        source: PreviousOutput,
        slot: InputSlot,
        shape: tuple[int, ...],
        kind: np.dtype[Any],
    ) -> Array:
        value = self.previous(source.output)
        if value is None:
            return np.zeros(shape, dtype=kind)
        if value.dtype != kind or value.ndim != len(shape):
            raise BadInputError(
                f"Output {source.output} is {value.dtype} {shape_text(value.shape)}, "
                f"but input {slot.name} takes {slot.tensor.dtype} "
                f"{shape_text(shape)}; feed back another output."
            )
        return np.ascontiguousarray(value)

    def _cached(self, key: Hashable | None) -> Array | None:
        if key is None or key not in self._cache:
            return None
        self._cache.move_to_end(key)
        return self._cache[key]

    def _remember(self, key: Hashable | None, array: Array) -> None:
        if key is None or array.nbytes > CACHE_BYTES // 2:
            return
        self._cache[key] = array
        self._cached_bytes += array.nbytes
        if isinstance(key, TensorArray | PictureArray):
            self._from_window.add(key)
        while self._cached_bytes > CACHE_BYTES:
            gone, oldest = self._cache.popitem(last=False)
            self._from_window.discard(gone)
            self._cached_bytes -= oldest.nbytes


def is_picture(source: Source | None) -> bool:
    """Tell whether a source gives a picture rather than a tensor."""
    return isinstance(source, PICTURE_SOURCES)


def element_type(slot: InputSlot) -> np.dtype[Any]:
    """Type of a slot's elements in numpy; object for strings.

    Raises
    ------
    BadInputError
        If numpy has no such type.
    """
    name = slot.tensor.dtype
    if name == "string":
        return np.dtype(object)
    try:
        return np.dtype(name)
    except TypeError as error:
        raise BadInputError(
            f"Input {slot.name} takes {name}, which cannot be fed yet; only plain "
            "tensors can."
        ) from error


def random_values(
    seed: int, shape: tuple[int, ...], kind: np.dtype[Any], n_values: int
) -> Array:
    """Repeatable values: normal for floats, below `n_values` for integers."""
    random = np.random.default_rng(abs(seed))
    if kind.kind == "f":
        values = random.standard_normal(shape, dtype=np.float32)
        return np.asarray(values, dtype=kind)
    if kind.kind == "c":
        pairs = random.standard_normal((2, *shape), dtype=np.float32)
        return np.asarray(pairs[0] + 1j * pairs[1], dtype=kind)
    if kind.kind == "b":
        return np.asarray(random.integers(0, 2, shape), dtype=kind)
    if kind.kind in "iu":
        most = min(int(np.iinfo(kind).max) + 1, max(1, n_values))
        return np.asarray(random.integers(0, most, shape), dtype=kind)
    return _constant(float(random.integers(0, 10)), shape, kind)


def shape_text(shape: tuple[object, ...]) -> str:
    """Write a shape for people: ``1 x 3 x 224 x 224``."""
    return " x ".join("?" if side is None else str(side) for side in shape) or "scalar"


def _constant(value: float, shape: tuple[int, ...], kind: np.dtype[Any]) -> Array:
    if kind.kind == "O":
        return np.full(shape, f"{value:g}", dtype=object)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        value = min(max(round(value), int(limits.min)), int(limits.max))
    return np.full(shape, value, dtype=kind)


def _file_key(path: str) -> Hashable:
    status = pictures.check_file(Path(path), _MOST_BYTES * 1024)
    return (path, status.st_mtime_ns, status.st_size)
