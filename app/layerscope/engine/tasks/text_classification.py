"""Text classification: one text in, a score for every class out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from layerscope.core.labels import class_names
from layerscope.engine.tasks.base import Pictures, Prepared, Settings
from layerscope.engine.tasks.graph_facts import facts_of
from layerscope.engine.tasks.image_classification import SCORES, class_scores
from layerscope.engine.tasks.text_purpose import CLASSES
from layerscope.engine.tasks.text_task import TextTask, whole
from layerscope.protocol.answers import Answer, Scored, Scores
from layerscope.protocol.values import SettingSpec


class TextClassification(TextTask):
    """What a text is about, or how it is meant, by one vector of scores."""

    id: ClassVar[str] = "text-classification"
    title: ClassVar[str] = "Text classification"
    kind: ClassVar[str] = CLASSES
    finish_settings = frozenset({"scores", "top"})

    def settings(self) -> tuple[SettingSpec, ...]:
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
        del prepared
        name = self.purpose.output.name
        values = np.asarray(outputs[name])
        vector = values.reshape(-1, values.shape[-1])[0].astype(np.float32)
        last = facts_of(self.context.model).last_operators(name)[:1]
        sigmoid = last == ("Sigmoid",)
        kind = str(settings.get("scores", "automatic"))
        stated = self.context.folder.config.get("problem_type")
        if kind == "automatic" and stated == "multi_label_classification":
            kind = "as they are" if sigmoid else "sigmoid"
        elif kind == "automatic" and last in (("MatMul",), ("Gemm",), ("Add",)):
            kind = "softmax"  # two logits may add up to one by chance
        scores = class_scores(vector, kind, independent=sigmoid)
        labels = self.context.folder.labels
        plain = tuple(f"class {n}" for n in range(len(scores)))
        names = class_names(len(scores), labels) if labels else plain
        best = np.argsort(-scores, kind="stable")[: whole(settings, "top", 5, 1, 50)]
        top = tuple(
            Scored(index=int(n), label=names[int(n)], score=float(scores[n]))
            for n in best
        )
        return Answer(parts=(Scores(top=top, n_classes=len(scores)),)), {}
