"""Reading the names in, and writing, ``.npz`` archives and the JSON beside them."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from layerscope.cli.text import plain
from layerscope.core.errors import BadInputError


def array_names(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in an ``.npz`` file, without reading them.

    Raises
    ------
    BadInputError
        If there is no such file or it is no ``.npz`` file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) and error.strerror else error
        )
        raise BadInputError(
            f"'{path}' cannot be read as an .npz file ({reason}); write one with "
            "numpy.savez, one array for each input name."
        ) from error


class ArrayWriter:
    """Writes arrays by name into an ``.npz`` file, one at a time.

    `numpy.savez` is not used: it takes the names as keyword arguments, and a
    tensor may be called ``file``; and it wants all arrays at once.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, array: npt.NDArray[np.generic]) -> None:
        """Add `array`; object arrays are refused, nothing is ever pickled."""
        with self._archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array(file, array, allow_pickle=False)


@contextlib.contextmanager
def npz_writer(path: Path) -> Iterator[ArrayWriter]:
    """Open `path` for arrays; the file appears when all is written, or not at all.

    Raises
    ------
    BadInputError
        If it cannot be written.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        yield ArrayWriter(archive)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write `values` as JSON; raise `BadInputError` if that cannot be done."""
    with replacing(path) as file:
        text = json.dumps(plain(values), indent=1, ensure_ascii=False)
        file.write(text.encode())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that takes the place of `path` once it is complete."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:64]}."
        )
        with os.fdopen(descriptor, "w+b") as file:
            yield file
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = ""
    except OSError as error:
        raise BadInputError(
            f"'{path}' cannot be written ({error.strerror or error}); "
            "choose another place."
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    """Return the rights that new files are made without."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
