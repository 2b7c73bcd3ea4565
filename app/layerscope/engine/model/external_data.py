"""Weights that lie in files beside the graph: where they may be, how they are read.

A model is data from strangers. The path it states may name any file of this
machine, so a weight file has to lie in the model's own folder, be a plain file
and be reached without links. The one exception is the cache of the Hugging Face
Hub, where every file of a snapshot is a link into the ``blobs`` folder beside it.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import onnx

from layerscope.core.errors import BadInputError
from layerscope.engine.model.wording import shown, size

MEMORY_MARKER = "_ORT_MEM_ADDR_"


@dataclass(frozen=True)
class ExternalPart:
    """One tensor's bytes in a weight file.

    Attributes
    ----------
    path : Path
        As reached from the model's folder.
    offset : int
    length : int
        In bytes; to the end of the file where the model states none.
    """

    path: Path
    offset: int
    length: int


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the elements of `tensor` lie in another file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def cached_blob(link: Path) -> Path | None:
    """Return what a link inside a Hugging Face cache stands for.

    Parameters
    ----------
    link : Path
        A link at ``<repository>/snapshots/<revision>/…``.

    Returns
    -------
    Path or None
        The file directly in ``<repository>/blobs``; None where the link is not in
        such a tree or leads elsewhere.
    """
    absolute = Path(os.path.abspath(link))
    for parent in absolute.parents:
        if parent.name == "snapshots":
            blobs = parent.parent / "blobs"
            if blobs.is_symlink() or not blobs.is_dir():
                return None
            try:
                target = absolute.resolve(strict=True)
            except (OSError, RuntimeError):
                return None
            return target if target.parent == blobs.resolve() else None
    return None


def check_location(folder: Path, location: str) -> Path:
    """Return the file that a stated location names, if it may be read.

    Parameters
    ----------
    folder : Path
        Of the model file.
    location : str
        As the model states it.

    Returns
    -------
    Path
        Below `folder`; it exists and is a plain file.

    Raises
    ------
    BadInputError
        It leaves the folder, is a link or a hard link, is missing, or is not a
        plain file.
    """
    said = f'"{shown(location)}"'
    if MEMORY_MARKER in location:
        raise BadInputError(
            "The model names an address in this program's memory as the place of its "
            "weights, which no honest file does; it is not opened."
        )
    if not location or "\x00" in location:
        raise BadInputError(
            f"The model names no usable file for its weights ({said}); get the model "
            "again together with its data file."
        )
    windows = PureWindowsPath(location)
    if (
        windows.drive
        or windows.root
        or location.startswith("~")
        or ".." in windows.parts
        or ".." in Path(location).parts
        or re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://", location)
    ):
        raise BadInputError(
            f"The model wants to read its weights from {said}, outside its own folder, "
            "which is refused; put the data file beside the model and state its name."
        )
    at = folder
    parts = Path(location).parts
    for i, part in enumerate(parts):
        at = at / part
        try:
            status = at.lstat()
        except (OSError, ValueError):
            raise BadInputError(
                f"The weights of this model are missing: it needs the file {said} "
                "beside it; download that file too."
            ) from None
        last = i == len(parts) - 1
        if stat.S_ISLNK(status.st_mode):
            blob = cached_blob(at) if last else None
            if blob is None:
                raise BadInputError(
                    f"The weight file {said} is reached through a link, which is "
                    "refused because it may lead out of the model's folder; put the "
                    "file itself there."
                )
            status = blob.stat()
        if last and not stat.S_ISREG(status.st_mode):
            raise BadInputError(
                f"The model names {said} as its weight file, but that is not a plain "
                "file; get the model again together with its data file."
            )
        if last and status.st_nlink > 1:
            raise BadInputError(
                f"The weight file {said} is a hard link to a file that may lie outside "
                "the model's folder, which is refused; put a copy in its place."
            )
    return at


class ExternalFiles:
    """The weight files of one model, each checked once.

    Parameters
    ----------
    folder : Path
        Of the model file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked: dict[str, tuple[Path, int]] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files found so far, in the order they were asked for."""
        return tuple(path for path, _ in self._checked.values())

    @property
    def total_bytes(self) -> int:
        """Size of these files together."""
        return sum(n for _, n in self._checked.values())

    def part(self, tensor: onnx.TensorProto) -> ExternalPart:
        """Return where the elements of an external `tensor` lie.

        Raises
        ------
        BadInputError
            The file may not be read, is missing or too short, or the stated
            offset and length are no numbers.
        """
        stated = {entry.key: entry.value for entry in tensor.external_data}
        location = stated.get("location", "")
        if location not in self._checked:
            path = check_location(self._folder, location)
            self._checked[location] = (path, path.stat().st_size)
        path, n_bytes = self._checked[location]
        offset = _count(stated.get("offset", "0"), tensor.name)
        rest = max(n_bytes - offset, 0)
        length = _count(stated["length"], tensor.name) if "length" in stated else rest
        if offset > n_bytes or length > rest:
            raise BadInputError(
                f'The weight file "{shown(location)}" holds {size(n_bytes)}, but '
                f'"{shown(tensor.name)}" should lie at bytes {offset:,} to '
                f"{offset + length:,} of it; the download is incomplete, repeat it."
            )
        return ExternalPart(path, offset, length)


def _count(text: str, tensor: str) -> int:
    # int() would accept signs, blanks, underscores and any script's digits.
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise BadInputError(
            f'The model states "{shown(text, 24)}" as a place in the weight file of '
            f'"{shown(tensor)}", which is no number of bytes; export the model again.'
        )
    return int(text)
