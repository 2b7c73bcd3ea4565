"""From arrays to what Qt paints."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSizeF, Qt
from PySide6.QtGui import QImage, QPainter

from layerscope.ui import theme

# From this factor on single pixels are meant to be seen.
CRISP_FROM = 2.0


def to_image(pixels: npt.NDArray[np.uint8]) -> QImage:
    """Return a picture of its own memory.

    Parameters
    ----------
    pixels : uint8 array
        (h, w) is shown in viridis, (h, w, 3) is RGB, (h, w, 4) is RGBA.

    Raises
    ------
    ValueError
        If the array has another shape.
    """
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    if pixels.ndim == 2:
        image = QImage(pixels.data, width, height, width, QImage.Format.Format_Indexed8)
        image.setColorTable(theme.viridis_table())
    elif pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        channels = pixels.shape[2]
        form = (
            QImage.Format.Format_RGB888
            if channels == 3
            else QImage.Format.Format_RGBA8888
        )
        image = QImage(pixels.data, width, height, width * channels, form)
    else:
        raise ValueError(f"A picture of shape {pixels.shape} cannot be painted.")
    return image.copy()  # the array may go before the picture does


def fitted(width: float, height: float, into: QRectF) -> QRectF:
    """Return the largest centred rectangle of the same proportions in `into`."""
    if width <= 0 or height <= 0 or into.isEmpty():
        return QRectF()
    factor = min(into.width() / width, into.height() / height)
    size = QSizeF(max(1.0, width * factor), max(1.0, height * factor))
    left = into.left() + (into.width() - size.width()) / 2
    top = into.top() + (into.height() - size.height()) / 2
    return QRectF(left, top, size.width(), size.height())


def from_image(image: QImage) -> npt.NDArray[np.uint8]:
    """Return the pixels of a picture, (h, w, 3) uint8 RGB; transparent is white."""
    if image.hasAlphaChannel():
        ground = QImage(image.size(), QImage.Format.Format_RGB32)
        ground.fill(Qt.GlobalColor.white)
        with QPainter(ground) as painter:
            painter.drawImage(0, 0, image)
        image = ground
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    width, height = image.width(), image.height()
    rows = np.frombuffer(image.constBits(), dtype=np.uint8)
    rows = rows.reshape(height, image.bytesPerLine())[:, : width * 3]
    return rows.reshape(height, width, 3).copy()
