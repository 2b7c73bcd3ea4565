"""The command line's grammar; what was typed, as plain values."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import layerscope
from layerscope.cli import generate_arguments, imagine_arguments
from layerscope.cli.generate_arguments import GenerateRequest
from layerscope.cli.imagine_arguments import (
    DecodeRequest,
    EncodeRequest,
    ImagineRequest,
)
from layerscope.core.errors import BadInputError

MAX_RUNS = 1_000_000
MAX_SIDE_PX = 16_384

_USAGE = """layerscope [MODEL [INPUT]]                 open the window
       layerscope run MODEL [options]             run a model
       layerscope generate MODEL --prompt S       let a language model go on
       layerscope imagine MODEL -o F.png          make pictures of noise and words
       layerscope decode MODEL --latent F -o F    make pictures of latents
       layerscope encode MODEL --image F -o F     make a latent of a picture
       layerscope inspect MODEL [--json]          say what is in a file
       layerscope bench MODEL [--json]            compare with raw onnxruntime
       layerscope screenshot MODEL [INPUT] -o F   picture of the window
       layerscope models [--json]                 list the bundled models"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRequest:
    """Open the window, with a model and an input if they are given.

    Attributes
    ----------
    first_run : Path or None
        Where there is no display: show nothing, run the first bundled model on a
        sample, print the answer and draw the window into this file.
    """

    model: str = ""
    input: str = ""
    first_run: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenshotRequest:
    """Draw the window off-screen; `size` is width and height in pixels."""

    model: str
    output: Path
    input: str = ""
    size: tuple[int, int] = (1440, 900)
    theme: str = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Run a model; `inputs` and `seed` stand alone, `image` and `text` may be both.

    Attributes
    ----------
    runs : int
        Timed runs.
    watch : str
        Pattern of tensor names as in a shell; empty for none.
    """

    model: str
    image: Path | None = None
    text: str | None = None
    inputs: Path | None = None
    seed: int | None = None
    device: str = "auto"
    runs: int = 1
    watch: str = ""
    save_outputs: Path | None = None
    save_activations: Path | None = None
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectRequest:
    """Say what is in a model file."""

    model: str
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """Time fast, live and raw onnxruntime, interleaved."""

    model: str
    device: str = "auto"
    pairs: int = 100
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsRequest:
    """List the bundled models."""

    json: bool = False


Command = (
    RunRequest
    | GenerateRequest
    | ImagineRequest
    | DecodeRequest
    | EncodeRequest
    | InspectRequest
    | BenchRequest
    | ModelsRequest
)
Request = WindowRequest | ScreenshotRequest | Command


class _Parser(argparse.ArgumentParser):
    """An `argparse` parser whose errors are one sentence."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise BadInputError(
            f"The command line cannot be read: {message}; "
            f"`{self.prog} --help` shows what can be said."
        )


def parse(argv: Sequence[str]) -> Request:
    """Return what `argv`, without the program's name, asks for.

    Raises
    ------
    BadInputError
        If it cannot be read.
    SystemExit
        After ``--help`` or ``--version``.
    """
    if argv and argv[0] in _COMMANDS:
        return _COMMANDS[argv[0]](argv[1:])
    return _window(argv)


def _window(argv: Sequence[str]) -> Request:
    parser = _Parser(
        prog="layerscope",
        usage=_USAGE,
        description="Open any ONNX model and watch it think.",
        epilog="MODEL is an .onnx file, a folder or the id of a bundled model.",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", default="")
    parser.add_argument(
        "input", metavar="INPUT", nargs="?", default="", help="a picture, .npy or .npz"
    )
    parser.add_argument(
        "--version", action="version", version=f"layerscope {layerscope.__version__}"
    )
    parser.add_argument(
        "--offscreen-first-run",
        metavar="F.png",
        dest="first_run",
        type=Path,
        help="without a display: run the first bundled model, draw the window",
    )
    return WindowRequest(**vars(parser.parse_args(argv)))


def _screenshot(argv: Sequence[str]) -> Request:
    parser = _command("screenshot", "Draw the real window off-screen into a picture.")
    parser.add_argument("input", metavar="INPUT", nargs="?", default="")
    parser.add_argument("-o", "--output", metavar="F.png", type=Path, required=True)
    parser.add_argument("--size", metavar="WxH", type=_pixels, default=(1440, 900))
    parser.add_argument("--theme", choices=("light", "dark"), default="dark")
    known = parser.parse_args(argv)
    return ScreenshotRequest(
        model=known.model,
        input=known.input,
        output=known.output,
        size=known.size,
        theme=known.theme,
    )


def _run(argv: Sequence[str]) -> Request:
    parser = _command("run", "Run a model on an input, with no window.")
    parser.add_argument("--image", metavar="F", type=Path, help="a picture file")
    parser.add_argument(
        "--text",
        metavar="S",
        help="a text, beside --image captions; one line for each of many",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--inputs", metavar="F.npz", type=Path, help="arrays by input name"
    )
    source.add_argument(
        "--random", metavar="SEED", dest="seed", type=_natural, help="random inputs"
    )
    _device(parser)
    parser.add_argument(
        "--runs", metavar="N", type=_times, default=1, help="timed runs, 1 by default"
    )
    parser.add_argument(
        "--watch",
        metavar="PATTERN",
        default="",
        help="print statistics of the inner tensors whose names match, 'conv*' say",
    )
    parser.add_argument(
        "--save-outputs",
        metavar="F.npz",
        type=Path,
        help="write the outputs by name; sequences and maps as JSON beside it",
    )
    parser.add_argument(
        "--save-activations",
        metavar="F.npz",
        type=Path,
        help="write the inner tensors that --watch names, or those seen live",
    )
    _json(parser)
    known = parser.parse_args(argv)
    # A group of argparse cannot say that two may stand together.
    for arrays, flag in ((known.inputs, "--inputs"), (known.seed, "--random")):
        for given, other in ((known.image, "--image"), (known.text, "--text")):
            if arrays is not None and given is not None:
                parser.error(f"argument {flag}: not allowed with argument {other}")
    return RunRequest(**vars(known))


def _generate(argv: Sequence[str]) -> Request:
    parser = _command("generate", "Let a language model go on from a text.")
    generate_arguments.add(parser)
    _device(parser)
    _json(parser)
    return generate_arguments.request_of(parser.parse_args(argv))


def _imagine(argv: Sequence[str]) -> Request:
    parser = _command("imagine", "Make pictures of noise, words and other pictures.")
    imagine_arguments.add_imagine(parser)
    _device(parser)
    _json(parser)
    return imagine_arguments.imagine_request(parser.parse_args(argv))


def _decode(argv: Sequence[str]) -> Request:
    parser = _command("decode", "Make pictures of the latents in a .npy file.")
    imagine_arguments.add_decode(parser)
    _device(parser)
    _json(parser)
    return DecodeRequest(**vars(parser.parse_args(argv)))


def _encode(argv: Sequence[str]) -> Request:
    parser = _command("encode", "Make a latent of a picture, written as .npy.")
    imagine_arguments.add_encode(parser)
    _device(parser)
    _json(parser)
    return EncodeRequest(**vars(parser.parse_args(argv)))


def _inspect(argv: Sequence[str]) -> Request:
    parser = _command("inspect", "Say what is in a model file, even if it cannot run.")
    _json(parser)
    return InspectRequest(**vars(parser.parse_args(argv)))


def _bench(argv: Sequence[str]) -> Request:
    parser = _command("bench", "Time this engine against raw onnxruntime.")
    _device(parser)
    parser.add_argument(
        "--pairs", metavar="N", type=_times, default=100, help="100 by default"
    )
    _json(parser)
    return BenchRequest(**vars(parser.parse_args(argv)))


def _models(argv: Sequence[str]) -> Request:
    parser = _Parser(prog="layerscope models", description="List the bundled models.")
    _json(parser)
    return ModelsRequest(**vars(parser.parse_args(argv)))


def _command(name: str, description: str) -> _Parser:
    parser = _Parser(prog=f"layerscope {name}", description=description)
    parser.add_argument(
        "model", metavar="MODEL", help="an .onnx file, a folder or a bundled id"
    )
    return parser


def _device(parser: _Parser) -> None:
    parser.add_argument(
        "--device", metavar="D", default="auto", help="auto, cpu, cuda, cuda:1, …"
    )


def _json(parser: _Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _natural(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise argparse.ArgumentTypeError(f"a whole number is wanted, not '{text}'")
    return int(text)


def _times(text: str) -> int:
    number = _natural(text)
    if not 1 <= number <= MAX_RUNS:
        raise argparse.ArgumentTypeError(f"1 to {MAX_RUNS:,} is wanted, not {text}")
    return number


def _pixels(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    if match:
        width, height = int(match[1]), int(match[2])
        if 1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX:
            return width, height
    raise argparse.ArgumentTypeError(f"a size such as 1440x900 is wanted, not '{text}'")


_COMMANDS = {
    "run": _run,
    "generate": _generate,
    "imagine": _imagine,
    "decode": _decode,
    "encode": _encode,
    "inspect": _inspect,
    "bench": _bench,
    "screenshot": _screenshot,
    "models": _models,
}
