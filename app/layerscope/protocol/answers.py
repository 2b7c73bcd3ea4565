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
    metadata : str
        What it was made with, as `made_with.MadeWith` reads it; empty where nothing
        is to be written into a saved file.
    """

    key: str
    width: int
    height: int
    compare: str = ""
    metadata: str = ""


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


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """A token that could have stood in a place; probability 0 to 1."""

    id: int
    text: str
    probability: float


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token of a text, given or made.

    Attributes
    ----------
    id : int
    text : str
        As it is shown; a piece of a character that is none by itself is shown by
        its bytes, ``"<0xE2>"``.
    probability : float
        With which the model made it, before sampling settings; -1 for a token
        that was given.
    alternatives : tuple of Alternative
        The likeliest tokens in its place, the likeliest first.
    start, end : int
        The characters of the given text that it stands for; -1 for a made token.
    special : bool
        Whether it stands for no text, like a separator.
    """

    id: int
    text: str
    probability: float = -1.0
    alternatives: tuple[Alternative, ...] = ()
    start: int = -1
    end: int = -1
    special: bool = False


class GeneratedText(Part, frozen=True, kw_only=True):
    """A text as it grows, token by token.

    Attributes
    ----------
    prompt, tokens : tuple of Token
        What was given, and what the model made of it; both may be empty in a
        message and stand in the session, where steps add to them.
    text : str
        The made tokens as text.
    tokens_per_second, first_token_ms : float
        -1 before they are known.
    stopped : str
        Why it ended: ``"length"``, ``"end of text"``, or empty while it goes on.
    """

    text: str
    prompt: tuple[Token, ...] = ()
    tokens: tuple[Token, ...] = ()
    tokens_per_second: float = -1.0
    first_token_ms: float = -1.0
    stopped: str = ""


class FilledMask(Part, frozen=True, kw_only=True):
    """A text with gaps, and what the model would put there.

    Attributes
    ----------
    text : str
        With the likeliest words in the gaps.
    tokens : tuple of Token
        Of the whole text; one in a gap is the likeliest there and has a
        probability and alternatives.
    gaps : tuple of int
        Positions of the gaps in `tokens`.
    """

    text: str
    tokens: tuple[Token, ...]
    gaps: tuple[int, ...]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a text and what it is; characters from `start` up to `end`."""

    start: int
    end: int
    text: str
    label: str
    score: float


class TokenLabels(Part, frozen=True, kw_only=True):
    """A class for every token, or stretches of the text that were found.

    Attributes
    ----------
    source : str
        The text that `Span` and `Token` count the characters of.
    tokens : tuple of Token
        May be empty where only stretches were found.
    labels : tuple of Scored
        One for each token, or empty.
    spans : tuple of Span
        Neighbouring tokens of one class put together, the class that means none
        left out; in the order of the text.
    """

    source: str
    tokens: tuple[Token, ...] = ()
    labels: tuple[Scored, ...] = ()
    spans: tuple[Span, ...] = ()


class Embeddings(Part, frozen=True, kw_only=True):
    """Texts as points, and how near they are to each other.

    Attributes
    ----------
    texts : tuple of str
        One line each; of a single line, its tokens.
    similarity : tuple of float
        Cosines, -1 to 1: all pairs, n x n in rows.
    points : tuple of (float, float)
        The two main components, the largest distance from the middle being 1.
    kept : float
        Share of the variance that two components keep, 0 to 1.
    n_dimensions : int
        Of the embeddings themselves.
    of_tokens : bool
        Whether the points are the tokens of one text.
    """

    texts: tuple[str, ...]
    similarity: tuple[float, ...]
    points: tuple[tuple[float, float], ...]
    kept: float
    n_dimensions: int
    of_tokens: bool = False


class Denoising(Part, frozen=True, kw_only=True):
    """How far a diffusion has come, and the way it goes.

    Attributes
    ----------
    step : int
        Number of the call of the network that is shown, of the picture in the
        making; `n_calls` once it is done.
    n_calls : int
    noise : tuple of float
        Share of noise, 0 to 1, that goes into each call, and at the end.
    timesteps : tuple of float
    preview : str
        How the picture shown was made: ``"decoded"``, ``"estimated"`` or ``"none"``.
    words : tuple of str
        Of the prompt, as they can be asked about.
    count, columns : int
        Pictures in the batch, and how many stand in a row where there are several.
    cell : int
        Number of the variation, -1 where there are none.
    seeds : tuple of int
        Of each picture of the batch.
    """

    step: int
    n_calls: int
    noise: tuple[float, ...]
    timesteps: tuple[float, ...]
    preview: str = "none"
    words: tuple[str, ...] = ()
    count: int = 1
    columns: int = 1
    cell: int = -1
    seeds: tuple[int, ...] = ()


class VariationGrid(Part, frozen=True, kw_only=True):
    """A picture for every pair of values of two settings.

    Attributes
    ----------
    rows, columns : str
        Names of the settings, empty where there is only one.
    row_values, column_values : tuple of str
    cell_width, cell_height : int
        In pixels of the picture shown.
    n_done : int
        Finished ones, row by row.
    """

    rows: str
    columns: str
    row_values: tuple[str, ...]
    column_values: tuple[str, ...]
    cell_width: int
    cell_height: int
    n_done: int


AnswerPart = (
    Scores
    | PictureAnswer
    | MaskAnswer
    | BoxesAnswer
    | TensorsAnswer
    | TextAnswer
    | GeneratedText
    | FilledMask
    | TokenLabels
    | Embeddings
    | Denoising
    | VariationGrid
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """All parts of one answer; the first is the one to show largest."""

    parts: tuple[AnswerPart, ...] = ()
