"""Read values off the pictures of a layer: levels of colour back into numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layerscope.protocol.frames import Frame, LayerSummary
from layerscope.state.session import WallOptions
from layerscope.ui.panels.naming import range_text, value_of
from layerscope.ui.widgets.readable import number
from layerscope.ui.widgets.tile_wall import Place


@dataclass(frozen=True, slots=True, eq=False)
class LayerReading:
    """One layer of one frame, drawn with certain options.

    Attributes
    ----------
    frame : Frame
    summary : LayerSummary
        Of the layer; one of the frame's.
    wall : WallOptions
        What the picture was drawn with.
    """

    frame: Frame
    summary: LayerSummary
    wall: WallOptions

    @property
    def tiles(self) -> npt.NDArray[np.uint8] | None:
        """(n, h, w) levels of the wall, None where the frame has none."""
        tiles = self.frame.pictures.get(f"wall:{self.summary.tensor}")
        return tiles if tiles is not None and tiles.size else None

    def own_range(self, position: int) -> tuple[float, float]:
        """Return the lowest and the highest value of the tile at `position`."""
        low, high = self.summary.channel_low, self.summary.channel_high
        if position < min(len(low), len(high)):
            return low[position], high[position]
        return self.summary.statistics.minimum, self.summary.statistics.maximum

    def scale_ends(self, position: int) -> tuple[float, float]:
        """Return the values that the darkest and the brightest colour stand for."""
        if self.wall.scale == "layer":
            return self.summary.statistics.minimum, self.summary.statistics.maximum
        if self.wall.scale == "network":
            layers = self.frame.layers.values()
            return (
                min(layer.statistics.minimum for layer in layers),
                max(layer.statistics.maximum for layer in layers),
            )
        return self.own_range(position)

    def legend(self, unit: int) -> tuple[str, str, str]:
        """Return what to write at the dark end, at the bright end, and beside."""
        notes = {"layer": "this layer", "network": "all watched layers"}
        note = notes.get(self.wall.scale, "this layer")
        position = 0
        if self.summary.role == "maps" and self.wall.scale == "channel":
            if unit not in self.summary.channels:
                return "least", "most", "each channel its own"
            position = self.summary.channels.index(unit)
            note = f"channel {unit}"
        low, high = self.scale_ends(position)
        return number(low), number(high), note

    def elements(self) -> npt.NDArray[np.float64]:
        """Return the elements of a vector, from its levels and ranges."""
        if self.tiles is None:
            return np.zeros(0)
        levels = self.tiles.reshape(-1)
        low, high = self.scale_ends(0)
        portion = (levels / 255) ** (1 / self.wall.boost if self.wall.boost > 0 else 1)
        return np.asarray(low + portion * (high - low), dtype=np.float64)

    def unit_value(self, level: int) -> float:
        """Return the value that a level of the picture of the one unit stands for."""
        ends = self.scale_ends(0)
        own = self.summary.unit_statistics
        if self.wall.scale == "channel" and own is not None:
            ends = own.minimum, own.maximum
        return value_of(level, *ends, self.wall.boost)

    @property
    def map_size(self) -> tuple[int, int]:
        """Height and width of the layer's maps; the channels may come last."""
        shape = self.summary.shape
        n = self.tiles.shape[0] if self.tiles is not None else 0
        if len(shape) < 3:
            return shape[-2:] if len(shape) == 2 else (1, 1)
        if n == shape[-1] and n != shape[-3]:
            return shape[-3], shape[-2]
        return shape[-2], shape[-1]

    def map_place(self, place: Place) -> tuple[int, int]:
        """Return row and column in the layer's own map; tiles may be smaller."""
        if self.tiles is None:
            return place.row, place.column
        h, w = self.tiles.shape[1:3]
        height, width = self.map_size
        return place.row * height // h, place.column * width // w

    def place_text(self, place: Place) -> str:
        """Say where a pixel is, what it holds, and what its channel spans."""
        y, x = self.map_place(place)
        text = f"channel {place.channel} · y {y}, x {x}"
        if self.tiles is not None and place.position < len(self.tiles):
            level = int(self.tiles[place.position, place.row, place.column])
            ends = self.scale_ends(place.position)
            text += f" · {number(value_of(level, *ends, self.wall.boost), 3)}"
        return f"{text} · range {range_text(*self.own_range(place.position))}"

    def heat_text(self, place: tuple[int, int]) -> str:
        """Say what one pixel of a heat map holds."""
        row, column = place
        word = "step" if self.summary.role == "sequence" else "row"
        other = "feature" if self.summary.role == "sequence" else "column"
        text = f"{word} {row} · {other} {column}"
        if self.tiles is None:
            return text
        picture = self.tiles.reshape(-1, self.tiles.shape[-1])
        if row >= picture.shape[0] or column >= picture.shape[1]:
            return text
        ends = self.scale_ends(0)
        value = value_of(int(picture[row, column]), *ends, self.wall.boost)
        return f"{text} · {number(value, 3)}"

    def size_text(self) -> str:
        """Say how many channels the wall holds, or how a heat map is to be read."""
        if self.summary.role == "sequence":
            return "time runs downwards, one column a feature"
        if self.summary.role != "maps":
            return ""
        shown = len(self.summary.channels)
        inner = math.prod(self.map_size)
        batch = self.summary.shape[0] if len(self.summary.shape) > 3 else 1
        whole = math.prod(self.summary.shape) // max(1, inner * batch)
        words = "channel" if whole == 1 else "channels"
        return f"{shown} {words}" if shown >= whole else f"{shown} of {whole} {words}"

    def flat_channels(self) -> dict[int, str]:
        """Return a word for the tiles whose values are all the same, by position."""
        pairs = zip(self.summary.channel_low, self.summary.channel_high, strict=False)
        return {
            position: "zero" if low == 0 else "flat"
            for position, (low, high) in enumerate(pairs)
            if low == high
        }
