"""What every training script asks of its command line and its surroundings."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch

SECONDS = 5.0
_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2].parent / "shared"


def arguments(model_id: str) -> argparse.Namespace:
    """Read the command line of ``models/<id>/train.py``.

    Parameters
    ----------
    model_id : str
        Name of the folder in ``models/``.

    Returns
    -------
    Namespace
        ``quick``: bool, train for five seconds into a temporary folder.
    """
    parser = argparse.ArgumentParser(description=f"Train {model_id}.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="train for five seconds and write into a temporary folder",
    )
    return parser.parse_args()


def target_folder(folder: Path, quick: bool) -> Path:
    """Return where to publish: `folder`, or a temporary one for a quick run."""
    return Path(tempfile.mkdtemp(prefix=f"{folder.name}-")) if quick else folder


def time_limit(quick: bool) -> float | None:
    """Return after how many seconds a training stops; None: when it is done."""
    return SECONDS if quick else None


def checkpoint_folder() -> Path:
    """Return the folder for checkpoints and decoded data, made if need be.

    ``LAYERSCOPE_TRAIN_CACHE`` names it; it is ``out/training`` otherwise.
    """
    folder = Path(os.environ.get("LAYERSCOPE_TRAIN_CACHE", "out/training"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def corpus() -> Path:
    """Return the folder with the training data.

    ``LAYERSCOPE_CORPUS`` names it; it is ``shared`` beside the checkout otherwise.

    Raises
    ------
    SystemExit
        If there is no ``data`` in it.
    """
    folder = Path(os.environ.get("LAYERSCOPE_CORPUS", _BESIDE_THE_CHECKOUT))
    if not (folder / "data").is_dir():
        raise SystemExit(
            f"The training data was looked for in {folder / 'data'} and is not there. "
            "Set LAYERSCOPE_CORPUS to the folder that holds data/."
        )
    return folder


def threads() -> None:
    """Let torch use so many threads as ``LAYERSCOPE_TRAIN_THREADS`` says, if set."""
    wanted = os.environ.get("LAYERSCOPE_TRAIN_THREADS", "")
    if wanted:
        torch.set_num_threads(int(wanted))
