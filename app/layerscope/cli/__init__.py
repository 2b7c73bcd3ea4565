"""``layerscope run | inspect | bench | models``: the engine without a window."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence

from layerscope.cli import text
from layerscope.cli.arguments import (
    BenchRequest,
    Command,
    InspectRequest,
    ModelsRequest,
    RunRequest,
    ScreenshotRequest,
    WindowRequest,
    parse,
)
from layerscope.cli.generate_arguments import GenerateRequest
from layerscope.cli.imagine_arguments import (
    DecodeRequest,
    EncodeRequest,
    ImagineRequest,
)
from layerscope.core.errors import BadInputError, LayerscopeError

STATUS_ERROR = 2
STATUS_INTERRUPTED = 130

_log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Carry out a command that needs no window.

    Parameters
    ----------
    argv : sequence of str
        Without the program's name.

    Returns
    -------
    int
        Exit status: 0, or 2 after one sentence on standard error.
    """

    def start() -> int:
        request = parse(argv)
        if isinstance(request, WindowRequest | ScreenshotRequest):
            raise BadInputError(
                "A window was asked for where only a command can be given; "
                "say one of run, generate, imagine, decode, encode, "
                "inspect, bench and models."
            )
        return carry_out(request)

    return guarded(start)


def carry_out(request: Command) -> int:
    """Carry out what was parsed and return 0.

    Raises
    ------
    LayerscopeError
        If it cannot be done.
    """
    # Each is imported when it is asked for: the window starts through here too.
    match request:
        case RunRequest():
            from layerscope.cli.running import run

            run(request)
        case GenerateRequest():
            from layerscope.cli.generating import generate

            generate(request)
        case ImagineRequest():
            from layerscope.cli.imagining import imagine

            imagine(request)
        case DecodeRequest():
            from layerscope.cli.latents import decode

            decode(request)
        case EncodeRequest():
            from layerscope.cli.latents import encode

            encode(request)
        case InspectRequest():
            from layerscope.cli.inspecting import inspect

            inspect(request)
        case BenchRequest():
            from layerscope.cli.benching import bench

            bench(request)
        case ModelsRequest():
            from layerscope.cli.models import models

            models(request)
    sys.stdout.flush()
    return 0


def guarded(start: Callable[[], int]) -> int:
    """Call `start` and return its status; an error becomes one sentence and 2."""
    try:
        return start()
    except LayerscopeError as error:
        text.complain(error)
        return STATUS_ERROR
    except KeyboardInterrupt:
        text.complain("Stopped.")
        return STATUS_INTERRUPTED
    except BrokenPipeError:
        # The reader has had enough; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the user gets a sentence, not a trace
        _log.debug("a fault of our own", exc_info=True)
        text.complain(
            f"Something went wrong inside ({type(error).__name__}: {error}); "
            "please report it."
        )
        return STATUS_ERROR


__all__ = ["Command", "carry_out", "guarded", "main"]
