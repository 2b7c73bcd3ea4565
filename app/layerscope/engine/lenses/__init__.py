"""Lenses: ways of looking inside, one a file.

A lens says what it needs of the taps and turns what they let out into pictures.
"""

from __future__ import annotations

from layerscope.engine.lenses.activations import Activations

LENSES = (Activations,)
