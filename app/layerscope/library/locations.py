"""Where Layerscope's own files and the user's lie.

An installed wheel carries ``models/`` and ``resources/`` inside the package, in
``layerscope/data``; a checkout has them at its top.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def models_folder() -> Path:
    """Return the folder of the bundled models, one folder each."""
    return _data_folder("models")


def resources_folder() -> Path:
    """Return the folder of fonts, icons, labels and samples."""
    return _data_folder("resources")


def user_folder() -> Path:
    """Return the folder for what the user's settings leave behind.

    ``LAYERSCOPE_HOME`` names it outright; else it is where the system keeps the
    settings of programs. It need not exist.
    """
    chosen = os.environ.get("LAYERSCOPE_HOME")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "layerscope"


def _data_folder(name: str) -> Path:
    installed = _PACKAGE / "data" / name
    return installed if installed.is_dir() else _CHECKOUT / name
