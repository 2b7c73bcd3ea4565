"""Make the sample pictures of this folder again.

Layerscope itself does not need it. The photographs and the scanned digits come out
of scikit-image and scikit-learn, so install these two first; everything else is drawn
here. Where each picture comes from stands in ``../LICENSES.md``.

    pip install scikit-image scikit-learn
    python resources/samples/make.py
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

FOLDER = Path(__file__).parent
SIZE = 384
SUPERSAMPLING = 4
QUALITY = 88

Colour = tuple[int, int, int]


class Sketch:
    """A square picture drawn in shares of its side, smoothed when it is done.

    Parameters
    ----------
    top, bottom : tuple of int
        Colours of the background, blended from the one to the other.
    """

    def __init__(self, top: Colour, bottom: Colour) -> None:
        side = SIZE * SUPERSAMPLING
        blend = np.linspace(0, 1, side)[:, None, None]
        rows = np.asarray(top) * (1 - blend) + np.asarray(bottom) * blend
        pixels = np.broadcast_to(rows, (side, side, 3)).astype(np.uint8)
        self._image = Image.fromarray(np.ascontiguousarray(pixels))
        self._draw = ImageDraw.Draw(self._image)
        self._side = side

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """Fill the polygon through `points`."""
        scaled = [(x * self._side, y * self._side) for x, y in points]
        self._draw.polygon(scaled, fill=colour)

    def ellipse(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        """Fill the ellipse in a box."""
        box = [value * self._side for value in (left, top, right, bottom)]
        self._draw.ellipse(box, fill=colour)

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        """Fill a box."""
        box = [value * self._side for value in (left, top, right, bottom)]
        self._draw.rectangle(box, fill=colour)

    def finished(self, blur: float = 0.6) -> Image.Image:
        """Return the picture at its real size."""
        small = self._image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        return small.filter(ImageFilter.GaussianBlur(blur))


def ship() -> Image.Image:
    """Return a freighter on a calm sea."""
    sketch = Sketch((150, 190, 225), (225, 235, 240))
    sketch.rectangle(0, 0.62, 1, 1, (38, 84, 120))
    sketch.rectangle(0, 0.62, 1, 0.65, (70, 120, 155))
    for row, y in enumerate(np.linspace(0.70, 0.96, 6)):
        for x in np.linspace(-0.05, 1.0, 6) + 0.07 * (row % 2):
            sketch.ellipse(x, y, x + 0.11, y + 0.012, (84, 132, 166))
    sketch.rectangle(0.55, 0.36, 0.78, 0.53, (238, 238, 232))
    for x in (0.58, 0.64, 0.70):
        sketch.rectangle(x, 0.40, x + 0.035, 0.435, (60, 80, 100))
    sketch.rectangle(0.62, 0.24, 0.70, 0.36, (190, 60, 50))
    sketch.rectangle(0.62, 0.27, 0.70, 0.30, (245, 245, 240))
    for x, colour in ((0.20, (200, 120, 50)), (0.32, (70, 120, 90))):
        sketch.rectangle(x, 0.44, x + 0.11, 0.53, colour)
    hull = [(0.07, 0.52), (0.93, 0.52), (0.86, 0.68), (0.16, 0.68)]
    sketch.polygon(hull, (150, 45, 45))
    sketch.polygon(
        [(0.07, 0.52), (0.93, 0.52), (0.915, 0.56), (0.085, 0.56)], (40, 40, 48)
    )
    return sketch.finished()


def aeroplane() -> Image.Image:
    """Return an airliner seen from the side, in the sky."""
    sketch = Sketch((92, 150, 215), (190, 218, 240))
    for x, y, width in ((0.05, 0.16, 0.3), (0.62, 0.78, 0.34), (0.1, 0.84, 0.24)):
        for shift, lift in ((0.0, 0.0), (0.3, -0.03), (0.55, 0.005)):
            left = x + shift * width
            sketch.ellipse(
                left, y + lift, left + 0.5 * width, y + lift + 0.08, (236, 242, 248)
            )
    sketch.polygon(
        [(0.74, 0.47), (0.90, 0.24), (0.95, 0.24), (0.9, 0.5)], (40, 80, 150)
    )
    sketch.ellipse(0.06, 0.43, 0.30, 0.57, (240, 242, 246))
    sketch.polygon(
        [(0.17, 0.43), (0.80, 0.44), (0.95, 0.48), (0.80, 0.54), (0.17, 0.57)],
        (240, 242, 246),
    )
    sketch.polygon(
        [(0.78, 0.48), (0.97, 0.42), (0.99, 0.44), (0.86, 0.51)], (198, 204, 214)
    )
    for x in np.linspace(0.2, 0.74, 15):
        sketch.ellipse(x, 0.468, x + 0.016, 0.487, (60, 84, 116))
    sketch.polygon(
        [(0.36, 0.52), (0.55, 0.52), (0.70, 0.74), (0.63, 0.74)], (176, 184, 196)
    )
    sketch.ellipse(0.47, 0.60, 0.58, 0.66, (96, 104, 116))
    return sketch.finished()


def lorry() -> Image.Image:
    """Return a lorry on a road."""
    sketch = Sketch((176, 204, 226), (228, 232, 228))
    sketch.polygon(
        [
            (0, 0.55),
            (0.25, 0.42),
            (0.5, 0.52),
            (0.8, 0.4),
            (1, 0.5),
            (1, 0.7),
            (0, 0.7),
        ],
        (116, 148, 106),
    )
    sketch.rectangle(0, 0.68, 1, 1, (96, 96, 100))
    for x in np.linspace(0.02, 0.9, 5):
        sketch.rectangle(x, 0.88, x + 0.1, 0.90, (222, 218, 204))
    sketch.rectangle(0.06, 0.30, 0.64, 0.70, (214, 214, 208))
    sketch.rectangle(0.06, 0.44, 0.64, 0.52, (206, 92, 40))
    cab = [
        (0.66, 0.42),
        (0.80, 0.42),
        (0.90, 0.56),
        (0.93, 0.58),
        (0.93, 0.72),
        (0.66, 0.72),
    ]
    sketch.polygon(cab, (190, 44, 40))
    sketch.polygon(
        [(0.70, 0.46), (0.79, 0.46), (0.86, 0.56), (0.70, 0.56)], (120, 160, 190)
    )
    sketch.rectangle(0.06, 0.70, 0.93, 0.74, (52, 52, 58))
    for x in (0.13, 0.27, 0.75):
        sketch.ellipse(x, 0.68, x + 0.13, 0.81, (28, 28, 32))
        sketch.ellipse(x + 0.04, 0.72, x + 0.09, 0.77, (150, 150, 156))
    return sketch.finished()


def shapes() -> Image.Image:
    """Return edges of all directions, gratings and flat colours, to probe filters."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    pixels = np.full((SIZE, SIZE, 3), 236.0)
    quarter = SIZE // 2
    radius = np.hypot(x - 0.25, y - 0.25)
    rings = 127.5 + 110 * np.cos(2 * np.pi * 9 * radius)
    pixels[:quarter, :quarter] = rings[:quarter, :quarter, None]
    grating = 127.5 + 110 * np.sin(2 * np.pi * (6 + 18 * x) * x)
    pixels[:quarter, quarter:] = grating[:quarter, quarter:, None]
    angle = np.arctan2(y - 0.75, x - 0.25)
    spokes = np.where(np.sin(16 * angle) > 0, 232.0, 24.0)
    pixels[quarter:, :quarter] = spokes[quarter:, :quarter, None]
    colours = ((214, 62, 54), (60, 160, 84), (52, 104, 200), (236, 190, 60))
    step = quarter // 2
    for number, colour in enumerate(colours):
        top, left = quarter + step * (number // 2), quarter + step * (number % 2)
        pixels[top : top + step, left : left + step] = colour
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(0.6))


def digit(index: int) -> Image.Image:
    """Return a scanned 8x8 digit of scikit-learn, enlarged, white on black."""
    from sklearn.datasets import load_digits

    scan = load_digits().images[index] * (255 / 16)
    small = Image.fromarray(scan.astype(np.uint8))
    return small.resize((224, 224), Image.Resampling.BICUBIC)


def packaged(package: str, path: str, longest: int = 512) -> Image.Image:
    """Return a picture that a package ships, at most `longest` pixels a side."""
    with importlib.resources.as_file(importlib.resources.files(package) / path) as file:
        image = Image.open(file).convert("RGB")
    image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return image


def main() -> None:
    """Write all samples."""
    pictures = {
        "01-cat.jpg": packaged("skimage", "data/chelsea.png"),
        "02-ship.png": ship(),
        "03-aeroplane.png": aeroplane(),
        "04-lorry.png": lorry(),
        "05-horse.png": packaged("skimage", "data/horse.png"),
        "06-flower.jpg": packaged("sklearn", "datasets/images/flower.jpg"),
        "07-temple.jpg": packaged("sklearn", "datasets/images/china.jpg"),
        "08-rocket.jpg": packaged("skimage", "data/rocket.jpg"),
        "09-coffee.jpg": packaged("skimage", "data/coffee.png"),
        "10-digit-three.png": digit(3),
        "11-digit-eight.png": digit(8),
        "12-shapes.png": shapes(),
    }
    for name, picture in pictures.items():
        options = {"quality": QUALITY} if name.endswith(".jpg") else {"optimize": True}
        picture.save(FOLDER / name, **options)


if __name__ == "__main__":
    main()
