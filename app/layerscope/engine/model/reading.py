"""Reading a model file: what is in it, never what it points to.

The graph is parsed; weights in other files are checked and counted, but mapped
only when someone looks at them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from layerscope.core.errors import BadInputError
from layerscope.engine.model import file_kinds
from layerscope.engine.model.external_data import (
    ExternalFiles,
    cached_blob,
    is_external,
)
from layerscope.engine.model.graph_walk import walk
from layerscope.engine.model.weight_arrays import (
    all_graphs,
    as_array,
    every_tensor,
    is_parameter,
    n_elements,
    named_weights,
    stated_bytes,
)
from layerscope.engine.model.wording import shown, size

MAX_COUNT = (1 << 63) - 1
MAX_SEARCHED = 8 << 20


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """A parsed model file.

    Attributes
    ----------
    path : Path
        The file, as onnxruntime is to be given it.
    proto : ModelProto
        Its message; external data is not loaded into it.
    sha256 : str
        Of the file, 64 hexadecimal digits.
    external_files : tuple of Path
        The weight files it uses.
    weight_bytes : int
        Of all weights, those in Constant nodes and in other files included.
    file_bytes : int
        Of the file and the weight files.
    n_parameters : int
        Elements of all weights that are not operands of Reshape and the like.
    obstacle : str
        Why it can be drawn but never be given to onnxruntime, one sentence;
        mostly empty.
    obstacle_tensor : str
        The weight concerned.
    """

    path: Path
    proto: onnx.ModelProto
    sha256: str
    external_files: tuple[Path, ...]
    weight_bytes: int
    file_bytes: int
    n_parameters: int = 0
    obstacle: str = ""
    obstacle_tensor: str = ""
    files: ExternalFiles = field(default_factory=lambda: ExternalFiles(Path()))

    @cached_property
    def weights(self) -> dict[str, onnx.TensorProto]:
        """Initializers and Constant tensors by name; the main graph's win."""
        found: dict[str, onnx.TensorProto] = {}
        for graph in all_graphs(self.proto):
            for name, tensor in named_weights(graph):
                found.setdefault(name, tensor)
        return found


def read_model(path: Path, *, to_draw: bool = False) -> OnnxModel:
    """Read and check a model file.

    Parameters
    ----------
    path : Path
        As the user named it.
    to_draw : bool
        Let a model through whose weight files are missing or may not be read:
        its graph can be drawn, and `OnnxModel.obstacle` says why it cannot run.

    Returns
    -------
    OnnxModel

    Raises
    ------
    BadInputError
        The file is missing, no plain file, something else than ONNX, cut,
        damaged or too large, or its weight files are missing or may not be read.
    """
    data = _file_bytes(path)
    with ThreadPoolExecutor(1) as hashing:  # beside the parsing, which takes as long
        digest = hashing.submit(lambda: hashlib.sha256(data).hexdigest())
        proto = _parsed(path, data)
        files = ExternalFiles(path.parent)
        obstacle, obstacle_tensor = "", ""
        # Without this word no tensor can name a file, which spares small models a
        # walk over every attribute; searching a large one takes longer than to walk.
        if len(data) > MAX_SEARCHED or b"location" in data:
            obstacle, obstacle_tensor = _check_external(proto, files, to_draw)
        weight_bytes = n_parameters = 0
        for graph in all_graphs(proto):
            for _, tensor in named_weights(graph):
                weight_bytes += _stored_bytes(tensor)
                if is_parameter(tensor):
                    n_parameters += n_elements(tensor)
        sha256 = digest.result()
    return OnnxModel(
        path=path,
        proto=proto,
        sha256=sha256,
        external_files=files.paths,
        weight_bytes=min(weight_bytes, MAX_COUNT),
        file_bytes=len(data) + files.total_bytes,
        n_parameters=min(n_parameters, MAX_COUNT),
        obstacle=obstacle,
        obstacle_tensor=obstacle_tensor,
        files=files,
    )


def _check_external(
    proto: onnx.ModelProto, files: ExternalFiles, to_draw: bool
) -> tuple[str, str]:
    """Check every weight file; return what is wrong and with which weight."""
    for tensor in every_tensor(proto):
        if is_external(tensor):
            try:
                files.part(tensor)
            except BadInputError as error:
                if not to_draw:
                    raise
                return str(error), tensor.name
    return "", ""


def initializer_array(
    model: OnnxModel, name: str, graph: int = 0
) -> npt.NDArray[np.generic]:
    """Return the elements of one weight, read-only; external ones are mapped.

    Parameters
    ----------
    model : OnnxModel
        As read.
    name : str
        Of an initializer, or of the output of a Constant node.
    graph : int
        Index of the graph to look in first, as `GraphInfo` numbers them.

    Raises
    ------
    KeyError
        No weight has this name.
    BadInputError
        Its stored bytes do not fit its stated sizes, or may not be read.
    """
    if graph:
        source = walk(model.proto)[0][graph]
        body = source.graph or onnx.GraphProto(node=source.nodes)  # of a function
        for found, tensor in named_weights(body):
            if found == name:
                return as_array(tensor, model.files)
    return as_array(model.weights[name], model.files)


def check_plain_file(path: Path) -> int:
    """Return the size of the plain file at `path`, in bytes.

    Raises
    ------
    BadInputError
        There is none, it may not be read, it is a folder, pipe or device, or it is
        a link that leaves its folder.
    """
    name = shown(path.name or str(path))
    try:
        if path.is_symlink() and cached_blob(path) is None:
            target = path.resolve(strict=True)
            if not target.is_relative_to(path.parent.resolve()):
                raise BadInputError(
                    f"{name} is a link to {shown(str(target), 200)}, outside its own "
                    "folder, and such links are not followed; open that file itself."
                )
        status = path.stat()
    except PermissionError:
        raise BadInputError(
            f"{name} may not be read; change its permissions or open a copy."
        ) from None
    except (OSError, ValueError, RuntimeError):
        raise BadInputError(
            f"{name} was to be opened, but there is no such file; choose another one."
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise BadInputError(f"{name} is a folder; choose the .onnx file inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError(
            f"{name} is a pipe or device, not a plain file; choose an .onnx file."
        )
    return status.st_size


def _file_bytes(path: Path) -> bytes:
    n_bytes = check_plain_file(path)
    name = shown(path.name)
    if n_bytes == 0:
        raise BadInputError(
            f"{name} is empty (0 bytes): the download or copy did not happen; "
            "fetch it again."
        )
    try:
        # O_NONBLOCK: should a pipe have taken the file's place, this does not wait.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            file_kinds.refuse_foreign(path, file.read(file_kinds.HEAD_BYTES))
            if n_bytes > file_kinds.MAX_FILE_BYTES:
                raise BadInputError(
                    f"{name} is {size(n_bytes)} in one piece and ONNX files end at 2 "
                    "GiB; save the model with external data."
                )
            file.seek(0)
            return file.read()
    except MemoryError:
        raise BadInputError(
            f"{name} of {size(n_bytes)} does not fit into this machine's memory; "
            "close other programs or save the model with external data."
        ) from None
    except PermissionError:
        raise BadInputError(
            f"{name} may not be read; change its permissions or open a copy."
        ) from None
    except OSError as error:
        raise BadInputError(
            f"{name} could not be read ({error.strerror}); open a copy of it."
        ) from None


def _parsed(path: Path, data: bytes) -> onnx.ModelProto:
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError:
        raise file_kinds.explain_unparsable(path, data) from None
    if not proto.HasField("graph"):
        raise BadInputError(
            f"{shown(path.name)} holds no graph, so there is nothing to show; it may "
            "not be an ONNX model at all, choose another file."
        )
    return proto


def _stored_bytes(tensor: onnx.TensorProto) -> int:
    """Return what `tensor` takes in memory, not trusting sizes without bytes."""
    stated = stated_bytes(tensor)
    if is_external(tensor):
        return stated
    # An element in a repeated field takes a byte of the message at the very least.
    most: int = tensor.ByteSize() * (1 if tensor.HasField("raw_data") else 8)
    return min(stated, most)
