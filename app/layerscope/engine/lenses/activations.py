"""The activations: a thumbnail of each watched layer, all channels of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layerscope.core import atlas, statistics
from layerscope.engine.runtime.gates import TapRequest
from layerscope.engine.trace import Roles, Trace
from layerscope.protocol.frames import LayerSummary
from layerscope.protocol.messages import Watch
from layerscope.protocol.values import Statistics

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

THUMB_SIDE = 32
UNIT_SIDE = 2048
# Every so many looks, a layer whose thumbnail shows one channel is seen widely
# again, so that its statistics stay those of the layer.
WIDE_EVERY = 16
MAX_REMEMBERED = 4096


@dataclass
class _Seen:
    """What is remembered of a watched layer.

    Attributes
    ----------
    channel : int
        The one its thumbnail shows.
    n_channels : int
    looks : int
    statistics : Statistics
        Of the last wide look.
    """

    channel: int
    n_channels: int
    looks: int
    statistics: Statistics


@dataclass(frozen=True)
class _Maps:
    """A tensor as a stack of pictures.

    Attributes
    ----------
    role : str
        As in `LayerSummary`.
    maps : (n, h, w) array
    n_channels : int
        Of the whole tensor.
    """

    role: str
    maps: Array
    n_channels: int


class Activations:
    """Thumbnails, the tile wall and the unit shown large."""

    id = "activations"

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def requests(self, watch: Watch, taps: Sequence[str]) -> list[TapRequest]:
        """Return what `look` needs of the taps.

        Parameters
        ----------
        watch : Watch
            What is to be shown.
        taps : sequence of str
            What can be watched.

        Returns
        -------
        list of TapRequest
        """
        names = dict.fromkeys(taps if watch.everything else ())
        names.update(dict.fromkeys(watch.tensors))
        names.pop(watch.focus, None)
        wanted = []
        for name in names:
            seen = self._seen.get(name)
            narrow = seen is not None and seen.looks % WIDE_EVERY
            channel = seen.channel if seen is not None and narrow else -1
            wanted.append(TapRequest(name, "thumb", channel))
        if watch.focus:
            wanted.append(TapRequest(watch.focus, "full"))
        return wanted

    def look(
        self, trace: Trace, watch: Watch
    ) -> tuple[dict[str, Pixels], tuple[LayerSummary, ...]]:
        """Turn tensors into pictures and numbers.

        Parameters
        ----------
        trace : Trace
            What the taps let out.
        watch : Watch
            What is to be shown, and how.

        Returns
        -------
        pictures : dict of str to uint8 array
            Parts of a frame, see `layerscope.protocol.frames.FramePart`.
        layers : tuple of LayerSummary
        """
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.clear()
        pictures: dict[str, Pixels] = {}
        layers: list[LayerSummary] = []
        drawn: list[tuple[str, Array, Statistics]] = []
        focus: tuple[_Maps, statistics.Moments, statistics.Rows] | None = None
        for name, array in trace.tensors.items():
            if array.dtype.kind not in "biufc" or array.size == 0:
                continue
            shape = trace.shape_of(name)
            stack = _as_maps(array, trace.roles_of(name), shape)
            if name == watch.focus:
                rows = stack.maps.reshape(len(stack.maps), -1)
                moments, ranges = statistics.measure_rows(rows, histogram=True)
                focus = (stack, moments, ranges)
                told = _told(moments)
                best = int(np.argmax(_variances(stack.maps)))
                picked = self._sticky(name, stack.n_channels, best, told)
                picture = stack.maps[picked]
            else:
                picture, told = self._thumb(name, stack)
            drawn.append((name, picture, told))
            if name != watch.focus:
                layers.append(
                    LayerSummary(
                        tensor=name,
                        dtype=array.dtype.name,
                        shape=shape,
                        role=stack.role,
                        statistics=told,
                    )
                )
        network = _network_range([told for _, _, told in drawn])
        pictures.update(_thumbs(drawn, watch, network))
        if focus is not None:
            array = trace.tensors[watch.focus]
            layers.append(
                _draw_wall(
                    watch,
                    array.dtype.name,
                    trace.shape_of(watch.focus),
                    *focus,
                    network,
                    pictures,
                )
            )
        return pictures, tuple(layers)

    def _thumb(self, name: str, stack: _Maps) -> tuple[Array, Statistics]:
        """Return the telling channel of a layer and the layer's statistics."""
        seen = self._seen.get(name)
        narrow = len(stack.maps) == 1 and stack.n_channels > 1
        if narrow and seen is not None:
            seen.looks += 1
            return stack.maps[0], seen.statistics
        told = _told(statistics.measure(stack.maps))
        step = max(1, -(-stack.n_channels // len(stack.maps)))
        best = int(np.argmax(_variances(stack.maps))) * step
        channel = self._sticky(name, stack.n_channels, best, told)
        return stack.maps[min(channel // step, len(stack.maps) - 1)], told

    def _sticky(self, name: str, n_channels: int, best: int, told: Statistics) -> int:
        """Return the channel chosen at first sight, and remember the look."""
        seen = self._seen.get(name)
        if seen is None or seen.n_channels != n_channels:
            seen = _Seen(best, n_channels, 0, told)
            self._seen[name] = seen
        seen.looks += 1
        seen.statistics = told
        return seen.channel


def _as_maps(array: Array, roles: Roles, shape: tuple[int, ...]) -> _Maps:
    """Lay a tensor out as pictures; of a batch the first element is shown."""
    batch = tuple(0 if role == "batch" else slice(None) for role in roles)
    rest = tuple(role for role in roles if role != "batch")
    inner = array[batch] if roles else array.reshape(1)
    sizes = tuple(s for s, role in zip(shape, roles, strict=False) if role != "batch")
    if len(rest) == 3:
        if rest[-1] == "channel":
            return _Maps("maps", np.moveaxis(inner, -1, 0), sizes[-1])
        return _Maps("maps", inner, sizes[0])
    if len(rest) == 2:
        role = "sequence" if "time" in rest else "matrix"
        return _Maps(role, inner[None], 1)
    return _Maps("vector", inner.reshape(1, 1, -1), 1)


def _variances(maps: Array) -> npt.NDArray[np.float64]:
    """Return how much each map varies, judged by at most 1,024 of its elements."""
    if len(maps) == 1:
        return np.zeros(1)
    step = max(1, int((maps.shape[1] * maps.shape[2] / 1024) ** 0.5))
    values = statistics.as_float(maps[:, ::step, ::step])
    values = np.nan_to_num(values.reshape(len(maps), -1), posinf=0.0, neginf=0.0)
    with np.errstate(over="ignore"):
        spreads: npt.NDArray[np.float64] = values.var(axis=1, dtype=np.float64)
    return np.asarray(np.nan_to_num(spreads))


def _told(moments: statistics.Moments) -> Statistics:
    return Statistics(
        mean=moments.mean,
        std=moments.std,
        minimum=moments.minimum,
        maximum=moments.maximum,
        active=moments.active,
        n_nonfinite=moments.n_nonfinite,
        counts=moments.counts,
        flags=moments.flags,
    )


def _network_range(told: list[Statistics]) -> tuple[float, float]:
    if not told:
        return 0.0, 1.0
    return min(s.minimum for s in told), max(s.maximum for s in told)


def _thumbs(
    drawn: list[tuple[str, Array, Statistics]],
    watch: Watch,
    network: tuple[float, float],
) -> dict[str, Pixels]:
    """Draw all thumbnails, those of one size together: most of the time is calls."""
    sizes: dict[tuple[int, ...], list[tuple[str, Array, Statistics]]] = {}
    for name, picture, told in drawn:
        side = THUMB_SIDE * 8 if len(picture) == 1 else THUMB_SIDE
        small = atlas.thin_out(picture[None], side)[0]
        sizes.setdefault(small.shape, []).append((name, small, told))
    found: dict[str, Pixels] = {}
    for items in sizes.values():
        stack = np.stack([statistics.as_float(small) for _, small, _ in items])
        low: npt.ArrayLike
        high: npt.ArrayLike
        if watch.scale == "network":
            low, high = network
        elif watch.scale == "layer":
            low = [told.minimum for *_, told in items]
            high = [told.maximum for *_, told in items]
        else:
            low, high = _ranges(stack)
        tiles = atlas.tiles(stack, low, high, boost=watch.boost)
        found.update({f"thumb:{items[i][0]}": tile for i, tile in enumerate(tiles)})
    return found


def _ranges(stack: Array) -> tuple[Array, Array]:
    """Return the smallest and largest finite element of each picture."""
    low, high = stack.min(axis=(1, 2)), stack.max(axis=(1, 2))
    for i in np.flatnonzero(~(np.isfinite(low) & np.isfinite(high))):
        finite = stack[i][np.isfinite(stack[i])]
        low[i], high[i] = (finite.min(), finite.max()) if finite.size else (0, 0)
    return low, high


def _draw_wall(
    watch: Watch,
    dtype: str,
    shape: tuple[int, ...],
    stack: _Maps,
    moments: statistics.Moments,
    rows: statistics.Rows,
    network: tuple[float, float],
    pictures: dict[str, Pixels],
) -> LayerSummary:
    """Add the tile wall and the unit shown large to `pictures`."""
    order = np.arange(len(stack.maps))
    if watch.order == "strength":
        order = np.argsort(-rows.strength, kind="stable")
    order = order[: atlas.MAX_TILES]
    low, high = rows.low[order], rows.high[order]
    scales = {
        "layer": (moments.minimum, moments.maximum),
        "network": network,
    }
    if len(order) == len(stack.maps):
        # drawn as they lie and then sorted: the pictures are a quarter the size
        ends = scales.get(watch.scale, (rows.low, rows.high))
        wall = atlas.tiles(atlas.thin_out(stack.maps), *ends, boost=watch.boost)
        wall = wall[order] if watch.order == "strength" else wall
    else:
        ends = scales.get(watch.scale, (low, high))
        shown = atlas.thin_out(stack.maps[order])
        wall = atlas.tiles(shown, *ends, boost=watch.boost)
    pictures[f"wall:{watch.focus}"] = wall
    unit, unit_told = watch.unit, None
    n_units = len(stack.maps) if stack.role == "maps" else stack.maps.shape[-1]
    if 0 <= unit < n_units:
        picture = (
            stack.maps[unit]
            if stack.role == "maps"
            else stack.maps[0][:, unit : unit + 1].T
        )
        picture = atlas.thin_out(picture[None], UNIT_SIDE)
        measured = statistics.measure(np.ascontiguousarray(picture), histogram=True)
        unit_told = _told(measured)
        ends = scales.get(watch.scale, (measured.minimum, measured.maximum))
        pictures[f"unit:{watch.focus}"] = atlas.tiles(
            picture, *ends, boost=watch.boost
        )[0]
    else:
        unit = -1
    return LayerSummary(
        tensor=watch.focus,
        dtype=dtype,
        shape=shape,
        role=stack.role,
        statistics=_told(moments),
        channels=tuple(order.tolist()),
        channel_low=tuple(low.tolist()),
        channel_high=tuple(high.tolist()),
        unit=unit,
        unit_statistics=unit_told,
    )
