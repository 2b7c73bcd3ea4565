"""The style sheet, written once for any palette."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from layerscope.library.locations import resources_folder

if TYPE_CHECKING:
    from layerscope.ui.theme import Palette

_TEMPLATE = """
QWidget { color: @text; }
QMainWindow, QDialog { background: @window; }
QFrame[card="true"] {
    background: @panel; border: 1px solid @line; border-radius: 8px;
}
QWidget[titlebar="true"] { border-bottom: 1px solid @line; }
QWidget[bar="top"] { background: @panel; border-bottom: 1px solid @line; }
QWidget[bar="bottom"] { background: @panel; border-top: 1px solid @line; }
QWidget[bar="top"] > *, QWidget[titlebar="true"] > * { border-bottom: none; }

QLabel { background: transparent; border: none; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="heading"] { color: @muted; font-weight: 600; font-size: 11px; }
QLabel[role="muted"] { color: @muted; }
QLabel[role="caption"] { color: @muted; font-size: 11px; }
QLabel[role="value"] { font-weight: 600; }
QLabel[role="running"] { font-size: 13px; }
QLabel[role="mono"] { font-family: "JetBrains Mono"; font-size: 11px; }
QLabel[role="link"] { color: @accent; font-weight: 600; }
QLabel[role="good"] { color: @good; }
QLabel[role="warning"] { color: @warning; }
QLabel[role="bad"] { color: @bad; }

QToolButton, QPushButton, QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox {
    background: @raised; border: 1px solid @line; border-radius: 6px;
    min-height: 26px; max-height: 26px; padding: 0 10px;
    selection-background-color: @selected; selection-color: @text;
}
QToolButton:hover, QPushButton:hover, QComboBox:hover { border-color: @muted; }
QToolButton:pressed, QPushButton:pressed { background: @line; }
QToolButton:checked, QPushButton:checked {
    background: @selected; border-color: @accent;
}
QToolButton:focus, QPushButton:focus, QComboBox:focus, QLineEdit:focus,
QSpinBox:focus, QDoubleSpinBox:focus { border: 1px solid @accent; }
QToolButton:disabled, QPushButton:disabled, QComboBox:disabled { color: @muted; }
QToolButton::menu-indicator { image: none; width: 0; }
QToolButton[flat="true"], QComboBox[flat="true"] {
    background: transparent; border: 1px solid transparent; color: @muted;
    padding: 0 2px; min-height: 22px; max-height: 22px; border-radius: 5px;
}
QToolButton[flat="true"]:hover, QComboBox[flat="true"]:hover {
    background: @raised; color: @text;
}
QToolButton[flat="true"]:checked { background: @selected; color: @text; }
QToolButton[flat="true"]:focus, QComboBox[flat="true"]:focus {
    border: 1px solid @accent; color: @text;
}
QToolButton[primary="true"] {
    background: @accent; border-color: @accent; color: @on_accent; font-weight: 600;
}
QToolButton[primary="true"]:hover { border-color: @text; }
QToolButton[primary="true"]:disabled {
    background: @raised; border-color: @line; color: @muted;
}
QToolButton[worded="true"] { padding: 0 2px 0 10px; }
QToolButton[narrow="true"] { padding: 0 6px; }
QToolButton[strong="true"] { font-weight: 600; }
QToolButton[search="true"] { color: @muted; text-align: left; }
QFrame[banner="true"] {
    background: @raised; border: 1px solid @warning; border-radius: 8px;
}

QComboBox { padding: 0 8px; }
QComboBox[flat="true"] { padding: 0 4px; }
QComboBox[field="true"], QLineEdit[field="true"] {
    background: transparent; border: 1px solid transparent; border-radius: 5px;
    min-height: 20px; max-height: 20px; padding: 0 4px;
}
QLineEdit[field="true"] { padding: 0 2px; }
QComboBox[field="true"]:hover, QLineEdit[field="true"]:hover {
    background: @raised; border-color: @line;
}
QComboBox[field="true"]:focus, QLineEdit[field="true"]:focus {
    background: @raised; border-color: @accent;
}
QLineEdit[invalid="true"] { border: 1px solid @bad; }
QToolButton[link="true"] {
    background: transparent; border: 1px solid transparent; color: @accent;
    padding: 0; min-height: 20px; max-height: 20px; font-weight: 600;
}
QToolButton[link="true"]:hover { background: @raised; }
QComboBox::drop-down { border: none; width: 16px; }
QComboBox::down-arrow {
    image: url(@icons/chevron-down.svg); width: 12px; height: 12px;
}
QComboBox QAbstractItemView {
    background: @raised; border: 1px solid @line; outline: none; padding: 4px;
    selection-background-color: @selected; selection-color: @text;
}
QSpinBox::up-button, QSpinBox::down-button,
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0; border: none; }

QCheckBox { background: transparent; spacing: 8px; }
QCheckBox::indicator {
    width: 14px; height: 14px; border: 1px solid @muted; border-radius: 4px;
    background: @raised;
}
QCheckBox::indicator:checked {
    background: @accent; border-color: @accent; image: url(@icons/check.svg);
}
QCheckBox::indicator:focus { border: 1px solid @accent; }
QSlider { background: transparent; min-height: 22px; }
QSlider::groove:horizontal { height: 4px; background: @line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal {
    width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; background: @accent;
}
QSlider::handle:horizontal:focus { border: 2px solid @text; }

QMenuBar { background: @panel; padding: 0 4px; }
QMenuBar::item { background: transparent; padding: 3px 8px; border-radius: 4px; }
QMenuBar::item:selected { background: @selected; }
QMenu { background: @raised; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 24px; border-radius: 4px; }
QMenu::item:selected { background: @selected; }
QMenu::item:disabled { color: @muted; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }
QMenu::icon { padding-left: 4px; }
QToolTip {
    background: @raised; color: @text; border: 1px solid @line; padding: 4px 6px;
}

QAbstractItemView, QPlainTextEdit, QTextEdit {
    background: transparent; border: none; outline: none;
    selection-background-color: @selected; selection-color: @text;
}
QAbstractScrollArea { background: transparent; border: none; }
QPlainTextEdit[box="true"] {
    background: @raised; border: 1px solid @line; border-radius: 6px; padding: 1px 2px;
}
QPlainTextEdit[box="true"]:focus { border: 1px solid @accent; }
QToolButton[small="true"] {
    min-height: 20px; max-height: 20px; padding: 0 7px; font-size: 11px;
    border-radius: 5px; color: @muted;
}
QToolButton[small="true"]:hover { color: @text; }
QToolButton[small="true"]:checked { color: @text; }
QAbstractScrollArea > QWidget > QWidget[clear="true"] { background: transparent; }
QHeaderView { background: transparent; }
QHeaderView::section {
    background: @panel; color: @muted; border: none; padding: 4px 8px;
    border-bottom: 1px solid @line;
}
QTableView, QTreeView { gridline-color: @line; alternate-background-color: @raised; }
QTableCornerButton::section { background: @panel; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: @line; border-radius: 4px; margin: 1px; }
QScrollBar::handle:vertical { min-height: 24px; }
QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter { background: transparent; }
QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: @selected; border-radius: 3px; }
QProgressBar {
    background: @line; border: none; border-radius: 2px; max-height: 4px;
}
QProgressBar::chunk { background: @accent; border-radius: 2px; }
QTabBar::tab { background: transparent; color: @muted; padding: 4px 10px; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar[titles="true"]::tab {
    font-weight: 600; padding: 0 2px; margin-right: 12px; height: 28px;
    border-top: 2px solid transparent; border-bottom: 2px solid transparent;
}
QTabBar[titles="true"]::tab:hover { color: @text; }
QTabBar[titles="true"]::tab:selected { border-bottom: 2px solid @accent; }
QTabBar[titles="true"]::tab:selected:focus { color: @accent; }
"""


def style_sheet(palette: Palette) -> str:
    """Return the style sheet in the colours of `palette`."""
    text = _TEMPLATE
    tokens = tuple(field.name for field in fields(palette) if field.type == "str")
    for token in sorted(tokens, key=len, reverse=True):
        text = text.replace(f"@{token}", str(getattr(palette, token)))
    icons = resources_folder() / "icons"
    folder = icons / ("on-dark" if palette.dark else "on-light")
    return text.replace("@icons", folder.as_posix())
