"""Reading ``.npy`` and ``.npz`` files that may be forged.

Headers are read and compared with the file's size before anything is allocated;
an archive's sizes are summed before it is unpacked; pickles are refused.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from layerscope.core.errors import BadInputError
from layerscope.engine.pictures import check_file, shown_name

ARRAY_LIMIT = 2 << 30
_HEADER_LIMIT = 10_000


def read_array(path: Path, key: str = "") -> npt.NDArray[Any]:
    """Read a ``.npy`` file, or one array of an ``.npz`` file.

    Parameters
    ----------
    path : Path
        The file.
    key : str
        Name in the archive; where it has no such name but a single array, that
        one is taken.

    Raises
    ------
    BadInputError
        If the file is damaged, forged, too large or holds Python objects.
    """
    status = check_file(path, ARRAY_LIMIT + (1 << 20))
    name = shown_name(path)
    try:
        if zipfile.is_zipfile(path):
            return _read_archive(path, name, key)
        with path.open("rb") as file:
            _check_header(file, status.st_size, name)
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except BadInputError:
        raise
    except Exception as error:
        raise BadInputError(
            f"{name} is no .npy or .npz file that can be read; write it with "
            "numpy.save or numpy.savez."
        ) from error
    return array


def array_names(path: Path) -> tuple[str, ...]:
    """Return the names in an ``.npz`` file; empty for a ``.npy`` file.

    Raises
    ------
    BadInputError
        If the archive is damaged.
    """
    check_file(path, ARRAY_LIMIT + (1 << 20))
    if not zipfile.is_zipfile(path):
        return ()
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(_entries(archive))
    except (OSError, zipfile.BadZipFile) as error:
        raise BadInputError(
            f"{shown_name(path)} is a damaged .npz file; write it again."
        ) from error


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {
        entry.filename.removesuffix(".npy"): entry
        for entry in archive.infolist()
        if entry.filename.endswith(".npy")
    }


def _read_archive(path: Path, name: str, key: str) -> npt.NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        entries = _entries(archive)
        entry = entries.get(key)
        if entry is None and len(entries) == 1:
            entry = next(iter(entries.values()))
        if entry is None:
            there = ", ".join(list(entries)[:8]) or "no arrays"
            raise BadInputError(
                f"{name} was to give {key!r}, but it holds {there}; name the arrays "
                "after the inputs."
            )
        total = sum(item.file_size for item in archive.infolist())
        if total > ARRAY_LIMIT:
            raise BadInputError(
                f"{name} would unpack to {total / 1e9:,.1f} GB; at most "
                f"{ARRAY_LIMIT / 1e9:.1f} GB are unpacked."
            )
        with archive.open(entry) as member:
            _check_header(member, entry.file_size, name)
        with archive.open(entry) as member:
            array: npt.NDArray[Any] = npy.read_array(member, allow_pickle=False)
    return array


def _check_header(file: IO[bytes], size: int, name: str) -> None:
    """Read the header and compare what it promises with the file's size."""
    major, _ = npy.read_magic(file)
    read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, _, kind = read(file, max_header_size=_HEADER_LIMIT)
    if kind.hasobject:
        raise BadInputError(
            f"{name} holds Python objects, which are never unpickled; save plain "
            "numbers or text instead."
        )
    count = 1
    for side in shape:
        count *= side
    promised = file.tell() + count * kind.itemsize
    if promised != size:
        raise BadInputError(
            f"{name} promises {promised:,} bytes but has {size:,}; it is damaged, so "
            "write it again."
        )
