"""The query lane: short questions that never stand behind a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine import lenses, pictures, tasks
from layerscope.engine.explaining import explained
from layerscope.engine.jobs import CancelToken, Steps
from layerscope.engine.model import layout, reading, receptive_field, weights
from layerscope.engine.open_models import ModelInUse, OpenModels
from layerscope.engine.runtime import devices
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.messages import (
    AskLens,
    Command,
    DecodePicture,
    DescribeNode,
    DescribeWeight,
    DevicesFound,
    ExplainTask,
    FetchTensor,
    FindDevices,
    FindReceptiveField,
    GraphLaidOut,
    LayOutGraph,
    LensAnswered,
    NodeDescribed,
    PictureDecoded,
    ReceptiveFieldFound,
    TensorFetched,
    Tokenise,
    Tokenised,
    WeightDescribed,
)

MAX_TEXT = 600_000
PIECE_BYTES = 32 << 20


def answer(
    command: Command, models: OpenModels, store: ArrayArena, token: CancelToken
) -> Steps:
    """Return the job that answers a query.

    Parameters
    ----------
    command : Command
        One of the queries.
    models : OpenModels
        Those that are open now.
    store : ArrayArena
        Takes arrays to the window.
    token : CancelToken
        Of this query.
    """
    if isinstance(command, FindDevices):
        yield DevicesFound(job=command.job, devices=devices.find_devices())
    elif isinstance(command, DecodePicture):
        decoded = pictures.thumbnail(Path(command.path), command.size)
        yield PictureDecoded(
            job=command.job,
            path=command.path,
            array=store.put(decoded.thumbnail),
            width=decoded.width,
            height=decoded.height,
        )
    elif isinstance(command, LayOutGraph):
        yield _laid_out(command, models.get(command.model), store)
    elif isinstance(command, DescribeNode):
        model = models.get(command.model)
        yield NodeDescribed(
            job=command.job,
            model=command.model,
            details=weights.describe_node(model.file, model.structure, command.node),
        )
    elif isinstance(command, DescribeWeight):
        model = models.get(command.model)
        details, filters = weights.describe_weight(
            model.file, model.structure, command.name
        )
        yield WeightDescribed(
            job=command.job,
            model=command.model,
            details=details,
            filters=None if filters is None else store.put(filters),
        )
    elif isinstance(command, FetchTensor):
        yield _fetched(command, models.get(command.model), store, token)
    elif isinstance(command, FindReceptiveField):
        yield _receptive_field(command, models.get(command.model))
    elif isinstance(command, ExplainTask):
        model = models.get(command.model)
        model.task = tasks.by_id(command.task)(model.context)
        yield explained(command.job, model)
    elif isinstance(command, Tokenise):
        yield _tokenised(command, models.get(command.model))
    elif isinstance(command, AskLens):
        model = models.get(command.model)
        said = lenses.asked_by_id(command.lens).answer(model, command.question, token)
        yield LensAnswered(
            job=command.job,
            model=command.model,
            lens=command.lens,
            arrays={name: store.put(array) for name, array in said.arrays.items()},
            numbers=said.numbers,
            texts=said.texts,
        )


def _tokenised(command: Tokenise, model: ModelInUse) -> Tokenised:
    tokenise = getattr(model.task, "tokenise", None)
    if tokenise is None:
        raise BadInputError(
            f"{model.folder.name} was asked for tokens, but its task reads no text; "
            "choose a task for text."
        )
    tokens, n, limit, note = tokenise(command.text, command.slot)
    return Tokenised(
        job=command.job,
        model=command.model,
        tokens=tokens,
        n=n,
        limit=limit,
        note=note,
    )


def _laid_out(
    command: LayOutGraph, model: ModelInUse, store: ArrayArena
) -> GraphLaidOut:
    placed = layout.lay_out(model.structure, command.graph, command.expanded)
    return GraphLaidOut(
        job=command.job,
        model=command.model,
        graph=command.graph,
        expanded=command.expanded,
        items=store.put(placed.items),
        boxes=store.put(placed.boxes),
        edges=store.put(placed.edges),
        lanes=store.put(placed.lanes),
    )


def _fetched(
    command: FetchTensor, model: ModelInUse, store: ArrayArena, token: CancelToken
) -> TensorFetched:
    value = _value(command.tensor, model, token)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        text = json.dumps(_plain(value), ensure_ascii=False)
        if len(text) > MAX_TEXT:
            raise BadInputError(
                f"{command.tensor} was to be shown as text of {len(text):,} "
                f"characters; at most {MAX_TEXT:,} fit."
            )
        return TensorFetched(
            job=command.job,
            model=command.model,
            tensor=command.tensor,
            dtype="object",
            shape=(),
            start=0,
            array=store.put(np.zeros(0, dtype=np.uint8)),
            text=text,
        )
    flat = np.ascontiguousarray(value).reshape(-1)
    stop = flat.size if command.stop < 0 else min(command.stop, flat.size)
    most = max(1, min(PIECE_BYTES, store.largest) // max(1, flat.itemsize))
    piece = flat[command.start : min(stop, command.start + most)]
    return TensorFetched(
        job=command.job,
        model=command.model,
        tensor=command.tensor,
        dtype=value.dtype.name,
        shape=value.shape,
        start=command.start,
        array=store.put(piece),
    )


def _value(name: str, model: ModelInUse, token: CancelToken) -> Any:
    for held in (model.outputs, model.kept, model.feeds):
        if name in held:
            return held[name]
    if name in model.structure.producer and model.running is not None and model.feeds:
        kept: npt.NDArray[np.generic] = model.running.tensor_value(
            name, model.feeds, token
        )
        # Its other pieces are asked for next.
        model.kept = {**model.kept, name: kept}
        return kept
    try:
        return reading.initializer_array(model.file, name)
    except (KeyError, LookupError) as error:
        raise BadInputError(
            f"The tensor {name!r} was asked for; it is no output, no weight and no "
            "inner tensor of the last run, so run the model first."
        ) from error


def _plain(value: Any) -> Any:
    """Return sequences, maps, strings and scalars as JSON knows them."""
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _receptive_field(
    command: FindReceptiveField, model: ModelInUse
) -> ReceptiveFieldFound:
    measured = model.running.measured_shapes(model.feeds) if model.running else {}
    shapes = {name: shape for name, (_, shape) in measured.items()}
    shapes.update({name: feed.shape for name, feed in model.feeds.items()})
    found = receptive_field.find(
        model.structure, shapes, command.tensor, command.y, command.x
    )
    return ReceptiveFieldFound(
        job=command.job,
        model=command.model,
        tensor=command.tensor,
        slot=found.slot,
        left=found.left,
        top=found.top,
        right=found.right,
        bottom=found.bottom,
        height=found.height,
        width=found.width,
        exact=found.exact,
    )
