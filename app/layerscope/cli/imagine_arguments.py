"""What ``layerscope imagine``, ``decode`` and ``encode`` can be told."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layerscope.core.errors import BadInputError

MAX_STEPS = 1000
MAX_SIDE_PX = 4096
MAX_PICTURES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagineRequest:
    """Make pictures by diffusion.

    Attributes
    ----------
    prompt, negative : str or None
    steps, guidance, scheduler, seed, count, strength, size, label : optional
        None for what the model's folder states.
    image, mask : Path or None
        What to begin from, and where it is to change.
    output : Path
        Of several pictures, each has its number before the suffix.
    save_steps : Path or None
        Folder for a picture of each step.
    save_attention : Path or None
        Where to write the attention to each word.
    """

    model: str
    output: Path
    prompt: str | None = None
    negative: str | None = None
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None
    seed: int | None = None
    count: int | None = None
    size: tuple[int, int] | None = None
    label: str | None = None
    image: Path | None = None
    strength: float | None = None
    mask: Path | None = None
    save_steps: Path | None = None
    save_attention: Path | None = None
    device: str = "auto"
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeRequest:
    """Turn latents of a ``.npy`` file into pictures."""

    model: str
    latent: Path
    output: Path
    device: str = "auto"
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeRequest:
    """Turn a picture into a latent, written as a ``.npy`` file."""

    model: str
    image: Path
    output: Path
    device: str = "auto"
    json: bool = False


def add_imagine(parser: argparse.ArgumentParser) -> None:
    """Add what can be told of making pictures to a parser that knows the model."""
    parser.add_argument("--prompt", metavar="S", help="what the picture is to show")
    parser.add_argument("--negative", metavar="S", help="what it is not to show")
    parser.add_argument("--steps", metavar="N", type=_whole(1, MAX_STEPS))
    parser.add_argument(
        "--guidance", metavar="G", type=_number(100), help="how strongly words count"
    )
    parser.add_argument("--scheduler", metavar="NAME", help="ddim, euler, heun, …")
    parser.add_argument(
        "--seed", metavar="N", type=_whole(0, 2**53), help="0 by default"
    )
    parser.add_argument("--count", metavar="N", type=_whole(1, MAX_PICTURES))
    parser.add_argument("--size", metavar="WxH", type=_pixels, help="in pixels")
    parser.add_argument("--label", metavar="CLASS", help="for models of classes")
    parser.add_argument(
        "--image", metavar="F", type=Path, help="a picture to begin from"
    )
    parser.add_argument(
        "--strength",
        metavar="X",
        type=_number(1),
        help="how far to go from the picture, 0 to 1",
    )
    parser.add_argument(
        "--mask", metavar="F", type=Path, help="white where the picture is to change"
    )
    parser.add_argument("-o", "--output", metavar="F.png", type=Path, required=True)
    parser.add_argument(
        "--save-steps", metavar="DIR", type=Path, help="a picture of each step"
    )
    parser.add_argument(
        "--save-attention",
        metavar="F.npz",
        type=Path,
        help="write (steps, words, height, width) weights of cross-attention",
    )


def imagine_request(known: argparse.Namespace) -> ImagineRequest:
    """Return what was parsed.

    Raises
    ------
    BadInputError
        If flags do not go together.
    """
    for flag, needed in (("strength", "image"), ("mask", "image")):
        if getattr(known, flag) is not None and getattr(known, needed) is None:
            raise BadInputError(
                f"--{flag} was given without --{needed}; give the picture too."
            )
    return ImagineRequest(**vars(known))


def add_decode(parser: argparse.ArgumentParser) -> None:
    """Add what decoding takes."""
    parser.add_argument("--latent", metavar="F.npy", type=Path, required=True)
    parser.add_argument("-o", "--output", metavar="F.png", type=Path, required=True)


def add_encode(parser: argparse.ArgumentParser) -> None:
    """Add what encoding takes."""
    parser.add_argument("--image", metavar="F", type=Path, required=True)
    parser.add_argument("-o", "--output", metavar="F.npy", type=Path, required=True)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if re.fullmatch(r"\d{1,18}", text) and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"{low:,} to {high:,} is wanted, not '{text}'")

    return read


def _number(high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if 0 <= value <= high:
            return value
        raise argparse.ArgumentTypeError(f"0 to {high:g} is wanted, not '{text}'")

    return read


def _pixels(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    if match and all(1 <= int(side) <= MAX_SIDE_PX for side in match.groups()):
        return int(match[1]), int(match[2])
    raise argparse.ArgumentTypeError(f"a size such as 512x512 is wanted, not '{text}'")
