"""One vector for a text out of the vectors of its tokens.

The ways and their names in ``1_Pooling/config.json`` are those of sentence-transformers
(Reimers & Gurevych, 2019, https://arxiv.org/abs/1908.10084). The mean weighted by place
is by Muennighoff, 2022, https://arxiv.org/abs/2202.08904.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.model.cards import Json, read_json

MEAN, FIRST, LARGEST = "mean", "first token", "maximum"
LAST, WEIGHTED = "last token", "weighted mean"
POOLINGS = (MEAN, FIRST, LARGEST, LAST, WEIGHTED)
CONFIG_FILE = Path("1_Pooling") / "config.json"
_STATED = {
    "cls": FIRST,
    "mean": MEAN,
    "max": LARGEST,
    "lasttoken": LAST,
    "weightedmean": WEIGHTED,
    # It differs from the mean by the length alone, which similarity leaves out.
    "mean_sqrt_len_tokens": MEAN,
}
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
}

Floats = npt.NDArray[np.float64]


def stated_pooling(root: Path, notes: list[str]) -> str:
    """Return which of `POOLINGS` a folder states, empty where it states none.

    Parameters
    ----------
    root : Path
        Of the model.
    notes : list of str
        Takes a sentence where several are stated, of which one is taken.
    """
    config = read_json(root / CONFIG_FILE, notes)
    found = list(dict.fromkeys(_STATED[name] for name in _names(config)))
    if len(found) > 1:
        notes.append(
            f"{CONFIG_FILE.as_posix()} asks for {' and '.join(found)} together; "
            f"{found[0]} is used."
        )
    return found[0] if found else ""


def pooled(vectors: Floats, pooling: str) -> Floats:
    """Return one vector of many.

    Parameters
    ----------
    vectors : (n, d) float64 array
        Of the tokens of a text, without padding; at least one.
    pooling : str
        One of `POOLINGS`.

    Returns
    -------
    (d,) float64 array

    Raises
    ------
    BadInputError
        There is no such pooling.
    """
    made: Floats
    if pooling == MEAN:
        made = vectors.mean(axis=0)
    elif pooling == FIRST:
        made = vectors[0]
    elif pooling == LARGEST:
        made = vectors.max(axis=0)
    elif pooling == LAST:
        made = vectors[-1]
    elif pooling == WEIGHTED:
        made = np.average(vectors, axis=0, weights=np.arange(1, len(vectors) + 1))
    else:
        raise BadInputError(
            f"Pooling by {pooling[:40]!r} was asked for; there are "
            f"{', '.join(POOLINGS)}."
        )
    return made


def _names(config: Json) -> list[str]:
    named = config.get("pooling_mode")
    many = named if isinstance(named, list | tuple) else [named]
    stated = [name for name in many if isinstance(name, str) and name in _STATED]
    return stated or [name for flag, name in _FLAGS.items() if config.get(flag) is True]
