"""Write a picture with what it was made with into a PNG file, a latent into a .npy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import QFileDialog, QWidget

from layerscope.core.errors import LayerscopeError
from layerscope.core.made_with import MadeWith
from layerscope.core.png import write_png
from layerscope.ui.panels.inspector import write_npy

_NAME_LETTERS = 40


def save_picture(
    owner: QWidget,
    controller: Any,
    pixels: npt.NDArray[np.uint8],
    metadata: str,
    path: str = "",
) -> None:
    """Write a picture, after asking where to unless `path` says so.

    Parameters
    ----------
    owner : QWidget
        The dialog stands before it.
    controller : Controller
        Is told what became of it.
    pixels : ndarray of uint8
        (h, w, 3).
    metadata : str
        JSON of `MadeWith`, or empty.
    path : str
        A .png file.
    """
    texts = {}
    name = "picture"
    try:
        if metadata:
            made = MadeWith.from_json(metadata)
            texts, name = made.texts(), _name(made)
        if not path:
            path, _ = QFileDialog.getSaveFileName(
                owner, "Save picture", f"{name}.png", "PNG picture (*.png)"
            )
        if path:
            file = Path(path)
            file = file if file.suffix.lower() == ".png" else Path(f"{path}.png")
            write_png(file, np.ascontiguousarray(pixels), texts)
            controller.log(f"saved the picture to {file.name}")
    except LayerscopeError as error:
        controller.complain(str(error))


def save_latent(
    owner: QWidget, controller: Any, latent: npt.NDArray[np.float32], path: str = ""
) -> None:
    """Write a latent as the model takes it, after asking where to unless `path` says.

    Parameters
    ----------
    owner : QWidget
        The dialog stands before it.
    controller : Controller
        Is told what became of it.
    latent : ndarray of float32
        With its batch.
    path : str
        A .npy file.
    """
    if not path:
        path, _ = QFileDialog.getSaveFileName(
            owner, "Save latent", "latent.npy", "NumPy array (*.npy)"
        )
    if path:
        file = Path(path)
        file = file if file.suffix.lower() == ".npy" else Path(f"{path}.npy")
        try:
            write_npy(file, latent)
            controller.log(f"saved the latent to {file.name}")
        except OSError as error:
            controller.complain(
                f"{file.name} cannot be written ({error.strerror or error}); choose "
                "another place."
            )


def _name(made: MadeWith) -> str:
    """Return a file name out of prompt and seed."""
    words = made.texts_given.get("prompt", "") or made.model
    safe = "".join(c if c.isalnum() else "-" for c in words)[:_NAME_LETTERS].strip("-")
    seed = made.settings.get("seed")
    return f"{safe or 'picture'}{'' if seed is None else f'-{seed}'}"
