"""The models opened before, the newest first."""

from __future__ import annotations

from pathlib import Path

from layerscope.library.preferences import Preferences

MAX_RECENT = 20


class RecentModels:
    """The list behind *Recent* in the library and in the File menu.

    Parameters
    ----------
    preferences : Preferences
        Where the list is kept.
    """

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, also those whose file has gone meanwhile."""
        return self._preferences.recent

    def existing(self) -> tuple[str, ...]:
        """Return those that are there now; a stick pulled out comes back later."""
        return tuple(path for path in self.paths if Path(path).exists())

    def add(self, path: Path | str) -> None:
        """Put `path` first; beyond 20 the oldest go."""
        text = str(Path(path).absolute())
        others = [old for old in self.paths if old != text]
        self._preferences.set_recent([text, *others][:MAX_RECENT])

    def remove(self, path: Path | str) -> None:
        """Take `path` off the list."""
        text = str(Path(path).absolute())
        self._preferences.set_recent(old for old in self.paths if old != text)
