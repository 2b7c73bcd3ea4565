"""Latent to picture: generators, decoders of autoencoders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from layerscope.core.atlas import near_square
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.coding import atlas
from layerscope.engine.latents import decoder as decoders
from layerscope.engine.pictures import shrink
from layerscope.engine.sources import Sources
from layerscope.engine.tasks.base import (
    Inputs,
    Pictures,
    Prepared,
    Settings,
    TaskContext,
)
from layerscope.engine.tasks.tensors import Tensors
from layerscope.protocol.answers import Answer, PictureAnswer
from layerscope.protocol.values import InputSlot, SettingSpec

MOST_SIDE = 1536
