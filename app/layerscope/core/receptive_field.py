"""Which inputs reach an output: intervals pushed back through operators."""

from __future__ import annotations

import math
from typing import NamedTuple


class Span(NamedTuple):
    """Places `first` to `last` along one axis, both included."""

    first: int
    last: int

    def joined(self, other: Span) -> Span:
        """Return the smallest span that holds both."""
        return Span(min(self.first, other.first), max(self.last, other.last))

    def clipped(self, size: int) -> Span:
        """Return the part that lies on an axis of `size` places."""
        last = max(size - 1, 0)
        return Span(min(max(self.first, 0), last), min(max(self.last, 0), last))


def whole(size: int) -> Span:
    """Return all of an axis of `size` places."""
    return Span(0, max(size - 1, 0))


def through_window(
    span: Span, *, kernel: int, stride: int = 1, pad: int = 0, dilation: int = 1
) -> Span:
    """Return the inputs of a convolution or pooling that reach its outputs `span`.

    Parameters
    ----------
    span : Span
        Of the outputs.
    kernel, stride, dilation : int
        As of the operator.
    pad : int
        Places added before the first input.
    """
    reach = dilation * (kernel - 1)
    return Span(span.first * stride - pad, span.last * stride - pad + reach)


def through_transposed_window(
    span: Span, *, kernel: int, stride: int = 1, pad: int = 0, dilation: int = 1
) -> Span:
    """Return the inputs of a transposed convolution that reach its outputs `span`.

    Parameters
    ----------
    span : Span
        Of the outputs.
    kernel, stride, dilation : int
        As of the operator.
    pad : int
        Places cut off before the first output.
    """
    reach = dilation * (kernel - 1)
    return Span(
        math.ceil((span.first + pad - reach) / stride),
        math.floor((span.last + pad) / stride),
    )


def through_resize(span: Span, *, before: int, after: int, reach: int = 1) -> Span:
    """Return the inputs of a resize that reach its outputs `span`.

    Parameters
    ----------
    span : Span
        Of the outputs.
    before, after : int
        Sizes of the axis.
    reach : int
        Neighbours that count: 0 nearest, 1 linear, 2 cubic.
    """
    scale = before / after if after else 1.0
    first = (span.first + 0.5) * scale - 0.5
    last = (span.last + 0.5) * scale - 0.5
    if reach == 0:
        # rounding differs between versions of Resize: take both candidates
        return Span(
            min(math.floor(span.first * scale), math.floor(first + 0.5)),
            max(math.floor(span.last * scale), math.floor(last + 0.5)),
        )
    return Span(math.floor(first) - reach + 1, math.ceil(last) + reach - 1)


def pad_before(
    auto: str, *, before: int, after: int, kernel: int, stride: int, dilation: int = 1
) -> int:
    """Return the padding that ``auto_pad`` puts before the first place.

    Parameters
    ----------
    auto : str
        ``"SAME_UPPER"``, ``"SAME_LOWER"``, or anything else for none.
    before, after : int
        Sizes of the axis.
    kernel, stride, dilation : int
        As of the operator.
    """
    total = max((after - 1) * stride + dilation * (kernel - 1) + 1 - before, 0)
    if auto == "SAME_UPPER":
        return total // 2
    return -(-total // 2) if auto == "SAME_LOWER" else 0
