"""Every operator has an icon that is there."""

import pytest

from layerscope.library.locations import resources_folder
from layerscope.ui.panels import operator_icons
from layerscope.ui.panels.operator_icons import block_icon, end_icon, operator_icon


@pytest.mark.parametrize(
    ("op", "icon"),
    [
        ("Conv", "grid-3x3"),
        ("ConvTranspose", "grid-3x3"),
        ("TreeEnsembleClassifier", "list-tree"),
        ("LSTM", "repeat"),
        ("MatMulNBits", "network"),
        ("OfSomebodyElse", "box"),
    ],
)
def test_the_first_part_of_the_name_decides(op, icon):
    assert operator_icon(op) == icon


def test_all_icons_are_bundled():
    names = {icon for _, icon in operator_icons._ICONS}
    names |= {block_icon(), end_icon(is_input=True), end_icon(is_input=False), "box"}
    folder = resources_folder() / "icons"
    assert [name for name in names if not (folder / f"{name}.svg").is_file()] == []
