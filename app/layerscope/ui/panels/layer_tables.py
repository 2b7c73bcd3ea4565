"""The tables behind the pictures of a layer and of all layers."""

from __future__ import annotations

from collections.abc import Sequence

from layerscope.protocol.frames import LayerSummary
from layerscope.state.session import Session
from layerscope.ui.panels.naming import bare_shape, flags_text, tensor_label
from layerscope.ui.widgets.number_table import Cell, Row
from layerscope.ui.widgets.readable import number, shape_of, share

CHANNEL_HEADINGS = ("channel", "low", "high", "highest", "")
LAYER_HEADINGS = ("layer", "shape", "mean", "std", "min", "max", "active", "health")


def channel_rows(summary: LayerSummary) -> list[Row]:
    """Return one row for each channel on the wall: number, range, what is odd."""
    rows: list[Row] = []
    highest = max((abs(high) for high in summary.channel_high), default=0.0) or 1.0
    ranges = zip(
        summary.channels, summary.channel_low, summary.channel_high, strict=False
    )
    for channel, low, high in ranges:
        odd = ""
        if low == high:
            odd = "zero everywhere" if low == 0 else "the same everywhere"
        rows.append(
            (
                Cell(str(channel), float(channel)),
                Cell(number(low), low),
                Cell(number(high), high),
                Cell("", abs(high) / highest),
                Cell(odd, tone="warning" if odd else ""),
            )
        )
    return rows


def layer_rows(session: Session, layers: Sequence[LayerSummary]) -> list[Row]:
    """Return one row for each layer: name, shape, moments, health."""
    rows: list[Row] = []
    for layer in layers:
        seen = layer.statistics
        bad = {"nan", "inf", "exploding"} & set(seen.flags)
        health = flags_text(seen) or "ok"
        tone = "bad" if bad else "warning" if seen.flags else "good"
        rows.append(
            (
                Cell(tensor_label(session.structure, layer.tensor)),
                Cell(shape_of(bare_shape(layer)), tone="muted"),
                Cell(number(seen.mean, 3), seen.mean),
                Cell(number(seen.std, 3), seen.std),
                Cell(number(seen.minimum, 3), seen.minimum),
                Cell(number(seen.maximum, 3), seen.maximum),
                Cell(share(seen.active), seen.active),
                Cell(health, tone=tone),
            )
        )
    return rows
