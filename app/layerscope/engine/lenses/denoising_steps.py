"""Any step of a diffusion afterwards: what went in, and what each prediction means."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from layerscope.core.diffusion.noise import Floats
from layerscope.core.errors import BadInputError
from layerscope.engine.diffusion.coding import Coder, Pixels, to_pixels
from layerscope.engine.diffusion.pipeline import CELL, END, STEP, Made
from layerscope.engine.keepsakes import Arrays
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.runtime.cancelling import CancelToken

PREDICTIONS = ("cond", "uncond", "guided")


class DenoisingSteps:
    """Scrubbing through the steps of the last run of a diffusion.

    Questions: ``{"what": "steps"}`` lists what there is; ``{"what": kind, "step": n,
    "index": i}`` gives a picture, ``kind`` being ``picture`` (the clean picture
    predicted there), ``latent`` (what went in, noise and all), ``cond``, ``uncond`` or
    ``guided`` (the clean picture that this prediction alone points to); ``{"what":
    "cell", "row": r, "column": c}`` gives one of a grid of variations. With ``look``
    the step becomes the one that later looks at layers are at.
    """

    id: ClassVar[str] = "denoising-steps"

    def suits(self, model: LookedAt) -> bool:
        """Whether the model's task goes by steps from noise to a picture."""
        return getattr(model.task, "pipeline", None) is not None

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Answer one question."""
        what = str(question.get("what", "steps"))
        if what == "cell":
            return _cell(model, question)
        made = last_made(model)
        if what == "steps":
            return _listed(model, made)
        step = int(question.get("step", made.making.n_calls))
        index = int(question.get("index", 0))
        n = made.making.options.count
        if not 0 <= index < n:
            raise BadInputError(
                f"Picture {index + 1} was asked for; the run made {n} of them."
            )
        if question.get("look"):
            _look_at(model, made, step)
        picture = self._picture(model, made, what, step, index, token)
        at = min(step, made.making.n_calls)
        times = made.making.scheduler.timesteps
        answer = LensAnswer(
            arrays={"picture": picture},
            numbers={
                "step": (float(step),),
                "noise": (float(made.making.scheduler.noise[at]),),
                "timestep": (float(times[at]) if at < len(times) else 0.0,),
            },
            texts={"what": (what,)},
        )
        if step >= made.making.n_calls:
            answer.texts["metadata"] = (model.task.metadata(made, index),)
        return answer

    def _picture(
        self,
        model: LookedAt,
        made: Made,
        what: str,
        step: int,
        index: int,
        token: CancelToken,
    ) -> Pixels:
        making = made.making
        if step >= making.n_calls:
            end = model.keepsakes.get(END, 0)
            if end is None or what not in ("picture", "latent"):
                raise BadInputError(
                    f"The end of the run was asked for as {what}; there is the picture "
                    "alone, once the run has come to its end."
                )
            pixels: Pixels = end["pictures"][index]
            return pixels
        kept = kept_step(model, made, step)
        wanted = clean_latent(made, kept, what, step)[index : index + 1]
        coder = coder_of(model, token)
        shown: Pixels = to_pixels(coder.decode(wanted))[0]
        return shown


def last_made(model: LookedAt) -> Made:
    """Return what the last run was made with.

    Raises
    ------
    BadInputError
        Nothing has been run, or it was a grid of variations.
    """
    made = getattr(model.task, "made", None)
    if not isinstance(made, Made):
        raise BadInputError(
            "The steps of a picture were asked for; there are none yet, so run the "
            "model first, without variations."
        )
    return made


def kept_step(model: LookedAt, made: Made, step: int) -> Arrays:
    """Return what one step kept.

    Raises
    ------
    BadInputError
        It is gone, or the run did not come so far.
    """
    kept = model.keepsakes.get(STEP, step)
    if kept is None:
        there = model.keepsakes.steps(STEP)
        if not there:
            raise BadInputError(
                "The steps of a picture were asked for; there are none yet, so run "
                "the model first."
            )
        raise BadInputError(
            f"Step {step + 1} was asked for; of {made.making.n_calls} there are "
            f"{there[0] + 1} to {there[-1] + 1}."
        )
    return kept


def clean_latent(made: Made, kept: Arrays, what: str, step: int) -> Floats:
    """Return a batch of latents of one step, of the kind that is asked for."""
    making = made.making
    latent: Floats = kept["latent"]
    if what == "latent":
        return making.scheduler.scaled(latent, step)
    if what in ("picture", "guided"):
        prediction = making.guided(kept["cond"], kept.get("uncond"))
    elif what in kept:
        prediction = kept[what]
    else:
        there = ", ".join(kinds_of(kept))
        raise BadInputError(
            f"{what[:40]!r} of a step was asked for; there are {there}."
        )
    return making.scheduler.clean(prediction, step, latent)


def kinds_of(kept: Arrays) -> tuple[str, ...]:
    """Return what can be asked of a step."""
    more = ("uncond", "guided") if "uncond" in kept else ()
    return ("picture", "latent", "cond", *more)


def coder_of(model: LookedAt, token: CancelToken) -> Coder:
    """Return what decodes, in the query lane."""
    parts = model.parts()

    def run(feeds: dict[str, Any], component: str) -> dict[str, Any]:
        return parts.get(component).running.run_fast(feeds, token)[0]

    return Coder(model.task.parts, run, lambda component: parts.get(component).running)


def _listed(model: LookedAt, made: Made) -> LensAnswer:
    steps = model.keepsakes.steps(STEP)
    scheduler = made.making.scheduler
    kept = model.keepsakes.get(STEP, steps[0]) if steps else None
    finished = bool(model.keepsakes.steps(END))
    numbers = [*steps, made.making.n_calls] if finished else list(steps)
    return LensAnswer(
        numbers={
            "steps": tuple(float(step) for step in numbers),
            "noise": tuple(float(x) for x in scheduler.noise),
            "timesteps": tuple(float(x) for x in scheduler.timesteps),
        },
        texts={
            "kinds": kinds_of(kept) if kept else (),
            "prompt": (made.texts.get("prompt", ""),),
        },
    )


def _cell(model: LookedAt, question: Question) -> LensAnswer:
    number = int(question.get("cell", -1))
    if number < 0:
        columns = int(question.get("columns", 1))
        number = int(question.get("row", 0)) * columns + int(question.get("column", 0))
    kept = model.keepsakes.get(CELL, number)
    if kept is None:
        n = len(model.keepsakes.steps(CELL))
        raise BadInputError(
            f"Variation {number + 1} was asked for; {n} are there, so let the grid "
            "come to its end."
        )
    return LensAnswer(
        arrays={"picture": kept["picture"]},
        texts={"metadata": (kept["metadata"].tobytes().decode(),)},
    )


def _look_at(model: LookedAt, made: Made, step: int) -> None:
    """Let later looks at layers be at one step."""
    last = made.making.n_calls - 1
    step = min(step, last)
    kept = kept_step(model, made, step)
    feeds = made.making.feeds(np.asarray(kept["latent"]), step)
    model.feeds, model.outputs, model.kept = feeds, {}, {}
