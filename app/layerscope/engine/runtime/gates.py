"""From what is wanted of which tensor to the gates that have to be opened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from layerscope.engine.model.taps import Window
from layerscope.engine.trace import Roles

THUMB_CHANNELS = 16
THUMB_PIXELS = 32
THUMB_FEATURES = 256
MAX_FULL_ELEMENTS = 1 << 25

TypedShape = tuple[str, tuple[int, ...]]


class TapRequest(NamedTuple):
    """What is wanted of one tap.

    Attributes
    ----------
    tensor : str
    detail : str
        ``"thumb"``: at most 16 channels, at most 32 pixels a side; ``"full"``:
        all elements.
    channel : int
        The only channel wanted of a thumbnail, -1 for several, evenly spread.
    """

    tensor: str
    detail: str
    channel: int = -1


@dataclass(frozen=True)
class Gates:
    """How to answer requests.

    Attributes
    ----------
    windows : dict of str to window
        What is to leave by each tap that is opened.
    stand_ins : dict of str to str
        The tap for each tensor asked for.
    apart : tuple of str
        Tensors wanted in full that have no tap.
    """

    windows: dict[str, Window]
    stand_ins: dict[str, str]
    apart: tuple[str, ...]

    @property
    def direct(self) -> bool:
        """Whether every tensor asked for has its own tap."""
        return not self.apart and all(n == t for n, t in self.stand_ins.items())


def plan_gates(
    requests: Sequence[TapRequest],
    taps: Collection[str],
    shapes: Mapping[str, TypedShape],
    *,
    stands_for: Callable[[str], str],
    roles_of: Callable[[str, tuple[int, ...]], Roles],
) -> Gates:
    """Find the gates that answer `requests`.

    Parameters
    ----------
    requests : sequence of TapRequest
        One or more for each tensor.
    taps : collection of str
        Tensors that have a gate.
    shapes : mapping of str to (str, tuple of int)
        Type and shape of every tensor.
    stands_for : callable
        From a tensor to the tap nearest to it, or an empty string.
    roles_of : callable
        From a tensor and its shape to the meaning of its axes.
    """
    chosen: dict[str, TapRequest] = {}
    stand_ins: dict[str, str] = {}
    apart: list[str] = []
    for name, request in by_tensor(requests).items():
        if request.detail == "full" and name not in taps:
            apart.append(name)
            continue
        tap = name if name in taps else stands_for(name)
        if tap not in taps or tap not in shapes:
            continue
        stand_ins[name] = tap
        if tap not in chosen or request.detail == "full":
            chosen[tap] = request
    windows = {}
    for tap, request in chosen.items():
        shape = shapes[tap][1]
        windows[tap] = window_of(shape, roles_of(tap, shape), request)
    return Gates(windows=windows, stand_ins=stand_ins, apart=tuple(apart))


def by_tensor(requests: Sequence[TapRequest]) -> dict[str, TapRequest]:
    """Return one request for each tensor, the one for most of it."""
    wanted: dict[str, TapRequest] = {}
    for request in requests:
        if request.tensor not in wanted or request.detail == "full":
            wanted[request.tensor] = request
    return wanted


def window_of(shape: tuple[int, ...], roles: Roles, request: TapRequest) -> Window:
    """Return the elements of a tensor that answer a request.

    Parameters
    ----------
    shape : tuple of int
        Of the whole tensor.
    roles : tuple of str
        Meaning of each axis.
    request : TapRequest
        Its tensor plays no part.

    Returns
    -------
    tuple of (start, stop, step)
        For each axis.
    """
    if request.detail == "full":
        step = 1
        while np.prod([-(-size // step) for size in shape]) > MAX_FULL_ELEMENTS:
            step += 1
        thinned = {"height", "width", "time", "feature", "query", "key"}
        return tuple(
            (0, size, step if role in thinned else 1)
            for size, role in zip(shape, roles, strict=True)
        )
    window = []
    flat = not {"height", "time", "query"}.intersection(roles)
    most = THUMB_FEATURES if flat else THUMB_PIXELS
    for size, role in zip(shape, roles, strict=True):
        if role == "batch":
            window.append((0, min(size, 1), 1))
        elif role in ("channel", "head"):
            chosen = request.channel
            if 0 <= chosen < size:
                window.append((chosen, chosen + 1, 1))
            else:
                window.append((0, size, max(1, -(-size // THUMB_CHANNELS))))
        else:
            window.append((0, size, max(1, -(-size // most))))
    return tuple(window)
