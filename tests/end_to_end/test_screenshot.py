"""The real window as a picture, through the command line."""

import os
import subprocess
import sys

import pytest
from PySide6.QtGui import QImage

pytestmark = pytest.mark.slow


@pytest.fixture
def screenshot(checkout, tmp_path):
    """Call ``layerscope screenshot`` from another folder; return how it ended."""

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "layerscope", "screenshot", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(checkout / "app")},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    return call


@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False)])
def test_a_picture_has_the_size_and_the_theme_asked_for(
    screenshot, tiny_models, tmp_path, theme, dark
):
    size = ("--size", "1280x800", "--theme", theme)

    done = screenshot(tiny_models / "conv.onnx", "-o", "window.png", *size)

    assert (done.returncode, done.stderr) == (0, "")
    picture = QImage(str(tmp_path / "window.png"))
    assert (picture.width(), picture.height()) == (1280, 800)
    assert (picture.pixelColor(640, 798).lightness() < 128) == dark
    colours = {picture.pixel(x, y) for x in range(0, 1280, 8) for y in range(0, 800, 8)}
    assert len(colours) > 30, "the window seems to be empty"


def test_a_model_that_is_not_there_gives_one_sentence(screenshot, tmp_path):
    done = screenshot("no-such-model", "-o", "window.png")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "no-such-model" in done.stderr
    assert not (tmp_path / "window.png").exists()
