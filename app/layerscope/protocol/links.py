"""What the engine attaches to when it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLinks:
    """Names of the window's shared memory.

    Attributes
    ----------
    frames, arrays_from_window, arrays_to_window : str
    arena_bytes : int
        Size of each array arena.
    """

    frames: str
    arrays_from_window: str
    arrays_to_window: str
    arena_bytes: int
