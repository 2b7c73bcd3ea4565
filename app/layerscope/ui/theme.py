"""Colours, fonts and the style sheet: the one place that decides the look.

Widgets that paint themselves take colours from `current` at paint time and
repaint on `changed`; all others are dressed by the style sheet. Properties that
the style sheet knows:

- ``QLabel[role=…]``: ``title``, ``heading`` (of a group), ``muted``, ``caption``
  (11 px muted), ``value`` (semibold figures), ``running`` (13 px), ``mono``,
  ``link`` (accent), ``good``, ``warning``, ``bad``.
- ``QToolButton[flat=true]`` and ``QComboBox[flat=true]``: text actions of a
  panel's title; ``QToolButton[primary=true]``: the one accented button.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette, qRgb
from PySide6.QtWidgets import QApplication, QStyleFactory

from layerscope.core.colours import viridis
from layerscope.ui.resources import load_fonts
from layerscope.ui.style_sheet import style_sheet

Mode = Literal["dark", "light"]
Choice = Literal["dark", "light", "system"]
CHOICES: tuple[Choice, ...] = get_args(Choice)

SANS = "Inter"
MONO = "JetBrains Mono"
GAP = 8
RADIUS = 8
CONTROL_HEIGHT = 28
TITLE_HEIGHT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one theme, each ``"#rrggbb"``.

    Attributes
    ----------
    window, panel, raised, line : str
        From the back to the front: gaps, cards, controls, borders.
    text, muted : str
        Words, and words that matter less.
    accent, on_accent, selected : str
        The one accent, text upon it, and the ground of a chosen row.
    good, warning, bad : str
        States; never the only sign of one.
    dark : bool
    """

    window: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    selected: str
    good: str
    warning: str
    bad: str
    dark: bool


DARK = Palette(
    window="#121418",
    panel="#1a1d23",
    raised="#22262e",
    line="#2b303a",
    text="#e7eaef",
    muted="#98a2b3",
    accent="#4fb3ff",
    on_accent="#06121c",
    selected="#1d3c56",
    good="#58c78b",
    warning="#e6b450",
    bad="#f47f7a",
    dark=True,
)
LIGHT = Palette(
    window="#eef0f3",
    panel="#ffffff",
    raised="#f5f6f8",
    line="#dde1e7",
    text="#1b2330",
    muted="#5f6b7c",
    accent="#0a6fd1",
    on_accent="#ffffff",
    selected="#d7e8fa",
    good="#1d8a50",
    warning="#a66a00",
    bad="#c23a34",
    dark=False,
)


class _Notifier(QObject):
    """Carries `changed`, since only a QObject can have a signal."""

    changed = Signal()


_notifier = _Notifier()
changed = _notifier.changed
_state = {"palette": DARK}


def current() -> Palette:
    """Return the colours of the theme in use."""
    return _state["palette"]


def resolve(choice: Choice) -> Mode:
    """Return the theme that `choice` stands for on this desktop now."""
    if choice != "system":
        return choice
    scheme = QGuiApplication.styleHints().colorScheme()
    return "light" if scheme == Qt.ColorScheme.Light else "dark"


def prepare(app: QApplication, mode: Mode) -> None:
    """Set style, fonts and colours, all but the style sheet.

    To be called before any widget is made: one with a font of its own keeps the
    family that the application had then. With a style sheet, every widget would be
    polished again each time it is put into another one while the window is built,
    which takes longer than all the rest.
    """
    palette = LIGHT if mode == "light" else DARK
    _state["palette"] = palette
    _load_fonts_once()
    if app.style().name() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_qt_palette(palette))
    app.setFont(font(12))


def apply(app: QApplication, mode: Mode) -> None:
    """Dress `app` in a theme and tell everything that paints itself."""
    prepare(app, mode)
    app.setStyleSheet(style_sheet(current()))
    changed.emit()


def font(px: int = 12, weight: int = 400, mono: bool = False) -> QFont:
    """Return a bundled font with figures of equal width.

    Parameters
    ----------
    px : int
        Size in device-independent pixels.
    weight : int
        400 regular, 500 medium, 600 semibold.
    mono : bool
        JetBrains Mono in place of Inter.
    """
    made = QFont(MONO if mono else SANS)
    made.setPixelSize(px)
    made.setWeight(QFont.Weight(weight))
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if not mono:
        made.setFeature(QFont.Tag("tnum"), 1)
    return made


def colour(token: str, alpha: float = 1.0) -> QColor:
    """Return a palette token of the current theme as a QColor.

    Parameters
    ----------
    token : str
        Name of a field of `Palette`.
    alpha : float
        Opacity, 0 to 1.
    """
    made = QColor(str(getattr(current(), token)))
    made.setAlphaF(alpha)
    return made


@cache
def viridis_table() -> list[int]:
    """Return viridis as 256 QRgb values, for `QImage.setColorTable`."""
    return [qRgb(int(r), int(g), int(b)) for r, g, b in viridis()]


@cache
def _load_fonts_once() -> tuple[str, ...]:
    return load_fonts()


def _qt_palette(colours: Palette) -> QPalette:
    """Translate the tokens for what the style sheet does not reach."""
    made = QPalette()
    role = QPalette.ColorRole
    pairs = {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.panel,
        role.AlternateBase: colours.raised,
        role.Text: colours.text,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.bad,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.PlaceholderText: colours.muted,
        role.Highlight: colours.selected,
        role.HighlightedText: colours.text,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
        role.Light: colours.line,
        role.Midlight: colours.line,
        role.Mid: colours.line,
        role.Dark: colours.line,
        role.Shadow: colours.window,
        role.Accent: colours.accent,
    }
    for key, value in pairs.items():
        made.setColor(key, QColor(value))
    for key in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, key, QColor(colours.muted))
    return made
