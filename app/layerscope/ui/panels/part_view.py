"""What all views of answer parts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from layerscope.protocol.answers import Part
from layerscope.ui.widgets.table_window import TableModel, TableWindow

Pictures = Mapping[str, npt.NDArray[np.uint8]]


class PartView(QWidget):
    """Base: shows parts of one type.

    Parameters
    ----------
    controller : Controller

    Attributes
    ----------
    changed : Signal
        The panel is to show the answer again.
    stands_for : type of Part or None
        Parts of this kind are not shown besides, since this view shows them too.
    instead : dict
        Pictures to show in place of those of the frame, by their name in it.
    metadata : str
        Of what stands in `instead`; see `PictureAnswer.metadata`.
    """

    changed = Signal()
    stands_for: ClassVar[type[Part] | None] = None

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self.controller = controller
        self.instead: dict[str, npt.NDArray[np.uint8]] = {}
        self.metadata = ""
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(4)

    def show_part(self, part: Any, pictures: Pictures) -> None:
        """Show `part`; `pictures` are the parts of the newest frame."""
        raise NotImplementedError

    def picture_clicked(self, x: float, y: float) -> None:
        """The picture of the answer was clicked, in shares of its size."""

    def picture_to_save(self) -> npt.NDArray[np.uint8] | None:
        """Return the picture shown, (h, w, 3) uint8, or None for none."""
        return None

    def table(self, title: str, clause: str, model: TableModel) -> None:
        """Open the numbers in a window of their own."""
        TableWindow(self, title, clause, model).show()
