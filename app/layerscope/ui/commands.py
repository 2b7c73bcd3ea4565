"""The actions of the main window, each with its key.

A new command is one entry here; nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from layerscope.controller import seeds
from layerscope.ui import dialogs, theme
from layerscope.ui.actions import ActionSpec, KeyNote
from layerscope.ui.making_actions import making_actions
from layerscope.ui.panels import PANELS, input_sources
from layerscope.ui.tab_actions import tab_actions

if TYPE_CHECKING:
    from layerscope.ui.main_window import MainWindow

N_RECENT = 9

FOCUS_KEYS: tuple[KeyNote, ...] = (
    KeyNote("Activations", "Arrows, I J K L", "Another channel"),
    KeyNote("Activations", "U, O", "Previous, next layer"),
    KeyNote("Activations", "T", "Contrast boost"),
    KeyNote("Activations", "+, −, 0", "Larger, smaller, usual tiles"),
    KeyNote("Network", "Arrows", "Next node in that direction"),
    KeyNote("Network", "Enter", "Open or close the block, enter the subgraph"),
    KeyNote("Network", "Space", "Fit everything"),
    KeyNote("Network", "Shift+Up, Shift+Down", "Zoom in, out"),
    KeyNote("Network", "Shift+Backspace", "Actual size"),
    KeyNote("Network", "Backspace", "Leave the subgraph"),
    KeyNote("Network", "Ctrl+C", "Copy the names of the chosen tensors"),
    KeyNote("Library", "Enter", "Open what is marked"),
    KeyNote("Library", "Left, Right", "Fold the marked part away, or back"),
    KeyNote("Tokens", "Arrows, Home, End", "Another token, for all panels"),
    KeyNote("Tokens", "Enter", "List what could stand in its place"),
    KeyNote("Attention", "Arrows", "Another head, query and key, or token"),
    KeyNote("Attention", "+, −, 0", "Zoom the matrix, show all of it"),
    KeyNote("Steps", "Arrows, Home, End", "Another step, for all panels"),
    KeyNote("Latents", "Arrows", "Move the latent; on a slider, change it"),
    KeyNote("Latents", "+, −, 0", "Zoom the pad, show all of it"),
)


def window_actions(window: MainWindow) -> tuple[ActionSpec, ...]:
    """Return everything `window` can do, in the order of its menus."""
    return (
        *_file(window),
        *_edit(window),
        *_view(window),
        *_model(window),
        *_run(window),
        *making_actions(window),
        *_help(window),
    )


def _file(window: MainWindow) -> list[ActionSpec]:
    controller = window.controller
    session = controller.session
    choose = partial
    return [
        ActionSpec(
            id="model.open",
            text="Open model…",
            menu="File",
            keys=("Ctrl+O",),
            tooltip="Open an .onnx file",
            run=choose(input_sources.choose_model, window, controller),
        ),
        ActionSpec(
            id="model.open_folder",
            text="Open model folder…",
            menu="File",
            keys=("Ctrl+Shift+O",),
            tooltip="Open a folder that holds a model",
            run=choose(input_sources.choose_model_folder, window, controller),
        ),
        *(_recent(window, number) for number in range(N_RECENT)),
        ActionSpec(
            id="input.open",
            text="Open input…",
            menu="File",
            keys=("Ctrl+I",),
            tooltip="Open a picture, a video, a text or arrays as the input",
            section=1,
            run=choose(input_sources.choose_input, window, controller),
        ),
        ActionSpec(
            id="input.folder",
            text="Step through a folder…",
            menu="File",
            keys=("Ctrl+Shift+I",),
            tooltip="Show the pictures of a folder one by one",
            section=1,
            run=choose(input_sources.choose_picture_folder, window, controller),
        ),
        ActionSpec(
            id="window.save_picture",
            text="Save picture of the window…",
            menu="File",
            keys=("Ctrl+P",),
            section=2,
            run=choose(dialogs.save_picture, window),
        ),
        ActionSpec(
            id="model.close",
            text="Close model",
            menu="File",
            keys=("Ctrl+W",),
            section=3,
            run=controller.close_model,
            enabled=lambda: bool(session.model),
        ),
        ActionSpec(
            id="app.quit",
            text="Quit",
            menu="File",
            keys=("Ctrl+Q",),
            section=3,
            run=window.close,
        ),
    ]


def _recent(window: MainWindow, number: int) -> ActionSpec:
    controller = window.controller

    def path() -> str:
        recent = controller.session.recent
        return str(recent[number]) if number < len(recent) else ""

    return ActionSpec(
        id=f"recent.{number + 1}",
        text=f"Recent model {number + 1}",
        menu="File/Recent",
        keys=(f"Ctrl+{number + 1}",),
        run=lambda: controller.open_path(path()) if path() else None,
        enabled=lambda: bool(path()),
        label=lambda: Path(path()).name if path() else "",
    )


def _edit(window: MainWindow) -> list[ActionSpec]:
    controller = window.controller
    session = controller.session
    return [
        ActionSpec(
            id="input.paste",
            text="Paste picture",
            menu="Edit",
            keys=("Ctrl+V",),
            tooltip="Use the picture or the files on the clipboard as the input",
            run=partial(input_sources.paste, window, controller),
        ),
        ActionSpec(
            id="window.copy_picture",
            text="Copy picture of the window",
            menu="Edit",
            keys=("Ctrl+Shift+P",),
            run=partial(dialogs.copy_picture, window),
        ),
        ActionSpec(
            id="settings.reset",
            text="Reset preprocessing",
            menu="Edit",
            section=1,
            tooltip="Put every setting of the task back to what was guessed",
            run=controller.reset_settings,
            enabled=lambda: bool(session.settings),
        ),
    ]


def _view(window: MainWindow) -> list[ActionSpec]:
    def toggle(name: str) -> Callable[[], object]:
        return lambda: window.layout_.toggle(name)

    def shown(name: str) -> Callable[[], bool]:
        return lambda: window.layout_.is_shown(name)

    def theme_is(choice: theme.Choice) -> Callable[[], bool]:
        return lambda: window.theme_choice == choice

    panels = [
        ActionSpec(
            id=f"panel.{spec.name}",
            text=spec.title,
            menu="View",
            section=1,
            tooltip=f"Show or hide {spec.title}",
            run=toggle(spec.name),
            checked=shown(spec.name),
        )
        for spec in PANELS
        if not spec.tab_of
    ]
    themes = [
        ActionSpec(
            id=f"theme.{choice}",
            text=choice.capitalize(),
            menu="View/Theme",
            section=2,
            run=partial(window.set_theme, choice),
            checked=theme_is(choice),
        )
        for choice in theme.CHOICES
    ]
    return [
        ActionSpec(
            id="palette.open",
            text="Command palette",
            menu="View",
            keys=("Ctrl+K",),
            tooltip="Search layers, models and commands",
            run=window.open_palette,
        ),
        ActionSpec(
            id="network.find",
            text="Find node or tensor",
            menu="View",
            keys=("Ctrl+F",),
            run=window.find_node,
            enabled=lambda: bool(window.controller.session.model),
        ),
        *panels,
        *tab_actions(window),
        ActionSpec(
            id="layout.reset",
            text="Reset layout",
            menu="View",
            section=2,
            run=window.layout_.reset,
        ),
        *themes,
        ActionSpec(
            id="theme.next",
            text="Next theme",
            menu="View/Theme",
            keys=("Ctrl+,",),
            tooltip="Dark, light, or as the system has it",
            section=3,
            run=window.next_theme,
        ),
        ActionSpec(
            id="window.full_screen",
            text="Full screen",
            menu="View",
            keys=("F11",),
            section=3,
            run=window.toggle_full_screen,
            checked=window.isFullScreen,
        ),
    ]


def _model(window: MainWindow) -> list[ActionSpec]:
    controller = window.controller
    session = controller.session
    return [
        ActionSpec(
            id="model.facts",
            text="About this model",
            menu="Model",
            keys=("Ctrl+M",),
            tooltip="Inputs, outputs, sizes and licence of the open model",
            run=partial(dialogs.show_model, window),
            enabled=lambda: session.preflight is not None,
        ),
        ActionSpec(
            id="model.profile",
            text="Time every layer",
            menu="Model",
            keys=("Ctrl+T",),
            tooltip="Measure each layer in a run of its own",
            run=controller.request_profile,
            enabled=lambda: bool(session.runnable),
        ),
        ActionSpec(
            id="library.compare",
            text="Compare models…",
            menu="Model",
            keys=("Ctrl+Shift+M",),
            tooltip="Plot the quality of a family of models against size and latency",
            run=cast(Any, window.panels["library"]).compare,
        ),
        ActionSpec(
            id="engine.restart",
            text="Restart the engine",
            menu="Model",
            section=1,
            tooltip="Start the engine process anew and open the model again",
            run=controller.restart_engine,
        ),
    ]


def _run(window: MainWindow) -> list[ActionSpec]:
    controller = window.controller
    session = controller.session

    def runnable() -> bool:
        return bool(session.runnable)

    def takes_picture() -> bool:
        return controller.first_picture_slot() is not None

    return [
        ActionSpec(
            id="run.start",
            text="Run",
            menu="Run",
            keys=("Ctrl+Return", "Ctrl+Enter"),
            tooltip="Run the model once",
            run=partial(seeds.run, controller),
            enabled=runnable,
        ),
        ActionSpec(
            id="run.live",
            text="Live",
            menu="Run",
            keys=("Ctrl+L",),
            tooltip="Run at every change, and go on running",
            run=lambda: controller.set_live(not session.live),
            enabled=runnable,
            checked=lambda: bool(session.live),
        ),
        ActionSpec(
            id="run.stop",
            text="Stop",
            menu="Run",
            keys=("Ctrl+Alt+Return", "Ctrl+Alt+Enter"),
            tooltip="Stop what runs or is being opened",
            run=controller.stop,
            enabled=lambda: bool(session.running or session.live or session.opening),
        ),
        ActionSpec(
            id="input.draw",
            text="Draw the input",
            menu="Run",
            keys=("Ctrl+D",),
            section=1,
            tooltip="Draw; every stroke runs at once",
            run=window.toggle_drawing,
            enabled=takes_picture,
            checked=lambda: window.input.draw.isChecked(),
        ),
        ActionSpec(
            id="input.camera",
            text="Look through the camera",
            menu="Run",
            keys=("Ctrl+Shift+C",),
            section=1,
            run=window.toggle_camera,
            enabled=takes_picture,
            checked=lambda: window.input.camera.isChecked(),
        ),
        ActionSpec(
            id="input.next",
            text="Next picture of the folder",
            menu="Run",
            keys=("Alt+Right",),
            section=1,
            enabled=takes_picture,
            run=lambda: window.input.picture.step(1),
        ),
        ActionSpec(
            id="input.previous",
            text="Previous picture of the folder",
            menu="Run",
            keys=("Alt+Left",),
            section=1,
            enabled=takes_picture,
            run=lambda: window.input.picture.step(-1),
        ),
    ]


def _help(window: MainWindow) -> list[ActionSpec]:
    return [
        ActionSpec(
            id="help.keys",
            text="Keys",
            menu="Help",
            keys=("F1", "Ctrl+Alt+/"),
            tooltip="List every key",
            run=partial(dialogs.show_keys, window),
        ),
        ActionSpec(
            id="help.about",
            text="About Layerscope",
            menu="Help",
            tooltip="Version and licences",
            run=partial(dialogs.show_about, window),
        ),
    ]
