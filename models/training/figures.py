"""How the figure of every card is measured again: raw onnxruntime, held-out data.

One line for each bundled model: ``"module:function"``, a function that takes the
model's folder and returns the figure. The module is loaded when it is asked for, so
that measuring digits needs nothing that measuring a language model needs.
"""

from __future__ import annotations

import importlib
from pathlib import Path

FIGURES: dict[str, str] = {
    "cifar10-clip": "training.cifar10_clip:measured",
    "cifar10-resnet-l": "training.publish:cifar10_accuracy",
    "cifar10-resnet-m": "training.publish:cifar10_accuracy",
    "cifar10-resnet-m-int8": "training.publish:cifar10_accuracy",
    "cifar10-resnet-s": "training.publish:cifar10_accuracy",
    "connect-four": "training.connect_four_model:measured",
    "digits-boosting": "training.digit_classifiers:accuracy",
    "digits-cnn": "training.digit_classifiers:accuracy",
    "digits-diffusion": "training.digits_diffusion:measured",
    "digits-forest": "training.digit_classifiers:accuracy",
    "digits-gan": "training.digits_gan:sure_share",
    "digits-svm": "training.digit_classifiers:accuracy",
    "digits-vae": "training.digits_vae:accuracy",
    "shakespeare-gpt": "training.decoder_folder:measured_nats",
    "shakespeare-lstm": "training.recurrent_folder:measured_nats",
    "shakespeare-moe": "training.decoder_folder:measured_nats",
    "spoken-words": "training.spoken_words:measured",
    "sst2-encoder": "training.sst2:measured",
}

# Kernels of other processors round apart: ten pictures of 10,000 may fall otherwise.
TOLERANCE = 0.001
# Where more than rounding differs, how far a figure may be from the stated one.
TOLERANCES: dict[str, float] = {
    "digits-gan": 0.03,  # its judge is trained anew where it is missing
    "connect-four": 0.05,  # a rounding may change a move, and with it a game
    "digits-diffusion": 0.03,  # so may it a picture; its judge is trained anew
    "spoken-words": 0.01,  # another version of the voices sounds a little otherwise
}


def measure(model_id: str, folder: Path) -> float:
    """Return the figure of the published model in `folder`.

    Parameters
    ----------
    model_id : str
        A key of `FIGURES`.
    folder : Path
        With the published files.

    Raises
    ------
    KeyError
        If nobody has said how to measure this model.
    """
    module, _, function = FIGURES[model_id].partition(":")
    return float(getattr(importlib.import_module(module), function)(folder))


def tolerance(model_id: str) -> float:
    """Return how far a figure measured again may be from the stated one."""
    return TOLERANCES.get(model_id, TOLERANCE)
