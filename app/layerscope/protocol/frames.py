"""The frame ring: live pictures from the engine, the newest wins.

One shared-memory segment, made by the window, holds a small header and three
slots. The engine writes a whole `Frame` into the slot that is neither published
nor held and publishes it; the window holds the published one while it copies.
Nothing queues, so nothing grows.
"""

from __future__ import annotations

import math
import time

import msgspec
import numpy as np
import numpy.typing as npt

from layerscope.protocol import shared_memory
from layerscope.protocol.values import Statistics

N_SLOTS = 3
SLOT_BYTES = 24 << 20
_HEADER_BYTES = 64
_PUBLISHED, _HELD, _SEQUENCE, _HEARTBEAT = 0, 8, 16, 40


class FramePart(msgspec.Struct, frozen=True, kw_only=True):
    """Place of one uint8 picture in a frame.

    Keys: ``input:<slot>`` (h, w, 3) the picture as prepared; ``thumb:<tensor>``
    (h, w) one channel; ``wall:<tensor>`` (n, h, w) all channels shown;
    ``unit:<tensor>`` (h, w) one channel in full; ``answer:<key>``.
    """

    key: str
    shape: tuple[int, ...]
    offset: int


class LayerSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one watched tensor, as of this frame.

    Attributes
    ----------
    role : str
        ``"maps"`` (channels of pictures), ``"vector"``, ``"sequence"`` (time by
        feature) or ``"matrix"``: how the pictures are meant.
    channels : tuple of int
        For the focus: the channel of each tile of the wall.
    channel_low, channel_high : tuple of float
        Value range of each tile, for the legend and pixel values.
    unit_statistics : Statistics, optional
        Of the chosen channel.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...]
    role: str
    statistics: Statistics
    channels: tuple[int, ...] = ()
    channel_low: tuple[float, ...] = ()
    channel_high: tuple[float, ...] = ()
    unit: int = -1
    unit_statistics: Statistics | None = None


class FrameHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame holds."""

    job: int
    model: int
    parts: tuple[FramePart, ...]
    layers: tuple[LayerSummary, ...] = ()


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(FrameHeader)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame as the window sees it: own copies, safe to keep."""

    sequence: int
    job: int
    model: int
    pictures: dict[str, npt.NDArray[np.uint8]]
    layers: dict[str, LayerSummary]


class FrameRing:
    """Both ends of the ring.

    Parameters
    ----------
    name : str, optional
        Attach to the ring of that name (the engine); None makes one (the window).
    """

    def __init__(self, name: str | None = None) -> None:
        self._owner = name is None
        size = _HEADER_BYTES + N_SLOTS * SLOT_BYTES
        self._memory = (
            shared_memory.create(size) if name is None else shared_memory.attach(name)
        )
        self._bytes = shared_memory.view(self._memory)
        self._words = self._bytes[:_HEADER_BYTES].view(np.int64)
        if self._owner:
            self._words[:] = 0
            self._words[_PUBLISHED // 8] = -1
            self._words[_HELD // 8] = -1
        self._sequence = int(self._words[_SEQUENCE // 8])
        self._seen = self._sequence

    @property
    def name(self) -> str:
        """What the engine attaches by."""
        return self._memory.name

    def beat(self) -> None:
        """Leave a sign of life (engine)."""
        self._words[_HEARTBEAT // 8] = time.monotonic_ns()

    def silence_s(self) -> float:
        """Seconds since the last sign of life; 0 before the first (window)."""
        last = int(self._words[_HEARTBEAT // 8])
        return (time.monotonic_ns() - last) / 1e9 if last else 0.0

    def clear_heartbeat(self) -> None:
        """Forget signs of life of an engine that has gone (window)."""
        self._words[_HEARTBEAT // 8] = 0

    def publish(
        self,
        job: int,
        model: int,
        pictures: dict[str, npt.NDArray[np.uint8]],
        layers: tuple[LayerSummary, ...] = (),
    ) -> bool:
        """Write a frame and make it the newest (engine).

        Parameters
        ----------
        job, model : int
            What the frame belongs to.
        pictures : dict
            uint8 arrays by key, see `FramePart`.
        layers : tuple of LayerSummary
            Numbers that go with the pictures.

        Returns
        -------
        bool
            False where it does not fit a slot; then the old frame stays.
        """
        parts = []
        offset = 0
        for key, picture in pictures.items():
            parts.append(FramePart(key=key, shape=picture.shape, offset=offset))
            offset += picture.nbytes
        header = _encoder.encode(
            FrameHeader(job=job, model=model, parts=tuple(parts), layers=layers)
        )
        if 16 + len(header) + offset > SLOT_BYTES:
            return False
        busy = {int(self._words[0]), int(self._words[_HELD // 8])}
        slot = next(n for n in range(N_SLOTS) if n not in busy)
        start = _HEADER_BYTES + slot * SLOT_BYTES
        self._sequence += 1
        self._prefix(start)[:] = self._sequence, len(header)
        body = start + 16
        self._bytes[body : body + len(header)] = np.frombuffer(header, dtype=np.uint8)
        body += len(header)
        for part, picture in zip(parts, pictures.values(), strict=True):
            target = self._bytes[body + part.offset :][: picture.nbytes]
            target.reshape(picture.shape)[...] = picture
        self._words[_SEQUENCE // 8] = self._sequence
        self._words[0] = slot
        return True

    def newest(self) -> Frame | None:
        """Return the newest frame if it was not yet returned, else None (window)."""
        if int(self._words[_SEQUENCE // 8]) == self._seen:
            return None
        while True:  # the engine may publish between reading and holding
            slot = int(self._words[0])
            if slot < 0:
                return None
            self._words[_HELD // 8] = slot
            if int(self._words[0]) == slot:
                break
        try:
            start = _HEADER_BYTES + slot * SLOT_BYTES
            sequence, length = (int(word) for word in self._prefix(start))
            if sequence == self._seen or not 0 < length <= SLOT_BYTES:
                return None
            body = start + 16
            header = _decoder.decode(self._bytes[body : body + length].data)
            body += length
            pictures = {
                part.key: self._bytes[body + part.offset :][: math.prod(part.shape)]
                .reshape(part.shape)
                .copy()
                for part in header.parts
            }
            self._seen = sequence
            return Frame(
                sequence=sequence,
                job=header.job,
                model=header.model,
                pictures=pictures,
                layers={layer.tensor: layer for layer in header.layers},
            )
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError):
            return None
        finally:
            self._words[_HELD // 8] = -1

    def _prefix(self, start: int) -> npt.NDArray[np.int64]:
        """Sequence and header length at the start of a slot."""
        return self._bytes[start : start + 16].view(np.int64)

    def close(self) -> None:
        """Let go of the memory; its maker also removes it."""
        del self._words, self._bytes
        if self._owner:
            shared_memory.destroy(self._memory)
        else:
            self._memory.close()
