"""How much memory sessions may take."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable

import psutil

from layerscope.core.errors import OutOfMemoryError
from layerscope.engine.model.reading import OnnxModel
from layerscope.engine.model.wording import size

# Models with more bytes of weights than this are not held twice.
LARGE_BYTES = 256 << 20
RESERVE_BYTES = 256 << 20


def is_large(model: OnnxModel) -> bool:
    """Whether a second copy of the weights would weigh on the machine."""
    return model.weight_bytes > LARGE_BYTES


def can_share(model: OnnxModel) -> bool:
    """Whether sessions can use the weights where they are mapped from files."""
    return bool(model.external_files) and not any(
        path.is_symlink() for path in model.external_files
    )


def check_room(n_bytes: int, what: str) -> None:
    """Refuse what would not fit before the machine starts to swap.

    Parameters
    ----------
    n_bytes : int
        What it will take.
    what : str
        The thing that needs them, as the subject of the sentence.

    Raises
    ------
    OutOfMemoryError
    """
    free = psutil.virtual_memory().available
    if n_bytes + RESERVE_BYTES > free:
        raise OutOfMemoryError(
            f"{what} needs {size(n_bytes)} of memory and {size(free)} are free; close "
            "other programs or take a smaller model."
        )


def give_back() -> None:
    """Return freed memory to the system, where the C library can do that.

    glibc keeps what large activations took for later ones. A model that is not held
    twice for want of memory should not have that kept either.
    """
    trim = _trimmer()
    if trim is not None:
        trim(0)


@functools.cache
def _trimmer() -> Callable[[int], object] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], object] | None = getattr(
        ctypes.CDLL(None), "malloc_trim", None
    )
    return trim
