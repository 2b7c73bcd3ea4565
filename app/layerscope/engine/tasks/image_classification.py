"""Image classification: one picture in, a score for every class out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from layerscope.core.labels import class_names
from layerscope.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from layerscope.engine.tasks.base import Pictures, Prepared, Settings, TaskContext
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.guessing import guess, picture_input
from layerscope.engine.tasks.picture_task import PictureTask, main_picture
from layerscope.protocol.answers import Answer, Scored, Scores
from layerscope.protocol.values import SettingSpec, TensorInfo

LEAST_CLASSES, MOST_CLASSES = 2, 22_000
SCORES = ("automatic", "softmax", "sigmoid", "as they are")
_SMALL_SIDE = 64


class ImageClassification(PictureTask):
    """What is in the picture, by one vector of scores."""

    id: ClassVar[str] = "image-classification"
    title: ClassVar[str] = "Image classification"
    default: ClassVar[Preprocessing] = Preprocessing(
        mean=IMAGENET_MEAN, std=IMAGENET_STD, resize="crop", crop_share=0.875
    )
    finish_settings = frozenset({"scores", "top"})

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        found = class_output(context.outputs)
        self._output = found if found is not None else context.outputs[0]

    @classmethod
    def suits(cls, context: TaskContext) -> float:
        """Look for one picture and an output with 2 to 22,000 classes."""
        output = class_output(context.outputs)
        if main_picture(context) is None or output is None:
            return 0.0
        if len(context.outputs) == 1:
            return 0.9
        return 0.75 if output is context.outputs[0] else 0.4

    def guess(self, context: TaskContext, info: TensorInfo) -> Preprocessing:
        """Take ImageNet's habits, but those of small pictures for small inputs."""
        shape = picture_input(info)
        usual = self.default
        if shape is not None and shape.height and shape.height <= _SMALL_SIDE:
            half = (0.5, 0.5, 0.5)
            usual = Preprocessing(mean=half, std=half, resize="stretch")
            if shape.n_channels == 1:
                # Handwriting: the ink is what counts, whatever the paper's colour.
                usual = Preprocessing(
                    colours="grey", resize="letterbox", polarity="light on dark"
                )
                guessed = guess(context, info, usual, self.side)
                return replace(guessed, resize="stretch")
        return guess(context, info, usual, self.side)

    def own_settings(self) -> tuple[SettingSpec, ...]:
        """List how many classes are shown and what makes scores of outputs."""
        return (
            SettingSpec(
                name="top",
                label="Classes",
                kind="int",
                default=5,
                minimum=1,
                maximum=50,
                group="Classes",
                help="How many of the best classes are shown.",
            ),
            SettingSpec(
                name="scores",
                label="Scores",
                kind="choice",
                default="automatic",
                choices=SCORES,
                group="Classes",
                help="What turns the outputs into scores; softmax is applied by "
                "itself only where the outputs are not probabilities yet.",
            ),
        )

    def finish(
        self, outputs: dict[str, Any], prepared: Prepared, settings: Settings
    ) -> tuple[Answer, Pictures]:
        """Sort the classes by score."""
        values = np.asarray(outputs[self._output.name])
        vector = values.reshape(values.shape[0], -1)[0] if values.ndim > 1 else values
        kind = str(settings.get("scores", "automatic"))
        sigmoid = (
            "Sigmoid"
            in facts_of(self.context.model).last_operators(self._output.name)[:1]
        )
        scores = class_scores(vector, kind, independent=sigmoid)
        names = class_names(len(scores), self.context.folder.labels)
        count = settings.get("top", 5)
        most = max(1, min(int(count) if isinstance(count, int | float) else 5, 50))
        best = np.argsort(-scores, kind="stable")[:most]
        top = tuple(
            Scored(index=int(n), label=names[int(n)], score=float(scores[n]))
            for n in best
        )
        return Answer(parts=(Scores(top=top, n_classes=len(scores)),)), {}


def class_output(outputs: tuple[TensorInfo, ...]) -> TensorInfo | None:
    """Return the first output that is one vector of classes, None if none is."""
    for output in outputs:
        shape = output.shape
        if shape is None or not output.dtype.startswith(("float", "uint8", "int8")):
            continue
        rest = shape[1:] if len(shape) > 1 else shape
        large = [size for size in rest if size != 1]
        if len(large) != 1 or len(shape) not in (1, 2, 4):
            continue
        if len(shape) == 4 and (shape[1] == 1 and shape[3] == 1):
            continue
        if len(shape) > 1 and isinstance(shape[0], int) and shape[0] != 1:
            continue
        size = large[0]
        if isinstance(size, int) and LEAST_CLASSES <= size <= MOST_CLASSES:
            return output
    return None


def class_scores(
    vector: npt.NDArray[Any], kind: str = "automatic", *, independent: bool = False
) -> npt.NDArray[np.float64]:
    """Turn the outputs of a classifier into scores from 0 to 1.

    Parameters
    ----------
    vector : array
        (n_classes,), numbers of any type.
    kind : str
        One of `SCORES`.
    independent : bool
        Whether the graph itself ends in a sigmoid, so that the scores need not
        add up to one.

    Returns
    -------
    (n_classes,) float64 array
        0 where an output is not finite.
    """
    values = np.asarray(vector, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        scores = np.zeros_like(values)
        if finite.any():
            scores[finite] = class_scores(values[finite], kind, independent=independent)
        return scores
    if kind == "automatic":
        if independent or is_distribution(values):
            kind = "as they are"
        elif values.max() <= 1e-6 and is_distribution(np.exp(values)):
            return np.exp(values)
        else:
            kind = "softmax"
    if kind == "softmax":
        powers = np.exp(values - values.max())
        return np.asarray(powers / powers.sum())
    if kind == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))
    return values


def is_distribution(values: npt.NDArray[np.float64]) -> bool:
    """Whether values are shares of one, within what fp16 and int8 leave of them."""
    return bool(values.min() >= -1e-3 and abs(values.sum() - 1) < 0.05)
