"""What all views of answer parts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from layerscope.ui.widgets.table_window import TableModel, TableWindow

Pictures = Mapping[str, npt.NDArray[np.uint8]]


class PartView(QWidget):
    """Base: shows parts of one type.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self.controller = controller
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)

    def show_part(self, part: Any, pictures: Pictures) -> None:
        """Show `part`; `pictures` are the parts of the newest frame."""
        raise NotImplementedError

    def table(self, title: str, clause: str, model: TableModel) -> None:
        """Open the numbers in a window of their own."""
        TableWindow(self, title, clause, model).show()
