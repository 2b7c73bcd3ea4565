"""The palette can be read, the fonts are ours, and a change of theme is told."""

import re
from dataclasses import fields

import numpy as np
import pytest
from PySide6.QtGui import QFontInfo, QImage
from PySide6.QtWidgets import QApplication, QLabel

from layerscope.core.colours import distinct, viridis
from layerscope.core.errors import BadInputError
from layerscope.ui import resources, theme
from layerscope.ui.style_sheet import style_sheet

PALETTES = [theme.DARK, theme.LIGHT]


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES, ids=["dark", "light"])
@pytest.mark.parametrize("ground", ["window", "panel", "raised", "selected"])
def test_words_can_be_read_on_every_ground(palette, ground):
    assert contrast(palette.text, getattr(palette, ground)) >= 4.5


@pytest.mark.parametrize("palette", PALETTES, ids=["dark", "light"])
@pytest.mark.parametrize("token", ["muted", "accent", "warning", "bad"])
def test_signals_can_be_read_on_a_card(palette, token):
    least = 4.5 if token == "muted" else 4.0
    assert contrast(getattr(palette, token), palette.panel) >= least


@pytest.mark.parametrize("palette", PALETTES, ids=["dark", "light"])
def test_the_accented_button_can_be_read(palette):
    assert contrast(palette.on_accent, palette.accent) >= 4.5


@pytest.mark.parametrize("palette", PALETTES, ids=["dark", "light"])
def test_the_style_sheet_knows_all_its_tokens(palette):
    sheet = style_sheet(palette)
    assert "@" not in sheet
    assert palette.panel in sheet
    used = set(re.findall(r"#[0-9a-f]{6}", sheet))
    known = {
        getattr(palette, field.name) for field in fields(palette) if field.type == "str"
    }
    assert used <= known


def test_bundled_fonts_are_the_ones_in_use(qapp):
    theme.apply(qapp, "dark")
    assert QFontInfo(theme.font(12)).family().startswith("Inter")
    assert QFontInfo(theme.font(12, 600)).family().startswith("Inter")
    assert QFontInfo(theme.font(11, mono=True)).family().startswith("JetBrains Mono")


def test_figures_have_equal_width(qapp):
    theme.apply(qapp, "dark")
    label = QLabel()
    label.setFont(theme.font(12))
    widths = {
        label.fontMetrics().horizontalAdvance(digit * 8) for digit in "0123456789"
    }
    assert len(widths) == 1


def test_a_change_of_theme_is_told_and_dresses_the_application(qapp, qtbot):
    theme.apply(qapp, "dark")
    with qtbot.waitSignal(theme.changed, timeout=1000):
        theme.apply(qapp, "light")
    assert theme.current() is theme.LIGHT
    assert QApplication.palette().window().color().name() == theme.LIGHT.window
    theme.apply(qapp, "dark")


def test_an_icon_takes_the_colour_of_the_palette(qapp):
    image = resources.pixmap("square", "#ff0000", 16, filled=True).toImage()
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    colour = image.pixelColor(8, 8)
    assert (colour.red(), colour.green(), colour.blue(), colour.alpha()) == (
        255,
        0,
        0,
        255,
    )


def test_an_unknown_icon_is_named(qapp):
    with pytest.raises(BadInputError, match="no-such-icon"):
        resources.pixmap("no-such-icon", "#ff0000")


def test_viridis_grows_in_lightness():
    table = viridis()
    assert table.shape == (256, 3)
    light = table.astype(float) @ (0.2126, 0.7152, 0.0722)
    assert (np.diff(light) > -0.5).all()
    assert light[-1] > 5 * max(light[0], 1)


def test_class_colours_differ_and_come_again():
    assert len({distinct(n) for n in range(8)}) == 8
    assert distinct(3) == distinct(11)
