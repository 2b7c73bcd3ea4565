"""Make the application and its window, for people, for pictures and for tests."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication

from layerscope.client.engine_client import EngineClient
from layerscope.controller.controller import Controller
from layerscope.core.errors import BadInputError
from layerscope.library.locations import models_folder
from layerscope.library.preferences import Preferences
from layerscope.protocol.answers import Scores
from layerscope.ui import resources, theme
from layerscope.ui.first_paint import FirstPaint
from layerscope.ui.main_window import MainWindow, apply_theme

FIRST_RUN_PICTURE = Path("out") / "first-run.png"
FIRST_RUN_SIZE = (1440, 900)
ANSWER_DEADLINE_S = 120.0
FIRST_MODEL = "cifar10-resnet-m"
# Enough runs that curves and percentiles mean something.
_RUNS_SHOWN = 60
_RUNS_DEADLINE_S = 6.0
_QUESTIONS_DEADLINE_S = 10.0
_SETTLE_S = 0.6
_PAUSE_S = 0.004


def make_application() -> QApplication:
    """Return the application, made if there is none yet, with fonts and name."""
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        QGuiApplication.setHighDpiScaleFactorRoundingPolicy(
            Qt.HighDpiScaleFactorRoundingPolicy.PassThrough
        )
        app = QApplication(sys.argv[:1])
    app.setApplicationName("Layerscope")
    app.setApplicationDisplayName("Layerscope")
    app.setDesktopFileName("layerscope")
    app.setWindowIcon(_window_icon())
    theme.prepare(app, "dark")
    return app


def window(model: str = "", source: str = "") -> int:
    """Open the window and return when it is closed.

    Where there is no display, show what the window would show: see
    `first_run_offscreen`.

    Parameters
    ----------
    model : str
        File, folder or bundled id; empty for the first bundled model.
    source : str
        Picture or arrays for the model's input, or empty.

    Returns
    -------
    int
        Exit status.
    """
    if not has_display():
        gc.enable()
        return first_run_offscreen(model, source)
    with _controller(start=False) as controller:
        return run_window(controller, model, source)


def run_window(controller: Any, model: str = "", source: str = "") -> int:
    """Show the window of `controller` until it is closed; return the exit status."""
    app = make_application()
    shown = MainWindow(controller)
    apply_theme(shown.theme_choice)
    hints = QGuiApplication.styleHints()
    hints.colorSchemeChanged.connect(lambda _: apply_theme(shown.theme_choice))
    shown.show()
    # Kept here, for its subscription to the session is a weak one.
    opener = _Opener(controller, model, source)

    def begin() -> None:
        if not gc.isenabled():
            gc.freeze()  # modules and widgets stay, and need not be looked through
            gc.enable()
        controller.start()
        opener.connect(live=True)

    # First the window, then what is in it, and the process that would compete with it
    # for the cores.
    FirstPaint(shown, begin)
    try:
        return app.exec()
    finally:
        shown.deleteLater()


def first_run_offscreen(
    model: str = "", source: str = "", picture: Path = FIRST_RUN_PICTURE
) -> int:
    """Do without a display what the window does first, and say what came out.

    The first bundled model looks at the first sample; answer and latency are
    written to standard output, the whole window to `picture`.

    Returns
    -------
    int
        Exit status: 0 where there was an answer.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _controller() as controller:
        shown, answered = _show_offscreen(
            controller, model, source, FIRST_RUN_SIZE, "dark"
        )
        try:
            if not answered:
                sys.stderr.write(f"{_failure(controller)}\n")
                return 2
            sys.stdout.write(f"{_summary(controller)}\n")
            _save(shown, picture)
            sys.stdout.write(
                f"There is no display here, so the window is in {picture}.\n"
            )
        finally:
            _close(shown)
    return 0


def screenshot(
    model: str,
    source: str,
    output: Path,
    *,
    size: tuple[int, int] = FIRST_RUN_SIZE,
    theme: theme.Mode = "dark",
) -> int:
    """Draw the real window off-screen into a picture.

    Parameters
    ----------
    model, source : str
        As for `window`.
    output : Path
        A .png file; its folder is made.
    size : tuple of int
        Width and height in pixels.
    theme : str
        ``"dark"`` or ``"light"``.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    BadInputError
        If the model or the input cannot be opened or the file not be written.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with _controller() as controller:
        shown, _ = _show_offscreen(controller, model, source, size, theme)
        try:
            trouble = controller.session.trouble
            if not controller.session.model:
                raise BadInputError(
                    trouble.message if trouble else _failure(controller)
                )
            _save(shown, output)
        finally:
            _close(shown)
    return 0


def has_display() -> bool:
    """Whether a window can be seen here."""
    if os.environ.get("QT_QPA_PLATFORM", "") in ("offscreen", "minimal"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class _Opener:
    """Opens model and input as soon as the engine can take them."""

    def __init__(self, controller: Any, model: str, source: str) -> None:
        self._controller = controller
        self._model = model
        self._source = source
        self._live = False

    def connect(self, *, live: bool) -> None:
        """Open now what can be opened now, and the rest when its time comes."""
        self._live = live
        self._controller.session.events.slots.connect(self._on_slots)
        model = self._model or _first_model(self._controller)
        if model:
            self._controller.open_model(model)

    def _on_slots(self, *_: object) -> None:
        session = self._controller.session
        if not session.slots:
            return
        session.events.slots.disconnect(self._on_slots, missing_ok=True)
        if self._source:
            self._controller.open_path(self._source)
        if self._live:
            self._controller.set_live(True)


def _show_offscreen(
    controller: Any, model: str, source: str, size: tuple[int, int], mode: theme.Mode
) -> tuple[MainWindow, bool]:
    """Return a window with an answer in it, and whether there is one."""
    app = make_application()
    # The picture must not depend on where the user left the splitters, and Qt
    # replaces the file it writes, so a device would not do.
    folder = tempfile.TemporaryDirectory(prefix="layerscope-")
    settings = QSettings(f"{folder.name}/window.ini", QSettings.Format.IniFormat)
    shown = MainWindow(controller, settings)
    shown.destroyed.connect(folder.cleanup)
    theme.apply(app, mode)
    shown.resize(*size)
    shown.show()
    shown.layout_.arrange()
    session = controller.session
    opener = _Opener(controller, model, source)
    opener.connect(live=True)

    def over() -> bool:
        refused = bool(session.refusal or session.trouble)
        return session.n_runs > 0 or (refused and not session.opening)

    _process(app, over, ANSWER_DEADLINE_S)
    if session.n_runs and not session.stepped:
        # A run of many steps is not repeated while nothing changes.
        _process(app, lambda: session.n_runs >= _RUNS_SHOWN, _RUNS_DEADLINE_S)
    controller.set_live(False)
    _process(app, lambda: False, _SETTLE_S)
    # What the panels have asked about the last run belongs into the picture.
    _process(
        app,
        lambda: not (session.running or controller.awaits()),
        _QUESTIONS_DEADLINE_S,
    )
    shown.refresh()
    app.processEvents()
    return shown, session.n_runs > 0


def _process(app: QApplication, done: Callable[[], bool], deadline_s: float) -> None:
    end = time.monotonic() + deadline_s
    while not done() and time.monotonic() < end:
        app.processEvents()
        time.sleep(_PAUSE_S)


def _save(shown: MainWindow, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not shown.grab().save(str(path), "PNG"):
        raise BadInputError(
            f"The picture of the window could not be written to {path}; choose a "
            "folder that can be written to."
        )


def _close(shown: MainWindow) -> None:
    shown.close()
    shown.deleteLater()
    QApplication.sendPostedEvents()


def _summary(controller: Any) -> str:
    """Return answer and latency in a line each."""
    session = controller.session
    lines = [f"{session.model_name} on {session.provider or session.device}"]
    for part in session.answer.parts if session.answer else ():
        if isinstance(part, Scores):
            top = (f"{row.label} {100 * row.score:.1f} %" for row in part.top[:3])
            lines.append(", ".join(top))
    times = controller.latency.percentiles()
    lines.append(
        f"model {times.p50:.2f} ms (median of {times.n} runs), p95 {times.p95:.2f} ms"
    )
    return "\n".join(lines)


def _failure(controller: Any) -> str:
    session = controller.session
    if session.trouble is not None:
        return str(session.trouble.message)
    if session.refusal:
        return str(session.refusal)
    return (
        f"The model did not answer within {ANSWER_DEADLINE_S:.0f} s; "
        f"is there one in {models_folder()}?"
    )


def _first_model(controller: Any) -> str:
    """Return the model of the first start: something has to move at once."""
    entries = controller.library()
    chosen = [entry for entry in entries if entry.id == FIRST_MODEL] or entries
    return str(chosen[0].path) if chosen else ""


def _window_icon() -> QIcon:
    icon = QIcon()
    for side in (16, 32, 48, 128, 256):
        icon.addPixmap(resources.pixmap("layerscope", theme.DARK.accent, side))
    return icon


@contextmanager
def _controller(*, start: bool = True) -> Iterator[Controller]:
    """Yield a controller, by default one whose engine runs, and end it."""
    controller = Controller(EngineClient(), Preferences())
    if start:
        controller.start()
    try:
        yield controller
    finally:
        controller.close()
