"""One measurement in a window of its own process; prints JSON or ``shown``.

Called by `window_rows` with ``bare``, ``shown``, ``lateness SECONDS`` or
``graph FILE FRAMES``. Everything is drawn off-screen by Qt's software painter.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

TICK_MS = 16
SIZE = (1440, 900)
WARM_UP_S = 3.0
DEADLINE_S = 120.0
WHEEL_NOTCH = 120
PAN_PX = 6


def bare() -> None:
    """Show an empty QMainWindow after importing pyqtgraph."""
    import pyqtgraph  # noqa: F401 - what is compared with has it loaded too

    app = QApplication(sys.argv[:1])
    window = QMainWindow()
    window.resize(*SIZE)
    _tell_when_painted(app)
    window.show()
    app.exec()


def shown() -> None:
    """Show the window of Layerscope as its command does."""
    from layerscope.__main__ import main
    from layerscope.ui import launch

    launch.has_display = lambda: True
    _tell_when_painted(launch.make_application())
    main([])


def lateness(seconds: float) -> None:
    """Time a timer of 16 ms while every frame has another input."""
    window, controller = _window()
    _process(lambda: controller.session.n_runs > 0)
    _change_the_input_at_every_answer(controller)
    controller.set_live(True)
    _process(lambda: False, WARM_UP_S)
    late_ms: list[float] = []
    due = time.perf_counter() + TICK_MS / 1e3
    timer = QTimer()
    timer.setSingleShot(True)
    timer.setTimerType(Qt.TimerType.PreciseTimer)

    def note() -> None:
        nonlocal due
        late_ms.append((time.perf_counter() - due) * 1e3)
        due = time.perf_counter() + TICK_MS / 1e3
        timer.start(TICK_MS)

    timer.timeout.connect(note)
    frames = controller.pictures.revision
    runs = controller.session.n_runs
    QTimer.singleShot(round(seconds * 1e3), QApplication.quit)
    due = time.perf_counter() + TICK_MS / 1e3
    timer.start(TICK_MS)
    cast(QApplication, QApplication.instance()).exec()
    taken = {
        "late_ms": late_ms,
        "frames": controller.pictures.revision - frames,
        "runs": controller.session.n_runs - runs,
        "seconds": seconds,
    }
    _close(window, controller)
    _tell(taken)


def graph(path: Path, frames: int) -> None:
    """Time a large graph from opening to drawn, and frames of panning and zooming."""
    window, controller = _window()
    session = controller.session
    _process(lambda: session.n_runs > 0 and bool(session.devices))
    canvas = cast(Any, window.panels["network"]).canvas
    started = time.perf_counter()
    controller.open_model(str(path))
    before = session.model
    drawn_s = _painted(
        canvas, lambda: session.model != before and _shows(controller, canvas), started
    )
    n_cards = len(canvas.scene)
    closed = _frames(canvas, frames)
    started = time.perf_counter()
    controller.set_expanded(tuple(range(len(session.structure.groups))))
    n_nodes = len(session.structure.nodes)
    all_open_s = _painted(
        canvas,
        lambda: _shows(controller, canvas) and len(canvas.scene) >= n_nodes,
        started,
    )
    canvas.fit()
    opened = _frames(canvas, frames)
    taken = {
        "nodes": n_nodes,
        "drawn_s": drawn_s,
        "cards": n_cards,
        "frames_ms": closed,
        "all_open_s": all_open_s,
        "all_open_cards": len(canvas.scene),
        "all_open_frames_ms": opened,
    }
    _close(window, controller)
    _tell(taken)


def _shows(controller: Any, canvas: Any) -> bool:
    """Whether the canvas has the newest layout of the open model."""
    session = controller.session
    layout = session.layout
    return (
        layout is not None
        and canvas.isVisible()
        and canvas.scene is not None
        and layout.model == session.model
        and layout.expanded == session.expanded
        and len(canvas.scene) == layout.items.shape[0]
    )


def _frames(canvas: QWidget, n_frames: int) -> list[float]:
    """Zoom in and out and pan by real events, each followed by a whole repaint."""
    times = []
    middle = QPointF(canvas.rect().center())
    for number in range(n_frames):
        started = time.perf_counter()
        if number % 2:
            _drag(canvas, middle, PAN_PX if number // 60 % 2 else -PAN_PX)
        else:
            _turn_wheel(canvas, middle, 1 if number // 80 % 2 == 0 else -1)
        canvas.repaint()
        times.append((time.perf_counter() - started) * 1e3)
        QApplication.processEvents()
    return times


def _turn_wheel(canvas: QWidget, place: QPointF, notches: int) -> None:
    wheel = QWheelEvent(
        place,
        canvas.mapToGlobal(place),
        QPoint(),
        QPoint(0, notches * WHEEL_NOTCH),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, wheel)


def _drag(canvas: QWidget, place: QPointF, by: int) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, at, button, held in (
        (QEvent.Type.MouseButtonPress, place, left, left),
        (QEvent.Type.MouseMove, place + QPointF(by, by), none, left),
        (QEvent.Type.MouseButtonRelease, place + QPointF(by, by), left, none),
    ):
        event = QMouseEvent(
            kind,
            at,
            canvas.mapToGlobal(at),
            button,
            held,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, event)


class _PaintWatch(QObject):
    """Calls back after a paint of a widget, or of the first main window."""

    def __init__(self, widget: QWidget | None, painted: Callable[[], None]) -> None:
        super().__init__()
        self._widget = widget
        self._painted = painted

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        wanted = (
            isinstance(watched, QMainWindow)
            if self._widget is None
            else watched is self._widget
        )
        if wanted and event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._painted)  # when this paint is over
        return False


def _tell_when_painted(app: QApplication) -> None:
    def painted() -> None:
        sys.stdout.write("shown\n")
        sys.stdout.flush()
        app.quit()

    watch = _PaintWatch(None, painted)
    watch.setParent(app)
    app.installEventFilter(watch)


def _painted(canvas: QWidget, ready: Callable[[], bool], started: float) -> float:
    """Return the seconds until the canvas was painted while `ready` held."""
    moments: list[float] = []

    def painted() -> None:
        if ready():
            moments.append(time.perf_counter())

    watch = _PaintWatch(canvas, painted)
    canvas.installEventFilter(watch)
    _process(lambda: bool(moments))
    canvas.removeEventFilter(watch)
    return moments[0] - started


def _window() -> tuple[Any, Any]:
    """Return a window off-screen, with the first bundled model, and its controller."""
    from layerscope.client.engine_client import EngineClient
    from layerscope.controller.controller import Controller
    from layerscope.library.preferences import Preferences
    from layerscope.ui import launch, theme
    from layerscope.ui.main_window import MainWindow

    app = launch.make_application()
    theme.apply(app, "dark")
    controller = Controller(EngineClient(), Preferences())
    controller.start()
    window = MainWindow(controller)
    window.resize(*SIZE)
    window.show()
    controller.open_model(str(controller.library()[0].path))
    return window, controller


def _change_the_input_at_every_answer(controller: Any) -> None:
    import numpy as np

    from layerscope.protocol.inputs import PictureArray

    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (8, 224, 224, 3), dtype=np.uint8)
    slot = controller.first_picture_slot()

    def change(n_runs: int) -> None:
        array = controller.put_array(pictures[n_runs % len(pictures)])
        controller.set_input(slot, PictureArray(array=array))

    controller.session.events.n_runs.connect(change)
    change(0)


def _process(done: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    """Run the event loop until `done`, as an application does: asleep in between."""
    loop_end = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > loop_end:
            if deadline_s == DEADLINE_S:
                raise RuntimeError("the window did not get there in time")
            return
        QApplication.processEvents()
        time.sleep(0.001)


def _close(window: QMainWindow, controller: Any) -> None:
    window.close()
    window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    controller.close()


def _tell(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")


if __name__ == "__main__":
    mode, *rest = sys.argv[1:]
    if mode == "bare":
        bare()
    elif mode == "shown":
        shown()
    elif mode == "lateness":
        lateness(float(rest[0]))
    else:
        graph(Path(rest[0]), int(rest[1]))
