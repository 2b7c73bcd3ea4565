"""The window: it places the panels and connects them, and does nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QMainWindow, QVBoxLayout, QWidget

from layerscope.library.locations import user_folder
from layerscope.protocol.messages import ReceptiveFieldFound
from layerscope.ui import theme
from layerscope.ui.actions import ActionRegistry
from layerscope.ui.banner import TroubleBanner
from layerscope.ui.commands import window_actions
from layerscope.ui.engine_bridge import EngineBridge
from layerscope.ui.panels import PANELS, PanelSpec
from layerscope.ui.panels.base import REFRESH_MS, Panel
from layerscope.ui.panels.input import InputPanel
from layerscope.ui.status_bar import StatusBar
from layerscope.ui.toolbar import HEIGHT, TopBar
from layerscope.ui.widgets.command_palette import CommandPalette, PaletteEntry
from layerscope.ui.window_layout import WindowLayout

FIRST_SIZE = (1440, 900)
LEAST_SIZE = (960, 600)
_THEME_OPTION = "theme"


class MainWindow(QMainWindow):
    """The window of one session.

    Parameters
    ----------
    controller : Controller
    settings : QSettings, optional
        Where size and layout are kept; by default a file in the user's folder.

    Attributes
    ----------
    panels : dict
        All panels by name; those of tabs from when they are first in front.
    actions_ : ActionRegistry
    layout_ : WindowLayout
    bridge : EngineBridge
        Runs from the first time the window is shown until it is closed.
    """

    def __init__(self, controller: Any, settings: QSettings | None = None) -> None:
        super().__init__()
        self.controller = controller
        self._settings = settings or window_settings()
        self.setWindowTitle("Layerscope")
        self.setMinimumSize(*LEAST_SIZE)
        self.setAcceptDrops(True)
        self.panels: dict[str, Panel] = {
            spec.name: spec.make(controller) for spec in PANELS if not spec.tab_of
        }
        self.bridge = EngineBridge(controller, self)
        self.actions_ = ActionRegistry(self)
        self.layout_ = WindowLayout(
            PANELS, self.panels, self.actions_.refresh, self._make_tab
        )
        self.actions_.add(window_actions(self))
        self.actions_.fill(self.menuBar())
        self.top_bar = TopBar(controller, self.actions_)
        self.banner = TroubleBanner(controller)
        self.status = StatusBar(controller, self.bridge)
        self._stack_up()
        self.palette_ = CommandPalette(self, self._palette_entries)
        self._connect_panels()
        self._stale = True
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._refresh_if_stale)
        self._timer.start()
        controller.session.events.connect(self._mark_stale)
        self._arranged = self._restore()

    # --- what actions and other parts of the ui call ------------------------------

    @property
    def input(self) -> InputPanel:
        """The input panel."""
        return cast(InputPanel, self.panels["input"])

    @property
    def theme_choice(self) -> theme.Choice:
        """What the user chose: dark, light, or as the system has it."""
        chosen = self.controller.preferences.option(_THEME_OPTION, "dark")
        return next((c for c in theme.CHOICES if c == chosen), "dark")

    def set_theme(self, choice: theme.Choice) -> None:
        """Dress the application, now and at the next start."""
        self.controller.preferences.set_option(_THEME_OPTION, choice)
        apply_theme(choice)
        self.actions_.refresh()

    def next_theme(self) -> None:
        """Go from dark to light to the system's and round again."""
        place = theme.CHOICES.index(self.theme_choice)
        self.set_theme(theme.CHOICES[(place + 1) % len(theme.CHOICES)])

    def open_palette(self) -> None:
        """Search commands, models and layers."""
        self.palette_.open_at(self.menuBar().height() + HEIGHT + theme.GAP)

    def find_node(self) -> None:
        """Put the cursor into the network's search field."""
        self.layout_.reveal("network")
        cast(Any, self.panels["network"]).focus_search()

    def toggle_drawing(self) -> None:
        """Draw the input, or stop drawing."""
        self.input.set_drawing(not self.input.draw.isChecked())

    def toggle_camera(self) -> None:
        """Look through the camera, or stop it."""
        self.input.set_camera(not self.input.camera.isChecked())

    def toggle_full_screen(self) -> None:
        """Fill the screen, or return to a window."""
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def refresh(self) -> None:
        """Show the session as it is now, panels included."""
        self._stale = True
        self._refresh_if_stale()
        self.status.refresh()
        for panel in tuple(self.panels.values()):
            panel.mark_stale()
            panel.refresh_if_stale()

    # --- Qt ----------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Begin to listen to the engine."""
        super().showEvent(event)
        self.bridge.start()
        if not self._arranged:
            self.layout_.arrange()
            self._arranged = True
        # Nothing is chosen yet: no control wears the focus frame.
        self._content.setFocus()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep the palette inside."""
        super().resizeEvent(event)
        self.palette_.hide()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Remember size and layout, and let go of the session."""
        self._settings.setValue("window/geometry", self.saveGeometry())
        self.layout_.save(self._settings)
        self._settings.sync()
        self.bridge.stop()
        self._timer.stop()
        self.controller.session.events.disconnect(self._mark_stale, missing_ok=True)
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Take files."""
        if _paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped."""
        paths = _paths(event)
        if paths:
            event.acceptProposedAction()
        for path in paths:
            self.controller.open_path(path)

    # --- inside --------------------------------------------------------------------

    def _stack_up(self) -> None:
        content = self._content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.top_bar)
        column.addWidget(self.banner)
        column.addWidget(self.layout_, 1)
        column.addWidget(self.status)
        content.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCentralWidget(content)

    def _make_tab(self, spec: PanelSpec) -> Panel:
        panel = self.panels[spec.name] = spec.make(self.controller)
        return panel

    def _connect_panels(self) -> None:
        for name in ("activations", "inspector"):
            cast(Any, self.panels[name]).region_found.connect(self._show_region)
        cast(Any, self.panels["network"]).canvas.begun.connect(
            lambda pixels: self.layout_.want_height("network", pixels)
        )

    def _show_region(self, field: object) -> None:
        if isinstance(field, ReceptiveFieldFound):
            self.input.show_region(
                field.left,
                field.top,
                field.right,
                field.bottom,
                field.height,
                field.width,
            )
        else:
            self.input.clear_region()

    def _mark_stale(self, *_: object) -> None:
        self._stale = True

    def _refresh_if_stale(self) -> None:
        if not self._stale:
            return
        self._stale = False
        self.top_bar.refresh()
        self.banner.refresh()
        self.layout_.suit(self.controller.session)
        name = self.controller.session.model_name
        self.setWindowTitle(f"{name} – Layerscope" if name else "Layerscope")

    def _restore(self) -> bool:
        geometry = self._settings.value("window/geometry")
        fits = isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)
        if not fits:
            screen = QGuiApplication.primaryScreen().availableGeometry()
            self.resize(
                min(FIRST_SIZE[0], max(LEAST_SIZE[0], screen.width())),
                min(FIRST_SIZE[1], max(LEAST_SIZE[1], screen.height())),
            )
        return self.layout_.restore(self._settings)

    def _palette_entries(self) -> list[PaletteEntry]:
        self.actions_.refresh()
        return [*self._command_entries(), *self._model_entries(), *self._node_entries()]

    def _command_entries(self) -> Iterator[PaletteEntry]:
        for spec in self.actions_.specs():
            action = self.actions_[spec.id]
            if action.isEnabled() and action.isVisible() and spec.id != "palette.open":
                menu = spec.menu.replace("/", " › ")
                yield PaletteEntry(
                    text=action.text(),
                    detail=menu,
                    run=action.trigger,
                    key=self.actions_.key_text(spec.id),
                )

    def _model_entries(self) -> Iterator[PaletteEntry]:
        for entry in self.controller.library():
            yield PaletteEntry(
                text=entry.title,
                detail="bundled model",
                run=partial(self.controller.open_model, str(entry.path)),
            )

    def _node_entries(self) -> Iterator[PaletteEntry]:
        for node in self.controller.session.structure.nodes:
            tensor = node.outputs[0] if node.outputs else ""
            yield PaletteEntry(
                text=node.name,
                detail=node.op,
                run=partial(self.controller.select, tensor=tensor, node=node.index),
            )


def window_settings() -> QSettings:
    """Return the file that keeps size and layout of the window."""
    return QSettings(str(user_folder() / "window.ini"), QSettings.Format.IniFormat)


def apply_theme(choice: theme.Choice) -> None:
    """Dress the running application as `choice` says."""
    app = QApplication.instance()
    if isinstance(app, QApplication):
        theme.apply(app, theme.resolve(choice))


def _paths(event: QDropEvent) -> list[str]:
    """Return the local files of a drag."""
    urls = event.mimeData().urls()
    return [url.toLocalFile() for url in urls if url.isLocalFile()]
