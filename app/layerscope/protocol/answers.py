"""What a task makes of a model's outputs: a list of parts, each drawn its own way.

A new task combines these parts; the output panel needs to know nothing of it.
Pictures of an answer travel as frame parts named ``answer:<key>``.
"""

from __future__ import annotations

import msgspec

from layerscope.protocol.values import Statistics, TensorInfo


class Part(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all parts of an answer.

    Attributes
    ----------
    title : str
        Shown above the part, may be empty.
    """

    title: str = ""


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """One class and its score, 0 to 1."""

    index: int
    label: str
    score: float


class Scores(Part, frozen=True, kw_only=True):
    """Classes, the best first."""

    top: tuple[Scored, ...]
    n_classes: int


class PictureAnswer(Part, frozen=True, kw_only=True):
    """A picture; its pixels are the frame part ``answer:<key>``.

    Attributes
    ----------
    compare : str
        Key of the frame part to compare it with, or empty.
    """

    key: str
    width: int
    height: int
    compare: str = ""


class LegendEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One colour of a mask."""

    index: int
    label: str
    colour: tuple[int, int, int]
    share: float


class MaskAnswer(Part, frozen=True, kw_only=True):
    """A class for every pixel, drawn over the input picture.

    The frame part ``answer:<key>`` is (h, w, 4) uint8 RGBA; `over` names the
    frame part of the picture below it.
    """

    key: str
    width: int
    height: int
    over: str
    legend: tuple[LegendEntry, ...]


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One found object; the corners are shares of the picture, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float
    index: int
    label: str


class BoxesAnswer(Part, frozen=True, kw_only=True):
    """Objects found, drawn over the frame part `over`, the surest first."""

    over: str
    width: int
    height: int
    boxes: tuple[Box, ...]


class TensorSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One output tensor, or the text of what is not a tensor.

    Attributes
    ----------
    key : str
        Frame part ``answer:<key>`` with a uint8 heat map, or empty.
    preview : tuple of str
        The first elements as text.
    """

    info: TensorInfo
    statistics: Statistics | None = None
    key: str = ""
    preview: tuple[str, ...] = ()
    text: str = ""


class TensorsAnswer(Part, frozen=True, kw_only=True):
    """All outputs as they are."""

    tensors: tuple[TensorSummary, ...]


class TextAnswer(Part, frozen=True, kw_only=True):
    """Words."""

    text: str


AnswerPart = (
    Scores | PictureAnswer | MaskAnswer | BoxesAnswer | TensorsAnswer | TextAnswer
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of one answer; the first is the one to show largest."""

    parts: tuple[AnswerPart, ...] = ()
