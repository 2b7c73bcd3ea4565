"""Lenses: ways of looking inside, one a file.

A lens of `LENSES` says what it needs of the taps and turns what they let out into
pictures, with each run. A lens of `ASKED` answers questions about what the last run
left, in the query lane.
"""

from __future__ import annotations

from layerscope.core.errors import BadInputError
from layerscope.engine.lenses.activations import Activations
from layerscope.engine.lenses.asked import AskedLens
from layerscope.engine.lenses.attention import Attention
from layerscope.engine.lenses.cross_attention import CrossAttentionMaps
from layerscope.engine.lenses.denoising_steps import DenoisingSteps
from layerscope.engine.lenses.experts import Experts
from layerscope.engine.lenses.latent_map import LatentMap
from layerscope.engine.lenses.logit_lens import LogitLens
from layerscope.engine.lenses.recurrent import RecurrentState
from layerscope.engine.lenses.sampling import NextToken

LENSES = (Activations,)
ASKED: tuple[AskedLens, ...] = (
    Attention(),
    LogitLens(),
    NextToken(),
    RecurrentState(),
    Experts(),
    DenoisingSteps(),
    CrossAttentionMaps(),
    LatentMap(),
)


def asked_by_id(lens_id: str) -> AskedLens:
    """Return a lens that can be asked, by its id.

    Raises
    ------
    BadInputError
        If there is none.
    """
    for lens in ASKED:
        if lens.id == lens_id:
            return lens
    there = ", ".join(lens.id for lens in ASKED) or "none"
    raise BadInputError(f"Lens {lens_id!r} was asked for; there are {there}.")
