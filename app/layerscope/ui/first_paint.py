"""What waits until the window was painted for the first time."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

# A window that starts as an icon is not painted.
_DEADLINE_MS = 1000
_numbers = itertools.count()
_waiting: set[int] = set()


class FirstPaint(QObject):
    """Calls back once: when a widget was painted first, or after a while without.

    Until then, panels are left as they are, so that the window appears at once.

    Parameters
    ----------
    widget : QWidget
        Its parent.
    painted : callable
    """

    def __init__(self, widget: QWidget, painted: Callable[[], None]) -> None:
        super().__init__(widget)
        self._painted = painted
        self._number = number = next(_numbers)
        _waiting.add(number)
        self.destroyed.connect(lambda *_: _waiting.discard(number))
        widget.installEventFilter(self)
        QTimer.singleShot(_DEADLINE_MS, self, self._call)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Note a paint; nothing is kept from the widget."""
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self, self._call)  # when this paint is over
            watched.removeEventFilter(self)
        return False

    def _call(self) -> None:
        if self._number in _waiting:
            _waiting.discard(self._number)
            self._painted()


def panels_wait() -> bool:
    """Whether a window is about to be painted for the first time."""
    return bool(_waiting)
