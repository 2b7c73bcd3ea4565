"""Short forms of names and shapes, for cards that are too narrow for the whole.

The middle of a name is never left out: what is cut away is what its neighbours
share (`expanded_conv_3` becomes `conv_3`), and after that its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TIMES = " × "
_STEM = re.compile(r"(.*?)[._/:\s-]*(\d{1,4}(?:x\d{1,4})?)$", re.DOTALL)
_CUTS = re.compile(r"[._/:]+")
_LEAST_LETTERS = 2


def short_name(text: str, width: float, measure: Callable[[str], float]) -> str:
    """Return as much of a name as fits, its last parts rather than its first.

    Parameters
    ----------
    text : str
        The whole name.
    width : float
        Room, in pixels.
    measure : callable
        Returns the pixels that a text takes.
    """
    if measure(text) <= width:
        return text
    shorter = text
    for cut in _CUTS.finditer(text):
        rest = text[cut.end() :]
        if sum(letter.isalpha() for letter in rest) < _LEAST_LETTERS:
            break
        shorter = rest
        if measure(rest) <= width:
            return rest
    numbered = _STEM.match(shorter)
    if numbered is not None and any(map(str.isalpha, numbered[1])):
        joined = numbered[1] + numbered[2]
        if measure(joined) <= width:
            return joined
        number = f"…{numbered[2]}"
        return cut_end(numbered[1], width - measure(number), measure, "") + number
    return cut_end(shorter, width, measure)


def short_shape(text: str, width: float, measure: Callable[[str], float]) -> str:
    """Return a shape without its spaces, then without its last sizes.

    No size is ever cut in two: half a number is another number.
    """
    if measure(text) <= width:
        return text
    sizes = text.split(_TIMES)
    if len(sizes) == 1:
        return cut_end(text, width, measure)
    tight = "×".join(sizes)
    while len(sizes) > 1 and measure(tight) > width:
        sizes.pop()
        tight = f"{'×'.join(sizes)}×…"
    return tight


def cut_end(
    text: str, width: float, measure: Callable[[str], float], mark: str = "…"
) -> str:
    """Return the beginning of `text` that fits together with `mark`."""
    length = len(text)
    while length > 1 and measure(text[:length] + mark) > width:
        length -= 1
    return text[:length].rstrip(" ._/:×-") + mark if length < len(text) else text
