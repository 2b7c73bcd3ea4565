"""The array store: big arrays by reference, in both directions.

Two shared-memory arenas made by the window, one written by each side. A writer
takes the next free stretch and, at the end, starts over: the oldest blocks go
first. Every block begins with its number, so a reader of an overwritten block is
told and never gets another array's elements. A reader may also borrow a block, in
place of a copy; the writer then goes around it until it is returned.
"""

from __future__ import annotations

import functools
import random
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from typing import Any

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
# Larger arrays are copied for a reader, so that what is lent never fills the store.
LENT_BYTES = SHORT_LIVED_BYTES // 4
_ALIGN = 64
_LOANS = 1  # the word of a block in which the reader counts what it has borrowed
_REPLACED = "An array was asked for that newer ones have replaced; ask again."


@functools.cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return numpy's name of an element type; numpy itself makes it anew each time."""
    return dtype.name


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
        self._words = self._bytes[: size // 8 * 8].view(np.int64)
        self._address = int(self._bytes.ctypes.data)
        self._size = size
        self._room = SHORT_LIVED_BYTES if short_lived else size
        self._next = 0
        self._begins: list[int] = []  # of the blocks that there are, ascending,
        self._ends: list[int] = []  # and of the same where they end
        self._returned: deque[int] = deque()
        self._random = random.Random()
        self._lock = threading.Lock()
        self._order = threading.Lock()

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
            offset = self._place(needed, room if needed <= room // 4 else self._size)
            self._next = offset + needed
            block = self._random.getrandbits(62) | 1  # never met among elements
            start = offset + _ALIGN
            target = self._bytes[start : start + array.nbytes].view(array.dtype)
            target.reshape(array.shape)[...] = array
            self._words[offset // 8] = block
        return ArrayRef(
            dtype=dtype_name(array.dtype),
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
        start = self._start(ref)
        if int(self._words[ref.offset // 8]) == ref.block:
            copy = self._bytes[start : start + ref.nbytes].copy()
            if int(self._words[ref.offset // 8]) == ref.block:
                return copy.view(ref.dtype).reshape(ref.shape)
        raise BadInputError(_REPLACED)

    def borrow(self, ref: ArrayRef) -> npt.NDArray[np.generic]:
        """Return the array that `ref` names, where possible in its place; read-only.

        Its place is not written to while the array, or a view of it, is referred to,
        and until the next call of this method.

        Raises
        ------
        BadInputError
            As `get`.
        """
        if not ref.block or ref.nbytes > LENT_BYTES:
            return self.get(ref)
        start = self._start(ref)
        words, word = self._words, ref.offset // 8
        with self._lock:
            while self._returned:
                words[self._returned.popleft() // 8 + _LOANS] -= 1
            if int(words[word]) != ref.block:
                raise BadInputError(_REPLACED)
            words[word + _LOANS] += 1
        loan = _Loan(words, self._address + start, ref, self._returned)
        # Taking a lock keeps the processor to the order: first count, then look.
        with self._order:
            if int(words[word]) != ref.block:
                raise BadInputError(_REPLACED)
        return np.asarray(loan).view(ref.dtype).reshape(ref.shape)

    def forget_loans(self) -> None:
        """Take back what a reader that has died had borrowed (writer)."""
        with self._lock:
            for begin in self._begins:
                self._words[begin // 8 + _LOANS] = 0

    def close(self) -> None:
        """Let go of the memory; its maker also removes it."""
        del self._bytes, self._words
        if self._owner:
            shared_memory.destroy(self._memory)
        else:
            self._memory.close()

    def _start(self, ref: ArrayRef) -> int:
        start = ref.offset + _ALIGN
        if ref.offset < 0 or start + ref.nbytes > self._size or ref.offset % _ALIGN:
            raise BadInputError("An array outside the array store was named.")
        return start

    def _place(self, needed: int, room: int) -> int:
        """Find the next stretch without borrowed blocks, and take it.

        Raises
        ------
        BadInputError
            If too much is borrowed.
        """
        for begin, end in ((self._next, room), (0, room), (0, self._size)):
            offset = begin
            while offset + needed <= end:
                past = self._clear(offset, offset + needed)
                if past < 0:
                    return offset
                offset = past
        raise BadInputError(
            f"{needed / 1e6:.1f} MB were to be handed over, but what the engine still "
            "uses leaves no room for it; close a model and try again."
        )

    def _clear(self, begin: int, end: int) -> int:
        """Make one block of a stretch; what lay there is gone.

        Returns
        -------
        int
            -1, or the end of a block there that is borrowed; then nothing changes.
        """
        first = bisect_right(self._ends, begin)
        last = bisect_left(self._begins, end)
        covered = self._begins[first:last]
        past = self._lent(first, last)
        if past >= 0:
            return past
        words = self._words
        stamps = [words[old // 8] for old in covered]
        for old in covered:
            words[old // 8] = 0
        past = self._lent(first, last)
        if past >= 0:  # at this very moment
            for old, stamp in zip(covered, stamps, strict=True):
                words[old // 8] = stamp
            return past
        if begin not in covered:
            words[begin // 8 + _LOANS] = 0  # until now an element of an array
        self._begins[first:last] = [begin]
        self._ends[first:last] = [end]
        return -1

    def _lent(self, first: int, last: int) -> int:
        """Return where the last borrowed one of some blocks ends, -1 if none is.

        A reader counts its loan and then reads the stamp; the writer clears the stamp
        and then reads the loans. A lock keeps the processor to that order.
        """
        past = -1
        with self._order:
            for number in range(first, last):
                if self._words[self._begins[number] // 8 + _LOANS]:
                    past = self._ends[number]
        return past


class _Loan:
    """Stands for a borrowed block; tells when nobody refers to it any more.

    Parameters
    ----------
    words : (n,) int64 array
        The whole arena; held, so that it is not closed too early.
    address : int
        Of the first element.
    ref : ArrayRef
    returned : deque of int
        Takes the block's offset at the end. That is all that is done then, for the
        garbage collector may bring the end about at any place.
    """

    def __init__(
        self,
        words: npt.NDArray[np.int64],
        address: int,
        ref: ArrayRef,
        returned: deque[int],
    ) -> None:
        self._words = words
        self._offset = ref.offset
        self._returned = returned
        self.__array_interface__ = {
            "data": (address, True),
            "shape": (ref.nbytes,),
            "typestr": "|u1",
            "version": 3,
        }

    def __del__(self) -> None:
        self._returned.append(self._offset)
