"""The base of all messages."""

from __future__ import annotations

import msgspec

JobId = int
ModelId = int


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of every message; `job` ties an event to its command."""

    job: JobId = 0
