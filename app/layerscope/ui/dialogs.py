"""The few dialogs: keys, facts of the model, about, and pictures of the window."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

import layerscope
from layerscope.library.locations import resources_folder
from layerscope.protocol.values import Preflight
from layerscope.ui import theme
from layerscope.ui.actions import shown_key
from layerscope.ui.widgets.number_table import Cell, NumberTable
from layerscope.ui.widgets.readable import count, shape_of, size_of

if TYPE_CHECKING:
    from layerscope.ui.main_window import MainWindow

_ABOUT = (
    "Open any ONNX model and watch it think. Layerscope is free software under the "
    "Apache License 2.0. It uses Qt and PySide6 under the LGPL 3: their libraries lie "
    "in the folder PySide6 of the Python installation and may be exchanged for your "
    "own build; the sources are at https://download.qt.io/official_releases/."
)


class TableDialog(QDialog):
    """A title, a field to filter by, a table."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.resize(620, 520)
        self._headings, self._rows = tuple(headings), rows
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type to filter")
        self.field.setAccessibleName("Filter")
        self.field.textChanged.connect(self.filter)
        self.table = NumberTable(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.table, 1)
        self.filter("")

    def filter(self, text: str) -> None:
        """Show only rows with `text` in one of their cells."""
        wanted = text.lower()
        kept = [
            tuple(Cell(cell) for cell in row)
            for row in self._rows
            if any(wanted in cell.lower() for cell in row)
        ]
        self.table.set_rows(self._headings, kept, stretch=1)


def show_keys(window: MainWindow) -> TableDialog:
    """List every key, those of single panels too."""
    from layerscope.ui.commands import FOCUS_KEYS

    rows = [
        (
            ", ".join(shown_key(key) for key in spec.keys),
            spec.text.rstrip("…"),
            "window",
        )
        for spec in window.actions_.specs()
        if spec.keys
    ]
    rows += [(note.keys, note.text, note.place.lower()) for note in FOCUS_KEYS]
    dialog = TableDialog(window, "Keys", ("Key", "What it does", "Where"), rows)
    dialog.show()
    return dialog


def show_model(window: MainWindow) -> TableDialog | None:
    """List what the file of the open model says."""
    report = window.controller.session.preflight
    if report is None:
        return None
    dialog = TableDialog(window, report.name, ("Fact", "Value"), model_facts(report))
    dialog.show()
    return dialog


def model_facts(report: Preflight) -> list[tuple[str, str]]:
    """Return what is known of a model as rows of name and value."""
    opsets = ", ".join(f"{name} {version}" for name, version in report.opsets.items())
    rows = [
        ("file", report.path),
        ("made by", report.producer or "not said"),
        ("operators", opsets),
        ("IR version", str(report.ir_version)),
        ("nodes", f"{report.n_nodes:,}"),
        ("parameters", count(report.n_parameters)),
        ("weights", size_of(report.weight_bytes)),
        ("size on disk", size_of(report.file_bytes)),
        ("memory for a run, estimated", size_of(report.run_bytes)),
        ("licence", report.licence or "not said"),
        ("SHA-256 begins", report.sha256),
    ]
    for word, tensors in (("input", report.inputs), ("output", report.outputs)):
        for tensor in tensors:
            shape = "" if tensor.shape is None else f" {shape_of(tensor.shape)}"
            rows.append((f"{word} {tensor.name}", f"{tensor.dtype}{shape}"))
    rows += [("unsupported operator", name) for name in report.unsupported]
    rows += [("note", problem) for problem in report.problems]
    rows += list(report.metadata.items())
    return rows


def show_about(window: MainWindow) -> QDialog:
    """Say what this is, and under which licences."""
    dialog = QDialog(window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle("About Layerscope")
    dialog.resize(560, 480)
    name = QLabel(f"Layerscope {layerscope.__version__}")
    name.setFont(theme.font(20, 600))
    versions = QLabel(
        f"Python {platform.python_version()} · PySide6 {PySide6.__version__} · "
        f"{platform.system()} {platform.machine()}"
    )
    versions.setProperty("role", "muted")
    words = QLabel(_ABOUT)
    words.setWordWrap(True)
    words.setProperty("role", "running")
    licences = QPlainTextEdit(licence_texts())
    licences.setReadOnly(True)
    licences.setAccessibleName("Licences")
    licences.setFont(theme.font(11, mono=True))
    column = QVBoxLayout(dialog)
    column.setContentsMargins(16, 16, 16, 16)
    column.setSpacing(8)
    for widget in (name, versions, words):
        column.addWidget(widget)
    column.addWidget(licences, 1)
    dialog.show()
    return dialog


def licence_texts() -> str:
    """Return the licences of everything bundled, as their files say them."""
    folder = resources_folder()
    files = [folder / "LICENSES.md", folder / "fonts/OFL.txt", folder / "icons/LICENSE"]
    texts = [
        f"{file.relative_to(folder)}\n\n{file.read_text(encoding='utf-8')}"
        for file in files
        if file.is_file()
    ]
    return "\n\n".join(texts)


def save_picture(window: MainWindow) -> None:
    """Ask for a file name and write the window into it."""
    path, _ = QFileDialog.getSaveFileName(
        window, "Save a picture of the window", "layerscope.png", "Pictures (*.png)"
    )
    if not path:
        return
    if window.grab().save(path):
        window.controller.log(f"picture of the window saved as {path}")
    else:
        window.controller.complain(
            f"The picture could not be written to {path}; choose another folder."
        )


def copy_picture(window: MainWindow) -> None:
    """Put a picture of the window on the clipboard."""
    QGuiApplication.clipboard().setPixmap(window.grab())
    window.controller.log("picture of the window copied")
