"""Preprocessing as the files beside a model state it.

``preprocessor_config.json`` is Hugging Face's, ``pretrained_cfg`` timm's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from layerscope.core.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

_NAMED_TRIPLES = {
    "imagenet_default_mean": IMAGENET_MEAN,
    "imagenet_default_std": IMAGENET_STD,
}
# Numbers of Pillow's resampling filters, as Hugging Face stores them.
_FILTERS = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
}


def from_files(
    preprocessor: Mapping[str, Any], config: Mapping[str, Any], base: Preprocessing
) -> Preprocessing | None:
    """Read whichever of the files is there; None where neither tells anything."""
    vision = preprocessor.get("image_processor")
    if isinstance(vision, Mapping):
        preprocessor = vision
    known = {"image_mean", "do_rescale", "do_normalize", "rescale_factor", "resample"}
    if known & preprocessor.keys():
        return _from_preprocessor(preprocessor, base)
    timm = config.get("pretrained_cfg", config)
    if isinstance(timm, Mapping) and "mean" in timm and "std" in timm:
        return _from_timm(timm, base)
    return None


def _from_preprocessor(stated: Mapping[str, Any], base: Preprocessing) -> Preprocessing:
    changes: dict[str, Any] = {
        "value_range": "0..1",
        "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0),
    }
    if not stated.get("do_rescale", True):
        changes["value_range"] = "0..255"
    elif abs(_number(stated.get("rescale_factor"), 1 / 255) - 1 / 127.5) < 1e-6:
        offset = bool(stated.get("offset", stated.get("rescale_offset", True)))
        changes["value_range"] = "-1..1" if offset else "0..1"
    if stated.get("do_normalize", "image_mean" in stated):
        changes["mean"] = _triple(stated.get("image_mean"), (0.5, 0.5, 0.5))
        changes["std"] = _triple(stated.get("image_std"), (0.5, 0.5, 0.5))
    if base.n_channels == 3 and stated.get("do_flip_channel_order"):
        changes["colours"] = "BGR"
    resample = stated.get("resample")
    changes["interpolation"] = (
        _FILTERS.get(resample, base.interpolation)
        if isinstance(resample, int)
        else base.interpolation
    )
    changes.update(_placing(stated, base))
    return replace(
        base, evidence=("preprocessor_config.json beside the model",), **changes
    )


def _placing(stated: Mapping[str, Any], base: Preprocessing) -> dict[str, Any]:
    """Read size, crop and padding."""
    size = _sides(stated.get("size"))
    crop = _sides(stated.get("crop_size"))
    changes: dict[str, Any] = {}
    shortest = _shortest(stated.get("size"))
    cuts = bool(stated.get("do_center_crop", False)) and crop is not None
    if cuts and crop is not None:
        changes["resize"] = "crop"
        changes["height"], changes["width"] = crop
        before = shortest or (min(size) if size else 0)
        if before >= min(crop):
            changes["crop_share"] = min(crop) / before
    elif shortest and "crop_pct" in stated:
        changes["resize"] = "crop"
        changes["height"] = changes["width"] = shortest
        changes["crop_share"] = _share(stated.get("crop_pct"))
    elif stated.get("do_pad"):
        changes["resize"] = "letterbox"
        if size:
            changes["height"], changes["width"] = size
    elif size:
        changes["resize"] = "stretch"
        changes["height"], changes["width"] = size
    elif shortest:
        changes["resize"] = "crop"
        changes["height"] = changes["width"] = shortest
    if not stated.get("do_resize", True) and not cuts:
        changes["resize"] = base.resize
    return changes


def _from_timm(stated: Mapping[str, Any], base: Preprocessing) -> Preprocessing:
    changes: dict[str, Any] = {
        "value_range": "0..1",
        "mean": _triple(stated.get("mean"), IMAGENET_MEAN),
        "std": _triple(stated.get("std"), IMAGENET_STD),
        "crop_share": _share(stated.get("crop_pct")),
        "resize": {"squash": "stretch", "border": "letterbox"}.get(
            str(stated.get("crop_mode", "center")), "crop"
        ),
    }
    interpolation = stated.get("interpolation")
    if interpolation in _FILTERS.values():
        changes["interpolation"] = interpolation
    sides = stated.get("input_size")
    if isinstance(sides, list) and len(sides) == 3:
        pair = _sides({"height": sides[1], "width": sides[2]})
        if pair:
            changes["height"], changes["width"] = pair
    return replace(base, evidence=("pretrained_cfg beside the model",), **changes)


def _triple(value: object, fallback: tuple[float, float, float]) -> Any:
    if isinstance(value, str):
        return _NAMED_TRIPLES.get(value.lower(), fallback)
    if isinstance(value, int | float):
        value = [value]
    if not isinstance(value, list | tuple) or len(value) not in (1, 3):
        return fallback
    if not all(isinstance(item, int | float) for item in value):
        return fallback
    numbers = tuple(float(item) for item in value)
    return numbers * 3 if len(numbers) == 1 else numbers


def _number(value: object, fallback: float) -> float:
    return float(value) if isinstance(value, int | float) else fallback


def _share(value: object) -> float:
    share = _number(value, 1.0)
    return share if 0.05 <= share <= 1.0 else 1.0


def _sides(value: object) -> tuple[int, int] | None:
    """Read ``{"height": h, "width": w}``, ``[h, w]`` or one number for both."""
    if isinstance(value, Mapping):
        value = [value.get("height"), value.get("width")]
    if isinstance(value, int) and not isinstance(value, bool):
        value = [value, value]
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    height, width = value
    if not isinstance(height, int) or not isinstance(width, int):
        return None
    return (height, width) if 1 <= min(height, width) <= 16384 else None


def _shortest(value: object) -> int:
    """Read the length that the shorter side is resized to, 0 for none."""
    if isinstance(value, Mapping):
        value = value.get("shortest_edge", 0)
    elif not isinstance(value, int):
        return 0
    return value if isinstance(value, int) and 0 < value <= 16384 else 0
