"""From layout units to pixels and back: pan, zoom, fit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from layerscope.ui.widgets.graph_scene import Area

SMALLEST, LARGEST = 1e-5, 4.0
COMFORTABLE = 1.3
READABLE = 0.6
# A graph of one line of cards may ask for so much to fill the width.
LEISURELY_PX = 172.0
# Where not all of it fits side by side, cards need not be that small.
WIDE_READABLE = 0.75
MARGIN = 6.0


@dataclass
class GraphView:
    """Which part of the graph is seen.

    Attributes
    ----------
    scale : float
        Pixels per layout unit.
    x, y : float
        What is at the widget's top left corner, in layout units.
    width, height : float
        Size of the widget in pixels.
    """

    scale: float = 1.0
    x: float = 0.0
    y: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @property
    def area(self) -> Area:
        """What is seen, in layout units."""
        return Area(
            self.x,
            self.y,
            self.x + self.width / self.scale,
            self.y + self.height / self.scale,
        )

    def to_graph(self, x: float, y: float) -> tuple[float, float]:
        """Return the place in the graph below a pixel."""
        return self.x + x / self.scale, self.y + y / self.scale

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a place in the graph."""
        return (x - self.x) * self.scale, (y - self.y) * self.scale

    def pan(self, dx: float, dy: float) -> None:
        """Move the content by pixels."""
        self.x -= dx / self.scale
        self.y -= dy / self.scale

    def zoom(self, factor: float, x: float, y: float) -> None:
        """Scale by `factor`; what is at the pixel (x, y) stays there."""
        graph_x, graph_y = self.to_graph(x, y)
        self.scale = min(max(self.scale * factor, SMALLEST), LARGEST)
        self.x = graph_x - x / self.scale
        self.y = graph_y - y / self.scale

    def fit(self, bounds: Area) -> None:
        """Show all of `bounds`, centred, no larger than comfortable."""
        self.scale = min(self._fitting(bounds), COMFORTABLE)
        self.centre((bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2)

    def begin(self, bounds: Area) -> None:
        """Show all of `bounds` if that can be read, else its left end."""
        self.fit(bounds)
        if self.scale >= READABLE:
            return
        tall = (self.height - 2 * MARGIN) / max(bounds.bottom - bounds.top, 1.0)
        across = (self.width - 2 * MARGIN) / max(bounds.right - bounds.left, 1.0)
        least = READABLE if across >= READABLE else WIDE_READABLE
        self.scale = min(max(tall, least), 1.0)
        self.centre((bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2)
        if across < self.scale:
            self.x = bounds.left - MARGIN / self.scale

    def wanted_height(self, bounds: Area) -> int:
        """Return the pixels that `bounds` wants from top to bottom.

        Enough to be readable, and what fills the width, as far as a line of cards
        goes.
        """
        tall = bounds.bottom - bounds.top
        across = (self.width - 2 * MARGIN) / max(bounds.right - bounds.left, 1.0)
        leisurely = min(tall * min(across, COMFORTABLE) + 2 * MARGIN, LEISURELY_PX)
        return math.ceil(max(tall * READABLE + 2 * MARGIN, leisurely))

    def kept_height(self, bounds: Area) -> int:
        """Return the pixels that `bounds` wants if the zoom stays as it is.

        A block that was opened stands higher than the line it was in.
        """
        tall = (bounds.bottom - bounds.top) * self.scale + 2 * MARGIN
        return max(math.ceil(tall), self.wanted_height(bounds))

    def lower(self, bounds: Area, size: tuple[int, int], x: float, y: float) -> None:
        """Show `bounds` from top to bottom, if that can be read.

        Parameters
        ----------
        bounds : Area
            Of the graph.
        size : (int, int)
            Of the widget now.
        x, y : float
            The pixel around which it is made smaller.
        """
        self.resize(*size)
        room = self.height - 2 * MARGIN
        down = room / max(bounds.bottom - bounds.top, 1.0)
        if down < self.scale:
            least = min(READABLE, self.scale)
            self.zoom(max(down, least) / self.scale, x, y)
        if down >= self.scale:
            middle = (bounds.top + bounds.bottom) / 2
            self.y = middle - self.height / 2 / self.scale

    def centre(self, x: float, y: float) -> None:
        """Bring a place to the middle."""
        self.x = x - self.width / 2 / self.scale
        self.y = y - self.height / 2 / self.scale

    def reveal(self, box: Area) -> None:
        """Pan as little as needed to see `box`."""
        area, margin = self.area, 2 * MARGIN / self.scale
        too_wide = box.right - box.left + 2 * margin > area.right - area.left
        if too_wide or box.left - margin < area.left:
            self.x = box.left - margin
        elif box.right + margin > area.right:
            self.x += box.right + margin - area.right
        if box.bottom - box.top > area.bottom - area.top or box.top < area.top:
            self.y = box.top
        elif box.bottom > area.bottom:
            self.y += box.bottom - area.bottom

    def resize(self, width: float, height: float) -> None:
        """Take the widget's new size; what is in the middle row stays there."""
        self.y += (self.height - height) / 2 / self.scale
        self.width, self.height = max(width, 1.0), max(height, 1.0)

    def _fitting(self, bounds: Area) -> float:
        across = (self.width - 2 * MARGIN) / max(bounds.right - bounds.left, 1.0)
        down = (self.height - 2 * MARGIN) / max(bounds.bottom - bounds.top, 1.0)
        return min(max(min(across, down), SMALLEST), LARGEST)
