import numpy as np
import pytest
from PIL import Image

from layerscope.engine.sources import Sources
from layerscope.protocol.arrays import ArrayArena
from layerscope.protocol.inputs import PictureFile


@pytest.fixture
def arena():
    made = ArrayArena(size=8 << 20)
    yield made
    made.close()


@pytest.fixture
def sources(arena):
    made = Sources(arena)
    yield made
    made.close()


@pytest.fixture
def picture(tmp_path):
    """A 60 x 90 picture file: red on the left, blue on the right."""
    pixels = np.zeros((60, 90, 3), dtype=np.uint8)
    pixels[:, :45, 0] = 255
    pixels[:, 45:, 2] = 255
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return PictureFile(path=str(path))
