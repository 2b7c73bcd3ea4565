"""Composition root: the window, or a command without one."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Start Layerscope.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit status.
    """
    # A frozen child process starts here too and must go no further.
    multiprocessing.freeze_support()
    from layerscope.cli import arguments, carry_out, guarded

    def start() -> int:
        request = arguments.parse(sys.argv[1:] if argv is None else argv)
        if isinstance(request, arguments.WindowRequest):
            gc.disable()  # nothing to be found before the window is there
            # PySide6 looks through the source of every module that comes after it.
            import layerscope.controller.controller  # noqa: F401
            from layerscope.ui import launch

            if request.first_run is not None:
                return launch.first_run_offscreen(
                    request.model, request.input, request.first_run
                )
            return launch.window(request.model, request.input)
        if isinstance(request, arguments.ScreenshotRequest):
            from layerscope.ui import launch

            return launch.screenshot(
                request.model,
                request.input,
                request.output,
                size=request.size,
                theme="light" if request.theme == "light" else "dark",
            )
        return carry_out(request)

    return guarded(start)


if __name__ == "__main__":
    sys.exit(main())
