"""The weights of the chosen node: a list, and one of them in pictures and numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from layerscope.core.errors import LayerscopeError
from layerscope.protocol.messages import DescribeWeight, Event, Failed, WeightDescribed
from layerscope.protocol.values import WeightInfo
from layerscope.ui.panels.base import title_button
from layerscope.ui.panels.inspector_facts import statistics_lines
from layerscope.ui.widgets.histogram import Histogram
from layerscope.ui.widgets.legend import FlagBadges
from layerscope.ui.widgets.property_list import PropertyList
from layerscope.ui.widgets.readable import shape_of, size_of
from layerscope.ui.widgets.tile_wall import TileWall

_FILTER_SIDE, _FILTERS_HEIGHT = 26, 176
_MOST_WEIGHTS = 8
_LONGEST_NAME = 16


class WeightsView(QWidget):
    """Buttons for the weights of a node; below them filters and statistics.

    Parameters
    ----------
    controller : Controller
    """

    save_asked = Signal(str)

    def __init__(self, controller: Any) -> None:
        super().__init__()
        self._controller = controller
        self._weights: tuple[WeightInfo, ...] = ()
        self._chosen = ""
        self._job = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        heading = QLabel("Weights")
        heading.setProperty("role", "heading")
        column.addWidget(heading)
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        column.addLayout(self._list)
        self._group = QButtonGroup(self)
        self._group.idClicked.connect(self._on_clicked)
        self.filters = TileWall(usual_tile=_FILTER_SIDE)
        self.filters.setAccessibleName("Filters of the weight")
        self.filters.numbered = False
        column.addWidget(self.filters)
        self.badges = FlagBadges()
        self.facts = PropertyList("Statistics of the weight")
        self.histogram = Histogram()
        self._save = save_button("weight", lambda: self.save_asked.emit(self._chosen))
        for widget in (self.badges, self.facts, self.histogram, self._save):
            column.addWidget(widget)
        self._clear()

    @property
    def chosen(self) -> str:
        """Name of the weight that is shown."""
        return self._chosen

    def set_weights(self, weights: tuple[WeightInfo, ...]) -> None:
        """List the weights of another node and show the first one with filters."""
        self.setVisible(bool(weights))
        if weights == self._weights:
            return
        self._weights = weights
        for button in self._group.buttons():
            self._group.removeButton(button)
            self._list.removeWidget(button)
            button.deleteLater()
        for index, weight in enumerate(weights[:_MOST_WEIGHTS]):
            short = weight.name.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
            if len(short) > _LONGEST_NAME:
                short = f"{short[:6]}…{short[7 - _LONGEST_NAME :]}"
            button = title_button(
                f"{short}  {shape_of(weight.shape)} · {size_of(weight.nbytes)}",
                f"{weight.name}, {weight.dtype}",
                checkable=True,
            )
            # A long name may be cut, but must not widen the panel.
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, index)
            self._list.addWidget(button)
        self._clear()
        if weights:
            best = max(range(len(weights[:_MOST_WEIGHTS])), key=self._interest)
            self._group.button(best).setChecked(True)
            self._on_clicked(best)

    def _interest(self, index: int) -> tuple[bool, int]:
        weight = self._weights[index]
        return len(weight.shape) >= 2, weight.nbytes

    def _clear(self) -> None:
        self._chosen = ""
        self._job = 0
        for widget in (self.filters, self.badges, self.facts, self.histogram):
            widget.hide()
        self._save.hide()

    def _on_clicked(self, index: int) -> None:
        weight = self._weights[index]
        if weight.name == self._chosen:
            return
        self._chosen = weight.name
        self._job = self._controller.client.next_job()
        self._controller.query(
            DescribeWeight(
                job=self._job,
                model=self._controller.session.model,
                name=weight.name,
            ),
            self._on_described,
            self._on_failed,
        )

    def _on_described(self, event: Event) -> None:
        if not isinstance(event, WeightDescribed) or event.job != self._job:
            return
        statistics = event.details.statistics
        self.badges.set_flags(statistics.flags)
        self.facts.set_properties(statistics_lines(statistics))
        self.facts.show()
        self.histogram.set_counts(
            statistics.counts, statistics.minimum, statistics.maximum
        )
        self.histogram.setVisible(bool(statistics.counts))
        self._save.show()
        # A bias or a shape is a row of numbers; there is nothing to see in it.
        pictured = event.filters is not None and len(event.details.shape) >= 2
        self.filters.setVisible(pictured)
        if pictured and event.filters is not None:
            try:
                tiles = self._controller.get_array(event.filters)
            except LayerscopeError as error:
                self._controller.log(str(error), "warning")
                self.filters.hide()
                return
            self.filters.setFixedHeight(_FILTERS_HEIGHT)
            self.filters.set_tiles(np.ascontiguousarray(tiles, dtype=np.uint8))
            needed = self.filters.whole_height()
            self.filters.setFixedHeight(min(_FILTERS_HEIGHT, max(_FILTER_SIDE, needed)))

    def _on_failed(self, failure: Failed) -> None:
        if failure.job == self._job:
            self._controller.log(failure.message, "warning")


def save_button(what: str, on_click: Callable[[], object]) -> QPushButton:
    """Return a button that offers to write `what` to a file."""
    button = QPushButton(f"Save {what} as .npy…")
    button.setToolTip(f"Write the whole {what} to a NumPy file")
    button.setAccessibleName(button.text())
    button.clicked.connect(lambda: on_click())
    return button
