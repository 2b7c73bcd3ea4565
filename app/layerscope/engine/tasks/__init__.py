"""What models are for, one pipeline a file; `TASKS` is the registry."""

from __future__ import annotations

from layerscope.core.errors import BadInputError
from layerscope.engine.tasks.base import Task, TaskContext
from layerscope.engine.tasks.diffusion import Diffusion
from layerscope.engine.tasks.fill_mask import FillMask
from layerscope.engine.tasks.image_classification import ImageClassification
from layerscope.engine.tasks.image_to_image import ImageToImage
from layerscope.engine.tasks.latent_to_picture import LatentToPicture
from layerscope.engine.tasks.object_detection import ObjectDetection
from layerscope.engine.tasks.question_answering import QuestionAnswering
from layerscope.engine.tasks.segmentation import Segmentation
from layerscope.engine.tasks.tensors import Tensors
from layerscope.engine.tasks.text_classification import TextClassification
from layerscope.engine.tasks.text_embedding import TextEmbedding
from layerscope.engine.tasks.text_generation import TextGeneration
from layerscope.engine.tasks.text_to_text import TextToText
from layerscope.engine.tasks.token_classification import TokenClassification
from layerscope.engine.tasks.zero_shot import ZeroShot

TASKS: tuple[type[Task], ...] = (
    ImageClassification,
    ObjectDetection,
    Segmentation,
    ImageToImage,
    ZeroShot,
    TextGeneration,
    TextToText,
    TextClassification,
    TokenClassification,
    FillMask,
    TextEmbedding,
    QuestionAnswering,
    Diffusion,
    LatentToPicture,
    Tensors,
)


def choose(context: TaskContext) -> type[Task]:
    """Return the task that suits a model best; tensors suit any."""
    return max(TASKS, key=lambda task: task.suits(context))


def by_id(task_id: str) -> type[Task]:
    """Return a task by its id.

    Raises
    ------
    BadInputError
        If there is none.
    """
    for task in TASKS:
        if task.id == task_id:
            return task
    there = ", ".join(task.id for task in TASKS)
    raise BadInputError(f"Task {task_id!r} was asked for; there are {there}.")
