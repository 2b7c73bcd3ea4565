"""The bar at the top: what is open, where it runs, and Run, Live, Stop."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from layerscope.ui import resources, theme
from layerscope.ui.actions import ActionRegistry
from layerscope.ui.panels.base import tint_icon
from layerscope.ui.seed_control import SeedControl

HEIGHT = 44
SEARCH_WIDTH = 288
MAX_NAME_PX = 280


class TopBar(QWidget):
    """Shows the session in a row of controls and passes clicks on.

    Parameters
    ----------
    controller : Controller
    actions : ActionRegistry
        Of the window; Run, Live, Stop and the search field start its actions.
    """

    def __init__(self, controller: Any, actions: ActionRegistry) -> None:
        super().__init__()
        self._controller = controller
        self._actions = actions
        self.setProperty("bar", "top")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self.model = _chooser("Model", "The open model; click for another one")
        self.model.setProperty("strong", True)
        self.device = _chooser("Device", "Where the model runs")
        self.precision = _chooser("Precision", "Number format of the weights")
        self.run = self._button("run.start", "Run", "play", "on_accent", filled=True)
        self.run.setProperty("primary", True)
        self.live = self._button("run.live", "Live", "circle", "good", filled=True)
        self.live.setCheckable(True)
        self.stop = self._button("run.stop", "Stop", "square", "text", filled=True)
        self.seed = SeedControl(controller, actions)
        self.search = self._search_field()
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 0, 12, 0)
        row.setSpacing(8)
        self._logo = QLabel()
        name = QLabel("Layerscope")
        name.setProperty("role", "running")
        row.addWidget(self._logo)
        row.addWidget(name)
        row.addSpacing(12)
        for widget in (
            self.model,
            self.device,
            self.precision,
            self.run,
            self.live,
            self.stop,
            self.seed,
        ):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.search)
        self._menus = {
            self.model: self._fill_models,
            self.device: self._fill_devices,
            self.precision: self._fill_precisions,
        }
        for button, fill in self._menus.items():
            menu = QMenu(button)
            menu.aboutToShow.connect(partial(fill, menu))
            button.setMenu(menu)
        theme.changed.connect(self._tint)
        self._tint()
        self.refresh()

    def refresh(self) -> None:
        """Show the session as it is now."""
        session = self._controller.session
        self._actions.refresh()
        opening = Path(session.opening).name if session.opening else ""
        text = f"Opening {opening}…" if opening else session.model_name
        metrics = self.model.fontMetrics()
        self.model.setText(
            metrics.elidedText(
                text or "Open a model", Qt.TextElideMode.ElideMiddle, MAX_NAME_PX
            )
        )
        self.device.setText(f"on {self._device_words()}")
        self.precision.setVisible(bool(session.precision and session.model))
        self.precision.setText(session.precision)
        for button, action in (
            (self.run, "run.start"),
            (self.live, "run.live"),
            (self.stop, "run.stop"),
        ):
            button.setEnabled(self._actions[action].isEnabled())
        self.live.setChecked(bool(session.live))
        self.seed.refresh()

    def menu_of(self, button: QToolButton) -> list[QAction]:
        """Return what a chooser offers now."""
        menu = button.menu()
        self._menus[button](menu)
        return menu.actions()

    # --- menus ------------------------------------------------------------------

    def _fill_models(self, menu: QMenu) -> None:
        menu.clear()
        menu.addAction(self._actions["model.open"])
        menu.addAction(self._actions["model.open_folder"])
        open_path = self._controller.session.model_path
        bundled = [(e.title, str(e.path)) for e in self._controller.library()]
        known = {path for _, path in bundled}
        recent = [
            (Path(path).name, path)
            for path in self._controller.session.recent[:9]
            if path not in known
        ]
        for entries in (bundled, recent):
            if entries:
                menu.addSeparator()
            for title, path in entries:
                action = menu.addAction(title)
                action.setToolTip(path)
                action.setCheckable(True)
                action.setChecked(path == open_path)
                action.triggered.connect(partial(self._open, path))

    def _fill_devices(self, menu: QMenu) -> None:
        menu.clear()
        menu.setToolTipsVisible(True)
        session = self._controller.session
        best = menu.addAction("Best usable")
        best.setCheckable(True)
        best.setChecked(session.device == "auto")
        best.triggered.connect(partial(self._set_device, "auto"))
        menu.addSeparator()
        for device in session.devices:
            action = menu.addAction(device.name)
            action.setCheckable(True)
            action.setChecked(session.device == device.id)
            if device.usable:
                action.triggered.connect(partial(self._set_device, device.id))
            else:
                action.setEnabled(False)
                action.setText(f"{device.name}: does not work here")
            action.setToolTip(device.reason or device.provider)

    def _fill_precisions(self, menu: QMenu) -> None:
        menu.clear()
        session = self._controller.session
        offered = session.preflight.precisions if session.preflight is not None else ()
        for name in offered or (session.precision,):
            action = menu.addAction(name)
            action.setCheckable(True)
            action.setChecked(name == session.precision)
            action.triggered.connect(partial(self._set_precision, name))

    def _open(self, path: str, _checked: bool = False) -> None:
        self._controller.open_model(path)

    def _set_device(self, device: str, _checked: bool = False) -> None:
        self._controller.set_device(device)

    def _set_precision(self, name: str, _checked: bool = False) -> None:
        self._controller.set_precision(name)

    def _device_words(self) -> str:
        session = self._controller.session
        provider = str(session.provider).removesuffix("ExecutionProvider")
        chosen = next((d for d in session.devices if d.id == session.device), None)
        if chosen is not None and session.device != "cpu":
            return str(chosen.name)
        return provider or ("best device" if session.device == "auto" else "CPU")

    # --- parts ------------------------------------------------------------------

    def _button(
        self, action: str, text: str, icon: str, token: str, *, filled: bool
    ) -> QToolButton:
        button = QToolButton()
        button.setText(f" {text}")  # Fusion puts icon and words close together
        button.setProperty("worded", True)
        button.setAccessibleName(text)
        button.setToolTip(self._actions[action].toolTip())
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self._actions.run(action))
        tint_icon(button, icon, token, 10 if icon != "play" else 12, filled=filled)
        return button

    def _search_field(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("search", True)
        button.setFixedWidth(SEARCH_WIDTH)
        button.setAccessibleName("Search layers, models, commands")
        button.setToolTip(self._actions["palette.open"].toolTip())
        button.clicked.connect(lambda: self._actions.run("palette.open"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout(button)
        row.setContentsMargins(10, 0, 10, 0)
        self._glass = QLabel()
        words = QLabel("Search layers, models, commands")
        key = QLabel(self._actions.key_text("palette.open"))
        for label in (self._glass, words, key):
            label.setProperty("role", "muted")
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row.addWidget(self._glass)
        row.addWidget(words)
        row.addStretch(1)
        row.addWidget(key)
        return button

    def _tint(self) -> None:
        scale = self.devicePixelRatioF()
        palette = theme.current()
        self._logo.setPixmap(resources.pixmap("layerscope", palette.accent, 20, scale))
        self._glass.setPixmap(resources.pixmap("search", palette.muted, 14, scale))


def _chooser(name: str, tip: str) -> QToolButton:
    """Return a button that opens a menu, its arrow at the right."""
    button = QToolButton()
    button.setAccessibleName(name)
    button.setToolTip(tip)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    tint_icon(button, "chevron-down", "muted", 14)
    button.setIconSize(QSize(14, 14))
    return button
