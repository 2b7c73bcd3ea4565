"""Names at the left, values at the right: facts about one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget


class _Value(QLabel):
    """A value at the right edge, cut at its end where the room is short."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._whole = ""

    def set_whole(self, text: str) -> None:
        """Show another text, its beginning where not all fits."""
        self._whole = text
        self._elide()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Be content with a few letters."""
        return QSize(40, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the text anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        middle = Qt.TextElideMode.ElideMiddle
        shown = self.fontMetrics().elidedText(self._whole, middle, max(8, self.width()))
        self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


@dataclass(frozen=True, slots=True)
class Property:
    """One line.

    Attributes
    ----------
    name, value : str
        An empty value makes the name a heading.
    help : str
        Tooltip of the whole line.
    tone : str
        ``"good"``, ``"warning"``, ``"bad"``, or empty.
    """

    name: str
    value: str
    help: str = ""
    tone: str = ""


class PropertyList(QWidget):
    """A list of properties; lines are reused, so that it can be refreshed often."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[QLabel, _Value]] = []
        self._shown: tuple[Property, ...] = ()

    @property
    def properties(self) -> tuple[Property, ...]:
        """What is shown, top to bottom."""
        return self._shown

    def value(self, name: str) -> str:
        """Return the value of the line called `name`, empty where there is none."""
        return next((line.value for line in self._shown if line.name == name), "")

    def set_properties(self, properties: Sequence[Property]) -> None:
        """Show other lines; what stays the same is not touched."""
        fresh = tuple(properties)
        if fresh == self._shown:
            return
        while len(self._lines) < len(fresh):
            self._add_line()
        for index, (name, value) in enumerate(self._lines):
            shown = index < len(fresh)
            name.setVisible(shown)
            value.setVisible(shown)
            if shown and (
                index >= len(self._shown) or fresh[index] != (self._shown[index])
            ):
                self._write(name, value, fresh[index])
        self._shown = fresh

    def _add_line(self) -> None:
        row = len(self._lines)
        name, value = QLabel(), _Value()
        name.setTextFormat(Qt.TextFormat.PlainText)
        value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._grid.addWidget(name, row, 0)
        self._grid.addWidget(value, row, 1)
        self._lines.append((name, value))

    @staticmethod
    def _write(name: QLabel, value: _Value, line: Property) -> None:
        heading = not line.value
        for label, role in (
            (name, "heading" if heading else "muted"),
            (value, line.tone),
        ):
            if label.property("role") != role:
                label.setProperty("role", role)
                label.style().unpolish(label)
                label.style().polish(label)
        name.setText(line.name)
        name.setToolTip(line.help)
        value.set_whole(line.value)
        value.setAccessibleName(f"{line.name}: {line.value}" if line.value else "")
