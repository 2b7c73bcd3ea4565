"""How tokens and probabilities look: colours, and text that can be seen."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor

from layerscope.core.colours import distinct, viridis
from layerscope.protocol.answers import Token
from layerscope.ui.widgets.readable import share

# Below this level viridis is too dark for the ink that is legible on all the rest.
_LOWEST_LEVEL, _HIGHEST_LEVEL = 0.44, 0.97
_INK = QColor("#0b1620")
_VISIBLE = {"\r": "", "\n": "⏎", "\t": "⇥"}
_BYTES_SHOWN = 12


@lru_cache(maxsize=256)
def _level_colour(level: int) -> QColor:
    red, green, blue = (int(v) for v in viridis()[level])
    return QColor(red, green, blue)


def probability_colours(probability: float) -> tuple[QColor, QColor]:
    """Return ground and ink of something that has a probability, 0 to 1.

    The colour goes with the square root, so that 1 % and 10 % differ.
    """
    part = min(1.0, max(0.0, probability)) ** 0.5
    level = _LOWEST_LEVEL + (_HIGHEST_LEVEL - _LOWEST_LEVEL) * part
    return _level_colour(round(255 * level)), _INK


def class_colours(index: int) -> tuple[QColor, QColor]:
    """Return ground and ink of something that belongs to a class."""
    return QColor(*distinct(index)), _INK


def visible(text: str) -> str:
    """Return a token's text so that line ends, tabs and blanks can be seen."""
    shown = "".join(_VISIBLE.get(letter, letter) for letter in text)
    if shown.strip(" "):
        return shown.strip(" ")
    return "␣" * min(len(shown), 4) if shown else "∅"


def starts_word(text: str) -> bool:
    """Whether a token's text begins with a blank."""
    return text[:1] in (" ", "\n", "\t")


def token_facts(token: Token) -> str:
    """Return id, bytes and probability of a token in one line."""
    facts = [f"“{visible(token.text)}”", f"id {token.id}"]
    if token.special:
        facts.append("stands for no text")
    elif not token.text.startswith("<0x"):
        raw = token.text.encode("utf-8", "replace")
        shown = raw[:_BYTES_SHOWN].hex(" ")
        facts.append(f"bytes {shown}{' …' if len(raw) > _BYTES_SHOWN else ''}")
    if token.probability >= 0:
        facts.append(share(token.probability))
    return " · ".join(facts)
