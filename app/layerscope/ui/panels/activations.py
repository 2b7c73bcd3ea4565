"""What a layer makes of the input: all its channels, or its numbers in a table."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeyEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.ui.panels.base import ElidedLabel, Panel, title_button
from layerscope.ui.panels.layer_reading import LayerReading
from layerscope.ui.panels.layer_tables import (
    CHANNEL_HEADINGS,
    LAYER_HEADINGS,
    channel_rows,
    layer_rows,
)
from layerscope.ui.panels.naming import (
    layer_clause,
    nothing_yet,
    tensor_label,
    watched_order,
)
from layerscope.ui.panels.pacing import Pace
from layerscope.ui.panels.receptive_field import ReceptiveFieldFinder
from layerscope.ui.widgets.histogram import VectorBars
from layerscope.ui.widgets.legend import ColourLegend, FlagBadges
from layerscope.ui.widgets.number_table import NumberTable
from layerscope.ui.widgets.readable import number
from layerscope.ui.widgets.tile_wall import Place, TileWall
from layerscope.ui.widgets.unit_view import UnitView

ORDERS = (("index", "by index"), ("strength", "by strength"))
SCALES = (
    ("channel", "scale per channel"),
    ("layer", "scale per layer"),
    ("network", "scale per network"),
)
BOOSTS = (
    (1.0, "Contrast as it is"),
    (0.7, "Contrast raised"),
    (0.5, "Contrast high"),
    (0.35, "Contrast highest"),
)
_ROOMY = 760
_FIELDS = ("n_runs", "selection", "wall", "model", "structure_revision", "refusal")
_KEY = Qt.Key
_STEPS = {_KEY.Key_Left: -1, _KEY.Key_J: -1, _KEY.Key_Right: 1, _KEY.Key_L: 1}
_NOTHING = "Open a model and run it: every layer shows here what it sees."
_WAITING = "Click a block or a node of the network to see what it sees."


class ActivationsPanel(Panel):
    """The tile wall with its controls, and the tables behind it.

    Attributes
    ----------
    region_found : Signal
        The `ReceptiveFieldFound` of the place under the pointer, or None; the
        window hands it to the input panel.
    """

    region_found = Signal(object)

    def __init__(self, controller: Any) -> None:
        super().__init__("activations", "Activations", controller)
        self.body.setContentsMargins(12, 8, 6, 6)
        self.body.setSpacing(4)
        self.wall = TileWall()
        self.heat = UnitView(keep_aspect=False)
        self.heat.setAccessibleName("Heat map of the layer")
        self.bars = VectorBars()
        for picture in (self.heat, self.bars):
            picture.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.table = NumberTable("Statistics")
        self._empty = self.empty_state(_NOTHING)
        self._stack = QStackedWidget()
        for page in (self._empty, self.wall, self.heat, self.bars, self.table):
            self._stack.addWidget(page)
        self.body.addWidget(self._stack, 1)
        self.legend = ColourLegend()
        self.badges = FlagBadges()
        self._told = ElidedLabel()
        self._told.setAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self._add_footer()
        self._add_actions()
        self._finder = ReceptiveFieldFinder(controller, self)
        self._finder.found.connect(self.region_found)
        self._pace = Pace(self)
        self._shown_unit: tuple[str, int] = ("", -1)
        self._row_names: list[str] = []
        self._connect_hands()
        for field in _FIELDS:
            self.listen(getattr(controller.session.events, field))

    def _add_footer(self) -> None:
        self._footer = QWidget()
        row = QHBoxLayout(self._footer)
        row.setContentsMargins(0, 0, 6, 0)
        row.setSpacing(10)
        self._this_layer = title_button(
            "This layer", "The channels of the chosen layer", checkable=True
        )
        self._all_layers = title_button(
            "All layers", "One line for every layer that is watched", checkable=True
        )
        self._table_choice = QButtonGroup(self)
        for button in (self._this_layer, self._all_layers):
            self._table_choice.addButton(button)
            row.addWidget(button)
        self._this_layer.setChecked(True)
        self._table_choice.buttonClicked.connect(self.mark_stale)
        row.addWidget(self.legend)
        row.addWidget(self.badges)
        row.addWidget(self._told, 1)
        self._footer.setFixedHeight(22)
        self.body.addWidget(self._footer)

    def _add_actions(self) -> None:
        self._maps = title_button(
            "Maps", "Show the channels as pictures", checkable=True
        )
        self._statistics = title_button(
            "Statistics", "Show the same as a table of numbers", checkable=True
        )
        self._view_choice = QButtonGroup(self)
        for button in (self._maps, self._statistics):
            self._view_choice.addButton(button)
            self.add_action(button)
        self._maps.setChecked(True)
        self._view_choice.buttonClicked.connect(self.mark_stale)
        self._option_actions: dict[str | float, QAction] = {}
        self._order_button = self._menu_button("How the channels are sorted")
        self._scale_button = self._menu_button(
            "What shares a colour scale, and the contrast (t; T for each channel alone)"
        )
        orders = self._menu_of(self._order_button)
        scales = self._menu_of(self._scale_button)
        wall = self.controller.set_wall
        self._add_choices(orders, ORDERS, lambda key: wall(order=key))
        self._add_choices(scales, SCALES, lambda key: wall(scale=key))
        scales.addSeparator()
        self._add_choices(scales, BOOSTS, lambda key: wall(boost=key))

    def _menu_button(self, tooltip: str) -> QToolButton:
        button = title_button("", tooltip)
        self.add_action(button)
        return button

    @staticmethod
    def _menu_of(button: QToolButton) -> QMenu:
        """Return a menu that opens below `button`.

        Not `setMenu`, which makes room for an arrow that the text already has.
        """
        menu = QMenu(button)
        button.clicked.connect(
            lambda: menu.popup(button.mapToGlobal(QPoint(0, button.height() + 2)))
        )
        return menu

    def _add_choices(self, menu: QMenu, choices: Any, choose: Any) -> None:
        group = QActionGroup(menu)
        for key, text in choices:
            action = menu.addAction(text[0].upper() + text[1:])
            action.setCheckable(True)
            action.triggered.connect(partial(_call, choose, key))
            group.addAction(action)
            self._option_actions[key] = action

    def _connect_hands(self) -> None:
        self.wall.unit_chosen.connect(self._on_unit_chosen)
        self.wall.place_hovered.connect(self._on_place_hovered)
        self.wall.layer_asked.connect(self.step_layer)
        self.wall.boost_asked.connect(self._on_boost_asked)
        self.bars.unit_chosen.connect(self._on_unit_chosen)
        self.bars.place_hovered.connect(self._tell)
        self.heat.place_hovered.connect(self._tell)
        self.heat.place_chosen.connect(self._on_heat_chosen)
        self.table.row_chosen.connect(self._on_row_chosen)

    # --- what is shown --------------------------------------------------------------

    @property
    def reading(self) -> LayerReading | None:
        """The chosen layer in the newest frame."""
        session = self.controller.session
        frame = self.controller.pictures.frame
        if frame is None or session.selection.tensor not in frame.layers:
            return None
        summary = frame.layers[session.selection.tensor]
        return LayerReading(frame, summary, session.wall)

    def refresh(self) -> None:
        """Show the newest frame."""
        session = self.controller.session
        frame = self.controller.pictures.frame
        reading = self.reading
        summary = reading.summary if reading is not None else None
        self._show_options()
        statistics = self._statistics.isChecked()
        for button in (self._this_layer, self._all_layers):
            button.setVisible(statistics)
        self.legend.setVisible(summary is not None and not statistics)
        self._footer.setVisible(frame is not None and bool(frame.layers))
        self.badges.set_flags(summary.statistics.flags if summary else ())
        if summary is None:
            selected = session.selection.tensor
            self.set_clause(
                tensor_label(session.structure, selected) if selected else ""
            )
        else:
            self.set_clause(layer_clause(session, summary))
        if statistics and frame is not None and frame.layers:
            self._stack.setCurrentWidget(self.table)
            self._show_table(frame, summary)
        elif reading is None or not self._show_maps(reading):
            usual = _WAITING if session.model else _NOTHING
            self._empty.set_text(nothing_yet(session, usual))
            self._stack.setCurrentWidget(self._empty)
            self.legend.hide()
        self._tell()

    def _show_options(self) -> None:
        wall = self.controller.session.wall
        boosted = "" if wall.boost == 1.0 else ", contrast up"
        self._order_button.setText(dict(ORDERS).get(wall.order, wall.order) + " ▾")
        scale = dict(SCALES).get(wall.scale, wall.scale)
        if self.width() < _ROOMY:
            scale = scale.removeprefix("scale ")
        self._scale_button.setText(scale + boosted + " ▾")
        statistics = self._statistics.isChecked()
        reading = self.reading
        maps = reading is not None and reading.summary.role == "maps"
        channels = maps and (not statistics or self._this_layer.isChecked())
        self._scale_button.setVisible(maps and not statistics)
        self._order_button.setVisible(channels)
        for key in (wall.order, wall.scale, wall.boost):
            if key in self._option_actions:
                self._option_actions[key].setChecked(True)

    def _show_maps(self, reading: LayerReading) -> bool:
        """Show the pictures of a layer; False where the frame has none."""
        summary, tiles = reading.summary, reading.tiles
        unit = self.controller.session.selection.unit
        if tiles is None:
            return False
        self.legend.set_range(*reading.legend(unit))
        if summary.role == "maps":
            self._stack.setCurrentWidget(self.wall)
            self.wall.set_tiles(tiles, summary.channels, reading.flat_channels())
            moved = (summary.tensor, unit) != self._shown_unit
            self._shown_unit = (summary.tensor, unit)
            self.wall.set_selected(unit, show=moved)
        elif summary.role == "vector":
            self._stack.setCurrentWidget(self.bars)
            self.bars.set_values(reading.elements())
            self.bars.set_selected(unit)
        else:
            self._stack.setCurrentWidget(self.heat)
            self.heat.set_picture(tiles.reshape(-1, tiles.shape[-1]))
            self.heat.set_column(unit)
        return True

    def _show_table(self, frame: Frame, summary: LayerSummary | None) -> None:
        session = self.controller.session
        single = self._this_layer.isChecked() and summary is not None
        topic = (single, session.selection, session.wall, session.model)
        if not self._pace.due(topic):
            return
        if single and summary is not None:
            self._row_names = [str(channel) for channel in summary.channels]
            self.table.set_rows(CHANNEL_HEADINGS, channel_rows(summary), stretch=3)
            self.table.set_bars(3)
            chosen = str(session.selection.unit)
        else:
            names = [n for n in watched_order(session, frame) if n in frame.layers]
            self._row_names = names
            rows = layer_rows(session, [frame.layers[name] for name in names])
            self.table.set_rows(LAYER_HEADINGS, rows, stretch=0)
            self.table.set_bars(-1)
            chosen = session.selection.tensor
        row = self._row_names.index(chosen) if chosen in self._row_names else -1
        self.table.choose(row)

    # --- what is pointed at ---------------------------------------------------------

    def _tell(self, _place: object = None) -> None:
        """Write what is under the pointer, or what the pictures hold."""
        reading, page = self.reading, self._stack.currentWidget()
        text = ""
        if reading is None or page in (self._empty, self.table):
            pass
        elif page is self.wall and self.wall.place is not None:
            text = reading.place_text(self.wall.place)
        elif page is self.heat and self.heat.place is not None:
            text = reading.heat_text(self.heat.place)
        elif page is self.bars and self.bars.place is not None:
            unit, value = self.bars.place
            text = f"element {unit} · {number(value)}"
        else:
            text = reading.size_text()
        self._told.set_whole(text)

    def _on_place_hovered(self, place: Place | None) -> None:
        reading = self.reading
        if place is None or reading is None:
            self._finder.forget()
        else:
            self._finder.ask(reading.summary.tensor, *reading.map_place(place))
        self._tell()

    # --- what is chosen -------------------------------------------------------------

    def _on_unit_chosen(self, unit: int) -> None:
        now = self.controller.session.selection
        self.controller.select(
            tensor=now.tensor, unit=unit, node=now.node, group=now.group
        )

    def _on_heat_chosen(self, place: tuple[int, int]) -> None:
        reading, picture = self.reading, self.heat.picture
        if reading is not None and picture is not None:
            width = reading.summary.shape[-1]
            self._on_unit_chosen(place[1] * width // picture.shape[1])

    def _on_row_chosen(self, row: int) -> None:
        if not 0 <= row < len(self._row_names):
            return
        if self._this_layer.isChecked():
            self._on_unit_chosen(int(self._row_names[row]))
        else:
            self._select_layer(self._row_names[row])

    def _select_layer(self, tensor: str) -> None:
        session = self.controller.session
        node = session.structure.producer_of.get(tensor, -1)
        self.controller.select(tensor=tensor, unit=session.selection.unit, node=node)

    def step_layer(self, delta: int) -> None:
        """Choose the layer `delta` further on, keeping the unit."""
        session = self.controller.session
        order = watched_order(session, self.controller.pictures.frame)
        if not order:
            return
        now = session.selection.tensor
        if now in order:
            place = order.index(now) + delta
        else:
            at = session.structure.producer_of.get(now, -1)
            made = session.structure.producer_of
            before = sum(made.get(name, -1) <= at for name in order)
            place = before if delta > 0 else before - 1
        self._select_layer(order[min(len(order) - 1, max(0, place))])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Walk layers and units from bars and heat maps too; the wall has its own."""
        reading, key = self.reading, Qt.Key(event.key())
        if key in (Qt.Key.Key_U, Qt.Key.Key_O):
            self.step_layer(-1 if key == Qt.Key.Key_U else 1)
        elif key in _STEPS and reading is not None and reading.summary.role != "maps":
            last = max(0, reading.summary.shape[-1] - 1) if reading.summary.shape else 0
            unit = self.controller.session.selection.unit + _STEPS[key]
            self._on_unit_chosen(min(last, max(0, unit)))
        else:
            super().keyPressEvent(event)

    def _on_boost_asked(self, each_alone: bool) -> None:
        wall = self.controller.session.wall
        if each_alone:
            scale = "layer" if wall.scale == "channel" else "channel"
            self.controller.set_wall(scale=scale)
            return
        values = [value for value, _ in BOOSTS]
        place = values.index(wall.boost) if wall.boost in values else -1
        self.controller.set_wall(boost=values[(place + 1) % len(values)])


def _call(function: Any, value: object, _checked: bool = False) -> None:
    function(value)
