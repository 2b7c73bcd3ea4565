"""Open sizes of a graph's inputs: their defaults, and what binds them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from layerscope.core.errors import BadInputError
from layerscope.engine.sources import shape_text
from layerscope.engine.tasks.guessing import picture_input
from layerscope.protocol.values import SettingSpec, TensorInfo

PREFIX = "dim:"
MOST = 1 << 20
_SEQUENCE = re.compile(
    r"seq|tok|len|time|frame|step|chunk|samples|ctx|context|position", re.IGNORECASE
)
_BATCH = re.compile(r"batch|^n$|^b$|^bs$|num_images", re.IGNORECASE)
# An audio step of 512 samples with 64 before it, at 16 kHz.
_AUDIO_SAMPLES = 576


def dimension_name(info: TensorInfo, axis: int) -> str:
    """Return the name of an open size, or "" where the graph states a number.

    Sizes of the same name are one; one without a name is called after its input
    and axis.
    """
    size = (info.shape or ())[axis]
    if isinstance(size, int):
        return ""
    return size if size and size != "?" else f"{info.name}.{axis}"


def default_sizes(infos: Iterable[TensorInfo], side: int = 224) -> dict[str, int]:
    """Choose a sane value for every open size, in order of appearance."""
    infos = tuple(infos)
    audio = any(info.name in ("sr", "sample_rate") for info in infos)
    sizes: dict[str, int] = {}
    for info in infos:
        for axis in range(len(info.shape or ())):
            name = dimension_name(info, axis)
            if name and name not in sizes:
                sizes[name] = _default(info, axis, name, side, audio)
    return sizes


def _default(info: TensorInfo, axis: int, name: str, side: int, audio: bool) -> int:
    lower = name.lower()
    rank = len(info.shape or ())
    picture = picture_input(info)
    if "past" in lower and "total" not in lower:
        return 0
    if _BATCH.search(lower):
        return 1
    if picture is not None and axis in (picture.height_axis, picture.width_axis):
        return side
    if (
        picture is not None
        and rank == 4
        and axis == (1 if picture.layout == "NCHW" else 3)
    ):
        return picture.n_channels
    if _SEQUENCE.search(lower) or "height" in lower or "width" in lower:
        return 8
    if axis == 0:
        return 1
    if audio and rank == 2 and info.dtype == "float32":
        return _AUDIO_SAMPLES
    if rank == 2 and axis == 1:
        return 8
    return 1


def specs(infos: Iterable[TensorInfo], side: int = 224) -> tuple[SettingSpec, ...]:
    """One integer setting for every open size."""
    infos = tuple(infos)
    return tuple(
        SettingSpec(
            name=PREFIX + name,
            label=name,
            kind="int",
            default=size,
            minimum=0,
            maximum=MOST,
            group="Sizes",
            help=f"Open size {name}, of {_where(infos, name)}.",
        )
        for name, size in default_sizes(infos, side).items()
    )


def _where(infos: tuple[TensorInfo, ...], name: str) -> str:
    users = [
        info.name
        for info in infos
        if any(dimension_name(info, a) == name for a in range(len(info.shape or ())))
    ]
    more = f" and {len(users) - 3} more" if len(users) > 3 else ""
    return ", ".join(users[:3]) + more


class Sizes:
    """The open sizes of one run.

    Parameters
    ----------
    infos : iterable of TensorInfo
    settings : mapping
        Values by setting name; those that are no open size are ignored.
    side : int
        Default of a picture's sides.
    """

    def __init__(
        self,
        infos: Iterable[TensorInfo],
        settings: Mapping[str, object],
        side: int = 224,
    ) -> None:
        self._sizes = default_sizes(infos, side)
        self._bound: dict[str, str] = {}
        self._set: set[str] = set()
        for name in self._sizes:
            value = settings.get(PREFIX + name)
            if isinstance(value, int | float) and 0 <= value <= MOST:
                self._sizes[name] = int(value)
                self._set.add(name)

    def bind(self, info: TensorInfo, shape: tuple[int, ...]) -> None:
        """Take the open sizes of `info` from an array that is given for it.

        Raises
        ------
        BadInputError
            If the array does not fit, or two arrays disagree.
        """
        wanted = info.shape
        if wanted is None:
            return
        fits = len(wanted) == len(shape) and all(
            not isinstance(size, int) or size == given
            for size, given in zip(wanted, shape, strict=True)
        )
        if not fits:
            raise BadInputError(
                f"Input {info.name} takes {shape_text(wanted)}, but "
                f"{shape_text(shape)} was given; give an array of that shape."
            )
        for axis, given in enumerate(shape):
            name = dimension_name(info, axis)
            if not name:
                continue
            if name in self._bound and self._sizes[name] != given:
                raise BadInputError(
                    f"Size {name} is {self._sizes[name]} in {self._bound[name]} but "
                    f"{given} in {info.name}; give arrays that agree."
                )
            self._sizes[name] = given
            self._bound[name] = info.name

    def finish(self) -> None:
        """Derive totals: what was there before plus what comes now.

        Where a cache is fed back, one step follows at a time unless stated.
        """
        past = self._one("past")
        sequence = self._one("seq") or self._one("length")
        free = not {sequence} & (self._set | set(self._bound))
        if past in self._bound and self._sizes[past] > 0 and sequence and free:
            self._sizes[sequence] = 1
        for name in self._sizes:
            free = name not in self._bound and name not in self._set
            if free and "total" in name.lower() and past and sequence:
                self._sizes[name] = self._sizes[past] + self._sizes[sequence]

    @property
    def past(self) -> int:
        """Steps that a cache already holds, 0 where there is none."""
        name = self._one("past")
        return self._sizes[name] if name else 0

    def shape(self, info: TensorInfo) -> tuple[int, ...]:
        """Return the shape that `info` has in this run."""
        return tuple(
            size if isinstance(size, int) else self._sizes[dimension_name(info, axis)]
            for axis, size in enumerate(info.shape or ())
        )

    def _one(self, word: str) -> str:
        other = "past" if word != "past" else "\0"
        for name in self._sizes:
            lower = name.lower()
            if word in lower and "total" not in lower and other not in lower:
                return name
        return ""
