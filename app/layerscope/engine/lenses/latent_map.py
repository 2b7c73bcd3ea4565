"""The space of latents: grids of decoded pictures, samples in it, ways through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.errors import BadInputError
from layerscope.core.interpolation import on_sphere
from layerscope.core.mosaic import side_by_side
from layerscope.engine.latents.coding import ENCODERS, LatentCoder
from layerscope.engine.latents.space import (
    LatentSpace,
    holds_pictures,
    labelled_pictures,
    read_latent,
    stated_means,
)
from layerscope.engine.lenses.asked import LensAnswer, LookedAt, Question
from layerscope.engine.runtime.cancelling import CancelToken

MOST_SIDE, MOST_SAMPLES, MOST_BETWEEN = 33, 2000, 256
MOST_PIXELS = 6 << 20
MOST_TOLD = 512

Floats = npt.NDArray[np.float32]


class LatentMap:
    """Questions about a decoder: ``{"what": …}``.

    ``facts``: ``shape``, ``size``, ``encoder``, ``other``. ``last``: ``pictures`` of
    the last run. ``decode``: ``picture`` of ``latent``. ``grid``: ``atlas`` of ``side``
    times ``side`` pictures, from ``-reach`` to ``reach`` of ``centre_x`` and
    ``centre_y`` along the dimensions ``x`` and
    ``y``, or along the main ``directions`` of the samples. ``encode``: ``latent``,
    ``picture``, ``reconstruction``, ``error``, ``score`` and ``placed`` of the file
    ``path``. ``samples``: ``points``, ``raw``, ``scores``, ``labels``, ``paths`` of the
    pictures of a ``folder``, else of those in ``samples`` beside the model, else of the
    means that the model's folder states.
    ``between``: ``n`` ``pictures`` and ``latents`` from ``start`` to ``end``.
    """

    id: ClassVar[str] = "latent-map"

    def suits(self, model: LookedAt) -> bool:
        """Whether the model's task decodes latents."""
        return getattr(model.task, "space", None) is not None

    def answer(
        self, model: LookedAt, question: Question, token: CancelToken
    ) -> LensAnswer:
        """Answer one question."""
        answers = {
            "facts": _facts,
            "last": _last,
            "decode": _decode,
            "grid": _grid,
            "encode": _encode,
            "samples": _samples,
            "between": _between,
        }
        what = str(question.get("what", "facts"))
        if what not in answers:
            raise BadInputError(
                f"{what[:40]!r} was asked of the latents; there are "
                f"{', '.join(answers)}."
            )
        return answers[what](model, question, token)


def _facts(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    del question
    coder = coder_of(model)
    decoder = coder.decoder
    zeros = np.zeros((1, *decoder.shape), dtype=np.float32)
    size = coder.decode(zeros, token).shape[1:3]
    others = tuple(
        info.name
        for info in model.task.context.inputs
        if info.name != decoder.latent.name
    )
    return LensAnswer(
        numbers={
            "shape": tuple(float(side) for side in decoder.shape),
            "size": tuple(float(side) for side in size),
        },
        texts={
            "encoder": ("yes" if _encoder_name(model) else "no",),
            "other": others,
        },
    )


def _last(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    del question, token
    decoder = model.task.decoder
    if decoder.output.name not in model.outputs:
        raise BadInputError("The last picture was asked for; run the model first.")
    values = np.asarray(model.outputs[decoder.output.name])
    return LensAnswer(arrays={"pictures": decoder.pictures(values)})


def _decode(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    coder = coder_of(model, question)
    latent = read_latent(str(question.get("latent", "")), coder.decoder.shape)
    return LensAnswer(arrays={"picture": coder.decode(latent[None], token)[0]})


def _grid(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    coder = coder_of(model, question)
    shape = coder.decoder.shape
    side = int(question.get("side", 9))
    reach = float(question.get("reach", 3.0))
    if not 1 <= side <= MOST_SIDE:
        raise BadInputError(
            f"A grid of {side} x {side} pictures was asked for; 1 to {MOST_SIDE} a "
            "side can be had."
        )
    if not 0 < reach <= 100:
        raise BadInputError(
            f"A grid that reaches {reach:g} far was asked for; up to 100 can be had."
        )
    steps = np.linspace(-reach, reach, side, dtype=np.float32)
    xs, ys = (steps + np.float32(question.get(f"centre_{a}", 0)) for a in "xy")
    start = read_latent(str(question.get("latent", "")), shape).reshape(-1)
    if question.get("directions"):
        space = space_of(model)
        along, across = space.directions
        middle = start if str(question.get("latent", "")).strip() else space.middle
        rows = [middle + x * along + y * across for y in ys[::-1] for x in xs]
    else:
        x_at, y_at = (_dimension(question, name, start.size) for name in ("x", "y"))
        rows = []
        for y in ys[::-1]:
            for x in xs:
                row = start.copy()
                row[y_at], row[x_at] = y, x
                rows.append(row)
    latents = np.stack(rows).reshape(-1, *shape).astype(np.float32)
    first = coder.decode(latents[:1], token)
    if first.size * len(latents) > 3 * MOST_PIXELS:
        raise BadInputError(
            f"A grid of {side} x {side} pictures of {first.shape[1]} x "
            f"{first.shape[2]} pixels was asked for; take fewer a side."
        )
    pictures = coder.decode(latents, token)
    return LensAnswer(
        arrays={"atlas": side_by_side(pictures, side)},
        numbers={
            "x_values": tuple(float(x) for x in xs),
            "y_values": tuple(float(y) for y in ys[::-1]),
            "cell": (float(pictures.shape[1]), float(pictures.shape[2])),
        },
    )


def _encode(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    coder = coder_of(model, question)
    made = coder.encode(Path(str(question.get("path", ""))), token)
    flat = made.latent.reshape(1, -1)
    space: LatentSpace = model.task.space
    placed = flat[0, :2] if flat.size >= 2 else flat[0]
    if space.directions.shape == (2, flat.size):
        placed = space.placed(flat)[0]
    numbers = {
        "score": (made.score,),
        "placed": tuple(float(x) for x in placed),
    }
    if len(space.scores):
        share = float((space.scores < made.score).mean())
        numbers["above"] = (share,)  # of the samples that come back better
    error = np.sqrt(made.error)
    return LensAnswer(
        arrays={
            "latent": made.latent,
            "picture": made.picture,
            "reconstruction": made.reconstruction,
            "error": np.clip(np.rint(error * 255), 0, 255).astype(np.uint8),
        },
        numbers=numbers,
    )


def _samples(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    coder = coder_of(model, question)
    space: LatentSpace = model.task.space
    given = str(question.get("folder", ""))
    folder = Path(given) if given else model.folder.root / "samples"
    most = max(2, min(int(question.get("most", 256)), MOST_SAMPLES))
    n = int(np.prod(coder.decoder.shape))
    paths: tuple[str, ...] = ()
    # Pictures say more than means: how each spreads, and how well it comes back.
    pictured = bool(_encoder_name(model)) and holds_pictures(folder)
    stated = None
    if not given and not pictured:
        stated = stated_means(model.folder.config, n)
    if stated is not None:
        scores = np.zeros(0, dtype=np.float32)
        space.learn(*stated, scores)
    else:
        pictures = labelled_pictures(folder, most)
        made = []
        for path, _ in pictures:
            if token.cancelled:
                raise BadInputError("Encoding the samples was stopped.")
            made.append(coder.encode(path, token))
        latents = np.stack([one.latent.reshape(-1) for one in made])
        labels = tuple(label for _, label in pictures)
        errors = np.array([one.score for one in made], dtype=np.float32)
        space.learn(latents, labels, errors)
        paths = tuple(str(path) for path, _ in pictures)
    answer = LensAnswer(
        arrays={
            "points": space.placed(space.latents),
            "scores": space.scores,
            "directions": space.directions,
            "middle": space.middle,
        },
        numbers={"kept": (space.kept,)},
        texts={"labels": space.labels, "paths": paths},
    )
    if n <= MOST_TOLD:
        answer.arrays["raw"] = space.latents
    return answer


def _between(model: LookedAt, question: Question, token: CancelToken) -> LensAnswer:
    coder = coder_of(model, question)
    shape = coder.decoder.shape
    start, end = (
        read_latent(str(question.get(name, "")), shape) for name in ("start", "end")
    )
    n = int(question.get("n", 9))
    if not 2 <= n <= MOST_BETWEEN:
        raise BadInputError(
            f"{n} pictures between two were asked for; 2 to {MOST_BETWEEN} can be had."
        )
    shares = np.linspace(0, 1, n)
    if question.get("sphere", True):
        rows = [on_sphere(start, end, float(share)) for share in shares]
    else:
        rows = [
            ((1 - share) * start + share * end).astype(np.float32) for share in shares
        ]
    latents = np.stack(rows)
    return LensAnswer(
        arrays={
            "pictures": coder.decode(latents, token),
            "latents": latents.reshape(n, -1),
        }
    )


def coder_of(model: LookedAt, question: Question | None = None) -> LatentCoder:
    """Return what decodes and encodes, in the query lane.

    Parameters
    ----------
    model : LookedAt
        The open one.
    question : dict, optional
        ``scale`` and ``label`` there stand for the settings of the run.
    """
    asked = question or {}
    task = model.task
    settings = {"scale": asked["scale"]} if "scale" in asked else {}
    name = _encoder_name(model)
    return LatentCoder(
        task.decoder,
        model.runner(),
        model.parts().get(name).running if name else None,
        task.scale(settings),
        _others(model, asked),
    )


def space_of(model: LookedAt) -> LatentSpace:
    """Return the samples that were taken in.

    Raises
    ------
    BadInputError
        There are none.
    """
    space: LatentSpace = model.task.space
    if not len(space.latents):
        raise BadInputError(
            "The main directions of the samples were asked for; there are no samples "
            "yet, so give a folder of pictures first."
        )
    return space


def _encoder_name(model: LookedAt) -> str:
    names = model.parts().names
    return next((name for name in ENCODERS if name in names), "")


def _others(model: LookedAt, asked: Question) -> dict[str, Any]:
    """Return values of the other inputs, for one latent each."""
    found: dict[str, Any] = {}
    label = int(asked.get("label", -1))
    for info in model.task.context.inputs:
        if info.name == model.task.decoder.latent.name:
            continue
        whole = info.dtype.startswith(("int", "uint"))
        last = model.feeds.get(info.name)
        if whole and label >= 0:
            shape = tuple(1 if not isinstance(s, int) else s for s in info.shape or ())
            found[info.name] = np.full(shape, label, dtype=info.dtype)
        elif last is not None:
            found[info.name] = last[:1] if last.ndim else last
        else:
            shape = tuple(1 if not isinstance(s, int) else s for s in info.shape or ())
            found[info.name] = np.zeros(shape, dtype=info.dtype)
    return found


def _dimension(question: Question, name: str, n: int) -> int:
    usual = {"x": 0, "y": min(1, n - 1)}[name]
    number = int(question.get(name, usual))
    if not 0 <= number < n:
        raise BadInputError(
            f"Dimension {number} of the latent was asked for; there are 0 to {n - 1}."
        )
    return number
