"""A picture with a mask or with boxes over it, and one to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QMouseEvent, QPainter, QPen

from layerscope.ui import theme
from layerscope.ui.widgets.image_view import ImageView
from layerscope.ui.widgets.pixels import to_image


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """A box to draw; the corners are shares of the picture, 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float
    text: str
    colour: tuple[int, int, int]


class OverlayView(ImageView):
    """A picture with a mask or boxes over it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._mask: QImage | None = None
        self._boxes: tuple[LabelledBox, ...] = ()

    def set_mask(self, mask: npt.NDArray[np.uint8] | None) -> None:
        """Lay a mask over the picture.

        Parameters
        ----------
        mask : (h, w, 4) uint8 array or None
            RGBA; it is stretched over the whole picture.
        """
        self._mask = None if mask is None else to_image(mask)
        self.update()

    def set_boxes(self, boxes: tuple[LabelledBox, ...]) -> None:
        """Draw boxes, the first one on top."""
        self._boxes = boxes
        self.update()

    @property
    def boxes(self) -> tuple[LabelledBox, ...]:
        """The boxes drawn."""
        return self._boxes

    def paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Paint the mask and the boxes."""
        if self._mask is not None:
            painter.drawImage(target, self._mask)
        for box in reversed(self._boxes):
            painter.setPen(QPen(QColor(*box.colour), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(_frame_of(target, box), 3, 3)
        font = theme.font(11, 600)
        painter.setFont(font)
        for box, tag in _tags(target, self._boxes, QFontMetricsF(font)):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*box.colour))
            painter.drawRoundedRect(tag, 3, 3)
            # The tags' colours are light enough in both themes for dark letters.
            painter.setPen(QColor("#06121c"))
            painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, box.text)


def _frame_of(target: QRectF, box: LabelledBox) -> QRectF:
    return QRectF(
        QPointF(
            target.left() + box.left * target.width(),
            target.top() + box.top * target.height(),
        ),
        QPointF(
            target.left() + box.right * target.width(),
            target.top() + box.bottom * target.height(),
        ),
    ).intersected(target)


def _tags(
    target: QRectF, boxes: tuple[LabelledBox, ...], metrics: QFontMetricsF
) -> list[tuple[LabelledBox, QRectF]]:
    """Return where names stand: above a box, below it, inside it, or nowhere.

    A name that would cover another one is left out; the list beside has them all.
    """
    placed: list[tuple[LabelledBox, QRectF]] = []
    for box in boxes:
        if not box.text:
            continue
        frame = _frame_of(target, box)
        width, height = metrics.horizontalAdvance(box.text) + 8, metrics.height() + 2
        left = max(target.left(), min(frame.left() - 1, target.right() - width))
        for top in (frame.top() - height, frame.bottom(), frame.top()):
            tag = QRectF(left, top, width, height)
            inside = top >= target.top() and tag.bottom() <= target.bottom()
            if inside and not any(tag.intersects(other) for _, other in placed):
                placed.append((box, tag))
                break
    return placed


class CompareView(ImageView):
    """Two pictures of the same thing: before and after.

    Attributes
    ----------
    mode : str
        ``"after"``, ``"wipe"`` (a divider follows the pointer) or ``"beside"``.
    """

    MODES = ("after", "wipe", "beside")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.mode = "after"
        self._before: QImage | None = None
        self._divider = 0.5

    def set_before(self, pixels: npt.NDArray[np.uint8] | None) -> None:
        """Set the picture to compare with, (h, w, 3) uint8, or None."""
        self._before = None if pixels is None else to_image(pixels)
        self.update()

    def set_mode(self, mode: str) -> None:
        """Change how the two are compared."""
        self.mode = mode
        self.update()

    def picture_rect(self) -> QRectF:
        """Return where the later picture is painted."""
        target = super().picture_rect()
        if self.mode != "beside" or self._before is None or target.isEmpty():
            return target
        half = QRectF(self.rect())
        half.setLeft(half.center().x() + 4)
        factor = min(half.width() / target.width(), half.height() / target.height())
        width, height = target.width() * factor, target.height() * factor
        return QRectF(
            half.left() + (half.width() - width) / 2,
            half.top() + (half.height() - height) / 2,
            width,
            height,
        )

    def paint_over(self, painter: QPainter, target: QRectF) -> None:
        """Paint the earlier picture where the mode wants it."""
        if self._before is None or self.mode == "after":
            return
        if self.mode == "beside":
            left = QRectF(target)
            left.moveLeft(self.width() - target.right())
            self._paint_picture(painter, left, self._before)
            return
        edge = target.left() + self._divider * target.width()
        painter.save()
        painter.setClipRect(
            QRectF(target.left(), target.top(), edge - target.left(), target.height())
        )
        self._paint_picture(painter, target, self._before)
        painter.restore()
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.drawLine(QPointF(edge, target.top()), QPointF(edge, target.bottom()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Take the divider along."""
        super().mouseMoveEvent(event)
        target = self.picture_rect()
        if self.mode == "wipe" and target.width() > 0:
            share = (event.position().x() - target.left()) / target.width()
            self._divider = min(1.0, max(0.0, share))
            self.update()
