"""What a peer's process does: answer requests, a line of JSON each, until the end.

It is imported by scripts that run in the peers' own environments, so it needs nothing
but the standard library.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Call = Callable[..., dict[str, Any]]


def serve(calls: dict[str, Call]) -> None:
    """Answer each line ``[name, arguments]`` with what the call of that name returns.

    Whatever else the process writes to standard output goes to standard error, since
    libraries greet and warn there.

    Parameters
    ----------
    calls : dict of str to callable
        Each takes keyword arguments and returns what JSON can hold.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answers.write(json.dumps({"ready": True}) + "\n")
    answers.flush()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        answers.write(json.dumps(calls[name](**arguments)) + "\n")
        answers.flush()
