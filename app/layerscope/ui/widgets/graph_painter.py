"""Draws a scene at one view: cards with words, or boxes and lines as pixels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from layerscope.ui import theme
from layerscope.ui.widgets import graph_edges, graph_raster
from layerscope.ui.widgets.graph_cards import (
    CardLook,
    CardPainter,
    CardWords,
    cut_to,
    outline,
)
from layerscope.ui.widgets.graph_scene import CLOSED, GraphScene, Rows
from layerscope.ui.widgets.graph_view import GraphView

READ_SCALE = 0.58
PICTURE_SCALE = 0.26
MOST_CARDS = 260
MOST_PICTURES = 96
_SHORTEST_EDGE_PX = 2.0
_NARROWEST_FRAME_PX = 6.0
_MOST_FRAMES = 200
_MOST_CURVES = 250
_MOST_MARKS = 400
_SMALLEST_MARK_PX = 5.0


def _number(row: int) -> CardWords:
    return CardWords(str(row))


@dataclass
class Dressing:
    """What the items of a scene wear.

    Attributes
    ----------
    words : callable
        What is written on a row.
    bars : (n,) float array
        Length of each row's bar, 0 to 1; NaN for none.
    colours : (n,) uint32 array
        ARGB of the bar, and of the box where there is no room for a card.
    pictures : mapping
        Thumbnails by row.
    errors, hits : frozenset of int
        Rows outlined: in the warning colour, and as found.
    traced : (rows, edges), optional
        What stays bright; all else pales.
    row : int
        The chosen row, -1 for none.
    """

    words: Callable[[int], CardWords] = _number
    bars: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    colours: npt.NDArray[np.uint32] = field(
        default_factory=lambda: np.zeros(0, dtype=np.uint32)
    )
    pictures: Mapping[int, QImage] = field(default_factory=dict)
    errors: frozenset[int] = frozenset()
    hits: frozenset[int] = frozenset()
    traced: tuple[frozenset[int], frozenset[int]] | None = None
    row: int = -1

    @classmethod
    def plain(cls, n: int) -> Dressing:
        """Return quiet boxes for `n` rows."""
        quiet = theme.colour("line").rgba()
        return cls(bars=np.full(n, np.nan), colours=np.full(n, quiet, dtype=np.uint32))


class GraphPainter:
    """Draws one frame after the other; keeps what was measured for text.

    Parameters
    ----------
    view : GraphView
        Where the graph is looked at; changed by its owner.
    """

    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._cards = CardPainter(view.scale)

    def restyle(self) -> None:
        """Forget fonts, since the theme changed."""
        self._cards = CardPainter(self._view.scale)

    def draw(
        self, painter: QPainter, scene: GraphScene, dress: Dressing, ratio: float
    ) -> None:
        """Draw what is in sight, in as much detail as can be seen.

        Parameters
        ----------
        painter : QPainter
            Of the widget, in its pixels.
        scene : GraphScene
            What to draw.
        dress : Dressing
            How.
        ratio : float
            Device pixels per pixel.
        """
        view = self._view
        if view.scale != self._cards.scale:
            self._cards = CardPainter(view.scale)
        leaves = scene.leaves_in(view.area)
        edges = scene.edges_in(view.area, shortest=_SHORTEST_EDGE_PX / view.scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._frames(painter, scene, dress)
        if view.scale >= READ_SCALE and len(leaves) <= MOST_CARDS:
            if len(edges) <= _MOST_CURVES:
                self._curves(painter, scene, dress, edges)
            else:
                pixels = self._blank(ratio)
                self._lines(pixels, scene, dress, edges, ratio)
                _put(painter, pixels, ratio)
            self._draw_cards(painter, scene, dress, leaves)
        else:
            pixels = self._blank(ratio)
            self._lines(pixels, scene, dress, edges, ratio)
            self._boxes(pixels, scene, dress, leaves, ratio)
            _put(painter, pixels, ratio)
            self._thumbnails(painter, scene, dress, leaves)
        self._marks(painter, scene, dress, leaves)

    def rect(self, scene: GraphScene, row: int) -> QRectF:
        """Return the box of a row in pixels."""
        x, y, width, height = scene.boxes[row].tolist()
        left, top = self._view.to_pixels(x, y)
        return QRectF(left, top, width * self._view.scale, height * self._view.scale)

    def _frames(self, painter: QPainter, scene: GraphScene, dress: Dressing) -> None:
        rows = scene.frames_in(self._view.area)
        rows = rows[scene.boxes[rows, 2] * self._view.scale >= _NARROWEST_FRAME_PX]
        around: list[QRectF] = []
        for row in rows[:_MOST_FRAMES].tolist():
            rect = self.rect(scene, row)
            # Cut far outside: Qt's rasteriser slows down on huge shapes.
            seen = rect.intersected(
                QRectF(-40, -40, self._view.width + 80, self._view.height + 80)
            )
            while around and not around[-1].contains(rect.center()):
                around.pop()
            self._cards.frame(
                painter, seen, dress.words(row).title, len(around), row in dress.errors
            )
            around.append(rect)

    def _curves(
        self, painter: QPainter, scene: GraphScene, dress: Dressing, edges: Rows
    ) -> None:
        lit = _lit_edges(scene, dress)
        plain = [edge for edge in edges.tolist() if edge not in lit]
        marked = [edge for edge in edges.tolist() if edge in lit]
        painter.setBrush(Qt.BrushStyle.NoBrush)
        quiet = theme.colour("muted", 0.25 if dress.traced else 0.6)
        for chosen, pen in (
            (plain, QPen(quiet, 1.0)),
            (marked, QPen(theme.colour("accent"), 1.6)),
        ):
            if chosen:
                painter.setPen(pen)
                painter.drawPath(
                    graph_edges.curves(scene, np.array(chosen), self._view)
                )

    def _draw_cards(
        self, painter: QPainter, scene: GraphScene, dress: Dressing, leaves: Rows
    ) -> None:
        kinds = scene.items[leaves, 0].tolist()
        for row, kind in zip(leaves.tolist(), kinds, strict=True):
            look = CardLook(
                bar=float(dress.bars[row]),
                colour=QColor.fromRgba(int(dress.colours[row])),
                stack=kind == CLOSED,
                error=row in dress.errors,
                faint=dress.traced is not None and row not in dress.traced[0],
            )
            rect = self.rect(scene, row)
            picture = dress.pictures.get(row)
            self._cards.card(painter, rect, dress.words(row), look, picture)

    def _blank(self, ratio: float) -> graph_raster.Pixels:
        return graph_raster.blank(
            round(self._view.width * ratio), round(self._view.height * ratio)
        )

    def _lines(
        self,
        pixels: graph_raster.Pixels,
        scene: GraphScene,
        dress: Dressing,
        edges: Rows,
        ratio: float,
    ) -> None:
        lines, owners = graph_edges.straight_lines(scene, edges, self._view)
        quiet = theme.colour("muted", 0.3 if dress.traced else 0.55).rgba()
        colours = np.full(len(lines), quiet, dtype=np.uint32)
        lit = _lit_edges(scene, dress)
        if lit:
            is_lit = np.isin(owners, _array(lit))
            colours[is_lit] = theme.colour("accent").rgba()
            lines = np.concatenate([lines[~is_lit], lines[is_lit]])
            colours = np.concatenate([colours[~is_lit], colours[is_lit]])
        graph_raster.draw_lines(pixels, lines * ratio, colours)

    def _boxes(
        self,
        pixels: graph_raster.Pixels,
        scene: GraphScene,
        dress: Dressing,
        leaves: Rows,
        ratio: float,
    ) -> None:
        view = self._view
        boxes = scene.boxes[leaves].astype(np.float64)
        boxes[:, 0] = (boxes[:, 0] - view.x) * view.scale
        boxes[:, 1] = (boxes[:, 1] - view.y) * view.scale
        boxes[:, 2:] *= view.scale
        colours = dress.colours[leaves]
        if dress.traced is not None:
            colours[~np.isin(leaves, _array(dress.traced[0]))] = theme.colour(
                "line"
            ).rgba()
        graph_raster.fill_boxes(pixels, boxes * ratio, colours)

    def _thumbnails(
        self, painter: QPainter, scene: GraphScene, dress: Dressing, leaves: Rows
    ) -> None:
        if self._view.scale < PICTURE_SCALE:
            return
        for row in leaves[:MOST_PICTURES].tolist():
            picture = dress.pictures.get(row)
            if picture is not None:
                rect = self.rect(scene, row).adjusted(2, 2, -2, -5)
                painter.drawImage(rect, picture, cut_to(picture, rect))

    def _marks(
        self, painter: QPainter, scene: GraphScene, dress: Dressing, leaves: Rows
    ) -> None:
        """Outline what is chosen, found or in error, at least a few pixels large."""
        wanted: list[tuple[Collection[int], str, float]] = [
            (dress.hits, "good", 1.6),
            ((dress.row,) if 0 <= dress.row < len(scene) else (), "accent", 2.0),
        ]
        if self._view.scale < READ_SCALE:
            wanted.insert(0, (dress.errors, "warning", 2.0))
        for rows, token, width in wanted:
            if not rows:
                continue
            marked = _array(rows)
            seen = np.isin(marked, leaves)
            if token == "accent":  # a frame in error has a coloured border already
                seen |= np.isin(marked, scene.frames)
            for row in marked[seen][:_MOST_MARKS].tolist():
                rect = self.rect(scene, row)
                dx = max(0.0, _SMALLEST_MARK_PX - rect.width()) / 2
                dy = max(0.0, _SMALLEST_MARK_PX - rect.height()) / 2
                outline(
                    painter, rect.adjusted(-dx, -dy, dx, dy), theme.colour(token), width
                )


def _lit_edges(scene: GraphScene, dress: Dressing) -> Collection[int]:
    if dress.traced is not None:
        return dress.traced[1]
    return scene.touching(dress.row) if dress.row >= 0 else ()


def _array(rows: Collection[int]) -> Rows:
    return np.fromiter(rows, dtype=np.int64, count=len(rows))


def _put(painter: QPainter, pixels: graph_raster.Pixels, ratio: float) -> None:
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(0, 0, image)
