"""The chosen layer or unit: large, in numbers, with its weights."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QScrollArea, QVBoxLayout, QWidget

from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.protocol.messages import (
    DescribeNode,
    Event,
    Failed,
    NodeDescribed,
    ReceptiveFieldFound,
)
from layerscope.protocol.values import NodeDetails
from layerscope.ui.panels.base import ElidedLabel, Panel
from layerscope.ui.panels.inspector_facts import (
    field_line,
    group_lines,
    maximum_place,
    node_lines,
    selected_group,
    selected_node,
    statistics_lines,
    summary_lines,
    tensor_lines,
    time_lines,
)
from layerscope.ui.panels.layer_reading import LayerReading
from layerscope.ui.panels.naming import tensor_label
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.panels.receptive_field import ReceptiveFieldFinder
from layerscope.ui.panels.weights_view import WeightsView, save_button
from layerscope.ui.widgets.histogram import Histogram
from layerscope.ui.widgets.legend import FlagBadges
from layerscope.ui.widgets.property_list import Property, PropertyList
from layerscope.ui.widgets.readable import number
from layerscope.ui.widgets.unit_view import UnitView

_UNITS = {"maps": "channel", "vector": "element", "sequence": "feature"}
_NOTHING = "Click a layer, a channel or a node: here it is taken apart."


class InspectorPanel(Panel):
    """Everything known of the selection.

    Attributes
    ----------
    region_found : Signal
        The `ReceptiveFieldFound` of the pixel under the pointer, or None.
    """

    region_found = Signal(object)

    def __init__(self, controller: Any) -> None:
        super().__init__("inspector", "Inspector", controller)
        self.body.setContentsMargins(0, 0, 0, 0)
        self._empty = self.empty_state(_NOTHING)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._content = _Column()
        self._scroll.setWidget(self._content)
        self.body.addWidget(self._empty)
        self.body.addWidget(self._scroll)
        self.unit = UnitView()
        self._told = ElidedLabel(role="caption")
        self.badges = FlagBadges()
        self.facts = PropertyList("What is known of the selection")
        self.histogram = Histogram()
        self._save = save_button("tensor", self._save_tensor)
        self.more = PropertyList("The node")
        self.weights = WeightsView(controller)
        self.weights.save_asked.connect(self.save)
        for widget in (
            self.unit,
            self._told,
            self.badges,
            self.facts,
            self.histogram,
            self.more,
            self._save,
            self.weights,
        ):
            self._content.column.addWidget(widget)
        self._content.column.addStretch(1)
        self._details: NodeDetails | None = None
        self._asked_node: tuple[int, int] = (0, -1)
        self._field: ReceptiveFieldFound | None = None
        self._field_of = ""
        self._finder = ReceptiveFieldFinder(controller, self)
        self._finder.found.connect(self.region_found)
        self._middle_finder = ReceptiveFieldFinder(controller, self)
        self._middle_finder.found.connect(self._on_middle_found)
        self._pace = Pace(self)
        self.unit.place_hovered.connect(self._on_place_hovered)
        events = controller.session.events
        for signal in (
            events.n_runs,
            events.selection,
            events.profile,
            events.model,
            events.structure_revision,
        ):
            self.listen(signal)

    # --- what is shown --------------------------------------------------------------

    def refresh(self) -> None:
        """Show the selection as it is in the newest frame."""
        session = self.controller.session
        chosen = session.selection
        node, group = selected_node(session), selected_group(session)
        nothing = not chosen.tensor and node is None and group is None
        self._empty.setVisible(nothing)
        self._scroll.setVisible(not nothing)
        if nothing:
            self.set_clause("")
            return
        self.set_clause(self._subtitle())
        frame = self.controller.pictures.frame
        summary = frame.layers.get(chosen.tensor) if frame is not None else None
        self._show_picture(frame, summary)
        self._ask_node(node.index if node is not None and group is None else -1)
        self._ask_middle(frame, summary)
        topic = (chosen, session.model, session.profile, self._field, self._details)
        if self._pace.due(tuple(id(part) for part in topic)):
            self._write(summary)

    def _subtitle(self) -> str:
        session = self.controller.session
        chosen = session.selection
        group = selected_group(session)
        if chosen.unit >= 0:
            frame = self.controller.pictures.frame
            summary = frame.layers.get(chosen.tensor) if frame is not None else None
            word = _UNITS.get(summary.role if summary is not None else "maps", "unit")
            return f"{word} {chosen.unit}"
        if group is not None:
            return f"block {group.name}"
        if chosen.tensor:
            return tensor_label(session.structure, chosen.tensor)
        node = selected_node(session)
        return node.op if node is not None else ""

    def _picture(
        self, frame: Frame | None, summary: LayerSummary | None
    ) -> npt.NDArray[np.uint8] | None:
        """Return the best picture there is of the selection."""
        if frame is None or summary is None:
            return None
        unit = frame.pictures.get(f"unit:{summary.tensor}")
        if unit is not None and summary.unit == self.controller.session.selection.unit:
            return unit
        wall = frame.pictures.get(f"wall:{summary.tensor}")
        chosen = self.controller.session.selection.unit
        if wall is not None and summary.role == "maps" and chosen in summary.channels:
            return np.asarray(wall[summary.channels.index(chosen)])
        thumb = frame.pictures.get(f"thumb:{summary.tensor}")
        return thumb if thumb is not None and thumb.ndim == 2 else None

    def _show_picture(self, frame: Frame | None, summary: LayerSummary | None) -> None:
        picture = self._picture(frame, summary)
        self.unit.setVisible(picture is not None)
        self._told.setVisible(picture is not None)
        if picture is not None:
            self.unit.set_picture(picture)
            width = max(80, self._scroll.viewport().width() - 24)
            aspect = min(1.0, max(0.125, picture.shape[0] / picture.shape[1]))
            self.unit.setFixedHeight(round(min(width, 320) * aspect))
        self._tell()

    def _write(self, summary: LayerSummary | None) -> None:
        """Write the numbers; called once a second at most for one selection."""
        session = self.controller.session
        chosen = session.selection
        node, group = selected_node(session), selected_group(session)
        lines: list[Property] = []
        statistics = summary.statistics if summary is not None else None
        if summary is not None:
            own = summary.unit == chosen.unit and chosen.unit >= 0
            if own and summary.unit_statistics is not None:
                statistics = summary.unit_statistics
            assert statistics is not None
            own_map = own and summary.role == "maps"
            top = maximum_place(self.unit.picture) if own_map else None
            self.unit.set_mark(top)
            lines += statistics_lines(statistics, top)
        lines += field_line(self._field if self._field_of == chosen.tensor else None)
        if node is not None and group is None:
            lines += time_lines(session, node.index)
        self.facts.set_properties(lines)
        self.facts.setVisible(bool(lines))
        self.badges.set_flags(statistics.flags if statistics is not None else ())
        counts = statistics.counts if statistics is not None else ()
        if not counts and summary is not None:
            counts, statistics = summary.statistics.counts, summary.statistics
        self.histogram.setVisible(bool(counts))
        if counts and statistics is not None:
            self.histogram.set_counts(counts, statistics.minimum, statistics.maximum)
        self._save.setVisible(bool(chosen.tensor))
        self._write_more(summary)

    def _write_more(self, summary: LayerSummary | None) -> None:
        """Write what stays the same from run to run: form, node, weights."""
        session = self.controller.session
        tensor = session.selection.tensor
        node, group = selected_node(session), selected_group(session)
        lines: list[Property] = []
        if summary is not None:
            lines += summary_lines(summary)
        elif tensor:
            lines += tensor_lines(session, tensor)
        if group is not None:
            self.more.set_properties(lines + group_lines(session, group))
            self.weights.set_weights(())
            return
        if node is not None:
            lines += node_lines(node)
        details = self._details
        if node is not None and details is not None and details.node == node.index:
            if details.attributes:
                lines.append(Property("Attributes", ""))
            lines += [
                Property(each.name, each.text or "–", each.text)
                for each in details.attributes
            ]
            self.weights.set_weights(details.weights)
        else:
            self.weights.set_weights(())
        self.more.set_properties(lines)

    # --- what is asked --------------------------------------------------------------

    def _ask_node(self, node: int) -> None:
        question = (self.controller.session.model, node)
        if question == self._asked_node:
            return
        self._asked_node = question
        self._details = None
        if node >= 0:
            command = DescribeNode(
                job=self.controller.client.next_job(), model=question[0], node=node
            )
            self.controller.query(command, self._on_node_described, _ignore)

    def _on_node_described(self, event: Event) -> None:
        if isinstance(event, NodeDescribed) and (
            (event.model, event.details.node) == self._asked_node
        ):
            self._details = event.details
            self.mark_stale()

    def _ask_middle(self, frame: Frame | None, summary: LayerSummary | None) -> None:
        if frame is None or summary is None or summary.role != "maps":
            return
        if summary.tensor != self._field_of:
            self._field_of, self._field = summary.tensor, None
            wall = self.controller.session.wall
            height, width = LayerReading(frame, summary, wall).map_size
            self._middle_finder.ask(summary.tensor, height // 2, width // 2)

    def _on_middle_found(self, found: ReceptiveFieldFound | None) -> None:
        if found is not None and found.tensor == self._field_of:
            self._field = found
            self.mark_stale()

    # --- hands ----------------------------------------------------------------------

    def _on_place_hovered(self, place: tuple[int, int] | None) -> None:
        session = self.controller.session
        frame = self.controller.pictures.frame
        tensor = session.selection.tensor
        summary = frame.layers.get(tensor) if frame is not None else None
        picture = self.unit.picture
        if place is None or summary is None or picture is None:
            self._finder.forget()
        elif summary.role == "maps" and frame is not None:
            height, width = LayerReading(frame, summary, session.wall).map_size
            y = place[0] * height // picture.shape[0]
            x = place[1] * width // picture.shape[1]
            self._finder.ask(summary.tensor, y, x)
        self._tell()

    def _tell(self) -> None:
        """Write the value under the pointer, or how to get one."""
        place, picture = self.unit.place, self.unit.picture
        session = self.controller.session
        frame = self.controller.pictures.frame
        tensor, unit = session.selection.tensor, session.selection.unit
        if place is None or picture is None:
            self._told.set_whole("point at a pixel for its value")
            return
        text = f"x {place[1]}, y {place[0]}"
        summary = frame.layers.get(tensor) if frame is not None else None
        if summary is not None and summary.unit == unit >= 0 and frame is not None:
            reading = LayerReading(frame, summary, session.wall)
            text += f" · {number(reading.unit_value(int(picture[place])))}"
        self._told.set_whole(text)

    def _save_tensor(self) -> None:
        self.save(self.controller.session.selection.tensor)

    def save(self, name: str) -> None:
        """Ask where to, fetch a tensor or a weight, and write it as ``.npy``."""
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip("_")
        path, _ = QFileDialog.getSaveFileName(
            self, f"Save {name}", f"{safe or 'tensor'}.npy", "NumPy array (*.npy)"
        )
        if path:
            self.controller.fetch_tensor(
                name,
                partial(self._on_fetched, name, Path(path)),
                self._on_fetch_failed,
            )

    def _on_fetched(
        self, name: str, path: Path, array: npt.NDArray[np.generic]
    ) -> None:
        try:
            write_npy(path, array)
        except OSError as error:
            reason = error.strerror or str(error)
            self.controller.complain(
                f"{path.name} was to be written and could not be: {reason}; choose "
                "another folder."
            )
            return
        self.controller.log(f"saved {name} to {path}")

    def _on_fetch_failed(self, failure: Failed) -> None:
        self.controller.complain(failure.message)


class _Column(QWidget):
    """What scrolls: as wide as the panel, as tall as its content."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("clear", True)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 12, 12, 12)
        self.column.setSpacing(8)


def write_npy(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write `array` so that the file is whole or not there.

    Raises
    ------
    OSError
        If the folder cannot be written to, or is full.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _ignore(_failure: Failed) -> None:
    """A node that cannot be described has already been drawn with its reason."""


__all__ = ["InspectorPanel", "write_npy"]
