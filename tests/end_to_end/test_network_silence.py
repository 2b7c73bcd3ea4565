"""No command and no start of the window opens a socket."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

WATCH = Path(__file__).with_name("watched_python")
pytestmark = pytest.mark.slow


@pytest.fixture
def watched(checkout, tmp_path, tmp_path_factory):
    """Run Python under watch; return its end and what the watch noted."""

    def run(*arguments):
        log = tmp_path / "sockets.log"
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DISPLAY", "WAYLAND_DISPLAY")
        }
        environment |= {
            "PYTHONPATH": os.pathsep.join((str(WATCH), str(checkout / "app"))),
            "LAYERSCOPE_SOCKET_LOG": str(log),
            "QT_QPA_PLATFORM": "offscreen",
        }
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=tmp_path_factory.mktemp("elsewhere"),
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        notes = log.read_text().splitlines() if log.exists() else []
        started = [note for note in notes if " STARTED " in note]
        sockets = [note for note in notes if " SOCKET " in note]
        return done, started, sockets

    return run


def test_the_watch_sees_a_socket_that_python_opens(watched):
    done, started, sockets = watched("-c", "import socket; socket.socket()")

    assert len(started) == 1
    assert "socket.__new__" in sockets[0]
    assert done.returncode == 99


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="the filter is for Linux on x86-64 and 64-bit ARM",
)
def test_the_watch_sees_a_socket_that_a_library_opens(watched):
    done, started, _ = watched("-c", "import ctypes; ctypes.CDLL(None).socket(2, 1, 0)")

    assert "filter=1" in started[0]
    assert done.returncode == -31  # SIGSYS


def test_a_run_opens_no_socket(watched, tiny_models):
    done, started, sockets = watched(
        "-m", "layerscope", "run", tiny_models / "conv.onnx", "--runs", 3
    )

    assert sockets == []
    assert (done.returncode, done.stderr) == (0, "")
    assert len(started) >= 2, "the engine was not watched"


def test_the_list_of_models_opens_no_socket(watched):
    done, _, sockets = watched("-m", "layerscope", "models")

    assert (done.returncode, done.stderr, sockets) == (0, "", [])


def test_the_first_start_off_screen_opens_no_socket(watched, tmp_path):
    picture = tmp_path / "first-run.png"

    done, started, sockets = watched(
        "-m", "layerscope", "--offscreen-first-run", picture
    )

    assert sockets == []
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 0
    assert len(started) >= 2, "the engine was not watched"
