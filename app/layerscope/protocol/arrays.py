"""The array store: big arrays by reference, in both directions.

Two shared-memory arenas made by the window, one written by each side. A writer
takes the next free stretch and, at the end, starts over: the oldest blocks go
first. Every block begins with its number, so a reader of an overwritten block is
told and never gets another array's elements.
"""

from __future__ import annotations

import secrets
import threading

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.protocol import shared_memory
from layerscope.protocol.values import ArrayRef

DEFAULT_BYTES = 256 << 20
INLINE_BYTES = 32 << 10
# Arrays that are of use for one run only start over so soon: memory that was written
# before is quicker than fresh pages.
SHORT_LIVED_BYTES = 16 << 20
_ALIGN = 64


class ArrayArena:
    """One direction of the store.

    Parameters
    ----------
    name : str, optional
        Attach to the arena of that name; None makes one of `size` bytes.
    size : int
        In bytes.
    short_lived : bool
        Start over after `SHORT_LIVED_BYTES`, unless an array needs more.
    """

    def __init__(
        self,
        name: str | None = None,
        size: int = DEFAULT_BYTES,
        *,
        short_lived: bool = False,
    ) -> None:
        self._owner = name is None
        self._memory = (
            shared_memory.create(size) if name is None else shared_memory.attach(name)
        )
        self._bytes = shared_memory.view(self._memory)
        self._size = size
        self._room = SHORT_LIVED_BYTES if short_lived else size
        self._next = 0
        self._live: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """What the other side attaches by."""
        return self._memory.name

    @property
    def largest(self) -> int:
        """Bytes of the largest array that fits, a quarter of the arena."""
        return self._size // 4

    def put(self, array: npt.NDArray[np.generic]) -> ArrayRef:
        """Store `array` and return what to send; small ones travel inline.

        Raises
        ------
        BadInputError
            If it is larger than `largest`.
        """
        if array.nbytes <= INLINE_BYTES:
            return ArrayRef.inline(array)
        if array.nbytes > self.largest:
            raise BadInputError(
                f"An array of {array.nbytes / 1e6:.0f} MB was to be handed over; at "
                f"most {self.largest / 1e6:.0f} MB go at once, so take a part of it."
            )
        with self._lock:
            needed = _ALIGN + -(-array.nbytes // _ALIGN) * _ALIGN
            room = min(self._size, self._room)
            if self._next + needed > (room if needed <= room // 4 else self._size):
                self._next = 0
            offset = self._next
            self._next += needed
            self._retire(offset, needed)
            block = secrets.randbits(62) | 1  # never met by chance among elements
            start = offset + _ALIGN
            target = self._bytes[start : start + array.nbytes].view(array.dtype)
            target.reshape(array.shape)[...] = array
            self._stamp(offset)[0] = block
            return ArrayRef(
                dtype=array.dtype.name,
                shape=array.shape,
                block=block,
                offset=offset,
            )

    def get(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """Return a copy of the array that `ref` names.

        Raises
        ------
        BadInputError
            If newer arrays have taken its place, or the reference is none.
        """
        if not ref.block:
            return ref.inline_array()
        start = ref.offset + _ALIGN
        if ref.offset < 0 or start + ref.nbytes > self._size or ref.offset % _ALIGN:
            raise BadInputError("An array outside the array store was named.")
        if int(self._stamp(ref.offset)[0]) == ref.block:
            copy = self._bytes[start : start + ref.nbytes].copy()
            if int(self._stamp(ref.offset)[0]) == ref.block:
                return copy.view(ref.dtype).reshape(ref.shape)
        raise BadInputError(
            "An array was asked for that newer ones have replaced; ask again."
        )

    def close(self) -> None:
        """Let go of the memory; its maker also removes it."""
        del self._bytes
        if self._owner:
            shared_memory.destroy(self._memory)
        else:
            self._memory.close()

    def _stamp(self, offset: int) -> npt.NDArray[np.int64]:
        return self._bytes[offset : offset + 8].view(np.int64)

    def _retire(self, offset: int, needed: int) -> None:
        """Unstamp the blocks that a new one of `needed` bytes will cover."""
        end = offset + needed
        kept = []
        for old, size in self._live:
            if old < end and offset < old + size:
                self._stamp(old)[0] = 0
            else:
                kept.append((old, size))
        self._live = [*kept, (offset, needed)]
