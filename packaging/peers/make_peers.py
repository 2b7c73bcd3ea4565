"""Make the environments of the peers that ``make bench`` compares with.

Run it from the checkout::

    python packaging/peers/make_peers.py [optimum] [genai]

Each is a virtual environment below ``out/peers`` with what its requirement file pins;
there are two, since optimum-onnx and TransformerLens want different versions of
transformers. One that was made from the same pins stays as it is.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parents[1] / "out" / "peers"
NAMES = ("optimum", "genai")
MADE = "made-from.txt"


def main(argv: list[str]) -> int:
    """Make the environments named, all of them by default; return the exit status."""
    unknown = [name for name in argv if name not in NAMES]
    if unknown:
        sys.stderr.write(f"There is no peer {unknown[0]}; say {', '.join(NAMES)}.\n")
        return 2
    for name in argv or NAMES:
        make(name)
    return 0


def make(name: str) -> None:
    """Make one environment, unless it is there."""
    pins = HERE / f"{name}.txt"
    folder = PEERS / name
    made = folder / MADE
    if made.exists() and made.read_text() == pins.read_text():
        sys.stdout.write(f"{folder}: is there\n")
        return
    made.unlink(missing_ok=True)
    venv.create(folder, with_pip=True, clear=False)
    python = python_of(folder)
    for packages in (["--upgrade", "pip"], ["--requirement", str(pins)]):
        command = [str(python), "-m", "pip", "install", "--quiet", *packages]
        subprocess.run(command, check=True)
    made.write_text(pins.read_text())
    sys.stdout.write(f"{folder}: made\n")


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    inside = "Scripts/python.exe" if sys.platform == "win32" else "bin/python"
    return folder / inside


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
