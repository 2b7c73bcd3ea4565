"""Write a picture that a model made into a PNG file, with what it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import QFileDialog, QWidget

from layerscope.core.errors import LayerscopeError
from layerscope.core.made_with import MadeWith
from layerscope.core.png import write_png

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


def _name(made: MadeWith) -> str:
    """Return a file name out of prompt and seed."""
    words = made.texts_given.get("prompt", "") or made.model
    safe = "".join(c if c.isalnum() else "-" for c in words)[:_NAME_LETTERS].strip("-")
    seed = made.settings.get("seed")
    return f"{safe or 'picture'}{'' if seed is None else f'-{seed}'}"
