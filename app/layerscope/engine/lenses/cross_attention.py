"""Cross-attention heat maps: where a picture looks at each word of its prompt."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.attention import merged
from layerscope.engine.diffusion.coding import Pixels, to_pixels
from layerscope.engine.diffusion.pipeline import ATTENTION, END, STEP, Made
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.lenses.denoising_steps import (
    clean_latent,
    coder_of,
    kept_step,
    last_made,
)
from layerscope.engine.runtime.cancelling import CancelToken


class CrossAttentionMaps:
    """Heat maps by word; Tang et al., 2022 (https://arxiv.org/abs/2210.04885).

    The question ``{"step": n, "side": 0, "index": i, "picture": True}`` asks for one
    step, -1 for the mean of all; of the layers whose maps are ``side`` high, 0 for all.
    The answer holds ``maps`` (words, h, w) float32, 0 to 1 on one scale, ``picture``,
    and ``words``, ``strength`` (mean weight of each) and ``sides``.
    """

    id: ClassVar[str] = "cross-attention"

    def suits(self, model: LookedAt) -> bool:
        """Whether the graph attends to words."""
        pipeline = getattr(model.task, "pipeline", None)
        return pipeline is not None and bool(pipeline.layers)

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Answer one question."""
        made = last_made(model)
        if not made.words:
            raise BadInputError(
                "The attention to each word was asked for; the prompt has none, so "
                "write one and run again."
            )
        index = int(question.get("index", 0))
        n = made.making.options.count
        if not 0 <= index < n:
            raise BadInputError(
                f"Picture {index + 1} was asked for; the run made {n} of them."
            )
        step = int(question.get("step", -1))
        side = int(question.get("side", 0))
        maps, sides = self._maps(model, made, step, side, index, token)
        if not len(maps):
            there = ", ".join(str(one) for one in sides) or "none"
            raise BadInputError(
                f"Attention maps {side} high were asked for; there are {there}."
            )
        largest = float(maps.max()) or 1.0
        answer = LensAnswer(
            arrays={"maps": np.ascontiguousarray(maps / np.float32(largest))},
            numbers={
                "strength": tuple(float(m) for m in maps.mean(axis=(1, 2))),
                "sides": tuple(float(one) for one in sides),
                "largest": (largest,),
            },
            texts={"words": tuple(word.text for word in made.words)},
        )
        if question.get("picture", True):
            answer.arrays["picture"] = _picture(model, made, step, index, token)
        return answer

    def _maps(
        self,
        model: LookedAt,
        made: Made,
        step: int,
        side: int,
        index: int,
        token: CancelToken,
    ) -> tuple[npt.NDArray[np.float32], list[int]]:
        steps = model.keepsakes.steps(STEP) if step < 0 else (step,)
        if not steps:
            kept_step(model, made, 0)
        total: npt.NDArray[np.float32] | None = None
        sides: list[int] = []
        factor = model.task.parts.factor
        options = made.making.options
        size = options.height // factor, options.width // factor
        for number in steps:
            layers = self._layers(model, made, number, token)
            maps, sides = merged(list(layers.values()), *size, index, side)
            total = maps if total is None else total + maps
        assert total is not None
        return total / np.float32(len(steps)), sides

    def _layers(
        self, model: LookedAt, made: Made, step: int, token: CancelToken
    ) -> dict[str, Any]:
        """Return the weights of one step, running the network again where needed."""
        known = model.keepsakes.get(ATTENTION, step)
        if known is not None:
            return known
        latent = kept_step(model, made, step)["latent"]
        found: dict[str, Any] = model.task.pipeline.looked_at(
            model.runner(), made, step, latent, token
        )
        model.keepsakes.put(ATTENTION, step, found)
        return found


def _picture(
    model: LookedAt, made: Made, step: int, index: int, token: CancelToken
) -> Pixels:
    end = model.keepsakes.get(END, 0)
    if step < 0 and end is not None:
        picture: Pixels = end["pictures"][index]
        return picture
    at = step if step >= 0 else model.keepsakes.steps(STEP)[-1]
    kept = kept_step(model, made, at)
    latents = clean_latent(made, kept, "picture", at)[index : index + 1]
    shown: Pixels = to_pixels(coder_of(model, token).decode(latents))[0]
    return shown
