"""Which input of a graph takes the tokens, and what the others are to be fed.

Everything is read from names, types and shapes of the graph's inputs and outputs, by
the conventions of Optimum, transformers.js and onnxruntime-genai; never from the type
of the model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.engine.tasks.base import Feeds, TaskContext
from layerscope.engine.tasks.feeding import feedback_output
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import picture_input
from layerscope.protocol.values import TensorInfo

_IDS = ("decoder_input_ids", "input_ids", "token_ids", "tokens", "ids")
_NO_IDS = re.compile(r"mask|type|segment|position|past|len|cache|attention|label")
_MASKS = re.compile(r"^(decoder_)?(attention|input|padding)_mask$|^mask$")
_TYPES = re.compile(r"token_?type|segment_ids")
_POSITIONS = re.compile(r"^(cache_position|position(_ids|s)?)$")
_GROWS = re.compile(r"past|seq|len|total|cache|ctx|context", re.IGNORECASE)
_CACHE = re.compile(r"past|cache|key|value", re.IGNORECASE)
_HEADS = ("num_key_value_heads", "n_head", "num_attention_heads", "num_heads")
_LEAST_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Carried:
    """An input that gets the last step's value of an output: a cache or a state.

    Attributes
    ----------
    output : str
        Empty where it stays as it was after the first step.
    axis : int
        Along which a cache grows, -1 for a state of fixed size.
    cross : bool
        Whether it holds keys or values of an encoder.
    first : tuple of int
        Its first shape.
    """

    info: TensorInfo
    output: str
    axis: int
    cross: bool
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What each input of a text graph is for.

    Attributes
    ----------
    ids : TensorInfo
        The tokens.
    length : int
        How many it takes where the graph states that, else 0.
    as_bytes : bool
        Whether the tokens are the bytes of a text.
    masks, types, positions, others : tuple of TensorInfo
        Inputs of the size of the tokens, and what is known by its name alone.
    carried : tuple of Carried
    encoder, encoder_mask : TensorInfo, optional
        What a decoder reads of an encoder.
    n_ids : int
        Rows of the embedding table, 0 where not known.
    """

    ids: TensorInfo
    length: int = 0
    as_bytes: bool = False
    masks: tuple[TensorInfo, ...] = ()
    types: tuple[TensorInfo, ...] = ()
    positions: tuple[TensorInfo, ...] = ()
    others: tuple[TensorInfo, ...] = ()
    carried: tuple[Carried, ...] = ()
    encoder: TensorInfo | None = None
    encoder_mask: TensorInfo | None = None
    n_ids: int = 0
    pad: int = 0
    fed_back: dict[str, str] = field(default_factory=dict)

    @property
    def caches(self) -> tuple[Carried, ...]:
        """The inputs that grow with the text."""
        return tuple(item for item in self.carried if item.axis >= 0)

    @property
    def states(self) -> tuple[Carried, ...]:
        """The inputs of fixed size that go from step to step."""
        return tuple(item for item in self.carried if item.axis < 0)

    def first_state(self, longest: int = 0) -> Feeds:
        """Return what is fed back before the first step.

        Parameters
        ----------
        longest : int
            Length of the caches' buffers where they are shared, else 0.
        """
        state: Feeds = {}
        for item in self.carried:
            shape = list(item.first)
            if item.axis >= 0 and longest and not item.cross:
                shape[item.axis] = longest
            state[item.info.name] = np.zeros(shape, dtype=np.dtype(item.info.dtype))
        return state

    def feeds(
        self,
        ids: npt.NDArray[np.int64],
        past: int = 0,
        types: npt.NDArray[np.int64] | None = None,
    ) -> Feeds:
        """Return what all inputs get that are not carried nor an encoder's.

        Parameters
        ----------
        ids : (n,) int64 array
            The new tokens; padded where the graph takes another number.
        past : int
            How many there were before.
        types : (n,) int64 array, optional
            The text of a pair that each belongs to.
        """
        n = max(len(ids), self.length)
        shape = (1, n) if len(self.ids.shape or (0, 0)) == 2 else (n,)
        real = np.zeros(past + n, dtype=np.int64)
        real[: past + len(ids)] = 1
        feeds = {self.ids.name: _padded(ids, n, self.pad, self.ids, shape)}
        for info in self.masks:
            feeds[info.name] = _mask(real, n, info)
        for info in self.types:
            given = np.zeros(0) if types is None else types
            feeds[info.name] = _padded(given, n, 0, info, shape)
        for info in self.positions:
            line = np.arange(past, past + n)
            flat = len(info.shape or (0, 0)) == 1
            feeds[info.name] = _padded(line, n, 0, info, (n,) if flat else (1, n))
        for info in self.others:
            feeds[info.name] = _by_name(info, past, n)
        return feeds


def wire(context: TaskContext) -> Wiring | None:
    """Return what a graph's inputs are for, None where it reads no text.

    Parameters
    ----------
    context : TaskContext
        The model; its folder's configuration fills sizes that the graph leaves open.
    """
    ids = _ids(context)
    if ids is None or any(picture_input(info) for info in context.inputs):
        return None
    config = _text_config(context.folder.config)
    named = _stated_names(context)
    groups: dict[str, list[TensorInfo]] = {
        name: [] for name in ("masks", "types", "positions", "others")
    }
    carried: list[Carried] = []
    encoder = encoder_mask = None
    for info in context.inputs:
        name = info.name.lower()
        if info is ids:
            continue
        output = named.get(info.name) or feedback_output(info, context.outputs)
        if name.startswith("encoder") and "mask" in name:
            encoder_mask = info
        elif name.startswith("encoder") or "hidden_states" in name:
            encoder = info
        elif output or ("past" in name and info.dtype.startswith("float")):
            item = _carried(info, output, config)
            if item is None:
                return None
            carried.append(item)
        elif _MASKS.match(name):
            groups["masks"].append(info)
        elif _TYPES.search(name):
            groups["types"].append(info)
        elif _POSITIONS.match(name):
            groups["positions"].append(info)
        elif info.dtype in ("bool", "int32", "int64"):
            groups["others"].append(info)
        else:
            return None
    last = (ids.shape or (None,))[-1]
    return Wiring(
        ids=ids,
        length=last if isinstance(last, int) and last >= _LEAST_LENGTH else 0,
        as_bytes=ids.dtype == "uint8",
        carried=tuple(carried),
        encoder=encoder,
        encoder_mask=encoder_mask,
        n_ids=facts_of(context.model).n_values(ids.name),
        pad=_whole(config.get("pad_token_id")),
        fed_back={item.info.name: item.output for item in carried if item.output},
        masks=tuple(groups["masks"]),
        types=tuple(groups["types"]),
        positions=tuple(groups["positions"]),
        others=tuple(groups["others"]),
    )


def _ids(context: TaskContext) -> TensorInfo | None:
    """Return the input that takes the tokens."""
    by_name = {info.name.lower(): info for info in context.inputs}
    for name in _IDS:
        if name in by_name and by_name[name].dtype in ("int32", "int64"):
            return by_name[name]
    facts = facts_of(context.model)
    found = []
    for info in context.inputs:
        shape = info.shape or ()
        if info.dtype not in ("int32", "int64", "uint8") or len(shape) not in (1, 2):
            continue
        last = shape[-1]
        if isinstance(last, int) and last < _LEAST_LENGTH:
            continue
        if not _NO_IDS.search(info.name.lower()) and facts.n_values(info.name):
            found.append(info)
    return found[0] if len(found) == 1 else None


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that speaks of the decoder."""
    for key in ("model", "text_config"):
        part = config.get(key)
        if isinstance(part, dict):
            decoder = part.get("decoder")
            return {**part, **decoder} if isinstance(decoder, dict) else part
    return config


def _stated_names(context: TaskContext) -> dict[str, str]:
    """Return the outputs that ``genai_config.json`` pairs with inputs."""
    config = _text_config(context.folder.config)
    inputs, outputs = config.get("inputs"), config.get("outputs")
    if not isinstance(inputs, dict) or not isinstance(outputs, dict):
        return {}
    there = {info.name for info in context.outputs}
    pairs: dict[str, str] = {}
    for key, pattern in inputs.items():
        target = outputs.get(str(key).replace("past", "present"))
        if not isinstance(pattern, str) or not isinstance(target, str):
            continue
        if not str(key).startswith("past") or "%d" not in pattern + target:
            continue
        for layer in range(len(context.inputs)):
            name = target.replace("%d", str(layer))
            if name in there:
                pairs[pattern.replace("%d", str(layer))] = name
    return pairs


def _carried(info: TensorInfo, output: str, config: dict[str, Any]) -> Carried | None:
    """Describe a cache or a state; None where its first shape cannot be known."""
    shape = list(info.shape or ())
    axis = -1
    open_axes = [at for at, size in enumerate(shape) if not isinstance(size, int)]
    if len(shape) in (4, 5) and _CACHE.search(info.name):
        batch = len(shape) - 4
        free = [at for at in open_axes if at > batch]
        named = [at for at in free if _GROWS.search(str(shape[at] or ""))]
        if not free:
            return None  # of fixed length: where it is written to is not known
        axis = (named or ([len(shape) - 2] if len(shape) - 2 in free else free))[0]
    heads = next((_whole(config[key]) for key in _HEADS if key in config), 0)
    width = _whole(config.get("hidden_size", config.get("n_embd")))
    all_heads = _whole(config.get("num_attention_heads", config.get("n_head")))
    size = _whole(config.get("head_size", config.get("head_dim"))) or (
        width // all_heads if all_heads else 0
    )
    first = []
    for at, side in enumerate(shape):
        if isinstance(side, int):
            first.append(side)
        elif at == axis:
            first.append(0)
        elif axis < 0 or at <= len(shape) - 4:
            first.append(1)
        else:
            first.append(max(1, heads if at < axis else size))
    cross = bool(re.search(r"encoder|cross", info.name.replace("decoder", "")))
    return Carried(info, output, axis, cross, tuple(first))


def _padded(
    values: npt.NDArray[Any],
    n: int,
    filler: int,
    info: TensorInfo,
    shape: tuple[int, ...],
) -> npt.NDArray[Any]:
    line = np.full(n, filler, dtype=np.dtype(info.dtype))
    kept = values[:n]
    line[: len(kept)] = kept
    return line.reshape(shape)


def _mask(real: npt.NDArray[np.int64], n: int, info: TensorInfo) -> npt.NDArray[Any]:
    """Return which tokens are there; as a square of what may see what for rank 4."""
    kind = np.dtype(info.dtype)
    if len(info.shape or (0, 0)) != 4:
        return real[None].astype(kind)
    total = len(real)
    sees = np.tri(n, total, total - n, dtype=bool) & (real > 0)
    if kind.kind != "f":
        return sees[None, None].astype(kind)
    return np.where(sees, 0, np.finfo(kind).min)[None, None].astype(kind)


def _by_name(info: TensorInfo, past: int, n: int) -> npt.NDArray[Any]:
    name = info.name.lower()
    kind = np.dtype(info.dtype)
    shape = tuple(side if isinstance(side, int) else 1 for side in info.shape or ())
    value = 0
    if "use_cache" in name or name.startswith("past"):
        value = past
    elif "seqlens" in name:
        value = past + n - 1
    elif "total" in name:
        value = past + n
    elif "logits_to_keep" in name:
        value = 1
    return np.full(shape, value > 0 if kind.kind == "b" else value, dtype=kind)


def _whole(value: object) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if whole and 0 <= value < 1 << 31 else 0  # type: ignore[call-overload,operator]
