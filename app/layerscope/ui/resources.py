"""The bundled fonts and icons, as Qt wants them."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontDatabase, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from layerscope.core.errors import BadInputError
from layerscope.library.locations import resources_folder

_SCALES = (1, 2, 3)


def load_fonts() -> tuple[str, ...]:
    """Register the bundled fonts with Qt and return their families."""
    families: dict[str, None] = {}
    for path in sorted((resources_folder() / "fonts").iterdir()):
        if path.suffix in {".otf", ".ttf"}:
            number = QFontDatabase.addApplicationFont(str(path))
            families.update(
                dict.fromkeys(QFontDatabase.applicationFontFamilies(number))
            )
    return tuple(families)


@lru_cache(maxsize=512)
def icon(name: str, colour: str, size: int = 16, filled: bool = False) -> QIcon:
    """Return a bundled icon drawn in one colour.

    Parameters
    ----------
    name : str
        File name without suffix in ``resources/icons``.
    colour : str
        ``"#rrggbb"``, mostly a token of the palette.
    size : int
        Side in device-independent pixels.
    filled : bool
        Fill the outline too.

    Raises
    ------
    BadInputError
        If there is no icon of that name.
    """
    drawn = QIcon()
    for scale in _SCALES:
        drawn.addPixmap(pixmap(name, colour, size, scale, filled))
    return drawn


def pixmap(
    name: str,
    colour: str,
    size: int = 16,
    scale: float = 1.0,
    filled: bool = False,
) -> QPixmap:
    """Return a bundled icon as a pixmap for one device pixel ratio.

    Parameters
    ----------
    name, colour, size, filled
        As in `icon`.
    scale : float
        Device pixels to one device-independent pixel.

    Raises
    ------
    BadInputError
        If there is no icon of that name.
    """
    path = resources_folder() / "icons" / f"{name}.svg"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"The icon “{name}” was asked for and is not among the bundled ones; "
            "copy its file to resources/icons."
        ) from error
    if filled:
        text = text.replace('fill="none"', 'fill="currentColor"', 1)
    text = text.replace("currentColor", QColor(colour).name())
    renderer = QSvgRenderer(QByteArray(text.encode()))
    side = round(size * scale)
    image = QPixmap(QSize(side, side))
    image.fill(Qt.GlobalColor.transparent)
    with QPainter(image) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer.render(painter, QRectF(0, 0, side, side))
    image.setDevicePixelRatio(scale)
    return image
