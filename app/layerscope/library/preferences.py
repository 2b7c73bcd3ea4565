"""What is remembered from one start to the next, in one JSON file.

The file is replaced as a whole, so a crash or a full disk leaves the old one. A
file that cannot be read is set aside and the defaults hold; keys that this version
does not know stay in it, so an older program does no harm to a newer one's
settings. Where the folder cannot be written, everything works for as long as the
program runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from layerscope.library.locations import user_folder
from layerscope.protocol.inputs import SettingValue

VERSION = 1
MAX_MODELS = 200
_OPTIONS, _MODELS, _RECENT, _VERSION = "options", "models", "recent", "version"


class Preferences:
    """The user's settings, kept in memory and written at every change.

    Attributes
    ----------
    notes : list of str
        Sentences for the log on what could not be read or written, each said
        once. The reader may empty it.

    Parameters
    ----------
    path : Path, optional
        The file; by default ``preferences.json`` in the user's folder. It and its
        folder are made at the first change.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = user_folder() / "preferences.json" if path is None else path
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self._writable = True
        self._values = self._read() or {}

    def option(self, name: str, default: SettingValue) -> SettingValue:
        """Return the option `name`, or `default` where it is unset or of another type.

        Parameters
        ----------
        name : str
            ``"theme"``, say.
        default : bool, int, float or str
            Also tells the type that is wanted.
        """
        value = _table(self._values, _OPTIONS).get(name, default)
        return value if type(value) is type(default) else default

    def set_option(self, name: str, value: SettingValue) -> None:
        """Remember the option `name`."""
        self._change(lambda values: _table(values, _OPTIONS).update({name: value}))

    @property
    def recent(self) -> tuple[str, ...]:
        """Paths of models opened before, the newest first."""
        paths = self._values.get(_RECENT)
        if not isinstance(paths, list):
            return ()
        return tuple(path for path in paths if isinstance(path, str))

    def set_recent(self, paths: Iterable[str]) -> None:
        """Replace the list of recent models."""
        kept = list(paths)
        self._change(lambda values: values.update({_RECENT: kept}))

    def settings_of(self, sha256: str) -> dict[str, SettingValue]:
        """Return the task settings that were remembered for a model.

        Parameters
        ----------
        sha256 : str
            As in `Preflight.sha256`: the same file is known wherever it lies.
        """
        settings = _table(self._values, _MODELS).get(sha256)
        if not isinstance(settings, dict):
            return {}
        return {
            name: value
            for name, value in settings.items()
            if isinstance(value, bool | int | float | str)
        }

    def remember_settings(self, sha256: str, settings: dict[str, SettingValue]) -> None:
        """Remember the task settings of a model; empty ones are forgotten.

        Parameters
        ----------
        sha256 : str
            As in `Preflight.sha256`.
        settings : dict
            Only what differs from the defaults, so that better guesses of a later
            version reach the user. The models longest unchanged go beyond 200.
        """

        def change(values: dict[str, Any]) -> None:
            models = _table(values, _MODELS)
            models.pop(sha256, None)
            if settings:
                models[sha256] = dict(settings)
            for oldest in list(models)[:-MAX_MODELS]:
                del models[oldest]

        self._change(change)

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        with self._lock:
            # Another window may have written meanwhile: change what is there now.
            on_disk = self._read() if self._writable else None
            values = self._values if on_disk is None else on_disk
            change(values)
            newest = values.get(_VERSION)
            if not isinstance(newest, int) or newest < VERSION:
                values[_VERSION] = VERSION
            self._values = values
            if self._writable:
                self._write()

    def _read(self) -> dict[str, Any] | None:
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._writable = False
            self.notes.append(
                f"The settings in {self.path} cannot be read ({error.strerror}); the "
                "defaults hold, and changes last until the program ends."
            )
            return None
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            return values
        aside = self.path.with_suffix(".damaged.json")
        with contextlib.suppress(OSError):
            self.path.replace(aside)
        self.notes.append(
            f"The settings in {self.path} were damaged, so the defaults hold; the old "
            f"file is kept as {aside.name}."
        )
        return None

    def _write(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self.path, json.dumps(self._values, indent=1) + "\n")
        except OSError as error:
            self._writable = False
            self.notes.append(
                f"The settings cannot be saved in {self.path.parent} "
                f"({error.strerror}); they last until the program ends."
            )


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the table `name` of `values`, put there if it is not one."""
    table = values.get(name)
    if not isinstance(table, dict):
        table = values[name] = {}
    return table


def _replace(path: Path, text: str) -> None:
    """Write `text` beside `path` and move it there in one step."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
