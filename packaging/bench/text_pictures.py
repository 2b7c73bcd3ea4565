"""The picture of a head as the window paints it, off-screen."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from layerscope.ui.widgets.matrix_view import MatrixView

SIDE = 600


class MatrixPicture:
    """The view of one head, as large as in the attention panel."""

    def __init__(self) -> None:
        self._app = QApplication.instance() or QApplication([])
        self._view = MatrixView("Attention of one head")
        self._view.resize(SIDE, SIDE)

    def paint(self, weights: npt.NDArray[np.float32]) -> QImage:
        """Show (queries, keys) float32 weights and return what is painted."""
        names = tuple(str(at) for at in range(weights.shape[1]))
        self._view.set_matrix(weights, names, names)
        return self._view.grab().toImage()
